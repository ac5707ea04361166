"""What a merchant does: it registers, looks at each block before it signs, keeps what it signed for, withdraws alone.

It trusts the chain and its own disk. A consumer that shifts away what it has spent it shows its own micropayment, in a
block under way and outside of one, whoever else does so: `guard` has to run, and `watch` runs it, once in a challenge
period at least (6.7). What the operator gives it is looked at before it is used; what a withdrawal needs
is on disk before a signature leaves, and a withdrawal asks the operator for nothing. It signs one block of a period: of
a second one it keeps both announcements, as the operator signed them.
Reference: thesis 6.5.2, 6.7 ("this can be fully automated"), Definition 5.   Units: seconds of UTC at the chain.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from ledger.payplace import bls
from ledger.payplace.entries import PayMerchant, PayOperator, Status
from ledger.payplace.merchant_check import (
    BlockRefused,
    ContractView,
    Reading,
    Rule,
    check_head,
    judge,
    read_blocks,
)
from ledger.payplace.payout_block import (
    HEAD_SIZE,
    NO_ROOT,
    BlockHead,
    read_block_head,
    split_block,
)
from ledger.payplace.payout_leaf import (
    LEAF_HEAD_SIZE,
    MAX_ENTRIES,
    PayoutLeaf,
    empty_leaf,
    leaf_hash_of,
    read_leaf,
)
from ledger.payplace.sourcing import learn
from ledger.payplace.withdrawing import payable
from operatord.payplace.chain import Chain, Standing, standing_of, terms_of
from operatord.payplace.contesting import Contester
from operatord.payplace.merchant_files import MerchantFiles, Promise
from operatord.payplace.recovering import read_past
from operatord.payplace.steps import may_commit
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.micropayment import parse_micropayment, signature_of
from wire.payplace_notarisation import LeafProof
from wire.payplace_registration import RegisterMerchant
from wire.payplace_withdrawal import Claim, Source, WithdrawPayout

GUARDS = 4
"""Looks at all consumers in a challenge period: two may fail, and one is late."""


class Shown(Protocol):
    """What an operator shows everybody, and its vouchers."""

    def announcement(self) -> bytes | None: ...

    def block(self, root: bytes) -> Iterator[bytes]: ...

    def kept(self) -> Mapping[bytes, bytes]: ...

    def micropayments(self, channels: Iterable[int]) -> Mapping[int, bytes]: ...

    def vouch(
        self, key: bls.PublicKey, possession: bls.Signature, payout: PublicKey
    ) -> tuple[int, bls.Signature]: ...


class Office(Shown, Protocol):
    """The operator's side, over HTTP or in one process. Raises ShellError if it is away (BusyError if it has no room),
    DecodeError if it says no.
    """

    def take_signature(self, merchant: bytes, period: int, octets: bytes) -> None: ...


@dataclass(frozen=True, slots=True)
class Signed:
    """A block was signed, or its signature sent once more (`again`)."""

    head: BlockHead
    income_ubc: int
    again: bool


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """`reason` is empty, the contract has paid so much or more, and what was confirmed beyond that is given up; or it
    says why nothing was paid or given up.
    """

    reason: str
    at_least_ubc: int = 0
    given_up_ubc: int = 0


@dataclass(frozen=True, slots=True)
class Idle:
    """There is nothing to sign."""

    why: str


class Merchant:
    """One key at one operator."""

    def __init__(
        self,
        files: MerchantFiles,
        chain: Chain,
        office: Office,
        key: bls.SecretKey,
        tell: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.id = key.public.merchant_id
        self._files = files
        self._chain = chain
        self._office = office
        self._key = key
        self._contester = Contester(chain, "merchant", tell)
        self._guarded_s: int | None = None

    def register(self) -> str:
        """Empty, or why the contract says no. Raises DecodeError if the operator does."""
        chain = self._chain
        possession = self._key.prove_possession(chain.instance, chain.account.octets)
        tau_s, voucher = self._office.vouch(self._key.public, possession, chain.account)
        operator = PublicKey(chain.operator().key)
        return chain.submit(
            RegisterMerchant(operator, self._key.public.eip2537, possession.eip2537, voucher.eip2537, tau_s)
        )

    # ---- Signing

    def watch(self) -> Signed | Idle:
        """Contests what is to be contested, and signs what may be signed now. Raises BlockRefused with the rule that
        the operator's block breaks.
        """
        self.guard()
        operator = self._chain.operator()
        if not may_commit(operator, self._chain.time_s()):
            return Idle("no window runs")
        announcement = self._office.announcement()
        if announcement is None:
            return Idle("no block is announced")
        record = self._chain.merchant(self.id)
        if record is None or record.status == Status.EXITED:
            return Idle("not registered")
        head = self._read_announcement(announcement, operator)
        before = self._files.promise_of_period(head.period)
        if before is not None:
            return self._sign_again(before, announcement)
        standing = standing_of(self._chain)
        view = standing.view(self._chain.instance, self._fetch_kept(standing))
        check_head(head, view, standing.time_s)
        self._fetch(head, standing)
        reading = self._read(head, view)
        promise = self._judge(announcement, reading, record, standing)
        self._files.promise(announcement, promise)
        self._send(head)
        self._files.forget_blocks([head.root, head.previous_root])
        return Signed(head, sum(reading.leaf.amounts.values()), again=False)

    def _read(self, head: BlockHead, view: ContractView) -> Reading:
        """What turns out not to be a block is not kept, so that it is asked for again."""
        leaves, previous = (self._leaves(root, view) for root in (head.root, head.previous_root))
        try:
            return read_blocks(head, leaves, previous, view, self.id)
        except BlockRefused as refused:
            withheld = refused.rule == Rule.PREVIOUS_WITHHELD
            self._files.forget_block(head.previous_root if withheld else head.root)
            raise

    def _read_announcement(self, announcement: bytes, operator: PayOperator) -> BlockHead:
        try:
            head = read_block_head(announcement[:HEAD_SIZE])
            signature = bls.Signature.of_compressed(announcement[HEAD_SIZE:])
            bls.verify(bls.PublicKey.of_eip2537(operator.bls_key), head.commitment, signature)
        except DecodeError as error:
            raise BlockRefused(Rule.MALFORMED, f"announcement: {error}") from None
        return head

    def _sign_again(self, before: Promise, announcement: bytes) -> Signed:
        if before.head.commitment != read_block_head(announcement[:HEAD_SIZE]).commitment:
            self._files.accuse(before.head.period, [before.announcement, announcement])
            raise BlockRefused(
                Rule.TWO_BLOCKS, f"of period {before.head.period}, the first is {before.head.root.hex()}"
            )
        self._send(before.head)
        return Signed(before.head, sum(read_leaf(before.leaf).amounts.values()), again=True)

    def _send(self, head: BlockHead) -> None:
        self._office.take_signature(self.id, head.period, self._key.sign(head.commitment).compressed)

    def _fetch_kept(self, standing: Standing) -> dict[bytes, bytes]:
        """The leaf of each member of M, which is the one of its hash: of the operator, or as it was marked by it."""
        missing, shown = standing.missing, dict[bytes, bytes]()
        if any(record.leaf != leaf_hash_of(empty_leaf(one)) for one, record in missing.items()):
            shown = dict(self._office.kept())
        kept = {
            one: leaf
            for one, record in missing.items()
            for leaf in (shown.get(one, b""), empty_leaf(one))
            if leaf_hash_of(leaf) == record.leaf
        }
        if len(kept) < len(missing):
            kept |= read_past(self._chain.history()).kept(missing)
        for one in missing:
            if one not in kept:
                raise BlockRefused(Rule.PREVIOUS_WITHHELD, f"the leaf to which merchant {one.hex()} is held")
        return kept

    def _fetch(self, head: BlockHead, standing: Standing) -> None:
        """The block, and the one before it if it is not here."""
        entries = LEAF_HEAD_SIZE + 16 * min(standing.operator.channels, MAX_ENTRIES)
        for root, leaves in ((head.root, head.leaves), (head.previous_root, len(standing.merchants))):
            if root == NO_ROOT or self._files.has_block(root):
                continue
            try:
                self._files.save_block(root, self._office.block(root), HEAD_SIZE + leaves * entries)
            except DecodeError as error:
                rule = Rule.MALFORMED if root == head.root else Rule.PREVIOUS_WITHHELD
                raise BlockRefused(rule, str(error)) from None

    def _leaves(self, root: bytes, view: ContractView) -> Iterator[bytes]:
        """How the file begins does not matter: a block in which nobody earned anything has the root of another."""
        if root != NO_ROOT:
            yield from islice(split_block(self._files.chunks(root), view.channels), 1, None)

    def _judge(
        self, announcement: bytes, reading: Reading, record: PayMerchant, standing: Standing
    ) -> Promise:
        channels = self._chain.channels(reading.leaf.amounts)
        micropayments = dict(self._office.micropayments(list(channels))) if channels else {}
        if self._contester.contest_all(channels, micropayments):
            channels = self._chain.channels(reading.leaf.amounts)
        terms = {number: terms_of(channel) for number, channel in channels.items()}
        judge(reading, terms, micropayments, self._confirmed(record, standing))
        mine = {number: micropayments[number] for number in reading.leaf.amounts}
        return Promise(announcement, reading.content, reading.place, reading.path, mine)

    # ---- Consumers who shift away what they have spent

    def guard(self, *, now: bool = False) -> None:
        """Looks at all consumers who owe us, and contests; asks nobody but the chain.

        At the first call, then as often as makes it `GUARDS` times in a challenge period, or `now`.
        """
        operator, time_s = self._chain.operator(), self._chain.time_s()
        rested = self._guarded_s is None or time_s - self._guarded_s >= operator.challenge_s // GUARDS
        if not (now or rested):
            return
        record = self._chain.merchant(self.id)
        if record is not None and record.status != Status.EXITED:
            confirmed = self._confirmed_promise(record, operator)
            for promise in (self._files.latest_promise(), confirmed):
                if promise is not None and promise.micropayments:
                    self._contester.contest_all(
                        self._chain.channels(promise.micropayments), promise.micropayments
                    )
        self._guarded_s = time_s

    # ---- What is confirmed, and taking it

    def _confirmed(self, record: PayMerchant, standing: Standing) -> PayoutLeaf | None:
        """None if nothing is, or if our disk does not have it."""
        promise = self._confirmed_promise(record, standing.operator)
        return None if promise is None else read_leaf(promise.leaf)

    def _confirmed_promise(self, record: PayMerchant, operator: PayOperator) -> Promise | None:
        if record.status == Status.MISSING:
            return self._files.promise_of_leaf(record.leaf)
        if operator.height in {record.joined, record.withdrew}:
            return None
        return self._files.promise_of_root(operator.root)

    def confirmed_ubc(self) -> int:
        """What a withdrawal would take."""
        standing = standing_of(self._chain)
        record = standing.merchants.get(self.id)
        leaf = None if record is None else self._confirmed(record, standing)
        return 0 if leaf is None else sum(leaf.amounts.values())

    def _payable(self, promise: Promise, record: PayMerchant) -> int:
        """What a withdrawal would be paid at this moment: less than is confirmed where a consumer's funds are on their
        way to another operator, or reserved for whoever has been missing for longer.
        """
        channels, paid_ubc = self._chain.channels(promise.micropayments), 0
        for number, amount_ubc in read_leaf(promise.leaf).amounts.items():
            if number in channels and number in promise.micropayments:
                cumulative_ubc = parse_micropayment(promise.micropayments[number]).cumulative_ubc
                paid_ubc += payable(learn(channels[number], cumulative_ubc), record, amount_ubc)
        return paid_ubc

    def withdraw(self, *, leaving: bool = False, accept_less: bool = False) -> Withdrawn:
        """Asks nobody but the chain. Raises LookupError if nothing is confirmed.

        The contract pays what is there and strikes the rest, so what is not covered in full waits, unless
        `accept_less`: it is asked for all, or for what is there now, or nothing.
        """
        self.guard(now=True)
        standing = standing_of(self._chain)
        record = standing.merchants.get(self.id)
        if record is None:
            raise LookupError("this merchant is not registered")
        promise = self._confirmed_promise(record, standing.operator)
        if promise is None and not (leaving and record.status == Status.MISSING):
            raise LookupError("nothing is confirmed that this folder has the proof of")
        claim, confirmed_ubc, now_ubc = Claim(LeafProof(empty_leaf(self.id), 0, b""), 0, ()), 0, 0
        if promise is not None:
            claim = claim_of(promise)
            confirmed_ubc = sum(read_leaf(promise.leaf).amounts.values())
            now_ubc = self._payable(promise, record)
            if now_ubc < confirmed_ubc and not accept_less:
                there = f"{now_ubc} of {confirmed_ubc} ubc are there now, the rest would be lost"
                return Withdrawn(f"not_fully_covered: {there}")
        action = WithdrawPayout(PublicKey(standing.operator.key), claim, now_ubc, leaving)
        reason = self._chain.submit(action)
        return Withdrawn(reason) if reason else Withdrawn("", now_ubc, confirmed_ubc - now_ubc)


def claim_of(promise: Promise) -> Claim:
    """What the contract wants to see. Raises VerificationError if a micropayment is none."""
    sources = list[Source]()
    for number, octets in sorted(promise.micropayments.items()):
        payment = parse_micropayment(octets)
        sources.append(Source(number, payment.cumulative_ubc, signature_of(octets)))
    if len(sources) != len(read_leaf(promise.leaf).amounts):
        raise VerificationError("a micropayment of what was promised is missing")
    proof = LeafProof(promise.leaf, promise.place, b"".join(promise.path))
    return Claim(proof, promise.head.leaves, tuple(sources))
