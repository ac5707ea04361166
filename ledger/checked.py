"""Submissions that were read and verified when they came, and may come again in a block: neither is done twice.

Weighed in octets, as one of them may have thousands of times as many as another; whoever waits longest goes first.
What is in a block is forgotten with it. For one thread at a time.
"""

from collections.abc import Iterable

from ledger.submission import Submission

KEPT = 20_000
KEPT_BYTES = 16 * 1024 * 1024
"""Before they were read; in memory that is some eight times as much."""
LARGEST_BYTES = 64 * 1024
"""For each signature in it. Larger ones are read again, as a signature is the least of what they cost."""


class Checked:
    """By their octets."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Submission] = {}
        self._bytes = 0

    @property
    def octets(self) -> int:
        """How many octets those that are kept had."""
        return self._bytes

    def get(self, encoded: bytes) -> Submission | None:
        return self._kept.get(encoded)

    def keep(self, encoded: bytes, submission: Submission, signatures: int = 1) -> None:
        if len(encoded) > min(LARGEST_BYTES * signatures, KEPT_BYTES) or encoded in self._kept:
            return
        self._kept[encoded] = submission
        self._bytes += len(encoded)
        while self._bytes > KEPT_BYTES or len(self._kept) > KEPT:
            self.forget([next(iter(self._kept))])

    def forget(self, encoded: Iterable[bytes]) -> None:
        for one in encoded:
            if self._kept.pop(one, None) is not None:
                self._bytes -= len(one)
