"""Captures of what cells and cores say while something is sold: pycrate's NGAP and S1AP, Scapy's SCTP, our NAS."""

from __future__ import annotations

from dataclasses import dataclass, field

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.packet import Packet

from nas_tunnel import eps_nas, nas_5gs, pco_desk
from nas_tunnel.eap import EapCode, read_eap
from nas_tunnel.nas_5gsm import EXTENDED_PCO, SessionMessage, SessionMessageType, write_5gsm
from nas_tunnel.nas_elements import Element
from nas_tunnel.pco import (
    MAX_EXTENDED_PCO_BYTES,
    Direction,
    OperatorUnit,
    Unit,
    write_operator_unit,
    write_options,
)
from nas_tunnel.pco_purchase import UNIT, begin, hear, next_container
from tests.nas_tunnel.air import OUTCOME
from tests.nas_tunnel.core_air import (
    MESSAGE,
    SERIAL,
    ngap_downlink,
    ngap_initial,
    ngap_uplink,
    ngap_warning,
    s1ap_downlink,
    s1ap_initial,
    s1ap_warning,
)
from tests.nas_tunnel.eap_world import World
from tests.nas_tunnel.nas_examples import CAPABILITY, IMSI, LAB, MOBILITY_EXAMPLES
from tests.nas_tunnel.test_order_check import TERMS
from tests.nas_tunnel.test_pco_purchase import MINE, PURCHASE
from tests.wire.examples import LEDGER_ID
from wire.units import Now
from wire.warning_id import AIRGRANT

GNB, AMF, GNB_6, AMF_6 = "10.53.1.3", "10.53.1.2", "fd00::3", "fd00::2"
NGAP, S1AP = (60, 38_412), (18, 36_412)
NO_MAC = bytes(4) + b"\0"
"""Where a protected message has its authentication code and count; nobody here looks at them."""


@dataclass
class Association:
    """One association of a base station with its core; what is said on it becomes frames of Ethernet."""

    protocol: int
    port: int
    is_ipv6: bool = False
    max_chunk_bytes: int = 1_400
    tag: int = 0xA1
    _numbers: dict[bool, int] = field(default_factory=lambda: {True: 0xFFFFFFFE, False: 7})
    _sequences: dict[bool, int] = field(default_factory=lambda: {True: 0, False: 0})

    def say(self, pdu: bytes, *, up: bool) -> list[bytes]:
        """Cut to chunks where it is long, each in a packet of its own."""
        return [bytes(self.packet(chunk, up=up)) for chunk in self.chunks(pdu, up=up)]

    def chunks(self, pdu: bytes, *, up: bool) -> list[Packet]:
        size = self.max_chunk_bytes
        chunks: list[Packet] = []
        for at in range(0, len(pdu), size):
            chunks.append(
                SCTPChunkData(
                    beginning=at == 0,
                    ending=at + size >= len(pdu),
                    tsn=self._numbers[up],
                    stream_id=1,
                    stream_seq=self._sequences[up],
                    proto_id=self.protocol,
                    data=pdu[at : at + size],
                )
            )
            self._numbers[up] = (self._numbers[up] + 1) % 2**32
        self._sequences[up] += 1
        return chunks

    def packet(self, *chunks: Packet, up: bool) -> Packet:
        ends = (GNB_6, AMF_6) if self.is_ipv6 else (GNB, AMF)
        source, target = ends if up else ends[::-1]
        ports = (9_487, self.port) if up else (self.port, 9_487)
        network = IPv6(src=source, dst=target) if self.is_ipv6 else IP(src=source, dst=target)
        header = SCTP(sport=ports[0], dport=ports[1], tag=self.tag + up)
        ether = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02")
        packet = ether / network / header
        for chunk in chunks:
            packet = packet / chunk
        return packet


# ---- 5G: a purchase inside EAP


def eap_messages(world: World) -> list[tuple[bool, bytes]]:
    """(up, NAS) of a registration whose authentication is this purchase; success comes with security."""
    said = [(True, MOBILITY_EXAMPLES["registration request"].encoded)]
    for packet in world.packets:
        element = (Element(nas_5gs.EAP_MESSAGE, packet),)
        match read_eap(packet).code:
            case EapCode.REQUEST:
                message: nas_5gs.MobilityMessage = nas_5gs.AuthenticationRequest(0, nas_5gs.NO_ABBA, element)
                said.append((False, nas_5gs.write_5gmm(message)))
            case EapCode.RESPONSE:
                said.append((True, nas_5gs.write_5gmm(nas_5gs.AuthenticationResponse(element))))
            case EapCode.SUCCESS:
                message = nas_5gs.SecurityModeCommand(0x02, 0, CAPABILITY, element)
                said.append((False, b"\x7e\x03" + NO_MAC + nas_5gs.write_5gmm(message)))
            case EapCode.FAILURE:
                said.append((False, nas_5gs.write_5gmm(nas_5gs.RegistrationReject(22, element))))
    return said


