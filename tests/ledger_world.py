"""A small ledger in memory for the tests of its rules: known keys, a clock that only the test moves, no disk.

`World.do` signs an action and applies it; what was executed is merged, as a block of its own would be.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ledger.contract import Applied, apply
from ledger.entries import Account, write_entry
from ledger.genesis import Genesis
from ledger.opening import genesis_entries
from ledger.passing import pass_time
from ledger.payplace.entries import Channel
from ledger.rejection import Reason, Rejected
from ledger.state import Draft, State, read_account, read_money
from wire.allocate import Allocate
from wire.band import Band
from wire.create import Create
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.qos import Qos
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction

LEDGER, EXCHANGE, PROVIDER, ALICE, BOB, CAROL = (PrivateKey.from_secret(number) for number in range(1, 7))
PERIOD_S = 60
START_S = 1_000 * PERIOD_S
"""The beginning of period 1000."""
GENESIS = Genesis((LEDGER.public,), EXCHANGE.public, START_S, PERIOD_S)
BAND = Band(5_150_000, 5_170_000, 20_000)
OTHER_BAND = Band(5_250_000, 5_270_000, 20_000)
QOS = Qos(2_000_000, 10_000_000, 1_000_000, 5_000_000)


def offer(**changes: object) -> PostOffer:
    """An offer of ten units at 100 ubc for ten seconds, with changes."""
    fields: dict[str, object] = {
        "price_ubc": 100,
        "band": BAND,
        "max_allocations": 10,
        "allocation_duration_s": 10,
        "qos": QOS,
    }
    return PostOffer(**{**fields, **changes})  # type: ignore[arg-type]


def buy(price_ubc: int = 100, epoch: int = 1, **changes: object) -> Allocate:
    """A purchase from the provider, with changes; `consumers` may be a list of keys."""
    consumers = changes.pop("consumers", [])
    keys = b"".join(key.octets for key in consumers)  # type: ignore[attr-defined]
    fields: dict[str, object] = {"provider": PROVIDER.public, "band": BAND, "consumer_keys": keys}
    return Allocate(price_ubc=price_ubc, epoch=epoch, **{**fields, **changes})  # type: ignore[arg-type]


@dataclass
class World:
    """A ledger at `now_s`. The provider, Alice and Bob have accounts, the latter two 10,000 ubc each."""

    now_s: int = START_S
    genesis: Genesis = GENESIS
    state: State = field(init=False)
    nonce: int = 0

    def __post_init__(self) -> None:
        self.state = State(self.genesis)
        self.state.merge(genesis_entries(self.genesis), {}, self.now_s)
        for key in (PROVIDER, ALICE, BOB):
            self.must(Create(key.public), key)
        for key in (ALICE, BOB):
            self.must(Deposit(key.public, 10_000), EXCHANGE)

    def sign(self, action: Action, key: PrivateKey, valid_s: int = 100) -> SignedTransaction:
        self.nonce += 1
        transaction = Transaction(action, self.nonce.to_bytes(8, "big"), self.now_s + valid_s)
        return sign_transaction(transaction, key, self.genesis.ledger_id)

    def draft(self) -> Draft:
        """The state as a block of now finds it."""
        return pass_time(self.state, self.now_s)

    def run(self, signed: SignedTransaction) -> Applied | Rejected:
        """Apply; merge if it was executed. A rejection must leave every entry as it was."""
        draft, before = self.draft(), self.picture()
        outcome = apply(draft, signed, self.now_s)
        if isinstance(outcome, Rejected):
            assert self.picture() == before
            return outcome
        draft.absorb(outcome.changes, [signed.transaction_id])
        self.merge(draft)
        return outcome

    def merge(self, draft: Draft) -> None:
        self.state.merge(draft.changes, draft.executed, self.now_s)
        self.check_money()

    def do(self, action: Action, key: PrivateKey) -> Reason | None:
        """The reason of the rejection, or None."""
        outcome = self.run(self.sign(action, key))
        return outcome.reason if isinstance(outcome, Rejected) else None

    def must(self, action: Action, key: PrivateKey) -> Applied:
        outcome = self.run(self.sign(action, key))
        assert isinstance(outcome, Applied), outcome
        return outcome

    def wait(self, seconds: int) -> World:
        self.now_s += seconds
        return self

    def balance(self, key: PrivateKey | PublicKey) -> int:
        public = key.public if isinstance(key, PrivateKey) else key
        account = read_account(self.state, public)
        assert account is not None
        return account.balance_ubc

    def picture(self) -> dict[bytes, bytes]:
        """Every entry in its bytes."""
        return {key: write_entry(entry) for key, entry in self.state.entries.items()}

    def check_money(self) -> None:
        """Money is neither made nor lost: balances are what came in less what went out, and none is negative."""
        entries = self.state.entries.values()
        balances = [entry.balance_ubc for entry in entries if isinstance(entry, Account)]
        held = [one.deposited_ubc - one.withdrawn_ubc for one in entries if isinstance(one, Channel)]
        money = read_money(self.state)
        assert sum(balances) + sum(held) == money.deposited_ubc - money.withdrawn_ubc
        assert min(balances) >= 0
