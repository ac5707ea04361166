"""States that a newcomer can begin with: none yet."""

from collections.abc import Sequence

from ledger.abci.messages import AppliedChunk, Offered, Snapshot


class NoSnapshots:
    """Whoever joins replays every block."""

    def listed(self) -> Sequence[Snapshot]:
        return []

    def load(self, _height: int, _form: int, _chunk: int) -> bytes:
        return b""

    def offer(self, _snapshot: Snapshot, _app_hash: bytes) -> Offered:
        return Offered.REJECT

    def apply(self, _index: int, _chunk: bytes) -> AppliedChunk:
        return AppliedChunk.ABORT
