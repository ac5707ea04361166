"""An exchange with a real ledger behind it in one process: the engine itself, files in a folder, a clock that we turn.

Anything can be cut off: `world.cut_after(n)` ends the exchange at its nth touch of the outside (a line written, bytes
sent to the ledger, the bank asked), before or after it took effect, as a power cut would; `world.restart()` begins
again from what is on disk.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ledger.answering import Answers
from ledger.archive import Archive
from ledger.exchange.audit import AuditTable
from ledger.exchange.bank import Bank, Never, Paid, Pending
from ledger.exchange.book import Case
from ledger.exchange.desk import Desk
from ledger.exchange.entry import Entry
from ledger.exchange.events import Cash, Payment, RefundTotal, Reversal
from ledger.exchange.fake_bank import FakeBank
from ledger.exchange.judging import Line, Rules
from ledger.exchange.payout_request import PayoutRequest, read_payout_request, write_payout_request
from ledger.exchange.planning import Pay
from ledger.exchange.rates import Rate
from ledger.exchange.service import Clerk, Logged
from ledger.genesis import Genesis
from ledger.opening import open_ledger
from ledger.pages import TransactionPage, is_transaction, show_transaction
from ledger.state import read_account, read_money
from wire.create import Create
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply, read_ledger_reply
from wire.money_actions import Transfer
from wire.transaction import Action, Transaction, read_transaction, sign_transaction

EUR = Rate("EUR", 2, 10_000)
"""A euro is a bandcoin."""
JPY = Rate("JPY", 0, 20_000, 3)
RULES = Rules({"EUR": EUR, "JPY": JPY}, 10**12, {"braintree": 172_800, "saleor": 172_800})
BEGAN_S = 1_800_000_000


class PowerCut(Exception):
    """The exchange is gone."""


class Touches:
    """Counts touches of the outside, and cuts the power at one of them."""

    def __init__(self) -> None:
        self.count = 0
        self.last: int | None = None

    def touch(self) -> None:
        self.count += 1
        if self.last is not None and self.count > self.last:
            raise PowerCut


class CutTable(AuditTable):
    """The audit table under a power cut."""

    touches: Touches

    def append(self, lines: Sequence[Line], last_number: int, now_s: int) -> list[Entry] | None:
        self.touches.touch()
        entries = super().append(lines, last_number, now_s)
        self.touches.touch()
        return entries


class World:
    """`ledger` away: the exchange cannot reach it. `clock_s` is everybody's clock."""

    def __init__(
        self,
        folder: Path,
        bank: FakeBank | None = None,
        rules: Rules = RULES,
        others: tuple[PublicKey, ...] = (),
    ) -> None:
        """`others`: gateways of other operators."""
        self.folder, self.bank, self.rules = folder, bank, rules
        self.ledger, self.exchange = PrivateKey.generate(), PrivateKey.generate()
        self.clock_s = BEGAN_S
        self.genesis = Genesis((self.ledger.public, *others), self.exchange.public, BEGAN_S)
        self.engine = open_ledger(folder / "ledger.db", self.genesis)
        self.archive = Archive(folder / "ledger.db", self.genesis)
        self.answers = Answers(self.archive, self.ledger, self.genesis)
        self.touches = Touches()
        self.away = False
        self.sent: list[bytes] = []
        self.told: list[str] = []
        self.behind: set[str] = set()
        self.between: Callable[[], None] = lambda: None
        self.desk, self.clerk = self._begin()

    def close(self) -> None:
        self.desk.close()
        self.archive.close()
        self.engine.store.close()

    def restart(self) -> None:
        """From what is on disk; the power is on again."""
        self.desk.close()
        self.touches = Touches()
        self.desk, self.clerk = self._begin()

    def settle(self, rounds: int = 40) -> None:
        """Lets the clerk work until it has nothing to do for a while."""
        self.clerk._waits.clear()  # its patience is on the machine's clock, which nobody turns
        for _ in range(rounds):
            if not self.clerk.work():
                return
        raise AssertionError("the clerk goes round in circles")

    # ---- People

    def open_account(self) -> PrivateKey:
        key = PrivateKey.generate()
        self.execute(Create(key.public), key)
        return key

    def payment(
        self, account: PublicKey, amount: str = "25.00", payment_id: str = "p1", currency: str = "EUR"
    ) -> Payment:
        return Payment("braintree", payment_id, account, Cash(amount, currency), self.clock_s)

    def reversal(self, amount: str, reversal_id: str = "r1", payment_id: str = "p1") -> Reversal:
        return Reversal("braintree", reversal_id, payment_id, Cash(amount, "EUR"), self.clock_s)

    def refund_total(self, amount: str, payment_id: str = "p1") -> RefundTotal:
        return RefundTotal("braintree", payment_id, Cash(amount, "EUR"), self.clock_s)

    def ask(
        self, key: PrivateKey, amount_ubc: int, currency: str = "EUR", valid_s: int = 600
    ) -> PayoutRequest:
        transfer = self.sign(Transfer(self.exchange.public, amount_ubc), key, valid_s)
        encoded = write_payout_request(transfer, currency, "AT61 1904", key, self.genesis.ledger_id)
        return read_payout_request(encoded, self.exchange.public, self.genesis.ledger_id)

    # ---- The ledger

    def sign(self, action: Action, key: PrivateKey, valid_s: int = 600) -> bytes:
        transaction = Transaction(action, os.urandom(8), self.clock_s + valid_s)
        return sign_transaction(transaction, key, self.genesis.ledger_id).envelope.encoded

    def execute(self, action: Action, key: PrivateKey) -> None:
        reply = self.deliver(self.sign(action, key))
        assert reply.receipt

    def deliver(self, encoded: bytes) -> LedgerReply:
        """Anybody may carry anything."""
        signed = read_transaction(encoded, self.genesis.ledger_id)
        outcome = self.engine.commit([signed], self.clock_s)[0]
        return read_ledger_reply(self.answers.to_outcome(outcome))

    def submit_all(self, transactions: Iterable[bytes]) -> Iterator[LedgerReply]:
        for encoded in transactions:
            self.touches.touch()
            self.between()
            if self.away:
                raise ShellError("ledger", "away")
            self.sent.append(encoded)
            reply = self.deliver(encoded)
            self.touches.touch()
            yield reply

    def balance(self, key: PublicKey | PrivateKey) -> int:
        account = read_account(self.engine.state, key.public if isinstance(key, PrivateKey) else key)
        return 0 if account is None else account.balance_ubc

    def logged(self, transaction_id: str) -> Logged:
        """What our own node has. `behind`: what it does not have yet."""
        head = self.engine.head
        for page in self.pages():
            if page.id == transaction_id and transaction_id not in self.behind:
                return Logged(has=True, height=page.height, time_s=head.time_s)
        return Logged(has=False, height=head.height, time_s=head.time_s)

    @property
    def totals(self) -> tuple[int, int]:
        money = read_money(self.engine.state)
        return money.deposited_ubc, money.withdrawn_ubc

    def pages(self) -> list[TransactionPage]:
        party = self.exchange.public.octets
        items = [item for item in self.archive.items_after(0, 10_000, party) if is_transaction(item)]
        return [show_transaction(item, self.genesis.ledger_id, whole=False) for item in items]

    def case(self, key: str) -> Case:
        return self.desk.book.cases[key]

    # ---- The exchange's own hands

    def pay(self, deed: Pay, now_s: int) -> Paid | Never | Pending:
        assert self.bank is not None
        self.touches.touch()
        try:
            return Bank(self.bank.url, self.bank.secret).pay(deed, now_s)
        finally:
            self.touches.touch()

    def _begin(self) -> tuple[Desk, Clerk]:
        desk = Desk(self.folder / "exchange.db", self.rules, lambda: self.clock_s)
        desk.table.close()
        table = CutTable(self.folder / "exchange.db")
        table.touches = self.touches
        desk.table = table
        bank = self if self.bank is not None else None
        clerk = Clerk(
            desk,
            self.exchange,
            self.genesis,
            lambda: self,
            lambda account: self.balance(PublicKey.parse(account)),
            self.logged,
            bank,
            self.told.append,
        )
        return desk, clerk
