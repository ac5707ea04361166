"""What happens to a cell: past facts, from its gNB, from whoever sells, and from whoever counts.

Downlink is towards the UE; rates are of IP packets.
"""

from dataclasses import dataclass
from typing import NamedTuple

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
    of the tier. A ceiling of 0: none. `resumed`: it was sold before this daemon began, and nobody asks whether it fits.
    `floor_up_bps` is a floor of the uplink, if one was sold. `rnti`, if somebody knows it already: then the UE's link
    is known, and the floor is weighed by it and not by the reference.
    """

    grant_id: bytes
    floor_bps: int
    ceil_bps: int = 0
    snssai: Snssai | None = None
    tier: int = 0
    resumed: bool = False
    floor_up_bps: int = 0
    rnti: int | None = None


class SliceEnded(NamedTuple):
    """The grant is over: its slot is free again, and blocked until the next."""

    grant_id: bytes


class SlicePaused(NamedTuple):
    """Nothing for it until further notice (unpaid, data cap used up)."""

    grant_id: bytes


class SliceResumed(NamedTuple):
    """It is served again."""

    grant_id: bytes


class UeIdentified(NamedTuple):
    """Somebody knows which UE of the gNB the grant's is (a core or a CU that tells RNTIs, an operator)."""

    grant_id: bytes
    rnti: int


class GrantsCounted(NamedTuple):
    """Bytes of IP packets towards each grant's UE since whenever, as the box counted them: (grant, bytes)."""

    counters: tuple[tuple[bytes, int], ...]


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """The instant that `next_deadline_ns` asked for."""


Event = (
    GnbConnected
    | GnbLost
    | GnbSaid
    | SliceSold
    | SliceEnded
    | SlicePaused
    | SliceResumed
    | UeIdentified
    | GrantsCounted
    | DeadlineReached
)
