"""The two-pass knapsack over one chain in plain Python: for a hundred bids, where numpy would cost more than it saves.

`after[j][u]` is the best value of bids j and later with u units used; `before[j][u]` that of the bids before j with at
most u. Leaving bid j out is one maximum over both, so that all prices cost two passes and not one solve for each
winner. A bid that must win has no second branch. Integers; NEVER marks what cannot be.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from market.ubid.chains import Chains

NEVER = -(1 << 61)


class PlainKnapsack:
    """The tables of one auction over one chain. `values` stand as in `chains`; `sure` are those that must win."""

    def __init__(self, chains: Chains, values: Sequence[int], sure: Iterable[int] = ()) -> None:
        assert len(chains.sizes) == 1, "plain Python has one chain"
        self._values = values
        self._weights = [weight for (weight,) in chains.weights]
        self._limits = [limit for (limit,) in chains.limits]
        self._sure = frozenset(sure)
        size = chains.sizes[0]
        self._before: list[list[int]] = [[0] * (size + 1)]
        self._after = self._backward(size)

    @property
    def optimum(self) -> int:
        """The most value that fits; negative if what must win does not."""
        return self._after[0][0]

    def winners(self) -> list[int]:
        """One set of bids of that value."""
        used, found = 0, []
        for j, weight in enumerate(self._weights):
            here, later = self._after[j][used], self._after[j + 1]
            if used + weight <= self._limits[j] and here == self._values[j] + later[used + weight]:
                found.append(j)
                used += weight
        return found

    def without(self, j: int) -> int:
        """The most value without bid j."""
        return max(map(int.__add__, self._row_before(j), self._after[j + 1]))

    def with_(self, j: int) -> int:
        """The most value among the sets that have bid j; negative if there are none."""
        weight, limit = self._weights[j], self._limits[j]
        if weight > limit:
            return NEVER
        before = self._row_before(j)[: limit - weight + 1]
        return self._values[j] + max(map(int.__add__, before, self._after[j + 1][weight : limit + 1]))

    def _backward(self, size: int) -> list[list[int]]:
        row = [0] * (size + 1)
        rows = [row]
        for j in range(len(self._values) - 1, -1, -1):
            weight, limit, value = self._weights[j], self._limits[j], self._values[j]
            room = max(0, limit - weight + 1)
            taken = map(value.__add__, row[weight : limit + 1])
            if j in self._sure:
                row = [*taken, *([NEVER] * (size + 1 - room))]
            else:
                row = [*map(max, row, taken), *row[room:]]
            rows.append(row)
        rows.reverse()
        return rows

    def _row_before(self, j: int) -> list[int]:
        while len(self._before) <= j:
            i = len(self._before) - 1
            row, weight, limit, value = self._before[i], self._weights[i], self._limits[i], self._values[i]
            room = max(0, limit - weight + 1)
            taken = map(value.__add__, row[:room])
            if i in self._sure:
                row = [*([NEVER] * weight), *taken, *([NEVER] * (len(row) - weight - room))]
            else:
                row = [*row[:weight], *map(max, row[weight:], taken), *row[weight + room :]]
            self._before.append(row)
        return self._before[j]
