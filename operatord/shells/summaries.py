"""Publishes totals of sessions on the ledger, each by a transaction that the operator signs.

After each period (operatord/totals.py) what is to be said is put on disk, then sent, and taken off the disk when the
ledger has answered for good. A ledger that is away is asked again. Decides nothing.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from operatord.commands import StoreCommand, SummaryTold
from operatord.shells.store import Store
from operatord.totals import SummaryRules, closed_s, plan_summaries
from wire.errors import ConfigError, ShellError
from wire.payplace_summary import PublishSummary

POLL_S = 5.0
FOR_GOOD = frozenset({"", "summary_overlaps", "unknown_account"})
"""Done; told before a crash; nobody whom the ledger knows. Any other reason may pass."""


class Chain(Protocol):
    """Where it is published (operatord/payplace/ledger_chain.py). Raises ShellError, LookupError."""

    def submit(self, action: PublishSummary) -> str: ...


class Publisher:
    """Of one operator. `connect` finds the ledger, whenever there is something to say."""

    def __init__(
        self, store: Store, rules: SummaryRules, connect: Callable[[], Chain], tell: Callable[[str], None]
    ) -> None:
        self._store = store
        self._rules = rules
        self._connect = connect
        self._tell = tell
        self._chain: Chain | None = None
        self._said = ""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            turn = asyncio.create_task(asyncio.to_thread(self.turn, int(time.time())))
            try:
                await asyncio.shield(turn)
            except asyncio.CancelledError:
                await asyncio.wait([turn])  # it writes to the disk
                raise
            await asyncio.sleep(POLL_S)

    def turn(self, now_s: int) -> None:
        """Once: whatever is due, and what was left over. Blocks. Raises ShellError if the disk fails."""
        until_s = closed_s(self._rules, now_s)
        telling = {one.subject for one in self._store.telling()}
        orders: list[StoreCommand] = [
            *plan_summaries(self._store.totals(until_s), telling, self._rules, until_s)
        ]
        if orders:
            self._store.save(orders)
        for summary in self._store.telling():
            reason = self._publish(summary)
            if reason is None:
                return
            if reason:
                self._say(f"the ledger does not take a summary of {summary.subject}: {reason}")
            if reason in FOR_GOOD:
                self._store.save([SummaryTold(summary.subject)])

    def _publish(self, summary: PublishSummary) -> str | None:
        """The ledger's reason, empty if it is there now; None if it cannot be asked."""
        try:
            self._chain = self._chain or self._connect()
            reason = self._chain.submit(summary)
        except (ShellError, LookupError, ConfigError) as error:
            self._say(f"summaries are not published: {error}")
            return None
        return reason

    def _say(self, text: str) -> None:
        """Once, until something else is to be said."""
        if text != self._said:
            self._said = text
            self._tell(text)
