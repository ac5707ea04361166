"""What a gateway has passed on and still waits for: bounded by number and by bytes, each for a bounded time.

A pure table; its caller brings the clock. The same bytes that come again find their first place: whoever repeats a
request is answered once for each asking, and holds nothing here for longer.
"""

from dataclasses import dataclass, field
from enum import Enum, auto

from ledger.intake import Address

MAX_REQUESTS = 20_000
MAX_BYTES = 256 * 1024 * 1024
"""Beyond either requests are dropped, and their senders ask again."""
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
    """A request, by the hash of its kind and payload, and who wants its answer; of a record also whose it is and which.

    `asked_ms`: when it was last passed on.
    """

    kind: str
    payload: bytes
    digest: bytes
    asked_ms: int
    wanted_by: list[Address] = field(default_factory=list)
    key_id: bytes = b""
    sequence: int = 0


@dataclass(slots=True)
class RequestTable:
    """By digest, in the order in which they came first."""

    requests: dict[bytes, UnderWay] = field(default_factory=dict)
    held_bytes: int = 0
    _since_ms: dict[bytes, int] = field(default_factory=dict)

    def admit(self, request: UnderWay) -> Place:
        """At its `asked_ms`, which never goes back from call to call."""
        known = self.requests.get(request.digest)
        if known is None:
            if len(self.requests) >= MAX_REQUESTS or self.held_bytes + len(request.payload) > MAX_BYTES:
                return Place.FULL
            self.requests[request.digest] = request
            self._since_ms[request.digest] = request.asked_ms
            self.held_bytes += len(request.payload)
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
            self.held_bytes -= len(request.payload)
        return request

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
