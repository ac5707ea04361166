"""System information as pycrate reads and writes it: an implementation of ASN.1 that knows nothing of ours.

Its objects keep state and are shared by whoever imports them, so each function sets what it needs and returns bytes or
plain values.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pycrate_asn1dir.RRCLTE import EUTRA_RRC_Definitions as LTE
from pycrate_asn1dir.RRCNR import NR_RRC_Definitions as NR

from nas_tunnel import lte_sib, nr_sib
from nas_tunnel.warning_sib import WarningNotice, WarningSegment

LTE_BLOCKS = {
    lte_sib.Sib9: ("sib9", LTE.SystemInformationBlockType9),
    lte_sib.Sib10: ("sib10", LTE.SystemInformationBlockType10),
    lte_sib.Sib11: ("sib11", LTE.SystemInformationBlockType11),
    lte_sib.Sib12: ("sib12-v920", LTE.SystemInformationBlockType12_r9),
}
NR_BLOCKS = {
    nr_sib.Sib6: ("sib6", NR.SIB6),
    nr_sib.Sib7: ("sib7", NR.SIB7),
    nr_sib.Sib8: ("sib8", NR.SIB8),
    nr_sib.Sib10: ("sib10-v1610", NR.SIB10_r16),
}


def segment_values(segment: WarningSegment, suffix: str = "") -> dict[str, Any]:
    values = {
        "messageIdentifier": (segment.message_identifier, 16),
        "serialNumber": (segment.serial_number, 16),
        "warningMessageSegmentType": "lastSegment" if segment.is_last else "notLastSegment",
        "warningMessageSegmentNumber": segment.number,
        "warningMessageSegment": segment.octets,
    }
    if segment.data_coding_scheme is not None:
        values["dataCodingScheme"] = bytes((segment.data_coding_scheme,))
    return {f"{name}{suffix}": value for name, value in values.items()}


def notice_values(notice: WarningNotice) -> dict[str, Any]:
    return {
        "messageIdentifier": (notice.message_identifier, 16),
        "serialNumber": (notice.serial_number, 16),
        "warningType": notice.warning_type,
    }


def values(sib: lte_sib.LteSib | nr_sib.NrSib) -> dict[str, Any]:
    """A block's fields, as pycrate wants them."""
    match sib:
        case lte_sib.Sib9():
            return {} if sib.hnb_name is None else {"hnb-Name": sib.hnb_name}
        case nr_sib.Sib10():
            names = [{} if name is None else {"hrnn-r16": name} for name in sib.names]
            return {"hrnn-List-r16": names} if names else {}
        case lte_sib.Sib10() | nr_sib.Sib6():
            return notice_values(sib.notice)
        case lte_sib.Sib12():
            return segment_values(sib.segment, "-r9")
        case _:
            return segment_values(sib.segment)


def lte_block(sib: lte_sib.LteSib, **additions: Any) -> bytes:
    """One block; additions are fields that ours never writes, with _ for -."""
    return _encode(LTE_BLOCKS[type(sib)][1], sib, additions)


def nr_block(sib: nr_sib.NrSib, **additions: Any) -> bytes:
    return _encode(NR_BLOCKS[type(sib)][1], sib, additions)


def _encode(block: Any, sib: lte_sib.LteSib | nr_sib.NrSib, additions: dict[str, Any]) -> bytes:
    block.set_val(values(sib) | {name.replace("_", "-"): value for name, value in additions.items()})
    return bytes(block.to_uper())


def lte_message(blocks: Sequence[tuple[str, dict[str, Any]]], **extensions: Any) -> bytes:
    information = {"sib-TypeAndInfo": list(blocks)} | extensions
    message = LTE.BCCH_DL_SCH_Message
    critical = ("systemInformation-r8", information)
    message.set_val({"message": ("c1", ("systemInformation", {"criticalExtensions": critical}))})
    return bytes(message.to_uper())


def nr_message(blocks: Sequence[tuple[str, dict[str, Any]]], **extensions: Any) -> bytes:
    information = {"sib-TypeAndInfo": list(blocks)} | extensions
    message = NR.BCCH_DL_SCH_Message
    critical = ("systemInformation", information)
    message.set_val({"message": ("c1", ("systemInformation", {"criticalExtensions": critical}))})
    return bytes(message.to_uper())


def lte_listed(sib: lte_sib.LteSib) -> tuple[str, dict[str, Any]]:
    """A block for `lte_message`."""
    return LTE_BLOCKS[type(sib)][0], values(sib)


def nr_listed(sib: nr_sib.NrSib) -> tuple[str, dict[str, Any]]:
    return NR_BLOCKS[type(sib)][0], values(sib)


def read_lte(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    """The blocks that pycrate finds in a message."""
    message = LTE.BCCH_DL_SCH_Message
    message.from_uper(data)
    return _blocks(message.get_val())


def read_nr(data: bytes) -> list[tuple[str, dict[str, Any]]]:
    message = NR.BCCH_DL_SCH_Message
    message.from_uper(data)
    return _blocks(message.get_val())


def _blocks(value: Any) -> list[tuple[str, dict[str, Any]]]:
    blocks: list[tuple[str, dict[str, Any]]] = value["message"][1][1]["criticalExtensions"][1][
        "sib-TypeAndInfo"
    ]
    return blocks
