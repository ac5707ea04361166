"""The waiting room of a gateway: which meter records go on to the ledger now, and which wait for the one before.

Pure. Several gateways share the boxes' messages in turn, so one has a box's record 7 while another still has its 6.
Whoever sends a record on tells the others (`heard`), over the connection on which it went, so that a broker deals
with them in that order. A record whose predecessor nobody has sent yet waits, PATIENCE_MS at most: then it goes on
all the same, and the ledger decides what a record that skips its predecessors is worth (docs/decisions/0006). Nothing
is kept that a box would not send again.

Nobody has verified a record here. So a box's order is that of a *line*: of the records of one key as one sender, whose
certificate names him, sends them. Whatever others send of that key has lines of its own, and who sends too much waits
for nobody: his records go on at once, and everybody else's keep their order.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T", bound=Hashable)
PATIENCE_MS = 500
"""A gateway sends on what it has within milliseconds; who takes longer has died, and its message with it."""
MAX_WAITING = 5_000
"""Records that wait in all: beyond it they go on at once. One has at most 19 KiB, most have 300 bytes."""
MAX_WAITING_OF_ONE = 250
"""Of those, one sender's: a box has some fifty under way."""
MAX_SENDERS = 100_000
"""Senders of whose lines is remembered how far they are: 20 MB. A line that is forgotten costs its next record the
patience, once.
"""
MAX_LINES_OF_ONE = 8
"""Of those, one sender's: a box has one key, and another when it is replaced."""


class Line(NamedTuple):
    """Records of one attestation key as one sender sends them; of both the octets by which they are told apart."""

    sender: bytes
    key_id: bytes


@dataclass(slots=True)
class _Queue(Generic[T]):
    """Records of one line by their sequence; the first goes on all the same at `due_ms`, if nothing moves till then."""

    due_ms: int
    waiting: dict[int, T] = field(default_factory=dict)


class WaitingRoom(Generic[T]):
    """`T` is whatever the caller knows a record by. Times are milliseconds of one steady clock."""

    def __init__(self) -> None:
        self.size = 0
        self._size_of: Counter[bytes] = Counter()
        self._known: OrderedDict[bytes, OrderedDict[bytes, int]] = OrderedDict()
        self._queues: dict[Line, _Queue[T]] = {}

    def arrive(self, line: Line, sequence: int, record: T, now_ms: int) -> list[T]:
        """What goes on now, in this order."""
        known = self._last(line)
        if known is not None and sequence <= known:
            return [record]  # sent again: the ledger gives its first receipt again
        if sequence == (known or 0) + 1 or self._is_full(line.sender):
            self._note(line, sequence)
            return [record, *self._follow(line, now_ms)]
        queue = self._queues.setdefault(line, _Queue(now_ms + PATIENCE_MS))
        if sequence not in queue.waiting:
            self.size += 1
            self._size_of[line.sender] += 1
            queue.waiting[sequence] = record
        return []

    def heard(self, line: Line, sequence: int, now_ms: int) -> list[T]:
        """Another gateway sent this one on."""
        self._note(line, sequence)
        return self._follow(line, now_ms)

    def forget(self, line: Line) -> None:
        """The ledger misses something of this box: it will send again, and its records wait for each other anew."""
        lines = self._known.get(line.sender, OrderedDict())
        lines.pop(line.key_id, None)
        if not lines:
            self._known.pop(line.sender, None)

    def overdue(self, now_ms: int) -> list[T]:
        """Of every line in which nothing moved in time the first that waits, and what follows it."""
        going: list[T] = []
        for line in [line for line, queue in self._queues.items() if queue.due_ms <= now_ms]:
            first = min(self._queues[line].waiting)
            going.append(self._take(line, first))
            self._note(line, first)
            going += self._follow(line, now_ms)
        return going

    def next_due_ms(self) -> int | None:
        """When to call `overdue`."""
        return min((queue.due_ms for queue in self._queues.values()), default=None)

    def _is_full(self, sender: bytes) -> bool:
        return self.size >= MAX_WAITING or self._size_of[sender] >= MAX_WAITING_OF_ONE

    def _follow(self, line: Line, now_ms: int) -> list[T]:
        """What waited for what has just gone; also what was overtaken. The rest has its patience again."""
        going: list[T] = []
        while (queue := self._queues.get(line)) is not None:
            queue.due_ms = now_ms + PATIENCE_MS
            first = min(queue.waiting)
            if first > (self._last(line) or 0) + 1:
                break
            going.append(self._take(line, first))
            self._note(line, first)
        return going

    def _take(self, line: Line, sequence: int) -> T:
        queue = self._queues[line]
        record = queue.waiting.pop(sequence)
        self.size -= 1
        self._size_of[line.sender] -= 1
        if not self._size_of[line.sender]:
            del self._size_of[line.sender]
        if not queue.waiting:
            del self._queues[line]
        return record

    def _last(self, line: Line) -> int | None:
        """The last that went on, as far as it is remembered."""
        lines = self._known.get(line.sender)
        return None if lines is None else lines.get(line.key_id)

    def _note(self, line: Line, sequence: int) -> None:
        lines = self._known.setdefault(line.sender, OrderedDict())
        lines[line.key_id] = max(lines.get(line.key_id, 0), sequence)
        lines.move_to_end(line.key_id)
        if len(lines) > MAX_LINES_OF_ONE:
            lines.popitem(last=False)
        self._known.move_to_end(line.sender)
        if len(self._known) > MAX_SENDERS:
            self._known.popitem(last=False)
