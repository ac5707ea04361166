"""What tests and the adversary ask of a PayPlace contract, and the ledger's as the first that answers.

Accounts are numbers; everything else is as it is signed. An action gives "" or the name of the reason why not. The
same calls can be made to a contract on another chain, so that one adversary attacks all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ledger.contract import apply
from ledger.entries import Account
from ledger.payplace.entries import Channel, PayMerchant, PayOperator
from ledger.payplace.payout_leaf import MAX_ENTRIES
from ledger.payplace.views import find_channel, read_channel, read_merchant, read_operator
from ledger.rejection import Rejected
from ledger.state import Draft, State, read_account, read_money
from tests.ledger_world import EXCHANGE, GENESIS
from wire.create import Create
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, instance_of, signed_message
from wire.money_actions import Deposit
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_notarisation import LeafProof, MarkMissing, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator, Times
from wire.payplace_shift import ChallengeShift, FinishShift, Shift
from wire.payplace_withdrawal import Claim, ForceExit, Source, WithdrawPayout
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction

ACCOUNT_UBC = 1_000_000


class Contract(Protocol):
    """`now_s` is the time of the next block; only the test moves it."""

    now_s: int

    def account(self, number: int) -> bytes:
        """As it stands in what is signed: 33 octets on a ledger, 20 on an EVM."""
        ...

    def consumer(self, number: int) -> PrivateKey: ...

    def instance(self, operator: int) -> bytes: ...

    def register_operator(self, operator: int, times: Times, key: bytes, possession: bytes) -> str: ...

    def deposit(self, payer: int, consumer: int, splits: Sequence[tuple[int, int]]) -> str: ...

    def register_merchant(
        self, account: int, operator: int, key: bytes, possession: bytes, voucher: bytes, tau_s: int
    ) -> str: ...

    def mark_missing(self, operator: int, leaves: int, rows: Sequence[tuple[bytes, LeafProof]]) -> str:
        """Rows with the merchants' keys, which the ledger knows and an EVM has to be told."""
        ...

    def notarise(
        self,
        operator: int,
        root: bytes,
        tau_s: int,
        signature: bytes,
        returning: Sequence[tuple[bytes, bytes]],
    ) -> str:
        """`returning`: (key, leaf)."""
        ...

    def withdraw(
        self,
        account: int,
        operator: int,
        key: bytes,
        claim: Claim,
        *,
        at_least_ubc: int = 0,
        leaving: bool = False,
    ) -> str: ...

    def would_pay(self, account: int, operator: int, key: bytes, claim: Claim) -> int | str:
        """What `withdraw` would pay now, or why not; nothing happens."""
        ...

    def force_exit(self, operator: int, key: bytes, claim: Claim) -> str: ...

    def shift(self, consumer: int, source: int, target: int, amount_ubc: int) -> str: ...

    def challenge(self, operator: int, consumer: int, cumulative_ubc: int, signature: bytes) -> str: ...

    def finish_shift(self, operator: int, consumer: int) -> str: ...

    @property
    def max_entries(self) -> int:
        """Consumers in one leaf."""
        ...

    def entries_paid(self, operator: int, merchant_id: bytes) -> int:
        """Of a leaf that is paid in part, how many of its first entries; 0 where all of it is, or nothing."""
        ...

    def operator(self, operator: int) -> PayOperator: ...

    def merchant(self, operator: int, merchant_id: bytes) -> PayMerchant | None: ...

    def channel(self, operator: int, number: int) -> Channel: ...

    def channel_number(self, operator: int, consumer: int) -> int | None: ...

    def balance(self, account: int) -> int: ...

    def total(self) -> int:
        """All money: of accounts and in channels."""
        ...


def micropay(contract: Contract, operator: int, consumer: int, cumulative_ubc: int) -> bytes:
    """The consumer's signature over a micropayment."""
    key = contract.consumer(consumer)
    return key.sign(signed_message(Micropayment(contract.instance(operator), key.public, cumulative_ubc)))


