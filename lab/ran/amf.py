"""An AMF and AUSF of the lab, for one gNB and one UE at a time, whose authentication is the EAP purchase.

It stands where free5GC's and Open5GS's own cannot: both know EAP-AKA' at most. Each method is one step of a story and
returns when the UE has done its part; EAP goes to the box's exchange, on apd's own socket (`register_by_purchase`) or
by whoever tells the story, and whose the key is that paid is told from outside: the purchase authenticates that key,
and nothing that a UE calls itself. NAS and EAP are the codecs of `nas_tunnel`, so what is on the wire is what they
wrote.
Reference: 3GPP TS 24.501 clauses 5.4.1.2, 5.4.2, 5.5.1.2, 6.4.1; TS 33.501 annex B.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import TypeVar

from apd.signalling_frames import Admitted, NotAdmitted, SendEap
from lab.ran.n2 import N2
from lab.ran.nas_end import NasEnd
from lab.ran.nas_security import ALGORITHMS, Header, NasContext, derive_context
from lab.ran.ngap_messages import (
    Heard,
    NasReceived,
    SessionSetUp,
    SetupAsked,
    read_ngap,
    write_downlink,
    write_session_setup,
    write_setup_response,
    write_transfer,
)
from nas_tunnel.eap import EapCode, EapPacket, read_eap, write_eap
from nas_tunnel.nas_5gs import (
    ABBA,
    DNN,
    EAP_MESSAGE,
    NO_ABBA,
    PDU_SESSION_ID,
    S_NSSAI,
    SESSION_MANAGEMENT,
    AuthenticationReject,
    AuthenticationRequest,
    AuthenticationResponse,
    DownlinkTransport,
    RegistrationReject,
    RegistrationRequest,
    SecurityModeCommand,
    UplinkTransport,
    read_5gmm,
    write_5gmm,
)
from nas_tunnel.nas_5gsm import EXTENDED_PCO, SessionMessage, SessionMessageType, read_5gsm, write_5gsm
from nas_tunnel.nas_elements import Element, find
from ran_slicing.snssai import Snssai
from wire.errors import DecodeError
from wire.ids import PublicKey

Kind = TypeVar("Kind", bound=Heard)

NAME = "airgrant-lab"
KEY_SET, NO_KEY_SET = 0, 7
AMF_UE_ID = 1
AMBR_BPS = 100_000_000

_UE_SECURITY_CAPABILITY = 0x2E
_PDU_ADDRESS, _IPV4 = 0x29, 1
_CONGESTION, _BACK_OFF, _A_MINUTE = 22, 0x5F, b"\x21"
"""5GMM cause #22 with T3346, a GPRS timer 2 of one minute (TS 24.501 clauses 5.5.1.2.5, 8.2.9; TS 24.008 10.5.7.4)."""
_SECURITY_MODE_COMPLETE, _REGISTRATION_COMPLETE = 0x5E, 0x43
_REGISTRATION_ACCEPT = bytes.fromhex("7e004201017700" + "0bf200f110020040" + "00000001")
"""3GPP access, and the 5G-GUTI of region 2, set 1, pointer 0, TMSI 1 (TS 24.501 clause 8.2.7)."""
_ACCEPTED_SESSION = bytes.fromhex("11" + "0009" + "01000631310101ff01" + "06" + "060064060064")
"""SSC mode 1, IPv4; one rule that matches all, into flow 1; 100 Mbit/s each way (TS 24.501 clause 8.3.2)."""


@dataclass(frozen=True, slots=True)
class SessionAsked:
    """What the UE wants, and the message as the SMF would get it."""

    snssai: Snssai
    dnn: str
    message: SessionMessage
    encoded: bytes

    @property
    def options(self) -> bytes:
        """The extended configuration options, empty if there are none."""
        return find(self.message.elements, EXTENDED_PCO) or b""


