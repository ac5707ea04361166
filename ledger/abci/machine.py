"""What CometBFT orders blocks for: a state machine, as we need it. The ledger's is ledger/application.py.

Every method is called by one thread at a time. `finalise` may come twice for one height, when CometBFT ended before
`commit`: the first is dropped.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from ledger.abci.messages import AppliedChunk, Offered, Snapshot
from ledger.submission import Outcome, Refused


class Finalised(Protocol):
    """What a block does: one outcome for each transaction in it, and the app hash that it leads to."""

    @property
    def outcomes(self) -> Sequence[Outcome]: ...

    @property
    def app_hash(self) -> bytes: ...


class Machine(Protocol):
    """A state after block `height`, 0 before the first; `app_hash` names it."""

    @property
    def height(self) -> int: ...

    @property
    def app_hash(self) -> bytes: ...

    def check(
        self, encoded: bytes, now_s: int, turn: Callable[[], AbstractContextManager[None]]
    ) -> Refused | None:
        """Why this cannot take effect as things are at `now_s`; None if it may wait for a block. Called without a turn:
        it takes one, or several short ones.
        """
        ...

    def prepare(
        self, encoded: Sequence[bytes], time_s: int, max_bytes: int, enough: Callable[[], bool]
    ) -> list[bytes]:
        """Of these, in this order, what our block is to hold: no more than `max_bytes` octets, and what follows after
        `enough` has said so is left for later.
        """
        ...

    def process(self, encoded: Sequence[bytes], time_s: int) -> bool:
        """Whether an honest operator could have proposed this."""
        ...

    def finalise(self, height: int, time_s: int, encoded: Sequence[bytes]) -> Finalised: ...

    def commit(self) -> None:
        """Keeps what was finalised: on disk when this returns. Raises ShellError."""
        ...


class SnapshotShelf(Protocol):
    """States that a newcomer can begin with, in pieces."""

    def listed(self) -> Sequence[Snapshot]: ...

    def load(self, height: int, form: int, chunk: int) -> bytes:
        """Empty if there is no such piece."""
        ...

    def offer(self, snapshot: Snapshot, app_hash: bytes) -> Offered: ...

    def apply(self, index: int, chunk: bytes) -> AppliedChunk: ...

    def close(self) -> None: ...
