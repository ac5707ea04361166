"""What to do next about a case: the whole of the exchange's behaviour, as a function of its audit table.

    plan(case, book, exchange, now_s, balance_ubc) -> Deed | None     pure; None: nothing until something is told

A *payment* is deposited once. A transaction of ours is written down before it is sent, and sent, the same bytes,
until the ledger has signed that it ran, or that it has expired and never will; only then another is signed. So
whoever crashes where, and whoever keeps a copy of our bytes, no deposit runs twice. An account that does not exist
yet is waited for, a week.

A *reversal* takes back what of the deposit falls to it: off the deposit if that was not signed yet, else out of the
account by `withdraw`, as much as the account has. What it does not have is the exchange's loss, stays written as a
shortfall, and keeps further payments to that account waiting for a person.

A *payout* begins with the owner's signed transfer to the exchange. Once the ledger has executed it, the bank is
asked, under one idempotency key for ever, until it says *paid* or *never*. Paid: the exchange withdraws the same
amount out of its own account, and the bandcoins are gone. Never: it transfers them all back. No answer is neither.
It is first asked when the payout's hold is over and the day's sum has room for it and for all that were due before.
While it is held, and a payment to the same account is reversed, so much of it goes back as the account itself lacks, so
that the money is there to be taken, and the rest is paid in its time.
"""

from dataclasses import dataclass

from ledger.exchange.book import PAYMENT, PAYOUT, REVERSALS, Book, Case
from ledger.exchange.entry import Step
from ledger.exchange.judging import Line
from wire.ids import PublicKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.receipt import Receipt
from wire.units import U63_MAX

PATIENCE_S = 7 * 86_400
"""How long a payment waits for its account to be opened before a person gives the money back."""
DAY_S = 86_400
VALIDITY_S = 86_400
"""Of a transaction that is certain to be wanted."""
TAKE_BACK_VALIDITY_S = 120
"""Of a withdrawal from somebody's account: if that is spent meanwhile, the next is for less, and waits for this one."""
EXPIRY_MARGIN_S = 300
"""How far past its last valid second a gateway has to be before its `expired` is believed to be for good: another
gateway's clock may be behind.
"""
MAX_PARTS = 8
"""So often a part of a payout goes back; then all that is left of it does."""
DEPOSIT, WITHDRAW, TRANSFER = "deposit", "withdraw", "transfer"
MoneyAction = Deposit | Withdraw | Transfer


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign this, write it down; it is sent the next time."""

    key: str
    purpose: str
    action: MoneyAction
    attempt: int
    validity_s: int


@dataclass(frozen=True, slots=True)
class Submit:
    """Send these bytes to the ledger and write down what it says."""

    key: str
    transaction_id: str
    encoded: bytes
    valid_until_s: int
    rejection: str


@dataclass(frozen=True, slots=True)
class LookUp:
    """How much is on the account? Then ask again."""

    key: str
    account: str


@dataclass(frozen=True, slots=True)
class Pay:
    """Ask the bank, under this key."""

    key: str
    minor: int
    currency: str
    destination: str
    first: bool


@dataclass(frozen=True, slots=True)
class Write:
    """Nothing to do but to write that down."""

    line: Line


Deed = Sign | Submit | LookUp | Pay | Write


def plan(
    case: Case,
    book: Book,
    exchange: PublicKey,
    now_s: int,
    balance_ubc: int | None = None,
    day_ubc: int = U63_MAX,
) -> Deed | None:
    if not case.is_open:
        return None
    if case.out is not None:
        out = case.out
        return Submit(case.key, out.transaction_id, out.encoded, out.valid_until_s, out.rejection)
    for purpose in (DEPOSIT, WITHDRAW, TRANSFER):
        found = book.recognise(case, purpose)
        if found is not None:
            fields = {name: value for name, value in found.fields.items() if name in ("id", "account", "ubc")}
            return Write((case.key, Step.EXECUTED, {**fields, "purpose": purpose}))
    if case.kind == PAYMENT:
        return _plan_payment(case, book, now_s)
    if case.kind == PAYOUT:
        return _plan_payout(case, book, exchange, now_s, balance_ubc, day_ubc)
    assert case.kind in REVERSALS, f"{case.key}: a {case.kind} is open"
    return _plan_reversal(case, book, now_s, balance_ubc)


def read_answer(submit: Submit, receipt: Receipt) -> Line | None:
    """What the ledger's verified receipt means for a case. None: nothing new."""
    assert receipt.subject.hex() == submit.transaction_id, "a receipt for another transaction"
    fields: dict[str, str | int] = {
        "id": submit.transaction_id,
        "height": receipt.height,
        "utc_s": receipt.utc_s,
    }
    if receipt.executed or receipt.reason == "replayed":
        return submit.key, Step.EXECUTED, fields
    fields |= {"reason": receipt.reason, "detail": receipt.detail}
    if receipt.reason == "expired" and receipt.utc_s > submit.valid_until_s + EXPIRY_MARGIN_S:
        return submit.key, Step.EXPIRED, fields
    if receipt.reason in (submit.rejection, "expired"):
        return None
    return submit.key, Step.REJECTED, fields