def extended_options(contents: bytes) -> bytes:
    """UL NAS TRANSPORT under the null cipher, whose session message has a unit of ours."""
    unit = write_operator_unit(OperatorUnit(UNIT, LAB, contents))
    options = write_options((Unit(0x000D, b""), unit), Direction.UPLINK, MAX_EXTENDED_PCO_BYTES)
    session = SessionMessage(
        SessionMessageType.MODIFICATION_REQUEST, 1, 3, b"", (Element(EXTENDED_PCO, options),)
    )
    transport = nas_5gs.UplinkTransport(nas_5gs.SESSION_MANAGEMENT, write_5gsm(session))
    return b"\x7e\x02" + NO_MAC + nas_5gs.write_5gmm(transport)


def n2_story(world: World | None = None, ran_id: int = 1, **association: object) -> list[bytes]:
    """Ethernet frames of one UE's purchase at a gNB."""
    link = Association(*NGAP, **association)  # type: ignore[arg-type]
    frames: list[bytes] = []
    for number, (up, nas) in enumerate(eap_messages((world or World()).run())):
        if number == 0:
            pdu = ngap_initial(ran_id, nas)
        else:
            pdu = ngap_uplink(ran_id, 42, nas) if up else ngap_downlink(ran_id, 42, nas)
        frames += link.say(pdu, up=up)
    return frames


# ---- LTE: a purchase in configuration options


def attach_request(container: bytes) -> bytes:
    options = write_options((write_operator_unit(OperatorUnit(UNIT, LAB, container)),), Direction.UPLINK)
    request = eps_nas.PdnConnectivityRequest(5, 1, 1, (Element(eps_nas.PCO, options),))
    return eps_nas.write_emm(eps_nas.AttachRequest(7, 1, IMSI, CAPABILITY, eps_nas.write_esm(request)))


def attach_reject(container: bytes) -> bytes:
    options = write_options((write_operator_unit(OperatorUnit(UNIT, LAB, container)),), Direction.DOWNLINK)
    reject = eps_nas.PdnConnectivityReject(5, 29, (Element(eps_nas.PCO, options),))
    return eps_nas.write_emm(
        eps_nas.AttachReject(19, (Element(eps_nas.ESM_CONTAINER, eps_nas.write_esm(reject)),))
    )


def attach_messages() -> list[tuple[bool, bytes]]:
    """(up, NAS) of as many attempts as it takes, between the two ends that the product has."""
    said, desk, stranger = [], pco_desk.Desk(terms=TERMS), b"stranger"
    sale = begin(PURCHASE, LEDGER_ID, LAB, MINE)
    assert not hasattr(sale, "reason"), sale
    while sale.answer is None:
        sale, container = next_container(sale)
        said.append((True, attach_request(container)))
        desk, commands = pco_desk.hear(desk, stranger, container, Now(0, 0))
        for command in commands:
            if isinstance(command, pco_desk.Execute):
                desk = pco_desk.answer(desk, stranger, command.tag, OUTCOME)
            else:
                said.append((False, attach_reject(command.container)))
                sale = hear(sale, command.container)
    return said


def s1_story() -> list[bytes]:
    """Ethernet frames; every attempt is another UE to the eNB."""
    link, ran_id, frames = Association(*S1AP), 0, []
    for up, nas in attach_messages():
        ran_id += up
        pdu = s1ap_initial(ran_id, nas) if up else s1ap_downlink(ran_id, 100 + ran_id, nas)
        frames += link.say(pdu, up=up)
    return frames


# ---- Broadcasts on their way to the cell


def warning_story() -> list[bytes]:
    gnb, enb = Association(*NGAP, tag=0xB1), Association(*S1AP, tag=0xC1)
    return [
        *gnb.say(ngap_warning(AIRGRANT, SERIAL, MESSAGE), up=False),
        *enb.say(s1ap_warning(AIRGRANT, SERIAL, MESSAGE), up=False),
    ]


def cooked(frame: bytes, version: int = 1) -> bytes:
    """As a capture of all interfaces has an Ethernet frame."""
    if version == 1:
        return bytes.fromhex("0000 0001 0006") + frame[6:12] + b"\0\0" + frame[12:]
    return frame[12:14] + bytes.fromhex("0000 00000001 0001 00 06") + frame[6:12] + b"\0\0" + frame[14:]
