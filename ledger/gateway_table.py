"""What a gateway has passed on and still waits for: bounded by number and by bytes, in all and of each sender, and each
for a bounded time.

A pure table; its caller brings the clock. The same bytes that come again find their first place: whoever repeats a
request is answered once for each asking, and holds nothing here for longer.
"""

from collections import Counter
from dataclasses import dataclass, field
from enum import Enum, auto

from ledger.gateway_room import Line
from ledger.intake import Address

MAX_REQUESTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
"""Beyond either requests are dropped, and their senders ask again."""
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
class RequestTable:
    """By digest, in the order in which they came first."""

    requests: dict[bytes, UnderWay] = field(default_factory=dict)
    held_bytes: int = 0
    _since_ms: dict[bytes, int] = field(default_factory=dict)
    _senders: dict[bytes, str] = field(default_factory=dict)
    _number_of: Counter[str] = field(default_factory=Counter)
    _bytes_of: Counter[str] = field(default_factory=Counter)

    def admit(self, request: UnderWay) -> Place:
        """At its `asked_ms`, which never goes back from call to call."""
        known = self.requests.get(request.digest)
        if known is None:
            if self._is_full(request):
                return Place.FULL
            self.requests[request.digest] = request
            self._since_ms[request.digest] = request.asked_ms
            self._senders[request.digest] = request.sender
            self._count(request.sender, 1, len(request.payload))
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
            self._count(self._senders.pop(digest), -1, -len(request.payload))
        return request

    def _is_full(self, request: UnderWay) -> bool:
        size, sender = len(request.payload), request.sender
        return (
            len(self.requests) >= MAX_REQUESTS
            or self.held_bytes + size > MAX_BYTES
            or self._number_of[sender] >= MAX_REQUESTS_OF_ONE
            or self._bytes_of[sender] + size > MAX_BYTES_OF_ONE
        )

    def _count(self, sender: str, number: int, size: int) -> None:
        self.held_bytes += size
        self._number_of[sender] += number
        self._bytes_of[sender] += size
        if not self._number_of[sender]:
            del self._number_of[sender], self._bytes_of[sender]

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
