"""What a gateway has passed on and still waits for: bounded by number and by bytes, in all and of each sender, and each
for a bounded time.

A pure table; its caller brings the clock. The same bytes that come again find their first place: whoever repeats a
request is answered once for each asking, and holds nothing here for longer. Where the table is full, whoever holds the
most of it gives way to who would hold less: so many senders that each fill what one may have keep nobody else out.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from ledger.gateway_room import Line
from ledger.intake import Address

MAX_REQUESTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
"""Beyond either the sender who has most loses his newest request, or the one who asks is dropped; both ask again."""
MAX_REQUESTS_OF_ONE = 2_000
MAX_BYTES_OF_ONE = 32 * 1024 * 1024
"""Of those, one sender's: four windows of a client's, and eight of the largest purchases."""
MAX_WANTED_BY = 16
"""Whom one request is answered to: of more who send the same bytes the last."""
AGAIN_MS = 1_000
"""Sent again sooner, a request waits for the answer that is on its way."""
FORGOTTEN_MS = 30_000
"""A request without an answer: the ledger is away, and the sender has sent again since."""


class Place(Enum):
    """What becomes of a request that came."""

    NEW = auto()
    PASS_ON_AGAIN = auto()
    WAIT = auto()
    FULL = auto()


@dataclass(slots=True)
class UnderWay:
    """A request, by a hash of its bytes, and who wants its answer; of a record also in which line it is, and where.

    `asked_ms`: when it was last passed on. `correlation`: what the ledger's answer will have, once it was.
    """

    kind: str
    payload: bytes
    digest: bytes
    asked_ms: int
    wanted_by: list[Address] = field(default_factory=list)
    line: Line | None = None
    sequence: int = 0
    correlation: bytes = b""

    @property
    def sender(self) -> str:
        """Whoever sent it first."""
        return self.wanted_by[0].identity


@dataclass(slots=True)
class _Share:
    """What one sender has in the table: sizes by digest, in the order in which they came."""

    sizes: dict[bytes, int] = field(default_factory=dict)
    held_bytes: int = 0


@dataclass(slots=True)
class RequestTable:
    """By digest, in the order in which they came first. `gave_way` counts those that were dropped for others' sake."""

    requests: dict[bytes, UnderWay] = field(default_factory=dict)
    held_bytes: int = 0
    gave_way: int = 0
    _since_ms: dict[bytes, int] = field(default_factory=dict)
    _senders: dict[bytes, str] = field(default_factory=dict)
    _shares: dict[str, _Share] = field(default_factory=dict)

    def admit(self, request: UnderWay) -> Place:
        """At its `asked_ms`, which never goes back from call to call."""
        known = self.requests.get(request.digest)
        if known is None:
            if not self._make_room(request):
                return Place.FULL
            self._hold(request)
            return Place.NEW
        new = [address for address in request.wanted_by if address not in known.wanted_by]
        known.wanted_by = [*known.wanted_by, *new][-MAX_WANTED_BY:]
        if request.asked_ms - known.asked_ms < AGAIN_MS:
            return Place.WAIT
        known.asked_ms = request.asked_ms
        return Place.PASS_ON_AGAIN

    def take(self, digest: bytes) -> UnderWay | None:
        """It has its answer, or never will."""
        request = self.requests.pop(digest, None)
        if request is not None:
            del self._since_ms[digest]
            sender = self._senders.pop(digest)
            share = self._shares[sender]
            size = share.sizes.pop(digest)
            share.held_bytes -= size
            self.held_bytes -= size
            if not share.sizes:
                del self._shares[sender]
        return request

    def _hold(self, request: UnderWay) -> None:
        digest, sender, size = request.digest, request.sender, len(request.payload)
        self.requests[digest] = request
        self._since_ms[digest] = request.asked_ms
        self._senders[digest] = sender
        share = self._shares.setdefault(sender, _Share())
        share.sizes[digest] = size
        share.held_bytes += size
        self.held_bytes += size

    def _make_room(self, request: UnderWay) -> bool:
        """Whether it fits, once whoever holds more than its sender would has lost as much as is needed."""
        size, own = len(request.payload), self._shares.get(request.sender, _Share())
        number, held_bytes = len(own.sizes) + 1, own.held_bytes + size
        if number > MAX_REQUESTS_OF_ONE or held_bytes > MAX_BYTES_OF_ONE:
            return False
        while len(self.requests) >= MAX_REQUESTS:
            most = max(self._shares.values(), key=_number)
            if len(most.sizes) <= number:
                return False
            self._give_way(most)
        while self.held_bytes + size > MAX_BYTES:
            most = max(self._shares.values(), key=_held_bytes)
            if most.held_bytes <= held_bytes:
                return False
            self._give_way(most)
        return True

    def _give_way(self, share: _Share) -> None:
        """With the newest, which the ledger answers last."""
        self.take(next(reversed(share.sizes)))
        self.gave_way += 1

    def forget(self, now_ms: int) -> int:
        """How many were too old."""
        old = []
        for digest, since_ms in self._since_ms.items():
            if now_ms - since_ms < FORGOTTEN_MS:
                break
            old.append(digest)
        for digest in old:
            self.take(digest)
        return len(old)


def _number(share: _Share) -> int:
    return len(share.sizes)


def _held_bytes(share: _Share) -> int:
    return share.held_bytes
