"""What a bundle is worth to a user who asked for a steady rate: (4.14) of 003, repaired, in whole millionths.

    U(R)     = duration^(1-a) / (1-a) * psi(wanted mode)
    U(B | R) = duration^(1-a) / (1-a) * mean over slots of xi * zeta * psi(offered mode)
    xi       = 1 / (1 + psi(wanted) - psi(offered)),   zeta = min(1, rho / modes fallen by to the next slot)

The print sums where it has to take the mean, so that a bundle equal to the request was worth `duration` times as much,
and its zeta depends on the unit and rises above 1 for small falls (U8). Every division rounds down.
Units: psi, rho and results in millionths; a in hundredths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from market.ubid.forecast import Bundle

ONE = 1_000_000


@dataclass(frozen=True, slots=True)
class Taste:
    """`psi[k]` is what one slot of mode k is worth (0 to a million); mode 0 is the smallest."""

    psi: tuple[int, ...]
    fading_percent: int
    """a: 0 counts each slot alike, towards 100 later slots add less."""
    patience: int
    """rho: how much of a slot's worth remains when the rate falls by one mode."""

    def __post_init__(self) -> None:
        assert all(0 <= worth <= ONE for worth in self.psi), "psi lies between 0 and a million"
        assert 0 <= self.fading_percent < 100, f"a of {self.fading_percent} %"
        assert 0 <= self.patience <= ONE, "rho lies between 0 and a million"


def request_utility(taste: Taste, mode: int, slots: int) -> int:
    """U(R) of `slots` slots of mode number `mode`."""
    return _length(taste, slots) * taste.psi[mode] // ONE


def bundle_utility(taste: Taste, mode: int, offered: Sequence[int]) -> int:
    """U(B | R): `offered` has the number of the mode in each slot, `mode` is the number of the wanted one."""
    total = 0
    for slot, here in enumerate(offered):
        then = offered[slot + 1] if slot + 1 < len(offered) else here
        zeta = min(ONE, taste.patience // (here - then)) if here > then else ONE
        xi = ONE * ONE // (ONE + taste.psi[mode] - taste.psi[here])
        total += xi * zeta * taste.psi[here] // (ONE * ONE)
    return _length(taste, len(offered)) * total // (len(offered) * ONE)


def mode_numbers(bundle: Bundle, modes: Sequence[int]) -> list[int]:
    """The number of the largest mode in each slot of a bundle; every slot has at least the smallest."""
    return [max(number for number, units in enumerate(modes) if units <= there) for there in bundle]


def _length(taste: Taste, slots: int) -> int:
    """slots^(1-a) / (1-a), in millionths, rounded down: a whole root, so that every machine finds the same."""
    power = 100 - taste.fading_percent
    return _hundredth_root(slots**power * ONE**100) * 100 // power


def _hundredth_root(number: int) -> int:
    """The largest whole number whose hundredth power is at most `number`, by halving."""
    low, high = 0, 1 << (number.bit_length() // 100 + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**100 <= number else (low, middle)
    return low
