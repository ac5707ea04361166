"""A merchant is paid what its leaf says, out of its consumers' deposits: Algorithm 7, repaired.

From no consumer is more taken than it has signed for, nor what is reserved for whoever has been missing for longer.
Reference: PayPlace 6.5.2, Theorems 11, 12.   Units: micro-bandcoin (ubc).
"""

from dataclasses import replace

from ledger.money import add_to_balance
from ledger.payplace.entries import (
    Channel,
    PayMerchant,
    Status,
    channel_key,
    merchant_key,
    operator_key,
)
from ledger.payplace.key_sums import take_keys
from ledger.payplace.leaves import Brought, check_held, read_brought
from ledger.payplace.notarising import check_row
from ledger.payplace.payout_leaf import empty_leaf, leaf_hash_of
from ledger.payplace.reserving import read_channels, release, reserved_before
from ledger.payplace.sourcing import check_source, learn
from ledger.payplace.views import has_nothing_confirmed, instance, read_operator
from ledger.payplace.windows import phase_at
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.ids import PublicKey
from wire.payplace_withdrawal import Claim, ForceExit, WithdrawPayout


def withdraw_payout(draft: Draft, issuer: PublicKey, action: WithdrawPayout, now_s: int) -> Rejected | None:
    operator = read_operator(draft, action.operator)
    if operator is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{action.operator} is no operator")
    if phase_at(operator, now_s).frozen:
        return Rejected(Reason.FROZEN, "a block is being notarised: wait until the freeze is over")
    claim = action.claim
    brought = read_brought(draft, action.operator, claim.proof.leaf)
    if isinstance(brought, Rejected):
        return brought
    if brought.merchant.payout != issuer.octets:
        return Rejected(Reason.NOT_THE_PAYEE, f"{issuer} is not who this merchant is paid as")
    if has_nothing_confirmed(operator, brought.merchant) or not (brought.leaf.amounts or action.exit):
        return Rejected(Reason.NOTHING_CONFIRMED, "since the last notarisation there is nothing to be taken")
    rejected = check_held(operator, brought, claim.proof, claim.leaves)
    if rejected is not None:
        return rejected
    payments = _plan_payments(draft, action.operator, brought, claim)
    if isinstance(payments, Rejected):
        return payments
    paid_ubc = sum(amount_ubc for _, amount_ubc in payments.values())
    if paid_ubc < action.at_least_ubc:
        return Rejected(
            Reason.NOT_FULLY_COVERED,
            f"it would pay {paid_ubc} of the {action.at_least_ubc} ubc that are accepted",
        )
    paid = _pay_out(draft, action.operator, brought, payments)
    if action.exit:
        _let_go(draft, action.operator, brought.id, paid)
    return None


def force_exit(draft: Draft, issuer: PublicKey, action: ForceExit) -> Rejected | None:
    """At any time: to signers of a block under way it makes no difference, for whom it pays was in their sum."""
    operator = read_operator(draft, issuer)
    if operator is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{issuer} is no operator")
    claim = action.claim
    brought = read_brought(draft, issuer, claim.proof.leaf)
    if isinstance(brought, Rejected):
        return brought
    rejected = check_row(operator, brought, claim.proof, claim.leaves)
    if rejected is not None:
        return rejected
    payments = _plan_payments(draft, issuer, brought, claim)
    if isinstance(payments, Rejected):
        return payments
    for number, (_, amount_ubc) in payments.items():
        wanted_ubc = brought.leaf.amounts[number]
        if amount_ubc < wanted_ubc:
            return Rejected(
                Reason.NOT_FULLY_COVERED, f"channel {number} pays {amount_ubc} of {wanted_ubc} ubc"
            )
    _let_go(draft, issuer, brought.id, _pay_out(draft, issuer, brought, payments))
    return None


Payments = dict[int, tuple[Channel, int]]
"""By channel number: the channel with what its micropayment taught, and what it pays."""


def _plan_payments(draft: Draft, operator: PublicKey, brought: Brought, claim: Claim) -> Payments | Rejected:
    amounts, merchant = brought.leaf.amounts, brought.merchant
    channels = read_channels(draft, operator, amounts)
    if isinstance(channels, Rejected):
        return channels
    rejected = _learn_sources(channels, instance(draft, operator), claim)
    if rejected is not None:
        return rejected
    with_source = {source.channel for source in claim.sources}
    payments = Payments()
    for number, channel in channels.items():
        payments[number] = channel, payable(channel, merchant, amounts[number])
        if payments[number][1] < amounts[number] and number not in with_source:
            return Rejected(
                Reason.SOURCE_MISSING,
                f"channel {number} is known to have paid too little: bring its micropayment",
            )
    return payments


def _learn_sources(channels: dict[int, Channel], instance_id: bytes, claim: Claim) -> Rejected | None:
    for source in claim.sources:
        if source.channel not in channels:
            return Rejected(Reason.SOURCE_NOT_IN_LEAF, f"the leaf claims nothing of channel {source.channel}")
    for source in claim.sources:
        channel = channels[source.channel]
        rejected = check_source(instance_id, channel, source.cumulative_ubc, source.signature)
        if rejected is not None:
            return rejected
        channels[source.channel] = learn(channel, source.cumulative_ubc)
    return None


def payable(channel: Channel, merchant: PayMerchant, amount_ubc: int) -> int:
    """Line 19 of Algorithm 7, whose printed sum takes in the own reservation and pays nobody who was missing."""
    free_ubc = channel.paid_ubc - channel.withdrawn_ubc - reserved_before(channel, merchant)
    return min(max(free_ubc, 0), amount_ubc)


def _pay_out(draft: Draft, operator: PublicKey, brought: Brought, payments: Payments) -> PayMerchant:
    """The merchant as it is then: in W, and no longer held to a leaf with anything in it."""
    head = read_operator(draft, operator)
    assert head is not None, "whoever calls has looked"
    for number, (channel, amount_ubc) in payments.items():
        less = replace(channel, withdrawn_ubc=channel.withdrawn_ubc + amount_ubc)
        draft.put(channel_key(operator.key_id, number), less)
    merchant = replace(brought.merchant, withdrew=head.height)
    if merchant.status == Status.MISSING:
        release(draft, operator, brought.leaf.amounts, merchant.at)  # also for what could not be paid of it
        merchant = replace(merchant, leaf=leaf_hash_of(empty_leaf(brought.id)))
    draft.put(merchant_key(operator.key_id, brought.id), merchant)
    add_to_balance(draft, PublicKey(merchant.payout), sum(amount_ubc for _, amount_ubc in payments.values()))
    return merchant


def _let_go(draft: Draft, operator: PublicKey, merchant_id: bytes, merchant: PayMerchant) -> None:
    """Its key is in neither sum any more."""
    head = read_operator(draft, operator)
    assert head is not None, "whoever calls has looked"
    apka = head.apka if merchant.status == Status.MISSING else take_keys(head.apka, [merchant.key])
    draft.put(
        operator_key(operator.key_id), replace(head, apk=take_keys(head.apk, [merchant.key]), apka=apka)
    )
    exited = replace(merchant, status=Status.EXITED, at=head.height, leaf=b"")
    draft.put(merchant_key(operator.key_id, merchant_id), exited)
