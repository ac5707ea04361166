"""What a cell asks for: imperatives, for the socket to its gNB and for whoever sells."""

from typing import NamedTuple

from ran_slicing.gnb import Reconnect, SendPing, SendText
from ran_slicing.share import Ratio
from ran_slicing.snssai import Snssai


class GrantSlot(NamedTuple):
    """Tell whoever sells: the grant has this slot, and its UE belongs into that slice."""

    grant_id: bytes
    snssai: Snssai


class RefuseSlot(NamedTuple):
    """Tell whoever sells: there is no slot, or no room, for this grant; also of one that had a slot on trial, whose
    UE's link turned out to need more than there is.
    """

    grant_id: bytes
    reason: str


class ReportRatio(NamedTuple):
    """Tell whoever keeps the books: the gNB answered that the grant's slice has this, `took_ns` after it was asked."""

    grant_id: bytes
    ratio: Ratio
    took_ns: int


class Note(NamedTuple):
    """Tell the operator: a kind for counting, and a sentence."""

    kind: str
    detail: str


Command = SendText | SendPing | Reconnect | GrantSlot | RefuseSlot | ReportRatio | Note
