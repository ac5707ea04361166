"""A usage trace: bytes for each user, cycle and hour, where it came from, and what identifies it.

The last cycle is the one that is looked at, those before are the history that habits are learned from. Whether a trace
is synthetic travels with it, so that every result can say so.
Units: bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

MOST_BYTES = 1 << 45
"""In an hour: 35 TB, far above any radio, and sums over users and cycles stay within 64 bits."""


@dataclass(frozen=True, slots=True)
class Usage:
    """`used_bytes[cycle, user, hour]`; at least two cycles, a user and an hour. `users` are names in that order."""

    users: tuple[str, ...]
    used_bytes: Integers
    source: str
    synthetic: bool

    def __post_init__(self) -> None:
        assert self.used_bytes.ndim == 3, "cycles, users, hours"
        assert self.used_bytes.dtype == np.int64, "whole bytes"
        cycles, users, hours = self.used_bytes.shape
        assert cycles >= 2, "a history, and the cycle that is looked at"
        assert users == len(self.users) >= 1, "a name for each user"
        assert hours >= 1, "a cycle has hours"
        assert self.used_bytes.min() >= 0, "nobody uses less than nothing"
        assert self.used_bytes.max() <= MOST_BYTES, "an hour of a radio"

    @property
    def history_bytes(self) -> Integers:
        """All cycles but the last."""
        return self.used_bytes[:-1]

    @property
    def cycle_bytes(self) -> Integers:
        """The last cycle: users x hours."""
        last: Integers = self.used_bytes[-1]
        return last

    @property
    def label(self) -> str:
        """What every figure made of it has to say."""
        return f"{self.source} (synthetic)" if self.synthetic else self.source


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """SHA-256 over shapes and values, hexadecimal; the same on every machine for the same integers."""
    seen = hashlib.sha256()
    for array in arrays:
        assert array.dtype.kind in "iub", "floats differ between machines: hash integers"
        seen.update(repr(array.shape).encode())
        seen.update(np.ascontiguousarray(array, dtype="<i8").tobytes())
    return seen.hexdigest()
