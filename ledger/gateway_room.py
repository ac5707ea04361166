"""The waiting room of a gateway: which meter records go on to the ledger now, and which wait for the one before.

Pure. Several gateways share the boxes' messages in turn, so one has a box's record 7 while another still has its 6.
Whoever sends a record on tells the others (`heard`), over the connection on which it went, so that a broker deals
with them in that order. A record whose predecessor nobody has sent yet waits, PATIENCE_MS at most: then it goes on
all the same, and the ledger decides what a record that skips its predecessors is worth (docs/decisions/0006). Nothing
is kept that a box would not send again.
"""

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)
PATIENCE_MS = 500
"""A gateway sends on what it has within milliseconds; who takes longer has died, and its message with it."""
MAX_WAITING = 5_000
"""Records that wait in all: beyond it they go on at once. One has at most 19 KiB, most have 300 bytes."""
MAX_KNOWN = 100_000
"""Boxes whose last sequence is remembered: 10 MB. One that is forgotten costs its next record the patience, once."""


@dataclass(slots=True)
class _Queue(Generic[T]):
    """Records of one key by their sequence; the first goes on all the same at `due_ms`, if nothing moves until then."""

    due_ms: int
    waiting: dict[int, T] = field(default_factory=dict)


class WaitingRoom(Generic[T]):
    """`T` is whatever the caller knows a record by. Times are milliseconds of one steady clock."""

    def __init__(self) -> None:
        self.size = 0
        self._known: OrderedDict[bytes, int] = OrderedDict()
        self._queues: dict[bytes, _Queue[T]] = {}

    def arrive(self, key_id: bytes, sequence: int, record: T, now_ms: int) -> list[T]:
        """What goes on now, in this order."""
        known = self._known.get(key_id)
        if known is not None and sequence <= known:
            return [record]  # sent again: the ledger gives its first receipt again
        if sequence == (known or 0) + 1 or self.size >= MAX_WAITING:
            self._note(key_id, sequence)
            return [record, *self._follow(key_id, now_ms)]
        queue = self._queues.setdefault(key_id, _Queue(now_ms + PATIENCE_MS))
        if sequence not in queue.waiting:
            self.size += 1
            queue.waiting[sequence] = record
        return []

    def heard(self, key_id: bytes, sequence: int, now_ms: int) -> list[T]:
        """Another gateway sent this one on."""
        self._note(key_id, sequence)
        return self._follow(key_id, now_ms)

    def forget(self, key_id: bytes) -> None:
        """The ledger misses something of this box: it will send again, and its records wait for each other anew."""
        self._known.pop(key_id, None)

    def overdue(self, now_ms: int) -> list[T]:
        """Of every box for which nothing moved in time the first that waits, and what follows it."""
        going: list[T] = []
        for key_id in [key_id for key_id, queue in self._queues.items() if queue.due_ms <= now_ms]:
            first = min(self._queues[key_id].waiting)
            going.append(self._take(key_id, first))
            self._note(key_id, first)
            going += self._follow(key_id, now_ms)
        return going

    def next_due_ms(self) -> int | None:
        """When to call `overdue`."""
        return min((queue.due_ms for queue in self._queues.values()), default=None)

    def _follow(self, key_id: bytes, now_ms: int) -> list[T]:
        """What waited for what has just gone; also what was overtaken. The rest has its patience again."""
        going: list[T] = []
        while (queue := self._queues.get(key_id)) is not None:
            queue.due_ms = now_ms + PATIENCE_MS
            first = min(queue.waiting)
            if first > self._known[key_id] + 1:
                break
            going.append(self._take(key_id, first))
            self._note(key_id, first)
        return going

    def _take(self, key_id: bytes, sequence: int) -> T:
        queue = self._queues[key_id]
        record = queue.waiting.pop(sequence)
        self.size -= 1
        if not queue.waiting:
            del self._queues[key_id]
        return record

    def _note(self, key_id: bytes, sequence: int) -> None:
        self._known[key_id] = max(self._known.get(key_id, 0), sequence)
        self._known.move_to_end(key_id)
        if len(self._known) > MAX_KNOWN:
            self._known.popitem(last=False)
