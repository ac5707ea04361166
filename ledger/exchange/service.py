"""The exchange's clerk: does what the book says is next, round after round, against the ledger and the bank.

A shell: it decides nothing. Each round asks `planning.plan` about every open case, writes what has to be on disk
first in one flush, sends everything for the ledger together, and asks the bank one by one. What fails is left as it
was and asked again later; the book knows from where. Verifies every receipt against the ledger's genesis, whose id is
pinned.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ledger.client import LedgerReader
from ledger.exchange.bank import Never, Paid, Pending
from ledger.exchange.book import ADOPTED, Book, Case
from ledger.exchange.desk import Desk
from ledger.exchange.entry import Step
from ledger.exchange.judging import Line
from ledger.exchange.payout_request import PayoutRequest
from ledger.exchange.planning import Deed, LookUp, Pay, Sign, Submit, Write, plan, read_answer
from ledger.exchange.signing import sign
from ledger.fetching import fetch_genesis
from ledger.genesis import Genesis
from ledger.pages import AccountPage, LedgerPage, TransactionListPage, TransactionPage
from wire.errors import ConfigError, DecodeError, ShellError
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.receipt import read_receipt

AGAIN_S = (2, 5, 15, 60)
"""How long a case waits after nothing came of it, the first time and then."""
POLL_S = 2.0
"""How often the table is looked at for what a person wrote."""


class Submitter(Protocol):
    """A connection to a ledger: ledger.client.LedgerClient."""

    def submit_all(self, transactions: Iterable[bytes]) -> Iterator[LedgerReply]: ...


class Lookup(Protocol):
    """What is on an account: ledger.client.LedgerReader, asked."""

    def __call__(self, account: str) -> int: ...


@dataclass(frozen=True, slots=True)
class Logged:
    """What our own node has of a transaction: whether it ran, and in which block, else its last block, whose time is
    `time_s`.
    """

    has: bool
    height: int
    time_s: int


class Payer(Protocol):
    """Who pays real money out: ledger.exchange.bank.Bank. Raises ShellError where nothing was said that counts."""

    def pay(self, deed: Pay, now_s: int) -> Paid | Never | Pending: ...


class Clerk:
    """`connect` gives a connection that is ready, or raises ShellError; `log` looks a transaction up at our own node.
    `bank` None: a person pays out.
    """

    def __init__(
        self,
        desk: Desk,
        key: PrivateKey,
        genesis: Genesis,
        connect: Callable[[], Submitter],
        balance: Lookup,
        log: Callable[[str], Logged],
        bank: Payer | None,
        tell: Callable[[str], None],
    ) -> None:
        self.woken = threading.Event()
        self.stopped = threading.Event()
        self._desk = desk
        self._key = key
        self._genesis = genesis
        self._connect = connect
        self._balance = balance
        self._log = log
        self._bank = bank
        self._tell = tell
        self._waits: dict[str, tuple[int, float]] = {}
        self._trouble = ""

    def run(self) -> None:
        """Until `stopped`."""
        while not self.stopped.is_set():
            self._desk.refresh()
            while self.work() and not self.stopped.is_set():
                pass
            self.woken.wait(POLL_S)
            self.woken.clear()

    def stop(self) -> None:
        self.stopped.set()
        self.woken.set()

    def work(self) -> bool:
        """One round; whether anything was written down."""
        with self._desk.lock:
            book, now_s = self._desk.book, self._desk.clock()
            deeds = [
                deed for case in book.open_cases() if self._may(case) and (deed := self._plan(case, now_s))
            ]
        before = self._desk.book.last_number
        try:
            self._settle([one for one in deeds if isinstance(one, Sign | Write)])
            for look in (one for one in deeds if isinstance(one, LookUp)):
                self._look_up(look)
            self._submit([one for one in deeds if isinstance(one, Submit)])
            for pay in (one for one in deeds if isinstance(one, Pay)):
                self._pay(pay)
            self._say("")
        except ShellError as error:
            self._say(str(error))
            for deed in deeds:
                if not isinstance(deed, Write):
                    self._put_off(deed.key)
        return self._desk.book.last_number > before

    def _plan(self, case: Case, now_s: int, balance_ubc: int | None = None) -> Deed | None:
        day_ubc = self._desk.rules.day_ubc
        deed = plan(case, self._desk.book, self._genesis.exchange, now_s, balance_ubc, day_ubc)
        return None if isinstance(deed, Pay) and self._bank is None else deed

    def _settle(self, deeds: Sequence[Sign | Write], balance_ubc: int | None = None) -> None:
        """Writes their lines in one flush, but for what the book says no more, as something was told meanwhile."""
        now_s, ledger_id = self._desk.clock(), self._genesis.ledger_id
        lines = [
            (one, one.line if isinstance(one, Write) else sign(one, self._key, ledger_id, now_s))
            for one in deeds
        ]

        def decide(book: Book) -> Sequence[Line]:
            exchange, cases, day_ubc = self._genesis.exchange, book.cases, self._desk.rules.day_ubc
            return [
                line
                for deed, line in lines
                if plan(cases[line[0]], book, exchange, now_s, balance_ubc, day_ubc) == deed
            ]

        self._desk.write(decide)

    def _look_up(self, deed: LookUp) -> None:
        balance_ubc = self._balance(deed.account)
        case = self._desk.book.cases[deed.key]
        then = self._plan(case, self._desk.clock(), balance_ubc)
        if isinstance(then, Sign | Write):
            self._settle([then], balance_ubc)

    def _submit(self, deeds: Sequence[Submit]) -> None:
        if not deeds:
            return
        replies = self._connect().submit_all([deed.encoded for deed in deeds])
        lines = list[Line]()
        try:
            for deed, reply in zip(deeds, replies, strict=True):
                line = self._read(deed, reply)
                if line is not None:
                    lines.append(line)
                if line is None or line[1] is Step.REJECTED:
                    self._put_off(deed.key)
        finally:
            self._desk.write(lambda _book: lines)

    def _read(self, deed: Submit, reply: LedgerReply) -> Line | None:
        try:
            signer = self._genesis.signer(reply.receipt)
            receipt = read_receipt(reply.receipt, signer, self._genesis.ledger_id)
        except DecodeError as error:
            self._tell(f"{deed.key}: not the ledger's receipt: {error}")
            return None
        if receipt.subject.hex() != deed.transaction_id:
            self._tell(f"{deed.key}: {receipt.reason}: {receipt.detail}")
            return None
        line = read_answer(deed, receipt)
        if line is None or not (line[1] is Step.EXPIRED or (line[1] is Step.EXECUTED and self._is_shared)):
            return line
        return self._check(deed, line)

    @property
    def _is_shared(self) -> bool:
        """Several operators' gateways may sign: then one's word alone moves nothing."""
        return len(self._genesis.gateways) > 1

    def _check(self, deed: Submit, line: Line) -> Line | None:
        """What a gateway signed, held against the log of our own node: ran and never ran are for good. None: our node
        is not so far yet.
        """
        log = self._log(deed.transaction_id)
        if log.has:
            return (
                deed.key,
                Step.EXECUTED,
                {"id": deed.transaction_id, "height": log.height, "utc_s": log.time_s},
            )
        if line[1] is Step.EXECUTED or (self._is_shared and log.time_s <= deed.valid_until_s):
            return None
        return line

    def _pay(self, deed: Pay) -> None:
        assert self._bank is not None, "nobody to ask"
        if deed.first and not self._begin_to_pay(deed):
            return
        answer = self._bank.pay(deed, self._desk.clock())
        match answer:
            case Paid(reference):
                self._desk.write(
                    lambda book: _unless_settled(book, deed, Step.PAID, {"reference": reference})
                )
            case Never(reason):
                self._desk.write(lambda book: _unless_settled(book, deed, Step.UNPAID, {"reason": reason}))
            case Pending():
                self._put_off(deed.key)

    def _begin_to_pay(self, deed: Pay) -> bool:
        """Written down if the book still says so: others may have used up the day's sum, or a reversal came."""
        now_s = self._desk.clock()

        def decide(book: Book) -> Sequence[Line]:
            still = self._plan(book.cases[deed.key], now_s) == deed
            return [(deed.key, Step.PAYING, {"idempotency_key": deed.key})] if still else []

        return self._desk.write(decide)

    def _may(self, case: Case) -> bool:
        return self._waits.get(case.key, (0, 0.0))[1] <= time.monotonic()

    def _put_off(self, key: str) -> None:
        times, _ = self._waits.get(key, (0, 0.0))
        self._waits[key] = (times + 1, time.monotonic() + AGAIN_S[min(times, len(AGAIN_S) - 1)])

    def _say(self, trouble: str) -> None:
        """Each trouble once, and its end."""
        if trouble != self._trouble:
            self._tell(trouble or "goes on")
            self._trouble = trouble


