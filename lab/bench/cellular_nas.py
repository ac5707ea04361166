"""How fast NAS with our octets is made and read, beside pycrate, and what a purchase inside EAP costs its two ends.

Both sides of a contest go from values to octets and back, options included. pycrate gets its message objects made
anew for each message, as it has to be used: they keep the values of the last one.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any

from lab.bench.contest import Contest, codec_figures
from lab.bench.result import Figure
from lab.bench.timing import rates
from lab.bench.wire import (
    LEDGER_ID,
    OFFER,
    TRANSACTION,
    consumer,
    ledger,
    provider,
    the_grant,
)
from nas_tunnel import eap_box, eap_buyer
from nas_tunnel.anqp import AirOffer
from nas_tunnel.eap import EapCode, ours
from nas_tunnel.eap_purchase import OrderContents, OrderKind
from nas_tunnel.eps_nas import (
    PCO,
    AttachRequest,
    PdnConnectivityRequest,
    read_emm,
    read_esm,
    write_emm,
    write_esm,
)
from nas_tunnel.lobby import Outcome
from nas_tunnel.nas_5gs import EAP_MESSAGE, NO_ABBA, AuthenticationRequest, read_5gmm, write_5gmm
from nas_tunnel.nas_5gsm import EXTENDED_PCO, SessionMessage, SessionMessageType, read_5gsm, write_5gsm
from nas_tunnel.nas_elements import Element, find
from nas_tunnel.pco import (
    MAX_EXTENDED_PCO_BYTES,
    Direction,
    OperatorUnit,
    Options,
    read_options,
    write_operator_unit,
    write_options,
)
from nas_tunnel.pco_purchase import UNIT, Piece, tag_of, write_container
from nas_tunnel.plmn import Plmn
from wire.exchange_proof import Prover, write_exchange_proof
from wire.grant import write_grant
from wire.keys import PrivateKey
from wire.offer import write_offer
from wire.receipt import Receipt, write_receipt
from wire.transaction import sign_transaction

IMSI, CAPABILITY = bytes.fromhex("0910101032547698"), bytes.fromhex("f0700000")
SIGNED = sign_transaction(TRANSACTION, consumer, LEDGER_ID)
PURCHASE = SIGNED.envelope.encoded
"""Once, as every signature differs."""
EAP_PACKET = ours(EapCode.REQUEST, 1, bytes(1_488))
_LAB = Plmn("001", "01")

Rival = Callable[..., Any]
"""A class of pycrate's, which has no types."""


def run(progress: Callable[[str], None]) -> list[Figure]:
    """Every figure of signalling in cells."""
    progress("encoding and decoding NAS, side by side with pycrate")
    figures = codec_figures(contests())
    progress("purchases inside EAP, both ends")
    return figures + exchange_figures()


# ---- Codecs


