"""The two-pass knapsack over several chains, with a state only for what bids can reach: what array_knapsack.py says.

A slot below the largest mode holds few sessions, so of all combinations of units used few occur: after a bid, the
states are those before it, and those with it where it fits. A chain is forgotten once no bid that is left enters it,
so that the many short sessions of a large cell have one number again. States are whole numbers with a field for each
chain; the top bit of a field is spare, so that one subtraction says for all chains whether everything fits.
Sums stay below 2**61, which `screen` of bids.py sees to.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from market.ubid.chains import Chains

Numbers = npt.NDArray[np.int64]
NEVER = -(1 << 61)
WORD_BITS = 63
"""What fits a signed number of 64 bits. Chains that need more have whole numbers of Python, which are slower."""

SLOWER = 16
"""By how much fewer of those may be reached."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """How the states before a bid lead to those after it; those that are `fitting` have room for it."""

    skipping: Numbers
    fitting: Numbers
    taking: Numbers
    merges: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """The states that bids can reach, by layers; values have no part in it."""

    layers: tuple[_Layer, ...]
    last: int
    """How many states there are after the last bid."""


def reach(chains: Chains, most_states: int) -> Reach | None:
    """What can be reached; None if that is more than `most_states`, or than a sixteenth where chains are many."""
    fields = _fields(chains)
    fits_a_word = fields.bits <= WORD_BITS
    most = most_states if fits_a_word else most_states // SLOWER
    remembered = _remembered(chains, fields)
    states = np.zeros(1, dtype=np.int64 if fits_a_word else object)
    layers: list[_Layer] = []
    mask, total = -1, 1
    for j, (weights, limits) in enumerate(zip(chains.weights, chains.limits, strict=True)):
        room = list(map(int.__sub__, limits, weights))
        assert min(room) >= 0, "a bid fits by itself"
        fitting = np.flatnonzero((fields.spare + fields.packed(room) - states) & fields.spare == fields.spare)
        both = np.concatenate((states, states[fitting] + fields.packed(weights))) & remembered[j]
        reached, places = np.unique(both, return_inverse=True)
        merges, mask = remembered[j] != mask, remembered[j]
        layers.append(_Layer(places[: len(states)], fitting, places[len(states) :], merges))
        states = reached
        total += len(states)
        if total > most:
            return None
    return Reach(tuple(layers), len(states))


class ReachedKnapsack:
    """The tables of one auction. `values` stand as in its chains; `sure` are those that must win."""

    def __init__(self, reached: Reach, values: Sequence[int], sure: Iterable[int] = ()) -> None:
        self._layers = reached.layers
        self._values = values
        self._sure = frozenset(sure)
        self._after = [np.zeros(reached.last, dtype=np.int64)]
        for j in range(len(values) - 1, -1, -1):
            self._after.append(self._step_back(j, self._after[-1]))
        self._after.reverse()
        self._before = [np.zeros(1, dtype=np.int64)]

    @property
    def optimum(self) -> int:
        """The most value that fits; negative if what must win does not."""
        return int(self._after[0][0])

    def winners(self) -> list[int]:
        """One set of bids of that value."""
        found = []
        state = 0
        for j, layer in enumerate(self._layers):
            place = int(np.searchsorted(layer.fitting, state))
            fits = place < len(layer.fitting) and int(layer.fitting[place]) == state
            then = int(layer.taking[place]) if fits else 0
            if fits and int(self._after[j][state]) == self._values[j] + int(self._after[j + 1][then]):
                found.append(j)
                state = then
            else:
                state = int(layer.skipping[state])
        return found

    def without(self, j: int) -> int:
        """The most value without bid j."""
        return int((self._row_before(j) + self._after[j + 1][self._layers[j].skipping]).max())

    def with_(self, j: int) -> int:
        """The most value among the sets that have bid j; negative if there are none."""
        layer = self._layers[j]
        if not len(layer.fitting):
            return NEVER
        before = self._row_before(j)[layer.fitting]
        return int(self._values[j] + (before + self._after[j + 1][layer.taking]).max())

    def _step_back(self, j: int, after: Numbers) -> Numbers:
        layer = self._layers[j]
        if j in self._sure:
            row = np.full(len(layer.skipping), NEVER, dtype=np.int64)
        else:
            row = after[layer.skipping]
        row[layer.fitting] = np.maximum(row[layer.fitting], after[layer.taking] + self._values[j])
        return row

    def _row_before(self, j: int) -> Numbers:
        while len(self._before) <= j:
            self._before.append(self._step_on(len(self._before) - 1, self._before[-1]))
        return self._before[j]

    def _step_on(self, j: int, before: Numbers) -> Numbers:
        layer = self._layers[j]
        row = np.full(len(self._after[j + 1]), NEVER, dtype=np.int64)
        taken = before[layer.fitting] + self._values[j]
        if layer.merges:  # several states become one
            np.maximum.at(row, layer.taking, taken)
            if j not in self._sure:
                np.maximum.at(row, layer.skipping, before)
        else:
            if j not in self._sure:
                row[layer.skipping] = before
            row[layer.taking] = np.maximum(row[layer.taking], taken)
        return row


@dataclass(frozen=True, slots=True)
class _Fields:
    shifts: tuple[int, ...]
    spare: int
    """The top bit of each field."""
    bits: int

    def packed(self, units: Sequence[int]) -> int:
        """Units by chain in one number."""
        return sum(map(int.__lshift__, units, self.shifts))


def _fields(chains: Chains) -> _Fields:
    shifts, spare, shift = [], 0, 0
    for size in chains.sizes:
        width = size.bit_length()
        shifts.append(shift)
        spare |= 1 << (shift + width)
        shift += width + 1
    return _Fields(tuple(shifts), spare, shift)


def _remembered(chains: Chains, fields: _Fields) -> list[int]:
    """For each bid, a mask of the fields of those chains that a later bid enters."""
    masks = [(1 << end) - (1 << start) for start, end in pairwise((*fields.shifts, fields.bits))]
    remembered = []
    mask = 0
    for weights in reversed(chains.weights):
        remembered.append(mask)
        for weight, field in zip(weights, masks, strict=True):
            mask |= field if weight else 0
    remembered.reverse()
    return remembered
