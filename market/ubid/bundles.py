"""What is offered to whom asks for a rate and a duration: one bundle, by one of two policies, or none.

The paper states one rule and shows another (fault U1), so both have a name. *Fluid* offers min(wanted, there) in each
slot: while the forecast does not fall, one knapsack is exact whatever the modes are. *Floor* offers the best mode
that is there, so that every slot has a rate that an application can play; bundles may then rise and fall.
Reference: 003 4.6.1. Units: whole capacity units (forecast.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise

from market.ubid.forecast import Bundle, Forecast


class Policy(Enum):
    """How a bundle is made where less is there than was asked for."""

    FLUID = "fluid"
    FLOOR = "floor"


@dataclass(frozen=True, slots=True)
class Modes:
    """The rates on sale, smallest first, in units."""

    units: tuple[int, ...]

    def __post_init__(self) -> None:
        assert self.units, "no modes"
        assert self.units[0] > 0, f"a mode of {self.units[0]} units"
        assert all(low < high for low, high in pairwise(self.units)), "modes must rise"

    def floor(self, units: int) -> int:
        """The largest mode of at most `units`; 0 if there is none."""
        return max((mode for mode in self.units if mode <= units), default=0)


@dataclass(frozen=True, slots=True)
class Request:
    """The same rate in each of `slots` slots from slot 1 on."""

    units: int
    slots: int


class NoBundle(Enum):
    """Why nothing is offered."""

    NOT_A_MODE = "the wanted rate is not one of the modes"
    NO_SLOTS = "a session has at least one slot"
    TOO_LONG = "the session is longer than the forecast"
    NOTHING_LEFT = "a slot of the session has nothing to offer"


def offer(request: Request, forecast: Forecast, modes: Modes, policy: Policy) -> Bundle | NoBundle:
    """The bundle nearest to the request. It is the request itself wherever that fits."""
    if request.units not in modes.units:
        return NoBundle.NOT_A_MODE
    if request.slots < 1:
        return NoBundle.NO_SLOTS
    if request.slots > len(forecast.units):
        return NoBundle.TOO_LONG
    fluid = tuple(min(request.units, there) for there in forecast.units[: request.slots])
    bundle = fluid if policy is Policy.FLUID else tuple(modes.floor(units) for units in fluid)
    return bundle if all(bundle) else NoBundle.NOTHING_LEFT


def upswitches(bundle: Bundle) -> int:
    """Definition 1: how often the bundle rises."""
    return sum(now < later for now, later in pairwise(bundle))


def downswitches(bundle: Bundle) -> int:
    """Definition 2: how often it falls."""
    return sum(now > later for now, later in pairwise(bundle))
