"""What happens to a cell: past facts, from its gNB, from whoever sells, and from whoever counts.

Downlink is towards the UE; rates are of IP packets.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ran_slicing.core_info import Listed
from ran_slicing.snssai import Snssai


@dataclass(frozen=True, slots=True)
class GnbConnected:
    """The remote control is there; it may be another gNB than the one before, and has to be told everything."""


class GnbLost(NamedTuple):
    """It is not. Connecting goes on."""

    detail: str


class GnbSaid(NamedTuple):
    """One text from it."""

    text: bytes


class SliceSold(NamedTuple):
    """A grant is to have a slot from now on. `snssai` is the slot in which its UE is already, or None for any free one
    of the tier. A ceiling of 0: none. `resumed`: it was in force before, and nobody asks whether it fits. `reserved`:
    room was kept for it as for a UE at the reference, and only its own link may say no. `floor_up_bps` is a floor of
    the uplink, if one was sold. `supi` is whose it is, by which its UE may be found; `rnti`, if somebody knows it. A
    floor is weighed by the UE's link where that is known, else by the reference, and by the link once that is known.
    """

    grant_id: bytes
    floor_bps: int
    ceil_bps: int = 0
    snssai: Snssai | None = None
    tier: int = 0
    resumed: bool = False
    floor_up_bps: int = 0
    rnti: int | None = None
    supi: str = ""
    reserved: bool = False


class SliceEnded(NamedTuple):
    """The grant is over: its slot is free again, and blocked until the next."""

    grant_id: bytes


class UesListed(NamedTuple):
    """The core lists its connected subscribers, by whatever numbers gNB and core know them (None: the AMF was not
    asked, or did not say), and which subscriber has a session in which slice.
    """

    listed: Listed | None
    stays: frozenset[tuple[str, Snssai]]


class GrantsCounted(NamedTuple):
    """Bytes of IP packets towards each grant's UE since whenever, as the box counted them: (grant, bytes)."""

    counters: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The instant that `next_deadline_ns` asked for."""


Event = (
    GnbConnected | GnbLost | GnbSaid | SliceSold | SliceEnded | UesListed | GrantsCounted | DeadlineReached
)
