"""What accounts had a moment ago: which block was the last one before a time, and every balance as of it.

A ledger keeps its state as of now. Of its last blocks this remembers what each account that they changed had before,
so that a clearing house can note the balances of the guard once it is known that no earlier block comes any more. In:
what each block changes, in order. Pure.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

KEPT = 200_000
"""Balances, some 20 MB: a minute and a half of a ledger that executes a thousand transfers a second."""


@dataclass(frozen=True, slots=True)
class _Block:
    """`before`: account key of the state -> what it had before this block."""

    height: int
    time_s: int
    before: Mapping[bytes, int]


@dataclass(frozen=True, slots=True)
class AsOf:
    """A block, and what accounts had as of it that have something else now: account key of the state -> ubc."""

    height: int
    differ_ubc: Mapping[bytes, int]


class BalanceHistory:
    """Begins with the block `height` of `time_s`; what was before that is not known."""

    def __init__(self, height: int, time_s: int, kept: int = KEPT) -> None:
        self._blocks = deque([_Block(height, time_s, {})])
        self._kept, self._count = kept, 0

    def note(self, height: int, time_s: int, before: Mapping[bytes, int]) -> None:
        """The next block, which changes what these accounts had."""
        self._blocks.append(_Block(height, time_s, before))
        self._count += len(before)
        while self._count > self._kept and len(self._blocks) > 1:
            self._blocks.popleft()
            self._count -= len(self._blocks[0].before)  # the first one's are not needed

    def last_before(self, time_s: int) -> AsOf | None:
        """As of the last block whose time is before `time_s`; None if that is not remembered any more."""
        differ: dict[bytes, int] = {}
        for block in reversed(self._blocks):
            if block.time_s < time_s:
                return AsOf(block.height, differ)
            differ.update(block.before)
        return None
