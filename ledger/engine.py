"""The embedded engine: puts what arrives into blocks of its own, on one machine, in the order in which it came.

`commit` takes what arrived together and has the application make one block of what the rules accept: one flush to disk
for all of it. Only then does it say that it happened. Time never goes back: a block's time is at least that of the
block before it. What is refused is in no block, and a block with nothing in it is not written.

One process, one thread that commits (ledger/opening.py makes an engine and verifies its file first). Where several
operators share a ledger, CometBFT takes its place over the same application (docs/decisions/0025).
"""

from collections.abc import Callable, Sequence

from ledger.application import Application
from ledger.genesis import Genesis
from ledger.state import State
from ledger.store import Store
from ledger.submission import Outcome, Submission
from wire.block_header import Header


class Engine:
    """Orders for one application and nobody else."""

    def __init__(self, application: Application) -> None:
        self.application = application

    @property
    def head(self) -> Header:
        """The last block in which anything took effect."""
        return self.application.head

    @property
    def state(self) -> State:
        """As of `head`."""
        return self.application.state

    @property
    def store(self) -> Store:
        return self.application.store

    @property
    def genesis(self) -> Genesis:
        return self.application.genesis

    @property
    def ledger_id(self) -> bytes:
        return self.application.ledger_id

    def commit(
        self,
        submissions: Sequence[Submission],
        now_s: int,
        enough: Callable[[], bool] = lambda: False,
    ) -> list[Outcome]:
        """One block of whatever the rules accept, durable when this returns; one outcome for each submission.

        `enough` is asked after each: once it says so the block is closed, the outcomes are those of the submissions so
        far, and the rest is the caller's to submit again. Raises ShellError if the disk fails; then nothing happened.
        """
        application = self.application
        formed = application.form(max(now_s, self.head.time_s), submissions, enough)
        if not formed.is_empty:
            application.adopt(formed)
            application.commit()
        return [
            application.recall(one, outcome)
            for one, outcome in zip(submissions, formed.outcomes, strict=False)
        ]
