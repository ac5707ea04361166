"""What a cell asks for: imperatives, for the socket to its gNB and for whoever sells."""

from dataclasses import dataclass

from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai


@dataclass(frozen=True, slots=True)
class GrantSlot:
    """Tell whoever sells: the grant has this slot, and its UE belongs into that slice."""

    grant_id: bytes
    snssai: Snssai


@dataclass(frozen=True, slots=True)
class RefuseSlot:
    """Tell whoever sells: there is no slot, or no room, for this grant."""

    grant_id: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class ReportRatio:
    """Tell whoever keeps the books: the gNB answered that the grant's slice has this, `took_ns` after it was asked."""

    grant_id: bytes
    ratio: Ratio
    took_ns: int


@dataclass(frozen=True, slots=True)
class Note:
    """Tell the operator: a kind for counting, and a sentence."""

    kind: str
    detail: str


Command = SendText | SendPing | Reconnect | GrantSlot | RefuseSlot | ReportRatio | Note
