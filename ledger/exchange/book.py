"""What the exchange knows, folded out of the lines of its audit table: every case and how far it is.

Pure: entries in, cases out. The same table gives the same book, so a crash loses nothing that was written. Amounts
are micro-bandcoins (ubc) and minor units of a currency.

    event payment   account, minor, currency, ubc
    event reversal  payment (key), minor, currency          event refunded   payment (key), minor, currency
    event payout    account, ubc, minor, currency, destination, id, transfer (hex), valid_until_s
    event notice, puzzle   whatever is worth reading
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ledger.exchange.entry import Entry, Step
from ledger.exchange.nonces import first_nonces
from ledger.exchange.rates import reversed_ubc

PAYMENT, REVERSAL, REFUNDED, PAYOUT, NOTICE, PUZZLE, ADOPTED = (
    "payment", "reversal", "refunded", "payout", "notice", "puzzle", "adopted",
)  # fmt: skip
REVERSALS = (REVERSAL, REFUNDED)
LOST = "in a line that was lost"


@dataclass(slots=True)
class Attempt:
    """One transaction of ours for a case, signed in line `number`."""

    number: int
    purpose: str
    transaction_id: str
    encoded: bytes
    account: str
    ubc: int
    valid_until_s: int
    executed: bool = False
    expired: bool = False
    rejection: str = ""

    @property
    def is_out(self) -> bool:
        """It may still run."""
        return not (self.executed or self.expired)


@dataclass(slots=True)
class Case:
    """One idempotency key. `event` is the line that opened it."""

    event: Entry
    refused: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    paying: bool = False
    paid: str = ""
    unpaid: str = ""
    funded: bool = False
    funded_s: int = 0
    """When the table learned that its transfer ran."""
    unheld: bool = False
    """A person let it go before its time."""
    never_funded: bool = False
    rejection: str = ""
    closed: str = ""
    shortfall_ubc: int = 0
    unmatched: bool = False
    """A reversal of a payment that nobody has told of."""
    since_s: int = 0
    """When it began to wait: told, or released."""

    @property
    def key(self) -> str:
        return self.event.key

    @property
    def kind(self) -> str:
        return self.event.text("kind")

    @property
    def is_open(self) -> bool:
        return not self.closed and not self.refused

    @property
    def due_s(self) -> int:
        """From when on a payout that is funded may be paid: its hold is that of the day on which it was asked for."""
        return self.funded_s if self.unheld else self.funded_s + self.event.count("hold_s")

    def is_held(self, now_s: int) -> bool:
        """A payout whose bandcoins are here, and whose time has not come."""
        decided = self.paying or self.paid or self.unpaid
        return self.kind == PAYOUT and self.is_open and self.funded and not decided and now_s < self.due_s

    @property
    def out(self) -> Attempt | None:
        """The transaction of ours that may still run: there is never more than one."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].is_out else None

    def done(self, purpose: str) -> Attempt | None:
        """The transaction of ours for this purpose that ran."""
        return next((one for one in self.attempts if one.executed and one.purpose == purpose), None)

    @property
    def returned_ubc(self) -> int:
        """Of a payout, what went back to its owner's account."""
        return sum(one.ubc for one in self.attempts if one.executed and one.purpose == "transfer")

    @property
    def left_ubc(self) -> int:
        """Of a payout, what did not go back and is paid, or goes back as well."""
        return self.event.count("ubc") - self.returned_ubc

    @property
    def left_minor(self) -> int:
        """What that is in minor units, at the rate of the day on which it was asked for. Rounded down."""
        whole_ubc, minor = self.event.count("ubc"), self.event.count("minor")
        return minor if not self.returned_ubc else self.left_ubc * minor // whole_ubc

    @property
    def pays_minor(self) -> int:
        """What its owner gets, or would have got where all of it went back."""
        return self.event.count("minor") if self.unpaid else self.left_minor

    @property
    def in_hand_ubc(self) -> int:
        """Of a payout, what lies on the exchange's account."""
        gone = sum(one.ubc for one in self.attempts if one.executed)
        return self.event.count("ubc") - gone if self.funded else 0

    def sign_off(self, entry: Entry) -> None:
        """A transaction of ours that ran, and whose own line this table never had or lost: recognised on the ledger."""
        purpose, ubc = entry.text("purpose"), entry.count("ubc")
        whole = ubc == self.event.count("ubc")  # then no reversal was taken off it, whatever is told by now
        number = self.event.number if whole else entry.number
        account = entry.text("account")
        self.attempts.append(Attempt(number, purpose, entry.text("id"), b"", account, ubc, 0, executed=True))
        if self.kind == PAYOUT:
            self.funded, self.funded_s = True, entry.time_s
            self.paid = self.paid or (LOST if purpose == "withdraw" else "")
            self.unpaid = self.unpaid or ("" if self.left_ubc else LOST)

    @property
    def stage(self) -> str:
        """In a word or a few, for people."""
        if self.refused:
            return f"refused: {self.refused}"
        if self.closed:
            return self.closed
        if self.kind == PAYOUT:
            return self._payout_stage()
        if self.unmatched:
            return "waits for its payment, of which nobody has told"
        if self.out is not None and self.out.rejection:
            return f"waits: {self.out.rejection}"
        return "at the ledger" if self.out is not None else "waits"

    def _payout_stage(self) -> str:
        if self.unpaid:
            return f"goes back: {self.unpaid}"
        if self.paid:
            return "paid, bandcoins not withdrawn yet"
        if self.paying:
            return "at the bank"
        if not self.funded:
            return f"waits for the transfer{': ' * bool(self.rejection)}{self.rejection}"
        if self.due_s == self.funded_s:
            return "due"
        return f"due from {datetime.fromtimestamp(self.due_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


