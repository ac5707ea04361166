"""Follows the ledger over HTTP: every grant of our providers, wherever it was bought.

GET /v1/grants?provider=... page by page, from where the last start left off, then again every second or two. Where it
stands is on disk, per provider. What it reads is given on as it is: signatures are for whoever hears it. A ledger that
is away is waited for.
"""

import asyncio
import base64
from collections.abc import Callable, Iterable

from ledger.client import LedgerReader
from ledger.pages import GrantListPage
from operatord.commands import KeepPlace
from operatord.shells.store import Store
from wire.errors import ShellError
from wire.ids import PublicKey

POLL_S = 1.5
PAGE = 1_000
_RETRY_S = 5.0


class Follower:
    """One ledger, followed for some providers."""

    def __init__(
        self,
        url: str,
        store: Store,
        heard: Callable[[bytes], None],
        keep: Callable[[KeepPlace], None],
        tell: Callable[[str], None],
    ) -> None:
        self._reader = LedgerReader(url)
        self._store = store
        self._heard = heard
        self._keep = keep
        self._tell = tell

    async def run(self, providers: Iterable[PublicKey], caught_up: asyncio.Event) -> None:
        """Until cancelled; `caught_up` is set once everything that there was at the start has been heard."""
        wanted, away = list(providers), False
        while True:
            try:
                for provider in wanted:
                    await self._catch_up(provider)
                caught_up.set()
                away = False
            except (ShellError, LookupError) as error:
                if not away:
                    self._tell(f"ledger: {error}")
                away = True
            await asyncio.sleep(_RETRY_S if away else POLL_S)

    async def _catch_up(self, provider: PublicKey) -> None:
        name = f"followed {provider}"
        more: str | None = (self._store.meta(name) or b"").decode() or None
        while True:
            page = await asyncio.to_thread(self._read, provider, more)
            for one in page.grants:
                self._heard(_decode(one.grant))
                await asyncio.sleep(0)  # a station that waits for its answer comes in between
            if page.reached != more:
                self._keep(KeepPlace(name, page.reached))
            more = page.reached
            if page.after is None:
                return

    def _read(self, provider: PublicKey, after: str | None) -> GrantListPage:
        return self._reader.read(GrantListPage, "grants", provider=str(provider), after=after, limit=PAGE)


def _decode(text: str) -> bytes:
    """What is no base64 is no grant either, and is counted as such."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
