"""What is left to sell in each slot from now on, as data.

Slot 1 is the first that an auction sells, slot `len(units)` the last. A unit is whatever rate the operator chose to
count in; a forecast in bit/s is rounded down to whole units, a demand up, so that nothing is sold that is not there.
Reference: session auctions, 003 4.5 (C(tau)) and Theorem 1 (how a forecast follows from the one before).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

MAX_SLOTS = 1_440
"""A day of minutes; the paper sells 20."""

MAX_UNITS = 1_000_000
"""1 Tbit/s in units of 1 Mbit/s."""

Bundle = tuple[int, ...]
"""Units in each slot of a session, from slot 1 on. Its length is the duration."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """`units[tau - 1]` is what slot tau has to sell: 1 to 1,440 slots of 0 to 1,000,000 units."""

    units: tuple[int, ...]

    def __post_init__(self) -> None:
        assert 1 <= len(self.units) <= MAX_SLOTS, f"a forecast of {len(self.units)} slots"
        for slot, units in enumerate(self.units, 1):
            assert 0 <= units <= MAX_UNITS, f"slot {slot}: {units} units"

    @property
    def rises(self) -> bool:
        """The paper's property P1: no slot has less than the one before. It has to be asked of each auction (U2)."""
        return all(now <= later for now, later in pairwise(self.units))


def forecast_of(slots_bps: Iterable[int], unit_bps: int) -> Forecast:
    """Rates rounded down to units. A slot of which more is promised than there is has nothing to sell."""
    assert unit_bps > 0, f"a unit of {unit_bps} bit/s"
    return Forecast(tuple(max(0, bps // unit_bps) for bps in slots_bps))


def units_of(rate_bps: int, unit_bps: int) -> int:
    """A demand rounded up to units."""
    assert unit_bps > 0, f"a unit of {unit_bps} bit/s"
    return -(-rate_bps // unit_bps)


def without(forecast: Forecast, bundles: Sequence[Bundle]) -> Forecast:
    """What is left beside `bundles`; they must fit."""
    units = list(forecast.units)
    for bundle in bundles:
        for slot, demand in enumerate(bundle):
            units[slot] -= demand
    return Forecast(tuple(units))


def next_forecast(forecast: Forecast, winners: Sequence[Bundle], last_units: int) -> Forecast:
    """The forecast of the auction one slot later; `last_units` is what the slot that comes into view has to sell."""
    return Forecast((*without(forecast, winners).units[1:], last_units))