@dataclass
class PythonContract:
    """The reference, on the entries of a ledger in memory. Signs and applies whole transactions."""

    accounts: int
    now_s: int = GENESIS.time_s
    state: State = field(init=False)
    keys: list[PrivateKey] = field(init=False)
    log: list[tuple[int, SignedTransaction]] = field(default_factory=list)
    """What came at which time, whether or not it was executed."""
    _nonce: int = 0

    def __post_init__(self) -> None:
        self.state = State(GENESIS)
        self.keys = [PrivateKey.from_secret(1_000 + number) for number in range(self.accounts)]
        self.state.merge({b"a" + EXCHANGE.public.key_id: Account(EXCHANGE.public.octets, 0)}, {}, self.now_s)
        for key in self.keys:
            self.must(Create(key.public), key)
            self.must(Deposit(key.public, ACCOUNT_UBC), EXCHANGE)

    def must(self, action: Action, key: PrivateKey) -> None:
        reason = self.do(action, key)
        assert reason == "", (action, reason)

    def do(self, action: Action, key: PrivateKey) -> str:
        """One block of one transaction."""
        signed = self._sign(action, key)
        self.log.append((self.now_s, signed))
        draft = self._try(signed, key)
        if isinstance(draft, str):
            return draft
        self.state.merge(draft.changes, draft.executed, self.now_s)
        return ""

    def _sign(self, action: Action, key: PrivateKey) -> SignedTransaction:
        self._nonce += 1
        transaction = Transaction(action, self._nonce.to_bytes(8, "big"), self.now_s + 1_000)
        return sign_transaction(transaction, key, GENESIS.ledger_id)

    def _try(self, signed: SignedTransaction, key: PrivateKey) -> Draft | str:
        draft = Draft(self.state)
        outcome = apply(draft, signed.vouched(key.public), self.now_s)
        if isinstance(outcome, Rejected):
            return outcome.reason.name
        draft.absorb(outcome.changes, [signed.transaction_id])
        return draft

    def account(self, number: int) -> bytes:
        return self.keys[number].public.octets

    def consumer(self, number: int) -> PrivateKey:
        return self.keys[number]

    def instance(self, operator: int) -> bytes:
        return instance_of(GENESIS.ledger_id, self.account(operator))

    def register_operator(self, operator: int, times: Times, key: bytes, possession: bytes) -> str:
        return self.do(RegisterOperator(times, key, possession), self.keys[operator])

    def deposit(self, payer: int, consumer: int, splits: Sequence[tuple[int, int]]) -> str:
        parts = tuple([Split(self.keys[operator].public, amount_ubc) for operator, amount_ubc in splits])
        return self.do(PayplaceDeposit(self.keys[consumer].public, parts), self.keys[payer])

    def register_merchant(
        self, account: int, operator: int, key: bytes, possession: bytes, voucher: bytes, tau_s: int
    ) -> str:
        action = RegisterMerchant(self.keys[operator].public, key, possession, voucher, tau_s)
        return self.do(action, self.keys[account])

    def mark_missing(self, operator: int, leaves: int, rows: Sequence[tuple[bytes, LeafProof]]) -> str:
        action = MarkMissing(leaves, tuple([row for _, row in rows]))
        return self.do(action, self.keys[operator])

    def notarise(
        self,
        operator: int,
        root: bytes,
        tau_s: int,
        signature: bytes,
        returning: Sequence[tuple[bytes, bytes]],
    ) -> str:
        action = Notarise(root, tau_s, signature, tuple([leaf for _, leaf in returning]))
        return self.do(action, self.keys[operator])

    def withdraw(
        self,
        account: int,
        operator: int,
        key: bytes,
        claim: Claim,
        *,
        at_least_ubc: int = 0,
        leaving: bool = False,
    ) -> str:
        action = WithdrawPayout(self.keys[operator].public, claim, at_least_ubc, leaving)
        return self.do(action, self.keys[account])

    def would_pay(self, account: int, operator: int, key: bytes, claim: Claim) -> int | str:
        payee = self.keys[account].public
        signed = self._sign(WithdrawPayout(self.keys[operator].public, claim, 0), self.keys[account])
        draft = self._try(signed, self.keys[account])
        if isinstance(draft, str):
            return draft
        after, before = read_account(draft, payee), read_account(self.state, payee)
        assert after is not None
        assert before is not None
        return after.balance_ubc - before.balance_ubc

    def force_exit(self, operator: int, key: bytes, claim: Claim) -> str:
        return self.do(ForceExit(claim), self.keys[operator])

    def shift(self, consumer: int, source: int, target: int, amount_ubc: int) -> str:
        action = Shift(self.keys[source].public, self.keys[target].public, amount_ubc)
        return self.do(action, self.keys[consumer])

    def challenge(self, operator: int, consumer: int, cumulative_ubc: int, signature: bytes) -> str:
        public = self.keys[consumer].public
        action = ChallengeShift(self.keys[operator].public, public, cumulative_ubc, signature)
        return self.do(action, EXCHANGE_PAYS)

    def finish_shift(self, operator: int, consumer: int) -> str:
        action = FinishShift(self.keys[operator].public, self.keys[consumer].public)
        return self.do(action, EXCHANGE_PAYS)

    @property
    def max_entries(self) -> int:
        return MAX_ENTRIES

    def entries_paid(self, operator: int, merchant_id: bytes) -> int:
        """Of none: the ledger pays leaves whole."""
        return 0

    def operator(self, operator: int) -> PayOperator:
        found = read_operator(self.state, self.keys[operator].public)
        assert found is not None
        return found

    def merchant(self, operator: int, merchant_id: bytes) -> PayMerchant | None:
        return read_merchant(self.state, self.keys[operator].public, merchant_id)

    def channel(self, operator: int, number: int) -> Channel:
        found = read_channel(self.state, self.keys[operator].public, number)
        assert found is not None
        return found

    def channel_number(self, operator: int, consumer: int) -> int | None:
        return find_channel(self.state, self.keys[operator].public, self.keys[consumer].public)

    def balance(self, account: int) -> int:
        found = read_account(self.state, self.keys[account].public)
        assert found is not None
        return found.balance_ubc

    def total(self) -> int:
        money = read_money(self.state)
        entries = self.state.entries.values()
        held = sum(one.balance_ubc for one in entries if isinstance(one, Account))
        held += sum(one.deposited_ubc - one.withdrawn_ubc for one in entries if isinstance(one, Channel))
        assert held == money.deposited_ubc - money.withdrawn_ubc
        return held


EXCHANGE_PAYS = EXCHANGE
"""Anybody may do it."""

__all__ = ["Claim", "Contract", "LeafProof", "PythonContract", "Source", "Times", "micropay"]
