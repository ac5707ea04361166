"""What a merchant checks before it signs a payout block: Algorithm 4, repaired, with the previous block folded in.

Two steps, so that nothing is asked of anybody before it is known what to ask. `read_blocks` takes the new block and the
one before it as streams, leaf by leaf, and leaves what concerns this merchant. `judge` then takes what the contract
says of the merchant's consumers, and their micropayments, and says no by raising `BlockRefused` with the rule.

A merchant that signs has convinced itself that (1) the block belongs into this window and after the contract's last
root; (2) it holds that last block, and no payee that is still there gets less from any consumer than in it; (3) its own
confirmed payouts are in it; (4) each of its consumers pays over ALL payees no more than it signed micropayments for and
deposited; (5) every member of M gets what the contract keeps for it; (6) the root is that of these leaves.
Printed faults repaired: P1 and P2 (double spends), P3 (a dropped consumer), P4 (inclusion of tuples).
Reference: thesis 6.5.2, Algorithm 4; 6.8 (the previous root).   Units: micro-bandcoin (ubc), seconds of UTC.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np

from ledger.payplace.payout_block import NO_ROOT, BlockHead
from ledger.payplace.payout_leaf import MAX_ENTRIES, MERCHANT_ID_SIZE, PayoutLeaf, is_at_least, read_leaf
from ledger.payplace.payout_row import Numbers, PayoutRow, Sums, read_row
from ledger.payplace.payout_tree import PayoutTree, TreeBuilder
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.micropayment import read_micropayment


class Rule(StrEnum):
    """Why a merchant does not sign, in the order in which it looks."""

    OTHER_INSTANCE = "other_instance"
    OUTSIDE_WINDOW = "outside_window"
    OTHER_PREVIOUS_ROOT = "other_previous_root"
    PREVIOUS_WITHHELD = "previous_withheld"
    MALFORMED = "malformed"
    MERCHANT_OMITTED = "merchant_omitted"
    PAYOUT_FELL = "payout_fell"
    WRONG_ROOT = "wrong_root"
    I_AM_OMITTED = "i_am_omitted"
    MY_PAYOUT_FELL = "my_payout_fell"
    NO_SUCH_CONSUMER = "no_such_consumer"
    NO_MICROPAYMENT = "no_micropayment"
    BAD_MICROPAYMENT = "bad_micropayment"
    DOUBLE_SPEND = "double_spend"
    TWO_BLOCKS = "two_blocks"


class BlockRefused(VerificationError):
    """A merchant does not sign; `rule` says which check failed."""

    def __init__(self, rule: Rule, detail: str) -> None:
        super().__init__(f"payout block refused: {rule}: {detail}")
        self.rule = rule
        self.detail = detail


@dataclass(frozen=True, slots=True)
class ContractView:
    """What the contract says of the operator at this moment. The sets hold merchant ids.

    `window_from_s`, `window_until_s`: the commitment window of `period`, both ends in it. `withdrew`: W, since the last
    notarisation. `exited`: X and all before. `kept`: of each member of M the leaf that the contract holds it to (L),
    which became public when it was marked. `channels`: how many consumers there are. `merchants`: who was ever
    registered (who leaves during a window still has a leaf); None where that is not asked. `parts`: of whose leaf so
    many of the first entries are paid already, where a contract pays in parts (docs/evm.md); the ledger's pays whole
    leaves. The leaf meant is the one in `kept`, or of who is in no M that of the last block.
    """

    instance: bytes
    root: bytes
    period: int
    window_from_s: int
    window_until_s: int
    channels: int
    withdrew: frozenset[bytes] = frozenset()
    exited: frozenset[bytes] = frozenset()
    kept: Mapping[bytes, bytes] = field(default_factory=dict)
    merchants: frozenset[bytes] | None = None
    parts: Mapping[bytes, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ChannelTerms:
    """What the contract says of one consumer: D, less what is being shifted away, and w."""

    consumer: PublicKey
    deposit_ubc: int
    withdrawn_ubc: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a block says to one merchant: its leaf, the way up, and its consumers' sums over all payees."""

    head: BlockHead
    content: bytes
    leaf: PayoutLeaf
    place: int
    path: tuple[bytes, ...]
    totals_ubc: Mapping[int, int]


