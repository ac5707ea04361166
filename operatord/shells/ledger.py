"""Follows the ledger over HTTP: every grant of our providers, wherever it was bought.

GET /v1/grants?provider=... page by page, from where the last start left off, then again every second or two. Where it
stands is on disk, per ledger and provider, and never behind something that is no grant of this ledger. What it reads is
given on as it is: signatures are for whoever hears it. A ledger that is away is waited for; one that is not the one of
the settings is an error of theirs.
"""

import asyncio
import base64
from collections.abc import Callable, Collection

from ledger.client import LedgerReader
from ledger.fetching import fetch_genesis
from ledger.pages import GrantListPage
from operatord.commands import KeepPlace
from operatord.settings import LedgerLink
from operatord.shells.store import Store
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import PublicKey

POLL_S = 1.5
PAGE = 200
"""Grants; a ledger shows no more at once."""
_RETRY_S = 5.0


class Follower:
    """One ledger, followed for some providers."""

    def __init__(
        self,
        ledger: LedgerLink,
        store: Store,
        heard: Callable[[bytes], bool],
        keep: Callable[[KeepPlace], None],
        hear_time: Callable[[int], None],
        tell: Callable[[str], None],
    ) -> None:
        self._ledger = ledger
        self._reader = LedgerReader(ledger.url)
        self._places: dict[PublicKey, str] = {}
        self._spoilt: set[PublicKey] = set()
        """Of whom the ledger showed something that is no grant: where we stand is not kept any more."""
        self._store = store
        self._heard = heard
        self._keep = keep
        self._hear_time = hear_time
        self._tell = tell

    async def run(self, providers: Collection[PublicKey], caught_up: asyncio.Event) -> None:
        """Until cancelled; `caught_up` is set once everything that there was at the start has been heard. Whoever is
        put among the `providers` later is followed from the next look on.

        Raises ConfigError for another ledger, and whatever hearing of a grant raises.
        """
        away, known = False, False
        while True:
            try:
                if not known:
                    await asyncio.to_thread(self._check)
                    known = True
                    self._say_time()
                for provider in sorted(providers):
                    while not await self._hear_page(provider):
                        pass
                caught_up.set()
                away = False
            except _Away as error:
                if not away:
                    self._tell(f"ledger: {error}")
                away, known = True, False
            await asyncio.sleep(_RETRY_S if away else POLL_S)

    def _check(self) -> None:
        """A key or an id that was copied wrongly would make every grant worthless."""
        try:
            genesis = fetch_genesis(self._reader)
        except (ShellError, LookupError, DecodeError) as error:
            raise _Away(str(error)) from error
        gateways = " or ".join(map(str, genesis.gateways))
        for name, said, wanted, agrees in (
            ("ledger_id", genesis.ledger_id.hex(), self._ledger.ledger_id.hex(),
             genesis.ledger_id == self._ledger.ledger_id),
            ("key", gateways, str(self._ledger.key), self._ledger.key in genesis.gateways),
        ):  # fmt: skip
            if not agrees:
                raise ConfigError(
                    f"ledger.{name}: {self._ledger.url} is the ledger with {said}, not {wanted}"
                )

    def _say_time(self) -> None:
        if self._reader.said_s is not None:
            self._hear_time(self._reader.said_s)

    async def _hear_page(self, provider: PublicKey) -> bool:
        """Whether it was the last page."""
        name = f"followed {self._ledger.ledger_id.hex()} {provider}"
        before = self._places.get(provider) or (self._store.meta(name) or b"").decode()
        page = await asyncio.to_thread(self._read, provider, before or None)
        self._say_time()
        for one in page.grants:
            if not self._heard(_decode(one.grant)) and provider not in self._spoilt:
                self._spoilt.add(provider)
                self._tell(
                    f"ledger: {self._ledger.url} shows grants of {provider} that are none of this ledger's"
                )
            await asyncio.sleep(0)  # a station that waits for its answer comes in between
        self._places[provider] = page.reached
        if page.reached != before and provider not in self._spoilt:
            self._keep(KeepPlace(name, page.reached))
        return page.after is None

    def _read(self, provider: PublicKey, after: str | None) -> GrantListPage:
        try:
            return self._reader.read(GrantListPage, "grants", provider=str(provider), after=after, limit=PAGE)
        except (ShellError, LookupError) as error:
            raise _Away(str(error)) from error


class _Away(Exception):
    """The ledger does not answer, or nothing that can be read."""


def _decode(text: str) -> bytes:
    """What is no base64 is no grant either, and is counted as such."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