class Book:
    """All cases, in the order of their first line."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.cases: dict[str, Case] = {}
        self.last_number = 0
        self._open: dict[str, Case] = {}
        self._reversals: dict[str, list[Case]] = {}
        self._owing: dict[str, int] = {}
        self._nonces: dict[str, Entry] = {}
        self._ids: set[str] = set()
        self._paying: dict[str, tuple[int, int]] = {}
        self._line: tuple[int, int, int, dict[str, int]] = (-1, -1, -1, {})
        for entry in entries:
            self.add(entry)

    def add(self, entry: Entry) -> None:
        assert entry.number == self.last_number + 1, f"line {entry.number} after {self.last_number}"
        self.last_number = entry.number
        if entry.step is Step.EVENT:
            self._begin(entry)
            return
        case = self.cases[entry.key]
        if entry.step is Step.SIGNED:
            self._ids.add(entry.text("id"))
        if entry.step is Step.PAYING and not case.paying:
            self._paying[entry.key] = (entry.time_s, case.left_ubc)
        if entry.step is Step.UNPAID:
            self._paying.pop(entry.key, None)
        _FOLDS[entry.step](case, entry)
        if case.is_open:
            self._open[case.key] = case
        else:
            self._open.pop(case.key, None)
        if entry.step is Step.CLOSED and case.shortfall_ubc:
            account = self.cases[case.event.text("payment")].event.text("account")
            self._owing[account] = self._owing.get(account, 0) + case.shortfall_ubc

    def open_cases(self) -> Iterator[Case]:
        yield from list(self._open.values())

    def owing_ubc(self, account: str) -> int:
        """What reversals wanted back of an account and it did not have."""
        return self._owing.get(account, 0)

    def recognise(self, case: Case, purpose: str) -> Entry | None:
        """A transaction that the exchange signed for this before it lost the line, and that the ledger has."""
        in_parts = case.kind == PAYOUT and purpose == "transfer"
        if not self._nonces or (case.done(purpose) and not in_parts):
            return None
        known = {one.transaction_id for one in case.attempts if one.executed}
        there = (self._nonces.get(nonce) for nonce in first_nonces(case.key, purpose))
        return next((one for one in there if one is not None and one.text("id") not in known), None)

    def unfunded_ubc(self, account: str) -> int:
        """What payouts that wait for their transfer still ask of an account."""
        waiting = (one for one in self._open.values() if one.kind == PAYOUT and not one.funded)
        return sum(one.event.count("ubc") for one in waiting if one.event.text("account") == account)

    def paid_out_ubc(self, since_s: int) -> int:
        """What payouts came to that a bank, or a person, was first asked for after that second, and that it did not
        refuse for good.
        """
        total_ubc = 0
        for time_s, ubc in reversed(self._paying.values()):
            if time_s <= since_s:
                break
            total_ubc += ubc
        return total_ubc

    def ahead_ubc(self, case: Case, now_s: int, day_ubc: int) -> int:
        """What payouts come to that are due, and were before this one. A payout that no day has room for stands in
        nobody's way.
        """
        if self._line[:3] != (self.last_number, now_s, day_ubc):
            self._line = (self.last_number, now_s, day_ubc, self._line_up(now_s, day_ubc))
        return self._line[3].get(case.key, 0)

    def wants_back(self, account: str) -> list[Case]:
        """The reversals of payments to this account that are not settled yet."""
        found = []
        for one in self._open.values():
            payment = self.cases.get(one.event.text("payment")) if one.kind in REVERSALS else None
            if payment is not None and payment.event.text("account") == account:
                found.append(one)
        return found

    def owed_by_ubc(self, account: str) -> int | None:
        """What these reversals are to take out of the account. None: some of it is under way, so that nobody knows what
        the account will have.
        """
        total_ubc = 0
        for one in self.wants_back(account):
            deposit = self.cases[one.event.text("payment")].done("deposit")
            if one.out is not None:
                return None
            if deposit is not None and deposit.number <= one.event.number and one.done("withdraw") is None:
                total_ubc += self.owed_ubc(one)
        return total_ubc

    def going_back(self, account: str) -> bool:
        """Whether bandcoins of this account's payouts are on their way back to it."""
        mine = (one for one in self._open.values() if one.event.text("account") == account)
        return any(
            one.unpaid or (one.out is not None and one.out.purpose == "transfer")
            for one in mine
            if one.kind == PAYOUT and one.funded
        )

    def held_ubc(self, account: str, now_s: int) -> int:
        """What this account's held payouts come to."""
        mine = (one for one in self._open.values() if one.event.text("account") == account)
        return sum(one.left_ubc for one in mine if one.is_held(now_s))

    def knows(self, transaction_id: str) -> bool:
        """Whether a line is about this transaction of ours."""
        return transaction_id in self._ids

    def owed_ubc(self, reversal: Case) -> int:
        """What this reversal takes back of its payment's deposit: by how much it raises what is reversed in all."""
        before, after = self._totals(reversal)
        payment = self.cases.get(reversal.event.text("payment"))
        if payment is None:
            return 0
        whole, paid = payment.event.count("ubc"), payment.event.count("minor")
        if not paid:  # refused for its amount: nothing was or will be deposited
            return 0
        return reversed_ubc(whole, paid, after) - reversed_ubc(whole, paid, before)

    def netted_ubc(self, payment: Case, before_number: int) -> int:
        """What reversals told before that line take off a deposit that had not been signed."""
        earlier = [one for one in self._reversals.get(payment.key, []) if one.event.number < before_number]
        return sum(self.owed_ubc(one) for one in earlier if not one.refused)

    def _line_up(self, now_s: int, day_ubc: int) -> dict[str, int]:
        """For each payout that is due and was not begun, what those come to that are due before it."""
        waiting = (one for one in self._open.values() if one.kind == PAYOUT and one.funded)
        due = [
            one
            for one in waiting
            if not (one.paying or one.paid or one.unpaid or one.is_held(now_s)) and one.left_ubc <= day_ubc
        ]
        ahead, total_ubc = dict[str, int](), 0
        for one in sorted(due, key=lambda case: (case.due_s, case.event.number)):
            ahead[one.key] = total_ubc
            total_ubc += one.left_ubc
        return ahead

    def _totals(self, reversal: Case) -> tuple[int, int]:
        """Minor units of the payment that are reversed before and after this one, in the order of the table."""
        added = highest = before = 0
        payment = self.cases.get(reversal.event.text("payment"))
        currency = (payment or reversal).event.text("currency")
        for one in self._reversals.get(reversal.event.text("payment"), []):
            if one.refused or one.event.text("currency") != currency:
                continue
            before = added + highest
            if one.kind == REFUNDED:
                highest = max(highest, one.event.count("minor"))
            else:
                added += one.event.count("minor")
            if one is reversal:
                return before, added + highest
        return before, before

    def _begin(self, entry: Entry) -> None:
        assert entry.key not in self.cases, f"{entry.key} begins twice"
        case = Case(entry, since_s=entry.time_s)
        self.cases[entry.key] = case
        for reversal in self._reversals.get(entry.key, []):
            reversal.unmatched = False
        if case.kind in REVERSALS:
            self._reversals.setdefault(entry.text("payment"), []).append(case)
            case.unmatched = entry.text("payment") not in self.cases
        if case.kind == NOTICE:
            case.closed = "noted"
        elif case.kind == PUZZLE:
            case.refused = entry.text("reason")
        elif case.kind == ADOPTED:
            case.closed = "found on the ledger"
            self._nonces[entry.text("nonce")] = entry
            self._ids.add(entry.text("id"))
        else:
            self._open[entry.key] = case


