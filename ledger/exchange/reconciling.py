"""Whether three books agree: the exchange's audit table, the ledger, and what the gateway exported.

Pure. What is compared: every transaction that the table says ran is on the ledger as it was signed; every deposit,
withdrawal and transfer of the exchange on the ledger is in the table; the ledger's own totals are their sums; what
lies on the exchange's account is what its payouts have in hand, and what strangers sent; every payment of the export
is in the table with its amount, and the other way round; no reversal waits for a payment that nobody told of. An
empty list says that all of it holds. The export is CSV with `payment_id`, `amount`, `currency`.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ledger.exchange.book import ADOPTED, PAYMENT, PAYOUT, REVERSALS, Book
from ledger.exchange.events import payment_key
from ledger.pages import TransactionPage
from wire.errors import DecodeError

COLUMNS = ("payment_id", "amount", "currency")


@dataclass(frozen=True, slots=True)
class Finding:
    """Two books say different things about `key`."""

    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Sums:
    """What adds up, in ubc. `unclaimed_ubc`: sent to the exchange by somebody who asked for no payout."""

    deposited_ubc: int
    withdrawn_ubc: int
    in_hand_ubc: int
    unclaimed_ubc: int
    shortfall_ubc: int


def read_export(text: str) -> dict[str, tuple[str, str]]:
    """Amount and currency by payment id. Raises DecodeError."""
    reader = csv.DictReader(text.splitlines())
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise DecodeError(f"export: the first line needs {', '.join(COLUMNS)}")
    found = dict[str, tuple[str, str]]()
    for row in reader:
        if row["payment_id"] in found:
            raise DecodeError(f"export: payment {row['payment_id'][:100]!r} is there twice")
        found[row["payment_id"]] = (row["amount"] or "", row["currency"] or "")
    return found


def reconcile(
    book: Book,
    pages: Sequence[TransactionPage],
    exchange_key_id: str,
    exchange: str,
    totals_ubc: tuple[int, int],
    balance_ubc: int,
) -> tuple[list[Finding], Sums]:
    """`pages`: everything that the ledger has of the exchange; `totals_ubc`: deposited and withdrawn, as it says."""
    ran, adopted = _ran(book), {case.event.text("id") for case in book.cases.values() if case.kind == ADOPTED}
    on_ledger = {page.id: page for page in pages}
    ours = [page for page in pages if page.issuer_key_id == exchange_key_id]
    findings = list[Finding]()
    for transaction_id, (key, account, ubc) in ran.items():
        page = on_ledger.get(transaction_id)
        if page is None:
            findings.append(
                Finding(key, f"the table says that {transaction_id} ran, and the ledger does not have it")
            )
        elif (page.provider, page.price_ubc) != (account, ubc):
            findings.append(
                Finding(key, f"{transaction_id} moved {page.price_ubc} ubc for {page.provider} on the ledger")
            )
    for page in ours:
        if page.id not in ran and page.id not in adopted:
            findings.append(
                Finding(
                    page.id, f"{page.action} of {page.price_ubc} ubc for {page.provider} is not in the table"
                )
            )
    for case in book.open_cases():
        payment = case.event.text("payment")
        if case.kind in REVERSALS and payment not in book.cases:
            findings.append(Finding(case.key, f"reverses {payment}, which the table never heard of"))
    sums = _sums(book, pages, ours, exchange)
    said = {
        "deposited": (totals_ubc[0], sums.deposited_ubc),
        "withdrawn": (totals_ubc[1], sums.withdrawn_ubc),
    }
    said["on the exchange's account"] = (balance_ubc, sums.in_hand_ubc + sums.unclaimed_ubc)
    for what, (there, here) in said.items():
        if there != here:
            findings.append(Finding("totals", f"{what}: {there} ubc on the ledger, {here} ubc by the table"))
    return findings, sums


def compare_export(book: Book, gateway: str, export: Mapping[str, tuple[str, str]]) -> list[Finding]:
    """Payments of one gateway, both ways."""
    findings = list[Finding]()
    for payment_id, (amount, currency) in export.items():
        case = book.cases.get(payment_key(gateway, payment_id))
        if case is None:
            findings.append(
                Finding(payment_id, f"the gateway has {amount} {currency}, and the table never heard of it")
            )
        elif (_plain(case.event.text("amount")), case.event.text("currency")) != (_plain(amount), currency):
            here = f"{case.event.text('amount')} {case.event.text('currency')}"
            findings.append(Finding(payment_id, f"{amount} {currency} at the gateway, {here} in the table"))
    prefix = payment_key(gateway, "")
    for key, case in book.cases.items():
        if case.kind == PAYMENT and key.startswith(prefix) and key.removeprefix(prefix) not in export:
            findings.append(
                Finding(key.removeprefix(prefix), "is in the table, and not in the gateway's export")
            )
    return findings


def _ran(book: Book) -> dict[str, tuple[str, str, int]]:
    """Case, account and amount of every transaction of ours that the ledger signed for, by its id."""
    found = dict[str, tuple[str, str, int]]()
    for case in book.cases.values():
        for attempt in case.attempts:
            if attempt.executed:
                found[attempt.transaction_id] = (case.key, attempt.account, attempt.ubc)
    return found


def _sums(
    book: Book,
    pages: Iterable[TransactionPage],
    ours: Iterable[TransactionPage],
    exchange: str,
) -> Sums:
    by_action: dict[str, int] = {}
    sent = in_hand = claimed = 0
    for page in ours:
        by_action[page.action] = by_action.get(page.action, 0) + (page.price_ubc or 0)
    for page in pages:
        if page.action in ("transfer", "deposit") and page.provider == exchange:
            sent += page.price_ubc or 0
    for case in book.cases.values():
        if case.kind == PAYOUT and case.funded:
            claimed += case.event.count("ubc")
            in_hand += case.in_hand_ubc
    shortfall_ubc = sum(case.shortfall_ubc for case in book.cases.values())
    return Sums(
        by_action.get("deposit", 0), by_action.get("withdraw", 0), in_hand, sent - claimed, shortfall_ubc
    )


def _plain(amount: str) -> str:
    """25.00 and 25 are one amount."""
    return amount.rstrip("0").rstrip(".") if "." in amount else amount