def contests() -> list[Contest]:
    """The three messages that carry the most of ours."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        # It prints that a library for protected messages is missing; half a second, so not before somebody asks.
        from pycrate_mobile import TS24301_EMM, TS24301_ESM, TS24501_FGMM, TS24501_FGSM

    return [
        _attach_request(TS24301_EMM.EMMAttachRequest, TS24301_ESM.ESMPDNConnectivityRequest),
        _authentication_request(TS24501_FGMM.FGMMAuthenticationRequest),
        _session_command(TS24501_FGSM.FGSMPDUSessionModifCommand),
    ]


def the_options() -> Options:
    """A purchase in one operator unit."""
    container = write_container(Piece(tag_of(PURCHASE), len(PURCHASE), 0, PURCHASE))
    return (write_operator_unit(OperatorUnit(UNIT, _LAB, container)),)


def _attach_request(rival: Rival, rival_inside: Rival) -> Contest:
    def encode() -> bytes:
        options = write_options(the_options(), Direction.UPLINK)
        esm = write_esm(PdnConnectivityRequest(5, 1, 1, (Element(PCO, options),)))
        return write_emm(AttachRequest(7, 1, IMSI, CAPABILITY, esm))

    def decode(data: bytes) -> Options:
        attach = read_emm(data)
        assert isinstance(attach, AttachRequest)
        options = find(read_esm(attach.esm).elements, PCO)
        assert options is not None
        return read_options(options, Direction.UPLINK)

    def encode_theirs() -> bytes:
        options = {"Config": [{"ID": unit.identifier, "Cont": unit.contents} for unit in the_options()]}
        inside = rival_inside(val={"PDNType": 1, "RequestType": 1, "ProtConfig": options})
        inside["ESMHeader"]["PTI"].set_val(5)
        inside["ProtConfig"].set_trans(False)
        values = {
            "NAS_KSI": 7,
            "EPSAttachType": 1,
            "EPSID": IMSI,
            "UENetCap": CAPABILITY,
            "ESMContainer": inside.to_bytes(),
        }
        return bytes(rival(val=values).to_bytes())

    return Contest("ATTACH REQUEST with a purchase", encode, decode, encode_theirs, _decode_theirs(rival))


def _authentication_request(rival: Rival) -> Contest:
    def encode() -> bytes:
        return write_5gmm(AuthenticationRequest(1, NO_ABBA, (Element(EAP_MESSAGE, EAP_PACKET),)))

    def encode_theirs() -> bytes:
        values = {"NAS_KSI": 1, "ABBA": NO_ABBA}
        message = rival(val=values)
        message["EAPMsg"].set_trans(False)
        message["EAPMsg"]["V"].set_val(EAP_PACKET)
        return bytes(message.to_bytes())

    return Contest(
        "AUTHENTICATION REQUEST with 1,500 octets of EAP",
        encode,
        read_5gmm,
        encode_theirs,
        _decode_theirs(rival),
    )


def _session_command(rival: Rival) -> Contest:
    def encode() -> bytes:
        options = write_options(the_options() * 2, Direction.DOWNLINK, MAX_EXTENDED_PCO_BYTES)
        elements = (Element(EXTENDED_PCO, options),)
        return write_5gsm(SessionMessage(SessionMessageType.MODIFICATION_COMMAND, 9, 3, b"", elements))

    def decode(data: bytes) -> Options:
        options = find(read_5gsm(data).elements, EXTENDED_PCO)
        assert options is not None
        return read_options(options, Direction.DOWNLINK)

    def encode_theirs() -> bytes:
        units = [{"ID": unit.identifier, "Cont": unit.contents} for unit in the_options() * 2]
        message = rival(val={"ExtProtConfig": {"Config": units}})
        message[0]["PDUSessID"].set_val(9)
        message[0]["PTI"].set_val(3)
        return bytes(message.to_bytes())

    name = "PDU SESSION MODIFICATION COMMAND with two units"
    return Contest(name, encode, decode, encode_theirs, _decode_theirs(rival))


def _decode_theirs(rival: Rival) -> Callable[[bytes], object]:
    def decode(data: bytes) -> object:
        message = rival()
        message.from_bytes(data)
        return message

    return decode


# ---- A purchase


def exchange_figures(rounds: int = 11) -> list[Figure]:
    """A whole purchase, both ends in one thread, without ledger and link; and its octets."""
    seen = rates({"purchase": exchange}, rounds)
    packets = exchange()
    return [
        Figure("purchase inside EAP: both ends together", 1e3 / seen["purchase"], "ms", None, "lower", None),
        Figure("purchase inside EAP: packets", len(packets), "packets", 5, "lower", None),
        Figure(
            "purchase inside EAP: octets, EAP headers included",
            sum(map(len, packets)),
            "bytes",
            None,
            "lower",
            None,
        ),
    ]


def exchange() -> list[bytes]:
    """Every packet of one purchase, with keys, signatures and verifications."""
    air = AirOffer(_OFFER, provider.public, ledger.public, LEDGER_ID, b"", 0)
    wanted = eap_buyer.Ordered(
        OrderContents(OrderKind.TRANSACTION, PURCHASE),
        consumer.public,
        ledger.public,
        LEDGER_ID,
        PrivateKey.generate(),
    )
    box, box_says = eap_box.open_exchange(air, PrivateKey.generate(), 1)
    buyer, packets = eap_buyer.await_offer(), []
    while box_says:
        command = box_says.pop(0)
        event: eap_box.Event
        match command:
            case eap_box.ExecuteTransaction():
                event = eap_box.Answered(_OUTCOME)
            case eap_box.JudgeGrant():
                event = eap_box.GrantAccepted()
            case eap_box.SignProof(transcript):
                event = eap_box.ProofSigned(write_exchange_proof(Prover.BOX, transcript, provider))
            case eap_box.SendPacket(packet) | eap_box.Succeeded(packet=packet):
                packets.append(packet)
                buyer, answer = _buyer_answers(buyer, packet, wanted)
                if not answer:
                    return packets
                packets.append(answer)
                event = eap_box.PacketReceived(answer)
            case _:
                raise AssertionError(command)
        box, more = eap_box.step(box, event)
        box_says += more
    raise AssertionError("the exchange did not end")


def _buyer_answers(
    buyer: eap_buyer.BuyerExchange, packet: bytes, wanted: eap_buyer.Ordered
) -> tuple[eap_buyer.BuyerExchange, bytes]:
    buyer, says = eap_buyer.step(buyer, eap_buyer.PacketReceived(packet))
    while says:
        command = says.pop(0)
        match command:
            case eap_buyer.SendPacket(answer):
                return buyer, answer
            case eap_buyer.Choose():
                buyer, more = eap_buyer.step(buyer, wanted)
            case eap_buyer.SignProof(transcript):
                proof = write_exchange_proof(Prover.BUYER, transcript, consumer)
                buyer, more = eap_buyer.step(buyer, eap_buyer.ProofSigned(proof))
            case eap_buyer.Failed():
                raise AssertionError(command)
            case _:
                more = []
        says += more
    return buyer, b""


_OFFER = write_offer(OFFER, provider)
_OUTCOME = Outcome(
    SIGNED.transaction_id,
    write_receipt(Receipt(SIGNED.transaction_id, 1_234, 1_790_000_000), ledger, LEDGER_ID),
    write_grant(the_grant(SIGNED.transaction_id), ledger, LEDGER_ID),
)
