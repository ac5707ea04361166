"""The two-pass knapsack over any number of chains in numpy. What it answers is what plain_knapsack.py says.

The tables have one axis for each chain. Sums stay below 2**61, which `screen` of bids.py sees to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from market.ubid.chains import Chains

Table = npt.NDArray[np.int64]
Cut = tuple[slice, ...]
NEVER = -(1 << 61)


class ArrayKnapsack:
    """The tables of one auction. `values` stand as in `chains`; `sure` are those that must win."""

    def __init__(self, chains: Chains, values: Sequence[int], sure: Iterable[int] = ()) -> None:
        self._chains = chains
        self._values = values
        self._sure = frozenset(sure)
        shape = (len(values) + 1, *(size + 1 for size in chains.sizes))
        self._after: Table = np.zeros(shape, dtype=np.int64)
        self._before: Table = np.zeros(shape, dtype=np.int64)
        self._known = 0
        for j in range(len(values) - 1, -1, -1):
            self._step(self._after[j + 1], self._after[j], j, forward=False)

    @property
    def optimum(self) -> int:
        """The most value that fits; negative if what must win does not."""
        return int(self._after[0].flat[0])

    def winners(self) -> list[int]:
        """One set of bids of that value."""
        found = []
        used = (0,) * len(self._chains.sizes)
        for j, value in enumerate(self._values):
            then = tuple(map(int.__add__, used, self._chains.weights[j]))
            fits = all(units <= limit for units, limit in zip(then, self._limits(j), strict=True))
            if fits and int(self._after[(j, *used)]) == value + int(self._after[(j + 1, *then)]):
                found.append(j)
                used = then
        return found

    def without(self, j: int) -> int:
        """The most value without bid j."""
        return int((self._row_before(j) + self._after[j + 1]).max())

    def with_(self, j: int) -> int:
        """The most value among the sets that have bid j; negative if there are none."""
        low, high = self._cuts(j)
        before = self._row_before(j)[low]
        return int(self._values[j] + (before + self._after[j + 1][high]).max()) if before.size else NEVER

    def _row_before(self, j: int) -> Table:
        while self._known < j:
            i = self._known
            self._step(self._before[i], self._before[i + 1], i, forward=True)
            self._known += 1
        row: Table = self._before[j]
        return row

    def _step(self, old: Table, new: Table, j: int, *, forward: bool) -> None:
        """One bid more in a table: forward it adds to what was used, backward it looks at what will be."""
        source, target = self._cuts(j) if forward else self._cuts(j)[::-1]
        if j in self._sure:
            new[...] = NEVER
            new[target] = old[source] + self._values[j]
        else:
            new[...] = old
            np.maximum(old[target], old[source] + self._values[j], out=new[target])

    def _cuts(self, j: int) -> tuple[Cut, Cut]:
        """The states in which bid j still fits, and the same with it."""
        pairs = list(zip(self._chains.weights[j], self._limits(j), strict=True))
        low = tuple(slice(0, max(0, limit - weight + 1)) for weight, limit in pairs)
        return low, tuple(slice(weight, max(weight, limit + 1)) for weight, limit in pairs)

    def _limits(self, j: int) -> tuple[int, ...]:
        return self._chains.limits[j]
