"""An operator, merchants and consumers on a chain in this process, whose clock only the test moves."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from ledger.opening import genesis_entries
from ledger.payplace import bls
from ledger.payplace.payout_leaf import MAX_ENTRIES
from ledger.payplace.windows import phase_at
from ledger.state import State, read_account
from operatord.payplace.chain import Chain
from operatord.payplace.embedded_chain import EmbeddedAccount, EmbeddedChain
from operatord.payplace.income import Earning
from operatord.payplace.merchant import Merchant
from operatord.payplace.merchant_files import MerchantFiles
from operatord.payplace.settling import Settler
from operatord.payplace.steps import Consent, Rules, Step, Wait
from operatord.payplace.store import PayoutStore
from tests.ledger_world import EXCHANGE, GENESIS, START_S
from wire.create import Create
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, write_micropayment
from wire.money_actions import Deposit
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_registration import RegisterOperator, Times

OPERATOR = PrivateKey.from_secret(500)
OPERATOR_BLS = bls.SecretKey(501)
TIMES = Times(period_s=1_000, window_s=100, finality_s=10, challenge_s=1_100)
COLLECT_S = 50
COMMISSION_PPM = 100_000


def ignore(_: str) -> None:
    """What is told is of no interest."""


@dataclass
class Earnings:
    """What metered sessions earned, in memory: an `Income`."""

    instance: bytes
    rows: list[Earning] = field(default_factory=list)
    cumulative: dict[PublicKey, int] = field(default_factory=dict)
    signed: dict[PublicKey, bytes] = field(default_factory=dict)
    limits: dict[PublicKey, int] = field(default_factory=dict)
    """What would be left, of those of whom operatord has heard that they shift."""

    def pay(self, consumer: PrivateKey, payee: PublicKey, amount_ubc: int) -> None:
        """A consumer pays, and a box has earned it."""
        total = self.cumulative.get(consumer.public, 0) + amount_ubc
        self.cumulative[consumer.public] = total
        self.signed[consumer.public] = write_micropayment(
            Micropayment(self.instance, consumer.public, total), consumer
        )
        self.rows.append(Earning(len(self.rows) + 1, payee, consumer.public, amount_ubc))

    def earnings_since(self, seq: int, limit: int) -> list[Earning]:
        return self.rows[seq : seq + limit]

    def micropayment_of(self, consumer: PublicKey) -> bytes | None:
        return self.signed.get(consumer)

    def has_earned(self, payee: PublicKey) -> bool:
        return any(row.payee == payee for row in self.rows)

    def overdrawn(self) -> list[PublicKey]:
        return [one for one, total in self.cumulative.items() if total > self.limits.get(one, total)]


class Inside:
    """An office in this process: a settler that is brought one signature at a time."""

    def __init__(self, settler: Settler) -> None:
        self._settler = settler

    def take_signature(self, merchant: bytes, period: int, octets: bytes) -> None:
        (why,) = self._settler.take_signatures([(merchant, period, octets)])
        if why:
            raise DecodeError(why)

    def __getattr__(self, name: str) -> object:
        return getattr(self._settler, name)


class Market:
    """Everything in `folder`; consumers have 1,000,000 ubc each with this operator."""

    def __init__(self, folder: Path, merchants: int = 2, consumers: int = 2) -> None:
        self.folder = folder
        state = State(GENESIS)
        state.merge(dict(genesis_entries(GENESIS)), [], START_S)
        self.chain = EmbeddedChain(state, START_S)
        self.owners = [PrivateKey.from_secret(600 + number) for number in range(merchants)]
        self.consumers = [PrivateKey.from_secret(700 + number) for number in range(consumers)]
        for key in (OPERATOR, *self.owners, *self.consumers):
            self.must(Create(key.public), key)
        self.account = self.account_of(OPERATOR)
        self.told: list[str] = []
        self.income = Earnings(self.account.instance)
        possession = OPERATOR_BLS.prove_possession(self.account.instance, OPERATOR.public.octets)
        self.must(RegisterOperator(TIMES, OPERATOR_BLS.public.eip2537, possession.eip2537), OPERATOR)
        for key in self.consumers:
            self.must(Deposit(key.public, 1_000_000), EXCHANGE)
            self.must(PayplaceDeposit(key.public, (Split(OPERATOR.public, 1_000_000),)), key)
        self.settler = self.open_settler()
        self.merchants = [self.merchant(number, self.settler) for number in range(merchants)]
        for merchant in self.merchants:
            assert merchant.register() == ""

    def close(self) -> None:
        self.store.close()

    def open_settler(self, leaf_consumers: int = MAX_ENTRIES, consent: Consent = Consent.OWNERS) -> Settler:
        """Also after a restart: everything comes from the disk. The owners here may register before they earn."""
        self.store = PayoutStore(self.folder / "operator")
        named = frozenset(key.public for key in self.owners)
        rules = Rules(COMMISSION_PPM, COLLECT_S, leaf_consumers, consent, named)
        return Settler(self.store, self.account, OPERATOR_BLS, self.income, rules, self.told.append)

    def restart(self) -> None:
        self.store.close()
        self.settler = self.open_settler()
        self.merchants = [self.merchant(number, self.settler) for number in range(len(self.merchants))]

    def merchant(
        self, number: int, office: object, chain: Chain | None = None, tell: Callable[[str], None] = ignore
    ) -> Merchant:
        files = MerchantFiles(self.folder / f"merchant-{number}")
        key = files.key(bytes([number + 1]) * 32)
        account = chain or self.account_of(self.owners[number])
        office = Inside(office) if isinstance(office, Settler) else office
        return Merchant(files, account, office, key, tell)  # type: ignore[arg-type]

    def account_of(self, key: PrivateKey) -> EmbeddedAccount:
        return EmbeddedAccount(self.chain, key, OPERATOR.public)

    def must(self, action: object, key: PrivateKey) -> None:
        reason = self.chain.do(action, key)  # type: ignore[arg-type]
        assert reason == "", (action, reason)

    # ---- Time

    def to_window(self, number: int, after_s: int = 1) -> None:
        operator = self.account.operator()
        self.chain.now_s = operator.start_s + number * TIMES.period_s + after_s

    def to_open(self, number: int) -> None:
        """The open time after a window."""
        self.to_window(number, TIMES.window_s + TIMES.finality_s + 5)
        assert not phase_at(self.account.operator(), self.chain.now_s).frozen

    # ---- What happens

    def pay(self, consumer: int, owner: int, amount_ubc: int) -> None:
        self.income.pay(self.consumers[consumer], self.owners[owner].public, amount_ubc)

    def turns(self) -> list[Step]:
        """Until there is nothing more to do now."""
        steps = list[Step]()
        while not steps or not isinstance(steps[-1], Wait):
            steps.append(self.settler.turn())
            assert len(steps) < 20, steps
        return steps

    def round(self, number: int, signers: list[int] | None = None) -> list[Step]:
        """A whole window: a block, signatures of these merchants (all), a notarisation."""
        self.to_window(number)
        steps = self.turns()
        for index in range(len(self.merchants)) if signers is None else signers:
            self.merchants[index].watch()
        self.to_window(number, COLLECT_S)
        return steps + self.turns()

    def balance(self, key: PrivateKey) -> int:
        account = read_account(self.chain.state, key.public)
        return 0 if account is None else account.balance_ubc