def _plan_payment(case: Case, book: Book, now_s: int) -> Deed:
    if case.done(DEPOSIT):
        return _close(case, "deposited")
    last = case.attempts[-1] if case.attempts else None
    waited_s = now_s - case.since_s
    if last is not None and last.rejection == "unknown_account" and waited_s > PATIENCE_S:
        detail = f"no such account after {waited_s} s: give the money back at the gateway"
        return Write((case.key, Step.REFUSED, {"reason": "account_never_opened", "detail": detail}))
    amount_ubc = case.event.count("ubc") - book.netted_ubc(case, book.last_number + 1)
    if not amount_ubc:
        return _close(case, "reversed before it was deposited")
    action = Deposit(PublicKey.parse(case.event.text("account")), amount_ubc)
    return Sign(case.key, DEPOSIT, action, len(case.attempts), VALIDITY_S)


def _plan_reversal(case: Case, book: Book, now_s: int, balance_ubc: int | None) -> Deed | None:
    payment = book.cases.get(case.event.text("payment"))
    if payment is None:
        return None  # notifications come in any order: the payment's own is under way
    currency = payment.event.text("currency")
    if case.event.text("currency") != currency:
        return Write(
            (case.key, Step.REFUSED, {"reason": "currency_differs", "detail": f"it was paid in {currency}"})
        )
    owed_ubc = book.owed_ubc(case)
    deposit, taken = payment.done(DEPOSIT), case.done(WITHDRAW)
    if not owed_ubc:
        return _close(case, "nothing to take back")
    if deposit is None and payment.out is not None:
        return None
    if deposit is None or deposit.number > case.event.number:
        return _close(case, "taken off the deposit")
    if taken is not None:
        assert taken.ubc <= owed_ubc, f"{case.key}: {taken.ubc} ubc were taken back, {owed_ubc} were owed"
        return _close(case, "taken back", owed_ubc - taken.ubc)
    account = payment.event.text("account")
    if book.going_back(account):
        return None  # then there is more to take
    if balance_ubc is None:
        return LookUp(case.key, account)
    all_ubc = book.owed_by_ubc(account)
    if book.held_ubc(account, now_s) and (all_ubc is None or balance_ubc < all_ubc):
        return None  # as above: what is missing goes back first
    if not balance_ubc:
        return _close(case, "nothing was left", owed_ubc)
    action = Withdraw(PublicKey.parse(account), min(owed_ubc, balance_ubc))
    return Sign(case.key, WITHDRAW, action, len(case.attempts), TAKE_BACK_VALIDITY_S)


def _plan_payout(
    case: Case, book: Book, exchange: PublicKey, now_s: int, balance_ubc: int | None, day_ubc: int
) -> Deed | None:
    event = case.event
    if case.never_funded:
        return _close(case, "the transfer never ran")
    if not case.funded:
        encoded = bytes.fromhex(event.text("transfer"))
        return Submit(case.key, event.text("id"), encoded, event.count("valid_until_s"), case.rejection)
    if case.unpaid:
        return _send_back(case, case.left_ubc) if case.left_ubc else _close(case, "went back")
    if case.paid:
        if case.done(WITHDRAW):
            return _close(case, "paid")
        gone = Withdraw(exchange, case.left_ubc)
        return Sign(case.key, WITHDRAW, gone, len(case.attempts), VALIDITY_S)
    if case.is_held(now_s):
        return _plan_held(case, book, balance_ubc)
    room_ubc = day_ubc - book.paid_out_ubc(now_s - DAY_S)
    if not case.paying and book.ahead_ubc(case, now_s, day_ubc) + case.left_ubc > room_ubc:
        return None
    destination = event.text("destination")
    return Pay(case.key, case.left_minor, event.text("currency"), destination, not case.paying)


def _plan_held(case: Case, book: Book, balance_ubc: int | None) -> Deed | None:
    """What reversals take and the account does not have goes back to it, out of its payouts, one after the other."""
    account = case.event.text("account")
    if not book.wants_back(account) or book.going_back(account):
        return None
    if balance_ubc is None:
        return LookUp(case.key, account)
    wanted_ubc = book.owed_by_ubc(account)
    if wanted_ubc is None or wanted_ubc <= balance_ubc:
        return None
    back_ubc = wanted_ubc - balance_ubc
    rest_ubc = case.left_ubc - back_ubc
    is_paid = rest_ubc > 0 and rest_ubc * case.event.count("minor") // case.event.count("ubc") > 0
    if not is_paid or len(case.attempts) >= MAX_PARTS:
        return Write((case.key, Step.UNPAID, {"reason": "a payment to its account was reversed"}))
    return _send_back(case, back_ubc)


def _send_back(case: Case, ubc: int) -> Sign:
    back = Transfer(PublicKey.parse(case.event.text("account")), ubc)
    return Sign(case.key, TRANSFER, back, len(case.attempts), VALIDITY_S)


def _close(case: Case, why: str, shortfall_ubc: int = 0) -> Write:
    return Write((case.key, Step.CLOSED, {"why": why, "shortfall_ubc": shortfall_ubc}))
