"""A leaf that somebody brings to the contract: whose it is, and whether it is the one that this merchant is held to.

Reference: PayPlace 6.5.2, Algorithms 6 and 7 (H(T_p) = L_p, checkMP).
"""

from dataclasses import dataclass

from ledger.payplace.entries import PayMerchant, PayOperator, Status
from ledger.payplace.payout_leaf import PayoutLeaf, leaf_hash_of, read_leaf
from ledger.payplace.views import read_registered
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.errors import DecodeError, VerificationError
from wire.ids import PublicKey
from wire.merkle import root_of_path
from wire.payplace_notarisation import LeafProof


@dataclass(frozen=True, slots=True)
class Brought:
    """A leaf of a merchant that is registered; nothing is known of the leaf yet."""

    content: bytes
    leaf: PayoutLeaf
    merchant: PayMerchant

    @property
    def id(self) -> bytes:
        return self.leaf.merchant_id


def read_brought(draft: Draft, operator: PublicKey, content: bytes) -> Brought | Rejected:
    try:
        leaf = read_leaf(content)
    except DecodeError as error:
        return Rejected(Reason.LEAF_MALFORMED, str(error))
    merchant = read_registered(draft, operator, leaf.merchant_id)
    if merchant is None:
        return Rejected(Reason.NOT_REGISTERED, f"no merchant {leaf.merchant_id.hex()} is registered")
    return Brought(content, leaf, merchant)


def check_held(operator: PayOperator, brought: Brought, proof: LeafProof, leaves: int) -> Rejected | None:
    """Of a missing merchant, the leaf that was kept for it; of any other, its leaf under the head root."""
    if brought.merchant.status == Status.MISSING:
        return check_kept(brought)
    try:
        root = root_of_path(leaf_hash_of(brought.content), proof.index, leaves, proof.nodes)
    except VerificationError as error:
        return Rejected(Reason.NOT_IN_ROOT, str(error))
    if root != operator.root or operator.height == 0:
        return Rejected(Reason.NOT_IN_ROOT, "the path does not lead from the leaf to the head root")
    return None


def check_kept(brought: Brought) -> Rejected | None:
    if leaf_hash_of(brought.content) != brought.merchant.leaf:
        return Rejected(Reason.LEAF_DIFFERS, "not the leaf that this merchant is held to")
    return None