def _attempt(case: Case, entry: Entry) -> Attempt | None:
    return next((one for one in case.attempts if one.transaction_id == entry.text("id")), None)


def _fold_refused(case: Case, entry: Entry) -> None:
    case.refused = entry.text("reason")


def _fold_released(case: Case, entry: Entry) -> None:
    case.unheld = not case.refused
    case.refused, case.since_s = "", entry.time_s


def _fold_signed(case: Case, entry: Entry) -> None:
    assert case.out is None, f"{case.key}: a second transaction while the first may still run"
    case.attempts.append(
        Attempt(
            entry.number,
            entry.text("purpose"),
            entry.text("id"),
            bytes.fromhex(entry.text("bytes")),
            entry.text("account"),
            entry.count("ubc"),
            entry.count("valid_until_s"),
        )
    )


def _fold_rejected(case: Case, entry: Entry) -> None:
    attempt = _attempt(case, entry)
    if attempt is None:
        case.rejection = entry.text("reason")
    else:
        attempt.rejection = entry.text("reason")


def _fold_expired(case: Case, entry: Entry) -> None:
    attempt = _attempt(case, entry)
    if attempt is None:
        case.never_funded = True
    else:
        attempt.expired = True


def _fold_executed(case: Case, entry: Entry) -> None:
    attempt = _attempt(case, entry)
    if attempt is not None:
        attempt.executed = True
    elif entry.text("purpose"):
        case.sign_off(entry)
    else:
        case.funded, case.funded_s = True, entry.time_s


def _fold_paying(case: Case, _entry: Entry) -> None:
    case.paying = True


def _fold_paid(case: Case, entry: Entry) -> None:
    case.paid = entry.text("reference")


def _fold_unpaid(case: Case, entry: Entry) -> None:
    case.unpaid = entry.text("reason")


def _fold_closed(case: Case, entry: Entry) -> None:
    case.closed = entry.text("why")
    case.shortfall_ubc = entry.count("shortfall_ubc")


_FOLDS = {
    Step.REFUSED: _fold_refused,
    Step.RELEASED: _fold_released,
    Step.SIGNED: _fold_signed,
    Step.REJECTED: _fold_rejected,
    Step.EXPIRED: _fold_expired,
    Step.EXECUTED: _fold_executed,
    Step.PAYING: _fold_paying,
    Step.PAID: _fold_paid,
    Step.UNPAID: _fold_unpaid,
    Step.CLOSED: _fold_closed,
}