def _unless_settled(book: Book, deed: Pay, step: Step, fields: dict[str, str | int]) -> list[Line]:
    case = book.cases[deed.key]
    return [] if case.paid or case.unpaid else [(deed.key, step, fields)]


def check_ledger(reader: LedgerReader, ledger_id: bytes, key: PrivateKey) -> Genesis:
    """The genesis behind the pinned id. Raises ConfigError if this is another ledger, or the key not its exchange's."""
    genesis = fetch_genesis(reader)
    if genesis.ledger_id != ledger_id:
        raise ConfigError(f"{reader.url}: is ledger {genesis.ledger_id.hex()}, not {ledger_id.hex()}")
    if genesis.exchange != key.public:
        raise ConfigError(
            f"the key of {key.public} is not the exchange's of this ledger, which is {genesis.exchange}"
        )
    return genesis


def own_transactions(reader: LedgerReader, genesis: Genesis) -> list[TransactionPage]:
    """Everything on the ledger that the exchange signed or that went to its account, in order."""
    exchange = str(genesis.exchange)
    return list(
        reader.listed(TransactionListPage, "transactions", "transactions", account=exchange, limit=1_000)
    )


def adopt(desk: Desk, genesis: Genesis, pages: Sequence[TransactionPage], *, willing: bool) -> None:
    """What the exchange's key did on the ledger and the table does not know: lines of it are lost, or somebody used the
    key beside it. Written down if `willing`, so that none of it is done again; else ConfigError.
    """
    key_id = genesis.exchange.key_id.hex()
    unknown = [page for page in pages if page.issuer_key_id == key_id and not desk.book.knows(page.id)]
    if not unknown:
        return
    if not willing:
        raise ConfigError(
            f"the ledger has {len(unknown)} transactions of this exchange that the audit table does not know: put its "
            "last copy back, or start once with --adopt, which keeps what was done from being done again"
        )
    lines: list[Line] = [
        (
            f"adopted:{page.id}",
            Step.EVENT,
            {
                "kind": ADOPTED,
                "id": page.id,
                "nonce": page.nonce,
                "action": page.action,
                "account": page.provider or "",
                "ubc": page.price_ubc or 0,
            },
        )
        for page in unknown
    ]
    desk.write(lambda _book: lines)


def available_for(reader: LedgerReader) -> Callable[[PayoutRequest], int | None]:
    """For ledger/exchange/webhook.py."""
    balance = balance_of(reader)

    def look(request: PayoutRequest) -> int | None:
        try:
            reader.read(TransactionPage, f"transactions/{request.transfer.transaction_id.hex()}")
        except LookupError:
            return balance(str(request.account))
        return None

    return look


def log_of(reader: LedgerReader) -> Callable[[str], Logged]:
    """Our own node's log. The head comes first: what it has by then, it has when it is asked."""

    def look(transaction_id: str) -> Logged:
        head = reader.read(LedgerPage, "ledger")
        try:
            page = reader.read(TransactionPage, f"transactions/{transaction_id}")
        except LookupError:
            return Logged(has=False, height=head.height, time_s=head.time_s)
        return Logged(has=True, height=page.height, time_s=head.time_s)

    return look


def balance_of(reader: LedgerReader) -> Lookup:
    def look(account: str) -> int:
        try:
            return reader.read(AccountPage, f"accounts/{account}").balance_ubc
        except LookupError:
            return 0

    return look
