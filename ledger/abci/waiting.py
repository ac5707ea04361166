"""Who waits for what becomes of a transaction: names in, futures out; outcomes arrive from other threads.

One transaction may be waited for by several, as who hears nothing sends the same bytes again.
"""

import asyncio

from ledger.submission import Outcome


class Waiters:
    """Belongs to the event loop that made it; only `tell` may be called from elsewhere."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[bytes, list[asyncio.Future[Outcome]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def wait_for(self, name: bytes) -> asyncio.Future[Outcome]:
        """Done once `tell` is called for this name; forgotten once it is done or cancelled."""
        future: asyncio.Future[Outcome] = self._loop.create_future()
        self._waiting.setdefault(name, []).append(future)
        future.add_done_callback(lambda _: self._forget(name, future))
        return future

    def tell(self, name: bytes, outcome: Outcome) -> None:
        """From any thread. Costs nothing for what nobody here waits for."""
        if name in self._waiting:
            self._loop.call_soon_threadsafe(self._settle, name, outcome)

    def _settle(self, name: bytes, outcome: Outcome) -> None:
        for future in self._waiting.get(name, []):
            if not future.done():
                future.set_result(outcome)

    def _forget(self, name: bytes, future: asyncio.Future[Outcome]) -> None:
        futures = self._waiting.get(name, [])
        if future in futures:
            futures.remove(future)
        if not futures:
            self._waiting.pop(name, None)