def check_head(head: BlockHead, view: ContractView, now_s: int) -> None:
    """Before a block is fetched: is it the one that may be signed now? Raises BlockRefused."""
    if head.instance != view.instance:
        raise BlockRefused(Rule.OTHER_INSTANCE, head.instance.hex())
    window = f"{view.window_from_s}..{view.window_until_s}"
    timely = view.window_from_s <= head.tau_s <= now_s <= view.window_until_s
    if not timely or head.period != view.period:
        raise BlockRefused(
            Rule.OUTSIDE_WINDOW, f"period {head.period} of {head.tau_s} s, at {now_s} s in {window}"
        )
    if head.previous_root != view.root:
        raise BlockRefused(
            Rule.OTHER_PREVIOUS_ROOT, f"{head.previous_root.hex()}, the contract has {view.root.hex()}"
        )
    if view.merchants is not None and head.leaves > len(view.merchants):
        raise BlockRefused(Rule.MALFORMED, f"{head.leaves} leaves for {len(view.merchants)} merchants")


def read_blocks(
    head: BlockHead,
    leaves: Iterable[bytes],
    previous: Iterable[bytes],
    view: ContractView,
    merchant: bytes,
    most: int = MAX_ENTRIES,
) -> Reading:
    """Both blocks, once, side by side. `previous`: leaves of the contract's last block, none before the first.

    `most`: consumers that a leaf may name, which is what one transaction of this contract can bring.
    Raises BlockRefused.
    """
    pass_ = _Pass.over(view, most)
    try:
        for old, new in _side_by_side(leaves, previous):
            pass_.take(old, new, view, merchant)
    except DecodeError as error:
        if isinstance(error, BlockRefused):
            raise
        raise BlockRefused(Rule.MALFORMED, str(error)) from None
    return pass_.finish(head, view, merchant)


def judge(
    reading: Reading,
    terms: Mapping[int, ChannelTerms],
    micropayments: Mapping[int, bytes],
    confirmed: PayoutLeaf | None,
) -> None:
    """`confirmed`: what this merchant last signed and was notarised; None if it withdrew since, or never signed; what
    is left of it if it took a part.

    Raises BlockRefused.
    """
    if confirmed is not None and not is_at_least(reading.leaf, confirmed):
        raise BlockRefused(
            Rule.MY_PAYOUT_FELL, f"below what was notarised, {sum(confirmed.amounts.values())} ubc"
        )
    for channel in reading.leaf.amounts:
        _judge_channel(channel, reading, terms, micropayments)


def _judge_channel(
    channel: int, reading: Reading, terms: Mapping[int, ChannelTerms], micropayments: Mapping[int, bytes]
) -> None:
    term, source = terms.get(channel), micropayments.get(channel)
    if term is None:
        raise BlockRefused(Rule.NO_SUCH_CONSUMER, f"channel {channel}")
    if source is None:
        raise BlockRefused(Rule.NO_MICROPAYMENT, f"channel {channel}")
    try:
        payment = read_micropayment(source, reading.head.instance)
    except DecodeError as error:
        raise BlockRefused(Rule.BAD_MICROPAYMENT, f"channel {channel}: {error}") from None
    if payment.consumer != term.consumer:
        raise BlockRefused(
            Rule.BAD_MICROPAYMENT, f"channel {channel}: of another consumer, {payment.consumer}"
        )
    total = reading.totals_ubc[channel]
    limit = min(payment.cumulative_ubc, term.deposit_ubc) - term.withdrawn_ubc
    if total > limit:
        raise BlockRefused(
            Rule.DOUBLE_SPEND, f"channel {channel}: {total} ubc to all payees, {limit} are there"
        )


