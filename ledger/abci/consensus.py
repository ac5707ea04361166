"""CometBFT as the engine of the service: submissions go to it over RPC, outcomes come back when it finalises a block.

Nothing is polled: what becomes of a transaction is known here as soon as our own ledger has it on disk, because it is
our own ledger that CometBFT asks to. What is not known in time (CometBFT is away, too few operators are there) has no
answer; whoever sent it asks again, and is told of the first time if it did take effect.

Outcomes are those of this operator's own state. That the others have the same is what the app hash in each block is
for: a ledger that differs is stopped by its own CometBFT.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger.abci.handling import Handler, tx_id
from ledger.abci.machine import SnapshotShelf
from ledger.abci.rpc import IN_CACHE, CometAway, CometRpc
from ledger.abci.server import AbciServer
from ledger.abci.waiting import Waiters
from ledger.application import Application
from ledger.recording import ALREADY_ENROLLED
from ledger.rejection import Reason
from ledger.settings import ConsensusSettings
from ledger.showcase import touched_providers
from ledger.submission import Executed, Outcome, Refused, Submission, write_submission
from ledger.taking import KNOWN_RECORD

PATIENCE_S = 30.0
"""Longer than a client asks again for; a block takes some 0.2 s, and seconds when an operator is away."""
PROPOSAL_BUDGET_S = 0.6
"""A proposal is closed when making it has taken so long: the others do the same work before they vote, and give up on a
proposer after two seconds. With 0.3 s four operators on two processors decided a third fewer transactions.
"""

BECAUSE_IT_RAN = (Reason.REPLAYED.text, KNOWN_RECORD, ALREADY_ENROLLED)
"""The refusals that say that something has taken effect before. Any other may be over when its block is made."""

AWAY = "submissions while CometBFT was away"
TURNED_AWAY = "submissions that CometBFT had no room for"
UNKNOWN = "submissions whose end nobody knows yet"


class Consensus:
    """One operator's part of a network, whose nodes have these ids. `counters` counts what had no answer."""

    clerks = 16
    at_once = 250

    def __init__(
        self,
        application: Application,
        shelf: SnapshotShelf,
        settings: ConsensusSettings,
        tell: Callable[[str], None],
        nodes: frozenset[str] | None = None,
    ) -> None:
        self.application = application
        application.shared = True
        self.counters: MutableMapping[str, int] = Counter()
        self._loop = asyncio.get_running_loop()
        self._touched: set[bytes] = set()
        self._waiters = Waiters()
        self._tell = tell
        self._shelf = shelf
        self._rpc = CometRpc(settings.rpc)
        self._sending = asyncio.Lock()
        self._sender = ThreadPoolExecutor(1, "comet-rpc")
        handler = Handler(application, shelf, application.genesis, self._hear, _budget, nodes=nodes)
        self._server = AbciServer(f"unix://{settings.socket.absolute()}", handler)

    async def run(self) -> None:
        """Answers CometBFT until cancelled. Raises what went wrong, and is then not to be run again."""
        try:
            await self._server.run()
        finally:
            self._rpc.close()
            self._shelf.close()
            self._sender.shutdown(wait=False)

    async def order(self, submissions: Sequence[Submission]) -> Sequence[Outcome | None]:
        """As ledger/ordering.py has it: all of them, in their order."""
        encoded = [write_submission(one) for one in submissions]
        futures = [self._waiters.wait_for(tx_id(one)) for one in encoded]
        try:
            await self._send(submissions, encoded, futures)
            _, late = await asyncio.wait(futures, timeout=PATIENCE_S)
            self._count(UNKNOWN, len(late))
            found = [None if one.cancelled() or one in late else one.result() for one in futures]
        finally:
            for future in futures:
                future.cancel()
        if any(isinstance(outcome, Refused) for outcome in found):
            found = await asyncio.to_thread(self._recall, submissions, found)
        return found

    def _recall(
        self, submissions: Sequence[Submission], found: Sequence[Outcome | None]
    ) -> list[Outcome | None]:
        pairs = zip(submissions, found, strict=True)
        return [outcome and self.application.recall(one, outcome) for one, outcome in pairs]

    def take_touched(self) -> set[bytes]:
        """Providers of whom something changed since this was last asked, whoever changed it."""
        touched, self._touched = self._touched, set()
        return touched

    def _hear(self, name: bytes, outcome: Outcome) -> None:
        """From CometBFT's threads."""
        self._waiters.tell(name, outcome)
        if isinstance(outcome, Executed):
            for applied in outcome.applied:
                self._loop.call_soon_threadsafe(self._touch, touched_providers(applied.changes))

    def _touch(self, providers: set[bytes]) -> None:
        self._touched |= providers

    def _count(self, what: str, number: int) -> None:
        if number:
            self.counters[what] = self.counters.get(what, 0) + number

    async def _send(
        self,
        submissions: Sequence[Submission],
        encoded: Sequence[bytes],
        futures: Sequence[asyncio.Future[Outcome]],
    ) -> None:
        loop = asyncio.get_running_loop()
        async with self._sending:  # those who came first are sent first
            try:
                said = await loop.run_in_executor(self._sender, self._rpc.broadcast, encoded)
            except CometAway as error:
                self._tell(str(error))
                self._give_up(futures, AWAY)
                return
        for submission, one, future, words in zip(submissions, encoded, futures, said, strict=True):
            if words == IN_CACHE:
                await self._look_back(submission, one, future)
            elif words:
                self._give_up([future], TURNED_AWAY)

    async def _look_back(
        self, submission: Submission, encoded: bytes, future: asyncio.Future[Outcome]
    ) -> None:
        """It was seen before: it has taken effect, and the rules say so, or it waits still, and so do we."""
        application, now_s = self.application, int(time.time())
        refused = await asyncio.to_thread(application.check, encoded, now_s, self._server.turn)
        if refused is None or future.done():
            return
        outcome = await asyncio.to_thread(application.recall, submission, refused)
        if future.done():
            return
        if isinstance(outcome, Executed) or outcome.reason in BECAUSE_IT_RAN:
            future.set_result(outcome)

    def _give_up(self, futures: Sequence[asyncio.Future[Outcome]], why: str) -> None:
        self._count(why, len(futures))
        for future in futures:
            future.cancel()


def _budget() -> Callable[[], bool]:
    late_s = time.monotonic() + PROPOSAL_BUDGET_S
    return lambda: time.monotonic() > late_s
