"""Who puts submissions in order: what the service needs of an engine, and how it has the embedded one.

The service hands over what arrived and awaits what became of it; it does not know whether one disk or four operators
had to agree. ledger/abci/consensus.py is the other engine.
"""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

from ledger.application import Application
from ledger.engine import Engine
from ledger.showcase import touched_providers
from ledger.submission import Executed, Outcome, Submission

BLOCK_BUDGET_S = 0.5
"""A block is closed when making it has taken so long; what is left comes first in the next one."""


class Orderer(Protocol):
    """Makes blocks for `application`. `clerks` times over `order` may be under way at once, of `at_once` each."""

    @property
    def application(self) -> Application: ...

    @property
    def clerks(self) -> int: ...

    @property
    def at_once(self) -> int: ...

    async def order(self, submissions: Sequence[Submission]) -> Sequence[Outcome | None]:
        """What became of the first so many, durable; the rest is the caller's to hand over again. None: nobody knows
        yet, and whoever sent it asks again. Raises ShellError if the disk fails.
        """
        ...

    def take_touched(self) -> set[bytes]:
        """Key ids of the providers of whom something changed since this was last asked, whoever changed it."""
        ...


class Alone:
    """One engine on one machine: a block of whatever waited, one after the other."""

    clerks = 1
    at_once = 1_000
    """Some 0.3 s of work, so that nobody waits long behind others."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._turn = asyncio.Lock()
        self._touched: set[bytes] = set()
        self.application = engine.application

    async def order(self, submissions: Sequence[Submission]) -> Sequence[Outcome | None]:
        async with self._turn:  # the clearing house orders, too
            late_s = time.monotonic() + BLOCK_BUDGET_S
            outcomes = await asyncio.to_thread(
                self._engine.commit, submissions, int(time.time()), lambda: time.monotonic() > late_s
            )
        for outcome in outcomes:
            if isinstance(outcome, Executed):
                for applied in outcome.applied:
                    self._touched |= touched_providers(applied.changes)
        return outcomes

    def take_touched(self) -> set[bytes]:
        touched, self._touched = self._touched, set()
        return touched
