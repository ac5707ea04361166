"""Unspent funds go from one operator to another, unless somebody shows that they are spent.

The challenge is open to everybody: every merchant has seen each consumer's latest micropayment when it last signed.
Reference: PayPlace 6.7.   Units: micro-bandcoin (ubc), seconds.
"""

from dataclasses import replace

from ledger.payplace.depositing import add_to_channel
from ledger.payplace.entries import Channel, PendingShift, channel_key
from ledger.payplace.sourcing import check_source, learn
from ledger.payplace.views import find_channel, instance, read_channel, read_operator
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.ids import PublicKey
from wire.payplace_shift import ChallengeShift, FinishShift, Shift


def shift(draft: Draft, issuer: PublicKey, action: Shift, now_s: int) -> Rejected | None:
    if action.amount_ubc < 1:
        return Rejected(Reason.AMOUNT_NOT_POSITIVE, f"{action.amount_ubc} ubc: at least 1 is moved")
    source = read_operator(draft, action.source)
    if source is None or read_operator(draft, action.target) is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{action.source} or {action.target} is no operator")
    found = _find(draft, action.source, issuer)
    if isinstance(found, Rejected):
        return found
    number, channel = found
    if action.source == action.target:
        return Rejected(Reason.SAME_OPERATOR, "the funds are there")
    if channel.shift is not None:
        return Rejected(Reason.SHIFT_PENDING, f"{channel.shift.amount_ubc} ubc are on their way")
    unspent_ubc = channel.deposited_ubc - channel.paid_ubc
    if action.amount_ubc > unspent_ubc:
        return Rejected(Reason.SHIFT_TOO_LARGE, f"{unspent_ubc} ubc are not known to be spent")
    pending = PendingShift(action.target.octets, action.amount_ubc, now_s + source.challenge_s)
    draft.put(channel_key(action.source.key_id, number), replace(channel, shift=pending))
    return None


def challenge_shift(draft: Draft, action: ChallengeShift) -> Rejected | None:
    found = _find(draft, action.operator, action.consumer)
    if isinstance(found, Rejected):
        return found
    number, channel = found
    rejected = check_source(
        instance(draft, action.operator), channel, action.cumulative_ubc, action.signature
    )
    if rejected is not None:
        return rejected
    if channel.shift is None:
        return Rejected(Reason.NO_SHIFT, "no funds of this channel are on their way")
    stays_ubc = channel.deposited_ubc - channel.shift.amount_ubc
    if action.cumulative_ubc <= stays_ubc:
        return Rejected(Reason.CHALLENGE_TOO_LOW, f"{stays_ubc} ubc stay, which is enough for this payment")
    draft.put(channel_key(action.operator.key_id, number), learn(channel, action.cumulative_ubc))
    return None


def finish_shift(draft: Draft, action: FinishShift, now_s: int) -> Rejected | None:
    found = _find(draft, action.operator, action.consumer)
    if isinstance(found, Rejected):
        return found
    number, channel = found
    pending = channel.shift
    if pending is None:
        return Rejected(Reason.NO_SHIFT, "no funds of this channel are on their way")
    if now_s < pending.final_s:
        return Rejected(Reason.CHALLENGE_RUNS, f"may be challenged until {pending.final_s}")
    less = replace(channel, deposited_ubc=channel.deposited_ubc - pending.amount_ubc, shift=None)
    assert less.paid_ubc <= less.deposited_ubc, "what turns out to be spent ends the shift"
    draft.put(channel_key(action.operator.key_id, number), less)
    add_to_channel(draft, PublicKey(pending.target), action.consumer, pending.amount_ubc)
    return None


def _find(draft: Draft, operator: PublicKey, consumer: PublicKey) -> tuple[int, Channel] | Rejected:
    if read_operator(draft, operator) is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{operator} is no operator")
    number = find_channel(draft, operator, consumer)
    channel = None if number is None else read_channel(draft, operator, number)
    if number is None or channel is None:
        return Rejected(Reason.UNKNOWN_CHANNEL, f"{consumer} has deposited nothing with {operator}")
    return number, channel
