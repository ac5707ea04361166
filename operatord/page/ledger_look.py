"""One look at the ledger: offers, money, meters with their verdicts, and accounting held against them.

In: the ledger's pages, operatord's database (only read), and what was verified before. Out: a `LedgerWord`,
and records in the history. Costs what is new: transactions are read on from the last, chains verified on from their
checkpoints. For a thread of its own. A ledger that is away, or is not the one of the settings, or does not prove what
it says, leaves what was known, and is named. What is old is forgotten by the ledger's time only, and only while
operatord finds this machine's clock right.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import islice

from ledger.client import LedgerReader
from ledger.fetching import read_base64
from ledger.findings import RecordVerdict
from ledger.genesis import read_genesis
from ledger.pages import (
    AccountPage,
    AttestationListPage,
    GrantPage,
    LedgerPage,
    OfferPage,
    TransactionListPage,
)
from operatord.meters import Meters, gather_meters, passes_among
from operatord.page.board import Row
from operatord.page.books import SILENT, Books, Disagreement, LedgerWord, Meter, ProviderWord, Refund
from operatord.page.history import History
from operatord.page.recorded import PassesTold, Short, hold_against_passes, record_of
from operatord.reconciling import Outcome, add_sessions, reconcile
from operatord.settings import OperatorSettings
from operatord.shells.checkpoints import Checkpoints
from operatord.shells.store import Store
from wire.cose import read_envelope
from wire.errors import DecodeError, ShellError, VerificationError
from wire.grant import Grant, parse_grant
from wire.ids import PublicKey
from wire.refund import refund_nonce, refund_ubc

PAGE, PAGES = 1_000, 20
"""Transactions of one answer, and answers of one look: an account that sold for years is read in a few minutes."""
COMPARE_S = 86_400
"""Grants of which either side heard within so long are compared."""
MAX_REFUNDS, MAX_DISAGREEMENTS, MAX_COMPLAINTS = 100, 200, 200
MAX_PRICES, MAX_NONCES = 1_000, 1_000
"""Grants of which a look asks the price; payments that a look holds against grants for another time."""


class LedgerLook:
    """One operator's. `open` and every `look` in the same thread; `clock` gives UTC seconds."""

    def __init__(self, settings: OperatorSettings, history: History, clock: Callable[[], int]) -> None:
        self._settings, self._history, self._clock = settings, history, clock
        self._reader = LedgerReader(settings.ledger.url)
        self._boxes: Mapping[str, PublicKey] = {}
        self._books: dict[PublicKey, Books] = {}
        self._refunds: dict[PublicKey, set[str]] = {}
        """Nonces of transfers that are known to pay a grant back."""
        self._others: dict[PublicKey, dict[str, None]] = {}
        """Nonces that were looked up, and of which no grant is known."""
        self._prices: dict[str, tuple[Grant, int] | None] = {}
        self._passes_told: dict[str, PassesTold] = {}
        """By key id, of this process: over its restart a pass that is told twice is not seen."""
        self._kept: set[str] = set()
        """Grants that the history has."""
        self._word = LedgerWord()

    def look(
        self, sold: Sequence[Row], boxes: Mapping[str, PublicKey], *, clock_right: bool = False
    ) -> LedgerWord:
        """`sold`: every grant that operatord knows now; `boxes`: whose each is. Raises ShellError if the disk fails."""
        now_s, self._boxes = self._clock(), boxes
        self._history.keep_sold(row for row in sold if row.grant not in self._kept)
        self._kept = {row.grant for row in sold}
        try:
            past_s = min(now_s, self._ask_ledger())
            books = {provider: self._read_books(provider, past_s) for provider in sorted(set(boxes.values()))}
            providers = {
                provider.provider_id.hex(): self._read_provider(provider, *found)
                for provider, found in books.items()
            }
            word = replace(
                self._word,
                asked_s=now_s,
                answered_s=now_s,
                away="",
                providers=providers,
                meters=self._read_meters(),
            )
            word = self._compare(word, now_s, past_s)
            self._word = self._add_refunds(word, {provider: found for provider, (found, _) in books.items()})
        except DecodeError as error:
            failed = "The ledger does not prove what it says, and nothing of it counts"
            self._word = replace(self._word, asked_s=now_s, away=str(error), failed=failed)
        except (ShellError, LookupError) as error:
            self._word = replace(self._word, asked_s=now_s, away=str(error), failed=self._what_failed(error))
        else:
            self._books |= {provider: found for provider, (found, _) in books.items()}
            if clock_right:
                self._history.forget_old(past_s)
        return self._word

    def _what_failed(self, error: Exception) -> str:
        ours = "store", *(str(path) for path in self._settings.state.glob("*.db"))
        is_ours = isinstance(error, ShellError) and error.what in ours
        return "A file of this operator's cannot be used" if is_ours else SILENT

    def _ask_ledger(self) -> int:
        """What time it says it is; first of all it has to be the one of the settings."""
        page = self._reader.read(LedgerPage, "ledger")
        genesis = read_genesis(read_base64(page.genesis, self._reader.url))
        if genesis.ledger_id != self._settings.ledger.ledger_id:
            raise VerificationError(f"{self._reader.url}: is ledger {genesis.ledger_id.hex()}, not ours")
        return page.time_s

    # ---- Money and offers

    def _read_books(self, provider: PublicKey, past_s: int) -> tuple[Books, bool]:
        """A copy of what is known, read on, and whether to the end: it counts when everything else was read."""
        before = self._books.get(provider)
        books, caught_up = Books(provider) if before is None else before.copy(), False
        for _ in range(PAGES):
            page = self._reader.read(
                TransactionListPage, "transactions",
                account=str(provider), after=books.reached or None, limit=PAGE,
            )  # fmt: skip
            books.add(page.transactions, past_s)
            if page.after is None:
                caught_up = True
                break
            books.reached = page.after
        return books, caught_up

    def _read_provider(self, provider: PublicKey, books: Books, caught_up: bool) -> ProviderWord:  # noqa: FBT001
        return ProviderWord(
            provider,
            self._balance(provider),
            self._offer(provider),
            books,
            caught_up,
            self._refunded(provider, books.sent),
        )

    def _balance(self, provider: PublicKey) -> int | None:
        try:
            return self._reader.read(AccountPage, f"accounts/{provider}").balance_ubc
        except LookupError:
            return None

    def _offer(self, provider: PublicKey) -> OfferPage | None:
        try:
            return self._reader.read(OfferPage, f"offers/{provider}")
        except LookupError:
            return None

    def _refunded(self, provider: PublicKey, sent: Mapping[str, int]) -> int:
        """Each transfer is looked up once; of those whose grant is not known to us the latest are again."""
        known, others = self._refunds.setdefault(provider, set()), self._others.setdefault(provider, {})
        again = islice(reversed(others), MAX_NONCES)
        asked = [*again, *(nonce for nonce in sent if nonce not in known and nonce not in others)]
        known |= self._history.refunded(asked).keys()
        self._others[provider] = {nonce: None for nonce in (*others, *asked) if nonce not in known}
        return sum(sent.get(nonce, 0) for nonce in known)

    def _add_refunds(self, word: LedgerWord, books: Mapping[PublicKey, Books]) -> LedgerWord:
        """All count in the sum; the latest are listed. Prices that are not known yet are asked, so many a look."""
        shorts = self._history.short()
        asked = islice((short for short in shorts if short.grant_id not in self._prices), MAX_PRICES)
        self._prices |= {short.grant_id: self._read_price(short.grant_id) for short in asked}
        refunds = [self._price(short, books) for short in shorts]
        return replace(
            word,
            refunds=tuple(refunds[:MAX_REFUNDS]),
            open_ubc=sum(one.open_ubc for one in refunds),
            unpriced=sum(one.owed_ubc is None for one in refunds),
        )

    def _price(self, short: Short, read: Mapping[PublicKey, Books]) -> Refund:
        """What is owed for what was missing, and what was paid of it."""
        missing, priced = short.down_bytes + short.up_bytes, self._prices.get(short.grant_id)
        if priced is None:
            return Refund(short.grant_id, missing, None, 0)
        grant, price_ubc = priced
        owed = refund_ubc(price_ubc, grant.total_qos, grant.duration_s, short.down_bytes, short.up_bytes)
        nonce = refund_nonce(grant.grant_id).hex()
        paid = sum(
            books.sent.get(nonce, 0)
            for provider, books in read.items()
            if provider.provider_id == grant.provider_id
        )
        return Refund(short.grant_id, missing, owed, paid)

    def _read_price(self, grant_id: str) -> tuple[Grant, int] | None:
        """None for what no ledger sold, or not for a price that it says."""
        try:
            page = self._reader.read(GrantPage, f"grants/{grant_id}")
        except LookupError:
            return None
        grant = parse_grant(read_envelope(read_base64(page.grant, self._reader.url)))
        return None if page.price_ubc is None else (grant, page.price_ubc)

    # ---- Meters

    def _read_meters(self) -> tuple[Meter, ...]:
        ours = {str(provider): provider.provider_id.hex() for provider in self._boxes.values()}
        pages = self._reader.listed(AttestationListPage, "attestations", "attestations")
        return tuple(
            Meter(page.key_id, ours[page.provider], page.in_tpm, page.retired_s, page.enrolled_s)
            for page in pages
            if page.provider in ours
        )

    def _compare(self, word: LedgerWord, now_s: int, past_s: int) -> LedgerWord:
        """Chains to their end, and the accounting of the last day against them."""
        settings, since_s = self._settings, now_s - COMPARE_S
        store = Store(settings.database)
        try:
            sessions = store.whole_sessions(since_s)
            passes = passes_among(store.permits()) if settings.metered is not None else {}
        finally:
            store.close()
        meters = self._gather(passes, now_s * 1_000, past_s * 1_000)
        names = {name: provider.provider_id for name, provider in self._boxes.items()}
        recent = meters.since(since_s) | {one.permit_id for one in sessions}
        rows = reconcile(add_sessions(sessions, names, now_s), meters.of(recent), meters.reported_s)
        wrong = [
            Disagreement(
                row.grant_id.hex(),
                row.provider_id.hex(),
                tuple(finding.text for finding in row.findings if not finding.ok),
            )
            for row in rows
            if row.outcome is Outcome.DISAGREES
        ]
        return replace(
            word,
            reported_s={provider_id.hex(): told_s for provider_id, told_s in meters.reported_s.items()},
            complaints=meters.complaints[:MAX_COMPLAINTS],
            disagreements=tuple(wrong[:MAX_DISAGREEMENTS]),
            judged=sum(row.outcome is not Outcome.OPEN for row in rows),
            verified_s=now_s,
        )

    def _gather(self, passes: Mapping[bytes, Grant], now_ms: int, past_ms: int) -> Meters:
        settings = self._settings
        kept = Checkpoints(settings.state / "page-meters.db", settings.ledger.ledger_id)
        try:
            kept.forget_old(past_ms)
            providers = frozenset(self._boxes.values())
            return gather_meters(self._reader, settings.ledger, providers, kept, now_ms, passes, self._hear)
        finally:
            kept.close()

    def _hear(self, key_id: str, provider_id: bytes, verdict: RecordVerdict, evidence: bytes) -> None:
        now_s = self._clock()
        told = self._passes_told.get(key_id, PassesTold())
        self._passes_told[key_id], verdict = hold_against_passes(told, verdict, evidence)
        self._history.keep_record(record_of(key_id, provider_id, verdict, evidence, now_s), now_s)
