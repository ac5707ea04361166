"""The money of one provider, as its ledger's transactions tell it: earned, received, paid back, still owed. Pure.

In: pages of transactions in their order, each once. Out: sums. A sale is an allocation that names the provider; a
refund is a transfer of the provider's whose nonce is made of a grant's id (wire/refund.py). Any other transfer is one.
Units: micro-bandcoin.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ledger.pages import OfferPage, TransactionPage
from wire.ids import PublicKey

SILENT = "The ledger does not answer"
HOUR_S = 3_600
KEEP_HOURS_S = 8 * 86_400


@dataclass(slots=True)
class Books:
    """One account; `reached` is the number of the last transaction that was added."""

    provider: PublicKey
    reached: int = 0
    earned_ubc: int = 0
    sales: int = 0
    paid_out_ubc: int = 0
    """By transfers, refunds among them."""
    received_ubc: int = 0
    earned_by_hour: dict[int, int] = field(default_factory=dict)
    """By the hour (UTC) in which what was sold began."""
    sent: dict[str, int] = field(default_factory=dict)
    """Transfers of this account by their nonce: candidates for refunds."""

    def add(self, pages: Iterable[TransactionPage], now_s: int) -> None:
        own, issuer = str(self.provider), self.provider.key_id.hex()
        for page in pages:
            self.reached = page.number
            if page.action == "allocate" and page.provider == own:
                self._sell(page)
            elif page.action == "transfer" and page.issuer_key_id == issuer:
                self.paid_out_ubc += page.price_ubc or 0
                self.sent[page.nonce] = self.sent.get(page.nonce, 0) + (page.price_ubc or 0)
            elif page.action == "transfer" and page.provider == own:
                self.received_ubc += page.price_ubc or 0
        for hour_s in [hour_s for hour_s in self.earned_by_hour if hour_s < now_s - KEEP_HOURS_S]:
            del self.earned_by_hour[hour_s]

    def earned_between(self, first_s: int, now_s: int) -> int:
        """By what began in the hours from `first_s` on, and in none after the one that runs."""
        return sum(
            amount_ubc for hour_s, amount_ubc in self.earned_by_hour.items() if first_s <= hour_s <= now_s
        )

    def copy(self) -> "Books":
        return replace(self, earned_by_hour=dict(self.earned_by_hour), sent=dict(self.sent))

    def _sell(self, page: TransactionPage) -> None:
        charged_ubc = page.charged_ubc or 0
        self.earned_ubc += charged_ubc
        self.sales += 1
        hour_s = (page.starts_s or 0) // HOUR_S * HOUR_S
        self.earned_by_hour[hour_s] = self.earned_by_hour.get(hour_s, 0) + charged_ubc


@dataclass(frozen=True, slots=True)
class Refund:
    """What is owed for what was missing of one grant; `owed_ubc` is None if the ledger does not say what it cost."""

    grant_id: str
    missing_bytes: int
    owed_ubc: int | None
    paid_ubc: int

    @property
    def open_ubc(self) -> int:
        return max((self.owed_ubc or 0) - self.paid_ubc, 0)


@dataclass(frozen=True, slots=True)
class ProviderWord:
    """What the ledger said of one provider. `offer` and `balance_ubc` are None while it has none."""

    provider: PublicKey
    balance_ubc: int | None
    offer: OfferPage | None
    books: Books
    caught_up: bool
    """All its transactions were added."""
    refunded_ubc: int = 0
    """Of its transfers those that are known to pay a grant back."""


@dataclass(frozen=True, slots=True)
class Meter:
    """An attestation key of a provider: what signs its reports."""

    key_id: str
    provider_id: str
    in_tpm: bool
    retired_s: int | None
    enrolled_s: int


@dataclass(frozen=True, slots=True)
class LedgerWord:
    """One round of asking the ledger. `away` says why nothing was learnt; what is here is of the last time then."""

    asked_s: int = 0
    answered_s: int = 0
    away: str = ""
    failed: str = SILENT
    """What it was, where something is `away`."""
    providers: Mapping[str, ProviderWord] = field(default_factory=dict)
    """By provider id in hex."""
    meters: tuple[Meter, ...] = ()
    reported_s: Mapping[str, int] = field(default_factory=dict)
    """Until when (UTC) the meters of a provider, by its id, told."""
    complaints: tuple[str, ...] = ()
    refunds: tuple[Refund, ...] = ()
    """The latest."""
    open_ubc: int = 0
    """Still to be paid back, of all grants that are kept."""
    unpriced: int = 0
    """Grants of which something was missing, and whose price is not known, or not yet."""
    disagreements: tuple["Disagreement", ...] = ()
    judged: int = 0
    """Grants whose accounting could be compared with the meter."""
    verified_s: int = 0
    """When the meters were last followed to their end."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Accounting and meter of one grant do not say the same."""

    grant_id: str
    provider_id: str
    texts: tuple[str, ...]
