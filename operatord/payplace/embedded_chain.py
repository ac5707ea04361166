"""A chain in this process: PayPlace's own contract over a state in memory, with a clock that its owner moves.

For tests and laboratories. It signs and applies whole transactions by the functions that a ledger runs, so that what
passes here passes there; it forgets everything when it goes.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ledger.contract import apply
from ledger.payplace.entries import Channel, PayMerchant, PayOperator
from ledger.payplace.views import find_channel, instance, read_channel, read_merchant, read_operator
from ledger.rejection import Rejected
from ledger.state import Draft, State
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.payplace_actions import PayplaceAction
from wire.payplace_notarisation import MarkMissing
from wire.payplace_withdrawal import ForceExit, WithdrawPayout
from wire.transaction import Action, Transaction, sign_transaction


@dataclass(slots=True)
class EmbeddedChain:
    """One state, whose clock is `now_s`."""

    state: State
    now_s: int
    nonce: int = 0
    log: list[tuple[PublicKey, Action]] = field(default_factory=list)
    """What was executed, and by whom."""

    def do(self, action: Action, key: PrivateKey) -> str:
        """One block of one transaction: empty, or the reason why not."""
        self.nonce += 1
        transaction = Transaction(action, self.nonce.to_bytes(8, "big"), self.now_s + 10)
        signed = sign_transaction(transaction, key, self.state.genesis.ledger_id)
        draft = Draft(self.state)
        outcome = apply(draft, signed.vouched(key.public), self.now_s)
        if isinstance(outcome, Rejected):
            return outcome.reason.name.lower()
        draft.absorb(outcome.changes, [signed.transaction_id])
        self.state.merge(draft.changes, draft.executed, self.now_s)
        self.log.append((key.public, action))
        return ""


@dataclass(slots=True)
class EmbeddedAccount:
    """That chain as one account sees it; a `Chain`."""

    chain: EmbeddedChain
    key: PrivateKey
    of: PublicKey
    """The operator."""
    submitted: list[PayplaceAction] = field(default_factory=list)

    @property
    def instance(self) -> bytes:
        return instance(self.chain.state, self.of)

    @property
    def account(self) -> PublicKey:
        return self.key.public

    def time_s(self) -> int:
        return self.chain.now_s

    def operator(self) -> PayOperator:
        found = read_operator(self.chain.state, self.of)
        if found is None:
            raise LookupError(f"{self.of} is no operator")
        return found

    def merchants(self) -> Mapping[bytes, PayMerchant]:
        prefix = b"q" + self.of.key_id
        return {
            key[len(prefix) :]: entry
            for key, entry in self.chain.state.entries.items()
            if key.startswith(prefix) and isinstance(entry, PayMerchant)
        }

    def merchant(self, merchant_id: bytes) -> PayMerchant | None:
        return read_merchant(self.chain.state, self.of, merchant_id)

    def channel(self, number: int) -> Channel | None:
        return read_channel(self.chain.state, self.of, number)

    def channels(self, numbers: Iterable[int]) -> Mapping[int, Channel]:
        found = {number: self.channel(number) for number in numbers}
        return {number: channel for number, channel in found.items() if channel is not None}

    def number_of(self, consumer: PublicKey) -> int | None:
        return find_channel(self.chain.state, self.of, consumer)

    def history(self) -> Iterator[PayplaceAction]:
        for issuer, action in self.chain.log:
            match action:
                case MarkMissing() | ForceExit() if issuer == self.of:
                    yield action
                case WithdrawPayout(operator) if operator == self.of:
                    yield action
                case _:
                    pass

    def submit(self, action: PayplaceAction) -> str:
        self.submitted.append(action)
        return self.chain.do(action, self.key)