class Amf:
    """One association, one UE."""

    def __init__(self, n2: N2) -> None:
        self._n2 = n2
        self._ran_id = 0
        self._capability = b""
        self._registration = b""
        self._imsi = ""
        self._context: NasContext | None = None

    def set_up(self) -> frozenset[Snssai]:
        """NG setup; the slices of the gNB."""
        asked = self._hear(SetupAsked)
        self._n2.send(write_setup_response(NAME, asked.slices))
        return asked.slices

    def await_registration(self) -> str:
        """A UE without a context begins; who it says it is, in a SUCI of the null scheme. Nothing vouches for that."""
        heard = self._hear(NasReceived)
        self._ran_id, self._registration = heard.ran_id, heard.nas
        request = read_5gmm(heard.nas)
        if not isinstance(request, RegistrationRequest) or request.key_set != NO_KEY_SET:
            raise DecodeError(f"amf: a UE that begins with {type(request).__name__}")
        self._capability = find(request.elements, _UE_SECURITY_CAPABILITY) or b""
        self._imsi = _null_scheme(request.mobile_identity)
        return f"imsi-{self._imsi}"

    def register_by_purchase(
        self, box: NasEnd, subscribers: Mapping[PublicKey, str]
    ) -> tuple[bytes, Admitted | NotAdmitted]:
        """A registration whose authentication is a purchase at apd: its name there, and how it ended. `subscribers`
        says whose keys are whose; a key that nobody has is refused like a name that did not pay.
        """
        self.await_registration()
        ue = os.urandom(8)
        word = box.begin(ue)
        while isinstance(word, SendEap):
            self.ask(word.packet)
            word = box.hear(ue, self.await_answer())
        if isinstance(word, NotAdmitted):
            refuse = self.reject_proof if word.reason == "not_the_consumer" else self.reject
            refuse(word.packet)
            return ue, word
        supi = subscribers.get(word.consumer, "nobody")
        try:
            self.secure(word.emsk, word.packet, supi)
        except DecodeError:
            box.gone(ue)
            raise
        box.subscriber(ue, supi)
        box.placed(ue)  # what the core reads of the subscriber at registration is as it has to be
        self.accept()
        return ue, word

    def ask(self, eap: bytes) -> None:
        """One EAP request, before there is any security."""
        self._send_plain(write_5gmm(AuthenticationRequest(KEY_SET, NO_ABBA, (Element(EAP_MESSAGE, eap),))))

    def await_answer(self) -> bytes:
        """The EAP response to it."""
        response = read_5gmm(self._hear(NasReceived).nas)
        if not isinstance(response, AuthenticationResponse):
            raise DecodeError(f"amf: {type(response).__name__} is no answer")
        return find(response.elements, EAP_MESSAGE) or b""

    def reject(self, eap: bytes) -> None:
        """It did not come to a purchase: nobody did wrong, come again later. `eap` is EAP-Failure."""
        elements = (Element(_BACK_OFF, _A_MINUTE), Element(EAP_MESSAGE, eap))
        self._send_plain(write_5gmm(RegistrationReject(_CONGESTION, elements)))

    def reject_proof(self, eap: bytes) -> None:
        """The stranger has not the key, or not the name, that it said: a UE then takes its credential for invalid."""
        self._send_plain(write_5gmm(AuthenticationReject((Element(EAP_MESSAGE, eap),))))

    def secure(self, emsk: bytes, eap: bytes, supi: str) -> None:
        """NAS security begins, with EAP-Success inside; the UE proves with a MAC that it has the same key. `supi` is
        the subscriber whose key paid: a UE that called itself otherwise is refused.
        """
        if supi != f"imsi-{self._imsi}":
            self.reject_proof(write_eap(EapPacket(EapCode.FAILURE, read_eap(eap).identifier)))
            raise DecodeError(f"amf: the key of {supi} paid, and imsi-{self._imsi} registers")
        self._context = derive_context(emsk, self._imsi)
        elements = (Element(EAP_MESSAGE, eap), Element(ABBA, NO_ABBA))
        command = SecurityModeCommand(ALGORITHMS, KEY_SET, self._capability, elements)
        self._send_protected(write_5gmm(command), Header.NEW_INTEGRITY)
        complete = self._hear_protected()
        if complete[2] != _SECURITY_MODE_COMPLETE or self._registration not in complete:
            raise DecodeError("amf: security is not complete, or the registration was another one")

    def accept(self) -> None:
        """The UE is registered."""
        self._send_protected(_REGISTRATION_ACCEPT)
        if self._hear_protected()[2] != _REGISTRATION_COMPLETE:
            raise DecodeError("amf: the registration is not complete")

    def await_session(self) -> SessionAsked:
        """What the UE asks for, under protection."""
        transport = read_5gmm(self._hear_protected())
        if not isinstance(transport, UplinkTransport) or transport.kind != SESSION_MANAGEMENT:
            raise DecodeError(f"amf: {type(transport).__name__} asks for no session")
        snssai, dnn = find(transport.elements, S_NSSAI) or b"", find(transport.elements, DNN) or b""
        if len(snssai) != 4:
            raise DecodeError(f"amf: an S-NSSAI of {len(snssai)} octets")
        message = read_5gsm(transport.payload)
        if message.type is not SessionMessageType.ESTABLISHMENT_REQUEST:
            raise DecodeError(f"amf: {message.type.name}")
        named = Snssai(snssai[0], int.from_bytes(snssai[1:], "big"))
        return SessionAsked(named, dnn[1:].decode("ascii", "replace"), message, transport.payload)

    def grant(self, asked: SessionAsked, address: IPv4Address, options: bytes) -> tuple[int, ...]:
        """The UE gets its session with these options; the sessions for which the gNB then has resources."""
        elements = (
            Element(_PDU_ADDRESS, bytes((_IPV4,)) + address.packed),
            Element(EXTENDED_PCO, options),
        )
        request = asked.message
        answer = SessionMessage(
            SessionMessageType.ESTABLISHMENT_ACCEPT,
            request.session_id,
            request.pti,
            _ACCEPTED_SESSION,
            elements,
        )
        return self.relay(asked, write_5gsm(answer), write_transfer(AMBR_BPS))

    def relay(self, asked: SessionAsked, answer: bytes, transfer: bytes) -> tuple[int, ...]:
        """The same with the words of an SMF: its message to the UE, and its demand of the gNB."""
        session_id = Element(PDU_SESSION_ID, bytes((asked.message.session_id,)))
        nas = self._protect(write_5gmm(DownlinkTransport(SESSION_MANAGEMENT, answer, (session_id,))))
        session = asked.message.session_id
        self._n2.send(write_session_setup(AMF_UE_ID, self._ran_id, session, asked.snssai, nas, transfer))
        return self._hear(SessionSetUp).sessions

    # ---- Messages

    def _hear(self, kind: type[Kind]) -> Kind:
        heard = read_ngap(self._n2.receive())
        if not isinstance(heard, kind):
            raise DecodeError(f"amf: {type(heard).__name__}, where {kind.__name__} was to come")
        return heard

    def _hear_protected(self) -> bytes:
        assert self._context is not None, "security has begun"
        return self._context.open(self._hear(NasReceived).nas)

    def _send_plain(self, nas: bytes) -> None:
        self._n2.send(write_downlink(AMF_UE_ID, self._ran_id, nas))

    def _send_protected(self, nas: bytes, header: Header = Header.CIPHERED) -> None:
        self._send_plain(self._protect(nas, header))

    def _protect(self, nas: bytes, header: Header = Header.CIPHERED) -> bytes:
        assert self._context is not None, "security has begun"
        return self._context.protect(nas, header)


def _null_scheme(identity: bytes) -> str:
    """The IMSI in a SUCI that conceals nothing (TS 24.501 figure 9.11.3.4.3), of PLMN 001/01."""
    if len(identity) < 9 or identity[:4] != bytes.fromhex("0100f110") or identity[6] != 0:
        raise DecodeError(f"amf: {identity.hex()} is no SUCI of this network in the null scheme")
    digits = "".join(f"{octet & 0x0F:x}{octet >> 4:x}" for octet in identity[8:]).rstrip("f")
    return f"00101{digits}"
