"""Operators, merchants and consumers of PayPlace in memory, around a contract: who knows what, and who signs what.

A `Market` has one operator's blocks and everybody's keys. An honest merchant signs only what `would_sign` accepts
(Algorithm 4, repaired), keeps what it needs to withdraw, and from then on counts on nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.payplace.bls import SecretKey, Signature, aggregate_signatures
from ledger.payplace.entries import PayMerchant, Status
from ledger.payplace.merchant_check import (
    BlockRefused,
    ChannelTerms,
    ContractView,
    check_head,
    judge,
    read_blocks,
)
from ledger.payplace.payout_block import NO_ROOT, BlockHead, commitment_of
from ledger.payplace.payout_leaf import (
    PayoutLeaf,
    empty_leaf,
    is_at_least,
    leaf_hash_of,
    read_leaf,
    write_leaf,
)
from ledger.payplace.registering import voucher_message
from tests.payplace_contract import Contract, micropay
from wire.cose import join_envelope
from wire.merkle import merkle_path, merkle_root
from wire.micropayment import Micropayment, micropayment_payload
from wire.payplace_notarisation import LeafProof
from wire.payplace_registration import Times
from wire.payplace_withdrawal import Claim, Source

TIMES = Times(period_s=100, window_s=10, finality_s=5, challenge_s=150)
Amounts = dict[int, int]


@dataclass(frozen=True)
class Block:
    """Leaves ascending by merchant id."""

    leaves: tuple[PayoutLeaf, ...]
    tau_s: int
    previous_root: bytes

    @property
    def contents(self) -> list[bytes]:
        return [write_leaf(leaf) for leaf in self.leaves]

    @property
    def root(self) -> bytes:
        return merkle_root([leaf_hash_of(content) for content in self.contents])

    def find(self, merchant_id: bytes) -> PayoutLeaf | None:
        return next((leaf for leaf in self.leaves if leaf.merchant_id == merchant_id), None)

    def proof(self, merchant_id: bytes) -> LeafProof:
        contents = self.contents
        index = next(at for at, leaf in enumerate(self.leaves) if leaf.merchant_id == merchant_id)
        path = merkle_path([leaf_hash_of(content) for content in contents], index)
        return LeafProof(contents[index], index, b"".join(path))


@dataclass
class Merchant:
    """`claim` is what it could withdraw by if it has anything confirmed; it made it of what it had when it signed."""

    account: int
    secret: SecretKey
    honest: bool = True
    confirmed: Amounts = field(default_factory=dict)
    claim: Claim | None = None

    @property
    def key(self) -> bytes:
        return self.secret.public.eip2537

    @property
    def id(self) -> bytes:
        return self.secret.public.merchant_id


@dataclass
class Market:
    """One operator's. `paid`: consumer account -> the highest micropayment that it signed for this operator."""

    contract: Contract
    operator: int
    own: Merchant = field(init=False)
    merchants: list[Merchant] = field(default_factory=list)
    paid: dict[int, int] = field(default_factory=dict)
    blocks: dict[bytes, Block] = field(default_factory=dict)
    kept: dict[bytes, PayoutLeaf] = field(default_factory=dict)
    """The leaves of the missing, which are public."""
    by_program: bool = False
    """Whether honest merchants decide as their program does, or by the shorter rule that is here."""
    _signatures: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.own = Merchant(self.operator, secret(self.operator))
        possession = self.own.secret.prove_possession(self.instance, self.contract.account(self.operator))
        reason = self.contract.register_operator(self.operator, TIMES, self.own.key, possession.eip2537)
        assert reason == "", reason
        self.merchants.append(self.own)
        self.start_s = self.contract.now_s
        self.blocks[NO_ROOT] = Block((), 0, NO_ROOT)

    @property
    def instance(self) -> bytes:
        return self.contract.instance(self.operator)

    # ---- Time

    def go_to_window(self, after_s: int = 1) -> int:
        """Its number. Moves on to the next one if one has begun."""
        passed_s = self.contract.now_s - self.start_s
        window = passed_s // TIMES.period_s + 1
        self.contract.now_s = self.start_s + window * TIMES.period_s + after_s
        return window

    def go_to_open(self) -> None:
        """After the freeze that runs, if one does."""
        passed_s = self.contract.now_s - self.start_s
        window = (passed_s + TIMES.finality_s) // TIMES.period_s
        thaw_s = window * TIMES.period_s + TIMES.window_s + TIMES.finality_s + 1
        if window >= 1 and passed_s < thaw_s:
            self.contract.now_s = self.start_s + thaw_s

    # ---- Registration

    def voucher(self, merchant: Merchant, tau_s: int) -> bytes:
        payout = self.contract.account(merchant.account)
        return self.own.secret.sign(voucher_message(self.instance, merchant.id, payout, tau_s)).eip2537

    def register(self, merchant: Merchant) -> str:
        tau_s = self.contract.now_s
        possession = merchant.secret.prove_possession(self.instance, self.contract.account(merchant.account))
        return self.contract.register_merchant(
            merchant.account,
            self.operator,
            merchant.key,
            possession.eip2537,
            self.voucher(merchant, tau_s),
            tau_s,
        )

    def join(self, account: int, *, honest: bool = True) -> Merchant:
        merchant = Merchant(account, secret(account, self.operator), honest)
        reason = self.register(merchant)
        assert reason == "", reason
        self.merchants.append(merchant)
        return merchant

    # ---- Payments

    def deposit(self, consumer: int, amount_ubc: int) -> int:
        """The channel's number."""
        assert self.contract.deposit(consumer, consumer, [(self.operator, amount_ubc)]) == ""
        number = self.contract.channel_number(self.operator, consumer)
        assert number is not None
        return number

    def pay(self, consumer: int, more_ubc: int) -> None:
        self.paid[consumer] = self.paid.get(consumer, 0) + more_ubc

    def sources(self, channels: Iterable[int]) -> tuple[Source, ...]:
        """The latest micropayments of these channels."""
        consumers = {self.contract.channel_number(self.operator, one): one for one in self.paid}
        return tuple(
            [
                Source(
                    number,
                    self.paid[consumers[number]],
                    self._signature(consumers[number], self.paid[consumers[number]]),
                )
                for number in sorted(channels)
                if number in consumers
            ]
        )

    def _signature(self, consumer: int, cumulative_ubc: int) -> bytes:
        key = consumer, cumulative_ubc
        if key not in self._signatures:
            self._signatures[key] = micropay(self.contract, self.operator, consumer, cumulative_ubc)
        return self._signatures[key]

    # ---- Blocks

    @property
    def head(self) -> bytes:
        return self.contract.operator(self.operator).root

    def record(self, merchant: Merchant) -> PayMerchant | None:
        return self.contract.merchant(self.operator, merchant.id)

    def registered(self) -> list[Merchant]:
        records = [(one, self.record(one)) for one in self.merchants]
        return [one for one, record in records if record is not None and record.status != Status.EXITED]

    def block(self, payouts: Mapping[bytes, Amounts], omit: Sequence[Merchant] = ()) -> Block:
        """Of these payouts by merchant id; whoever else is registered has an empty leaf."""
        ids = sorted(one.id for one in self.registered() if one not in omit)
        leaves = tuple([PayoutLeaf(one, payouts.get(one, {})) for one in ids])
        return Block(leaves, self.contract.now_s, self.head)

    def sign(self, merchant: Merchant, block: Block) -> bytes:
        commitment = commitment_of(self.instance, block.root, block.tau_s, block.previous_root)
        return merchant.secret.sign(commitment).compressed

    def has_withdrawn(self, record: PayMerchant | None) -> bool:
        """Also if it joined only now, or has exited: nothing is confirmed to it."""
        height = self.contract.operator(self.operator).height
        if record is None or record.status == Status.EXITED or record.joined == height:
            return True
        return record.withdrew == height and height > 0

    def would_sign(self, merchant: Merchant, block: Block) -> bool:
        return self.judges_well(merchant, block) if self.by_program else self.accepts(merchant, block)

    def accepts(self, merchant: Merchant, block: Block) -> bool:
        """Algorithm 4 as its proof needs it. The operator has shown `block`, and those in `blocks` before."""
        previous = self.blocks.get(block.previous_root)
        own = block.find(merchant.id)
        if block.previous_root != self.head or previous is None or own is None:
            return False
        if not is_at_least(own, PayoutLeaf(merchant.id, merchant.confirmed)):
            return False
        for before in self._to_be_kept(previous):
            now = block.find(before.merchant_id)
            if now is None or not is_at_least(now, self._unpaid(before, previous)):
                return False
        return self._is_covered(block)

    def judges_well(self, merchant: Merchant, block: Block) -> bool:
        """The same by the merchant's own program, ledger/payplace/merchant_check.py."""
        operator, now_s = self.contract.operator(self.operator), self.contract.now_s
        period = (now_s - self.start_s) // TIMES.period_s
        begin_s = self.start_s + period * TIMES.period_s
        records = {one.id: self.record(one) for one in self.merchants}
        view = ContractView(
            self.instance, operator.root, period, begin_s, begin_s + TIMES.window_s, operator.channels,
            frozenset([one for one, record in records.items() if self.has_withdrawn(record)]),
            frozenset([one for one, record in records.items() if record and record.status == Status.EXITED]),
            {one: write_leaf(leaf) for one, leaf in self.kept.items() if self._is_missing(one)}, None,
            {one: self.contract.entries_paid(self.operator, one) for one in records},
        )  # fmt: skip
        root, previous = block.root, self.blocks.get(block.previous_root, Block((), 0, NO_ROOT))
        head = BlockHead(self.instance, period, block.tau_s, block.previous_root, len(block.leaves), root)
        confirmed = PayoutLeaf(merchant.id, merchant.confirmed) if merchant.confirmed else None
        try:
            check_head(head, view, now_s)
            blocks = (block.contents, previous.contents)
            reading = read_blocks(head, *blocks, view, merchant.id, self.contract.max_entries)
            judge(reading, *self._what_consumers_say(), confirmed)
        except BlockRefused:
            return False
        return True

    def _what_consumers_say(self) -> tuple[dict[int, ChannelTerms], dict[int, bytes]]:
        terms = dict[int, ChannelTerms]()
        for consumer in self.paid:
            number = self.contract.channel_number(self.operator, consumer)
            assert number is not None
            channel = self.contract.channel(self.operator, number)
            moving_ubc = channel.shift.amount_ubc if channel.shift else 0
            left_ubc = channel.deposited_ubc - moving_ubc
            key = self.contract.consumer(consumer).public
            terms[number] = ChannelTerms(key, left_ubc, channel.withdrawn_ubc)
        return terms, self.micropayments()

    def micropayments(self) -> dict[int, bytes]:
        """By channel, the latest of each consumer."""
        found = dict[int, bytes]()
        for consumer, paid_ubc in self.paid.items():
            number = self.contract.channel_number(self.operator, consumer)
            assert number is not None
            key = self.contract.consumer(consumer).public
            payload = micropayment_payload(Micropayment(self.instance, key, paid_ubc))
            signature = self._signature(consumer, paid_ubc)
            found[number] = join_envelope(payload, key.key_id, signature).encoded
        return found

    def _to_be_kept(self, previous: Block) -> list[PayoutLeaf]:
        kept = [leaf for one, leaf in self.kept.items() if self._is_missing(one)]
        return kept + [
            leaf
            for leaf in previous.leaves
            if not self.has_withdrawn(self.contract.merchant(self.operator, leaf.merchant_id))
        ]

    def _unpaid(self, leaf: PayoutLeaf, previous: Block) -> PayoutLeaf:
        """Without the consumers whose money its merchant has taken already, of a leaf that it takes in parts."""
        count = self.contract.entries_paid(self.operator, leaf.merchant_id)
        if not count:
            return leaf
        missing = self._is_missing(leaf.merchant_id)
        taken = self.kept[leaf.merchant_id] if missing else previous.find(leaf.merchant_id)
        paid = sorted(taken.amounts)[:count] if taken else []
        left = {number: amount for number, amount in leaf.amounts.items() if number not in paid}
        return PayoutLeaf(leaf.merchant_id, left)

    def _is_missing(self, merchant_id: bytes) -> bool:
        record = self.contract.merchant(self.operator, merchant_id)
        return record is not None and record.status == Status.MISSING

    def _is_covered(self, block: Block) -> bool:
        sums = Amounts()
        for leaf in block.leaves:
            for number, amount_ubc in leaf.amounts.items():
                sums[number] = sums.get(number, 0) + amount_ubc
        consumers = {self.contract.channel_number(self.operator, one): one for one in self.paid}
        for number, total_ubc in sums.items():
            if number not in consumers:
                return False
            channel = self.contract.channel(self.operator, number)
            moving_ubc = channel.shift.amount_ubc if channel.shift else 0
            limit_ubc = min(self.paid[consumers[number]], channel.deposited_ubc - moving_ubc)
            if total_ubc > limit_ubc - channel.withdrawn_ubc:
                return False
        return True

    def mark(self, missing: Sequence[Merchant]) -> str:
        """By their leaves of the head block, or the empty one if nothing is confirmed to them."""
        if not missing:
            return ""
        head = self.blocks[self.head]
        rows = [(one.key, self.held(one, head)) for one in missing]
        reason = self.contract.mark_missing(self.operator, len(head.leaves), rows)
        if reason == "":
            for one, (_, row) in zip(missing, rows, strict=True):
                self.kept[one.id] = read_leaf(row.leaf)
        return reason

    def held(self, merchant: Merchant, head: Block) -> LeafProof:
        if self.has_withdrawn(self.record(merchant)) or head.find(merchant.id) is None:
            return LeafProof(empty_leaf(merchant.id), 0, b"")
        return head.proof(merchant.id)

    def notarise(self, block: Block, signers: Sequence[Merchant], *, shown: bool = True) -> str:
        """By the signatures of exactly these. Of the missing among them the kept leaf is brought."""
        signatures = [self.sign(one, block) for one in signers]
        returning = [(one.key, write_leaf(self.kept[one.id])) for one in signers if self._is_missing(one.id)]
        return self.submit(block, signatures, returning, signers, shown=shown)

    def submit(
        self,
        block: Block,
        signatures: Sequence[bytes],
        returning: Sequence[tuple[bytes, bytes]],
        signers: Sequence[Merchant] = (),
        *,
        shown: bool = True,
    ) -> str:
        total = aggregate_signatures([Signature.of_compressed(one) for one in signatures]).eip2537
        reason = self.contract.notarise(self.operator, block.root, block.tau_s, total, returning)
        if reason == "":
            if shown:
                self.blocks[block.root] = block
            for one in signers:
                self.confirm(one, block)
        return reason

    def confirm(self, merchant: Merchant, block: Block) -> None:
        """What it signed is notarised: what it needs from now on, it has."""
        leaf = block.find(merchant.id)
        merchant.confirmed = dict(leaf.amounts) if leaf else {}
        merchant.claim = None
        if leaf is not None and leaf.amounts:
            sources = self.sources(leaf.amounts)
            merchant.claim = Claim(block.proof(merchant.id), len(block.leaves), sources)

    def period(self, payouts: Mapping[bytes, Amounts], missing: Sequence[Merchant] = ()) -> str:
        """An honest one, from window to open time: whoever is not missing signs, and must want to."""
        self.go_to_window()
        block = self.block(payouts)
        signers = [one for one in self.registered() if one not in missing]
        for one in signers:
            assert self.would_sign(one, block), one.account
        reason = self.mark([one for one in missing if not self._is_missing(one.id)])
        if reason == "":
            reason = self.notarise(block, signers)
        self.go_to_open()
        return reason

    def withdraw(self, merchant: Merchant, *, leaving: bool = False, accept_less: bool = False) -> str:
        assert merchant.claim is not None
        words = (merchant.account, self.operator, merchant.key, merchant.claim)
        least_ubc = 0 if accept_less else sum(merchant.confirmed.values())
        reason = self.contract.withdraw(*words, at_least_ubc=least_ubc, leaving=leaving)
        if reason == "":
            merchant.confirmed, merchant.claim = {}, None
            if self._is_missing(merchant.id):
                self.kept[merchant.id] = PayoutLeaf(merchant.id, {})
        return reason


def secret(account: int, operator: int = 0) -> SecretKey:
    return SecretKey.of_octets((1 + account + 1_000 * operator).to_bytes(32, "big"))
