"""What the tests of PayPlace's payouts share: merchants, leaves, small blocks."""

import hashlib
from collections.abc import Iterable, Mapping

from ledger.payplace.payout_block import NO_ROOT, BlockHead, write_block_head
from ledger.payplace.payout_leaf import PayoutLeaf, write_leaf
from ledger.payplace.payout_tree import PayoutTree, TreeBuilder

INSTANCE = hashlib.sha256(b"an instance").digest()


def merchant_id(number: int) -> bytes:
    return hashlib.sha256(b"merchant %d" % number).digest()


def leaf(merchant: bytes, amounts: Mapping[int, int]) -> bytes:
    return write_leaf(PayoutLeaf(merchant, amounts))


def tree_of(leaves: Iterable[bytes]) -> PayoutTree:
    builder = TreeBuilder()
    for content in leaves:
        builder.add(content)
    return builder.finish()


def block(
    payouts: Mapping[bytes, Mapping[int, int]],
    *,
    period: int = 10,
    tau_s: int = 1_000,
    previous_root: bytes = NO_ROOT,
) -> tuple[BlockHead, list[bytes]]:
    """A head and the leaves of an honest block that pays what is said."""
    leaves = [leaf(merchant, payouts[merchant]) for merchant in sorted(payouts)]
    root = tree_of(leaves).root
    return BlockHead(INSTANCE, period, tau_s, previous_root, len(leaves), root), leaves


def octets(head: BlockHead, leaves: Iterable[bytes]) -> bytes:
    return b"".join((write_block_head(head), *leaves))
