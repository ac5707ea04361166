"""What a cell of ours broadcasts, as a capture: the golden offer on every carriage, in all its segments."""

from __future__ import annotations

import struct

from nas_tunnel.carriage import CARRIAGES
from nas_tunnel.cell_offer import cell_offer, write_beacon_name, write_cell_offer
from nas_tunnel.lte_sib import Sib9, Sib11, Sib12, write_lte_system_information
from nas_tunnel.nr_sib import Sib7, Sib8, Sib10, write_nr_system_information
from nas_tunnel.segments import plan_broadcast
from nas_tunnel.warning_sib import WarningSegment
from tests.wire.examples import LEDGER, LEDGER_ID, MESSAGES, PROVIDER

EXPORTED_PDU_LINK = 252
LTE_DISSECTOR, NR_DISSECTOR = "lte-rrc.bcch.dl.sch", "nr-rrc.bcch.dl.sch"

CELL_OFFER = cell_offer(MESSAGES["offer"].golden, PROVIDER.public, LEDGER.public, LEDGER_ID)
CONTENT = write_cell_offer(CELL_OFFER)
OFFER = MESSAGES["offer"].example
NAME = write_beacon_name(
    MESSAGES["offer"].golden, OFFER.price_ubc, OFFER.allocation_duration_s, OFFER.qos.floor_down_bps
)


def write_message(carriage: str, segment: WarningSegment) -> bytes:
    """The message on the air that has this segment."""
    match "-".join(carriage.split("-")[:2]):
        case "lte-sib11":
            return write_lte_system_information([Sib11(segment)])
        case "lte-sib12":
            return write_lte_system_information([Sib12(segment)])
        case "nr-sib7":
            return write_nr_system_information([Sib7(segment)])
        case "nr-sib8":
            return write_nr_system_information([Sib8(segment)])
    raise AssertionError(carriage)


def messages(carriage: str) -> list[bytes]:
    """A whole cycle of the golden offer, or the beacon's name."""
    if carriage == "lte-sib9":
        return [write_lte_system_information([Sib9(NAME)])]
    if carriage == "nr-sib10":
        return [write_nr_system_information([Sib10((b"Airgrant", None, NAME))])]
    broadcast = plan_broadcast(CONTENT, CARRIAGES[carriage])
    return [write_message(carriage, broadcast.segment(at)) for at in range(len(broadcast.pieces))]


def export(carriage: str, message: bytes) -> bytes:
    return export_named(LTE_DISSECTOR if carriage.startswith("lte") else NR_DISSECTOR, message)


def export_named(dissector: str, message: bytes) -> bytes:
    """As Wireshark takes in what no link carries: the dissector's name, and what it is to dissect."""
    name = dissector.encode()
    padded = name.ljust(-(-len(name) // 4) * 4, b"\0")
    return struct.pack(">HH", 12, len(padded)) + padded + bytes(4) + message


def exported(carriage: str) -> list[bytes]:
    return [export(carriage, message) for message in messages(carriage)]


STORY = {name: messages(name) for name in CARRIAGES}
