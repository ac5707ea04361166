"""Winner determination as an integer program, for bundles whose chains have too many states for a table.

HiGHS searches in floating point, so what it answers is checked in integers: each number is 0 or 1, everything fits, and
the value is added up again. That nothing better exists is HiGHS's word, at a gap of zero, and only for sums below
2**53. Scipy is imported where a program is solved, and by nobody else.
Reference: (4.1) of 003; it is also what (4.4) needs, whose sessions begin in different slots (looking_ahead.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

MAX_SUM = 1 << 53
"""Above it floating point skips integers."""


class Undecided(Exception):
    """The integer program was not solved to the end; the text says why. No winners, no prices: nothing was sold."""


def most_value(
    values: Sequence[int],
    rows: Sequence[Sequence[int]],
    capacity: Sequence[int],
    sure: Iterable[int] = (),
    barred: Iterable[int] = (),
) -> tuple[int, list[int]] | None:
    """The most value and a choice of it; `rows[r][j]` is what j asks of constraint r. None: `sure` does not fit."""
    import numpy as np
    from scipy.optimize import Bounds, LinearConstraint, milp

    if sum(values) >= MAX_SUM:
        raise Undecided(f"values add up to {sum(values)} ubc, of which floating point loses digits")
    lower, upper = np.zeros(len(values)), np.ones(len(values))
    lower[list(sure)] = 1
    upper[list(barred)] = 0
    if not values:
        return 0, []
    answer = milp(
        -np.array(values, dtype=np.int64),
        constraints=LinearConstraint(
            np.array(rows, dtype=np.int64), -np.inf, np.array(capacity, dtype=np.int64)
        ),
        bounds=Bounds(lower, upper),
        integrality=np.ones(len(values)),
        options={"mip_rel_gap": 0},
    )
    if answer.status == 2:
        return None
    if answer.status != 0:
        raise Undecided(answer.message)
    chosen = [j for j, share in enumerate(answer.x) if 2 * share > 1]
    for row, there in zip(rows, capacity, strict=True):
        if sum(row[j] for j in chosen) > there:
            raise Undecided("what the solver chose does not fit")
    return sum(values[j] for j in chosen), chosen


class IntegerProgram:
    """The answers of plain_knapsack.py for bids over slots, one solve for each question."""

    def __init__(
        self,
        values: Sequence[int],
        bundles: Sequence[Sequence[int]],
        capacity: Sequence[int],
        sure: Iterable[int] = (),
    ) -> None:
        self._values = values
        self._capacity = capacity
        self._sure = frozenset(sure)
        self._known: dict[int, int] = {}
        self._rows = [
            [bundle[slot] if slot < len(bundle) else 0 for bundle in bundles] for slot in range(len(capacity))
        ]
        self.optimum, self._chosen = self._ask()

    def winners(self) -> list[int]:
        """One set of bids of that value."""
        return self._chosen

    def without(self, j: int) -> int:
        """The most value without bid j; it is asked for the tie and for the price, and solved once."""
        if j not in self._known:
            self._known[j] = self._ask(barred=[j])[0]
        return self._known[j]

    def with_(self, j: int) -> int:
        """The most value among the sets that have bid j; negative if there are none."""
        return self._ask(also=[j])[0]

    def _ask(self, also: Iterable[int] = (), barred: Iterable[int] = ()) -> tuple[int, list[int]]:
        return most_value(self._values, self._rows, self._capacity, self._sure.union(also), barred) or (
            -1,
            [],
        )
