"""Who looks after shifts of funds in the adversary's world: the product's programs, and nobody else.

Each honest merchant runs `operatord.payplace.merchant.Merchant.guard` on what it has kept, and contests what a block
that it is shown assigns to it before it judges it, as its `watch` does; an honest operator contests what its consumers
have signed for, as its turns do. They see the contract by a `Chain`, whichever contract that is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

from ledger.payplace.entries import Channel, PayMerchant, PayOperator
from ledger.payplace.payout_block import BlockHead, write_block_head
from ledger.payplace.payout_leaf import leaf_hash_of, write_leaf
from operatord.payplace.contesting import Contester
from operatord.payplace.merchant import Merchant as Program
from operatord.payplace.merchant import Office
from operatord.payplace.merchant_files import MerchantFiles, Promise
from tests.payplace_contract import Contract
from tests.payplace_market import Block, Market, Merchant
from wire.ids import PublicKey
from wire.payplace_actions import PayplaceAction
from wire.payplace_shift import ChallengeShift

EVERYBODY = range(12)
"""Accounts that may be consumers."""


@dataclass
class ContractChain:
    """A contract and one operator on it, as somebody sees them who only contests: a `Chain`."""

    contract: Contract
    of: int
    me: int
    contested: int = 0

    @property
    def instance(self) -> bytes:
        return self.contract.instance(self.of)

    @property
    def account(self) -> PublicKey:
        return self.contract.consumer(self.me).public

    def time_s(self) -> int:
        return self.contract.now_s

    def operator(self) -> PayOperator:
        """On an EVM it has an address; a name is all that is wanted."""
        return replace(self.contract.operator(self.of), key=self.contract.consumer(self.of).public.octets)

    def merchants(self) -> Mapping[bytes, PayMerchant]:
        raise NotImplementedError("who contests looks at itself only")

    def merchant(self, merchant_id: bytes) -> PayMerchant | None:
        return self.contract.merchant(self.of, merchant_id)

    def channel(self, number: int) -> Channel | None:
        return self.contract.channel(self.of, number)

    def channels(self, numbers: Iterable[int]) -> Mapping[int, Channel]:
        return {number: self.contract.channel(self.of, number) for number in numbers}

    def number_of(self, consumer: PublicKey) -> int | None:
        return self.contract.channel_number(self.of, self._account_of(consumer))

    def history(self) -> Iterator[PayplaceAction]:
        raise NotImplementedError("who contests asks for no history")

    def submit(self, action: PayplaceAction) -> str:
        assert isinstance(action, ChallengeShift), action
        consumer = self._account_of(action.consumer)
        reason = self.contract.challenge(self.of, consumer, action.cumulative_ubc, action.signature)
        self.contested += reason == ""
        return reason.lower()

    def _account_of(self, consumer: PublicKey) -> int:
        return next(one for one in EVERYBODY if self.contract.consumer(one).public == consumer)


@dataclass
class Memory:
    """What `MerchantFiles` keeps of promises, on no disk (tests/operatord/payplace/test_merchant_files.py)."""

    kept: list[Promise] = field(default_factory=list)

    def promise(self, _announcement: bytes, promise: Promise) -> None:
        self.kept.append(promise)

    def latest_promise(self) -> Promise | None:
        return self.kept[-1] if self.kept else None

    def promise_of_root(self, root: bytes) -> Promise | None:
        return next((one for one in reversed(self.kept) if one.head.root == root), None)

    def promise_of_leaf(self, leaf_hash: bytes) -> Promise | None:
        return next((one for one in reversed(self.kept) if leaf_hash_of(one.leaf) == leaf_hash), None)


@dataclass
class Watchman:
    """An honest merchant's program."""

    market: Market
    merchant: Merchant
    chain: ContractChain = field(init=False)
    files: Memory = field(init=False, default_factory=Memory)
    program: Program = field(init=False)
    contester: Contester = field(init=False)
    looked_s: int = -1

    def __post_init__(self) -> None:
        self.chain = ContractChain(self.market.contract, self.market.operator, self.merchant.account)
        files, office = cast("MerchantFiles", self.files), cast("Office", None)
        self.program = Program(files, self.chain, office, self.merchant.secret)
        self.contester = Contester(self.chain, "merchant", lambda _: None)

    def look(self) -> None:
        """As often as it likes: the program rests by itself, so that it does not look twice at one moment."""
        if self.looked_s != self.chain.time_s():
            self.looked_s = self.chain.time_s()
            self.program.guard()

    def is_shown(self, block: Block) -> None:
        """Before it judges."""
        leaf = block.find(self.merchant.id)
        if leaf is not None:
            known = self.market.micropayments()
            channels = self.chain.channels([number for number in leaf.amounts if number in known])
            self.contester.contest_all(channels, known)

    def promises(self, block: Block) -> None:
        """Before its signature leaves."""
        leaf = block.find(self.merchant.id)
        if leaf is None:
            return
        head = BlockHead(
            self.market.instance, 0, block.tau_s, block.previous_root, len(block.leaves), block.root
        )
        known = self.market.micropayments()
        mine = {number: known[number] for number in leaf.amounts if number in known}
        announcement = write_block_head(head)
        proof = block.proof(self.merchant.id)
        self.files.promise(announcement, Promise(announcement, write_leaf(leaf), proof.index, (), mine))


def contest_as_operator(market: Market) -> int:
    """An honest operator has every consumer's latest micropayment. How many it contested."""
    chain = ContractChain(market.contract, market.operator, market.operator)
    known = market.micropayments()
    Contester(chain, "payouts", lambda _: None).contest_all(chain.channels(known), known)
    return chain.contested