@dataclass(slots=True)
class _Pass:
    """What is gathered while leaves pass by."""

    tree: TreeBuilder
    old_tree: TreeBuilder
    totals: Sums
    waiting: set[bytes]
    """Members of M that have not passed by."""
    most: int
    content: bytes | None = None

    @classmethod
    def over(cls, view: ContractView, most: int) -> "_Pass":
        return cls(TreeBuilder(), TreeBuilder(), Sums.over(view.channels), set(view.kept), most)

    def take(self, old: bytes | None, new: bytes | None, view: ContractView, merchant: bytes) -> None:
        if old is not None:
            self.old_tree.add(old)
        if new is None:
            assert old is not None, "one of both is there"
            _check_omitted(old[:MERCHANT_ID_SIZE], view)
            return
        self.tree.add(new)
        row = read_row(new, view.channels)
        if view.merchants is not None and row.merchant_id not in view.merchants:
            raise DecodeError(f"payout block: a leaf of {row.merchant_id.hex()}, who is no merchant here")
        self.totals.add(row)
        if old != new and len(row.amounts) > self.most:
            merchant_id = row.merchant_id.hex()
            raise DecodeError(f"{merchant_id} has {len(row.amounts)} consumers, a leaf at most {self.most}")
        paid = _channels_paid(row.merchant_id, old, view)
        if row.merchant_id in view.kept:
            _check_kept(read_row(view.kept[row.merchant_id], view.channels), row, paid)
            self.waiting.discard(row.merchant_id)
        if row.merchant_id == merchant:
            self.content = new
        excused = row.merchant_id in view.withdrew or row.merchant_id in view.exited
        if old is not None and old != new and not excused:
            _check_kept(read_row(old, view.channels), row, paid)

    def finish(self, head: BlockHead, view: ContractView, merchant: bytes) -> Reading:
        _check_previous(self.old_tree.finish(), view)
        for omitted in sorted(self.waiting):
            _check_omitted(omitted, view)
        tree = self.tree.finish()
        if head.leaves != len(tree.merchants) or tree.root != head.root:
            raise BlockRefused(Rule.WRONG_ROOT, f"{len(tree.merchants)} leaves do not make {head.root.hex()}")
        place = tree.place(merchant)
        if self.content is None or place is None:
            raise BlockRefused(Rule.I_AM_OMITTED, merchant.hex())
        leaf = read_leaf(self.content)
        totals = {channel: int(self.totals.totals[channel]) for channel in leaf.amounts}
        return Reading(head, self.content, leaf, place, tuple(tree.path(place)), totals)


def _side_by_side(
    leaves: Iterable[bytes], previous: Iterable[bytes]
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """(old, new) of each merchant that has one of them. Both ascend, which the trees hold them to."""
    new_source, old_source = iter(leaves), iter(previous)
    new, old = next(new_source, None), next(old_source, None)
    while new is not None or old is not None:
        if old is None or (new is not None and new[:MERCHANT_ID_SIZE] < old[:MERCHANT_ID_SIZE]):
            yield None, new
            new = next(new_source, None)
        elif new is None or old[:MERCHANT_ID_SIZE] < new[:MERCHANT_ID_SIZE]:
            yield old, None
            old = next(old_source, None)
        else:
            yield old, new
            new, old = next(new_source, None), next(old_source, None)


def _check_omitted(merchant: bytes, view: ContractView) -> None:
    if merchant not in view.exited:
        raise BlockRefused(Rule.MERCHANT_OMITTED, merchant.hex())


def _channels_paid(merchant: bytes, old: bytes | None, view: ContractView) -> Numbers | None:
    """Of a leaf that is paid in part: of these nothing is owed but what was earned since. None: of no channel."""
    count, leaf = view.parts.get(merchant, 0), view.kept.get(merchant, old)
    return read_row(leaf, view.channels).channels[:count] if count and leaf is not None else None


def _check_kept(old: PayoutRow, new: PayoutRow, paid: Numbers | None) -> None:
    """Componentwise, over the old entries (P3, P4) but those of channels that are paid."""
    if np.array_equal(old.runs, new.runs):
        fell = new.amounts < old.amounts
    else:
        places = np.searchsorted(new.channels, old.channels)
        there = places < len(new.channels)
        there[there] = new.channels[places[there]] == old.channels[there]
        kept = np.zeros(len(old.amounts), np.int64)
        kept[there] = new.amounts[places[there]]
        fell = kept < old.amounts
    if paid is not None:
        fell &= ~np.isin(old.channels, paid)
    if fell.any():
        channel = int(old.channels[fell.argmax()])
        raise BlockRefused(Rule.PAYOUT_FELL, f"merchant {old.merchant_id.hex()} of channel {channel}")


def _check_previous(tree: PayoutTree, view: ContractView) -> None:
    root = tree.root if tree.merchants else NO_ROOT
    if root != view.root:
        raise BlockRefused(Rule.PREVIOUS_WITHHELD, f"what was given for the last block makes {root.hex()}")
