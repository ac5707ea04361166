"""Who has not signed a block, and the block that all others signed: Algorithm 6, repaired and in two steps.

What is signed names the root before, so everybody who signs says that it holds the block before, and looks by itself
whether anybody who is missing was left out (6.8). So of a missing merchant the contract asks for its old leaf only,
keeps its hash (L) and reserves its amounts (N); and a signature of all others is one check, however many are missing.
Reference: PayPlace 6.5.2, Theorems 9, 10; docs/decisions/0031.
"""

from dataclasses import replace

from ledger.payplace.bls import Signature, verify
from ledger.payplace.entries import PayOperator, Status, merchant_key, operator_key
from ledger.payplace.key_sums import NO_KEYS, add_keys, read_key, take_keys
from ledger.payplace.leaves import Brought, check_held, check_kept, read_brought
from ledger.payplace.payout_block import commitment_of
from ledger.payplace.payout_leaf import empty_leaf, leaf_hash_of
from ledger.payplace.reserving import release, reserve
from ledger.payplace.views import has_nothing_confirmed, instance, read_operator
from ledger.payplace.windows import phase_at
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.payplace_notarisation import LeafProof, MarkMissing, Notarise


def mark_missing(draft: Draft, issuer: PublicKey, action: MarkMissing, now_s: int) -> Rejected | None:
    operator = _read_in_window(draft, issuer, now_s)
    if isinstance(operator, Rejected):
        return operator
    keys = list[bytes]()
    for row in action.rows:
        brought = _mark(draft, issuer, operator, row, action.leaves)
        if isinstance(brought, Rejected):
            return brought
        keys.append(brought.merchant.key)
    draft.put(operator_key(issuer.key_id), replace(operator, apka=take_keys(operator.apka, keys)))
    return None


def notarise(draft: Draft, issuer: PublicKey, action: Notarise, now_s: int) -> Rejected | None:
    operator = _read_in_window(draft, issuer, now_s, action.tau_s)
    if isinstance(operator, Rejected):
        return operator
    keys = list[bytes]()
    for content in action.returning:
        brought = _return(draft, issuer, content)
        if isinstance(brought, Rejected):
            return brought
        keys.append(brought.merchant.key)
    apka = add_keys(operator.apka, keys)
    message = commitment_of(instance(draft, issuer), action.root, action.tau_s, operator.root)
    rejected = _check_signed(apka, message, action.signature)
    if rejected is not None:
        return rejected
    head = replace(
        operator,
        apka=apka,
        height=operator.height + 1,
        window=phase_at(operator, now_s).window,
        tau_s=action.tau_s,
        root=action.root,
    )
    draft.put(operator_key(issuer.key_id), head)
    return None


def _read_in_window(
    draft: Draft, issuer: PublicKey, now_s: int, tau_s: int | None = None
) -> PayOperator | Rejected:
    """The operator, whose window runs and has had no block yet; the block was made in it."""
    operator = read_operator(draft, issuer)
    if operator is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{issuer} is no operator")
    phase = phase_at(operator, now_s)
    if phase.window == 0:
        return Rejected(Reason.OUTSIDE_WINDOW, "no commitment window runs")
    if tau_s is not None and not phase.began_s <= tau_s <= now_s:
        return Rejected(
            Reason.TAU_OUTSIDE_WINDOW, f"the block is of {tau_s}, outside {phase.began_s}..{now_s}"
        )
    if operator.window == phase.window:
        return Rejected(Reason.ALREADY_NOTARISED, f"window {phase.window} has its block")
    return operator


def _mark(
    draft: Draft, issuer: PublicKey, operator: PayOperator, row: LeafProof, leaves: int
) -> Brought | Rejected:
    brought = read_brought(draft, issuer, row.leaf)
    if isinstance(brought, Rejected):
        return brought
    if brought.merchant.status == Status.MISSING:
        return Rejected(Reason.ALREADY_MISSING, f"merchant {brought.id.hex()} is missing")
    rejected = check_row(operator, brought, row, leaves) or reserve(
        draft, issuer, brought.leaf.amounts, operator.height
    )
    if rejected is not None:
        return rejected
    missing = replace(
        brought.merchant, status=Status.MISSING, at=operator.height, leaf=leaf_hash_of(row.leaf)
    )
    draft.put(merchant_key(issuer.key_id, brought.id), missing)
    return brought


def check_row(operator: PayOperator, brought: Brought, row: LeafProof, leaves: int) -> Rejected | None:
    """Whoever has nothing confirmed (B, W) is held to nothing; whoever else, to its leaf of the block before."""
    if not has_nothing_confirmed(operator, brought.merchant):
        return check_held(operator, brought, row, leaves)
    if row.leaf != empty_leaf(brought.id):
        return Rejected(Reason.LEAF_DIFFERS, "it has nothing confirmed: its leaf is the empty one")
    return None


def _return(draft: Draft, issuer: PublicKey, content: bytes) -> Brought | Rejected:
    brought = read_brought(draft, issuer, content)
    if isinstance(brought, Rejected):
        return brought
    if brought.merchant.status != Status.MISSING:
        return Rejected(Reason.NOT_MISSING, f"merchant {brought.id.hex()} is not missing")
    rejected = check_kept(brought)
    if rejected is not None:
        return rejected
    release(draft, issuer, brought.leaf.amounts, brought.merchant.at)
    signing = replace(brought.merchant, status=Status.SIGNING, at=0, leaf=b"")
    draft.put(merchant_key(issuer.key_id, brought.id), signing)
    return brought


def _check_signed(apka: bytes, message: bytes, signature: bytes) -> Rejected | None:
    if apka == NO_KEYS:
        return Rejected(Reason.NO_SIGNERS, "everybody is missing")
    try:
        verify(read_key(apka), message, Signature.of_eip2537(signature))
    except VerificationError as error:
        return Rejected(Reason.BAD_AGGREGATE, str(error))
    return None
