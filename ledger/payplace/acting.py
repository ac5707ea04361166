"""The eleven actions of PayPlace, each to its rules.

    act(draft, issuer, action, now_s) -> None | Rejected        the draft of a rejection is to be dropped

Pure, as all of the contract. Every rule is asked in the order of ledger/rejection.py.
Reference: PayPlace 6.5.2, 6.7; docs/wire/payplace_actions.md.
"""

from ledger.payplace.depositing import payplace_deposit
from ledger.payplace.notarising import mark_missing, notarise
from ledger.payplace.registering import register_merchant, register_operator
from ledger.payplace.shifting import challenge_shift, finish_shift, shift
from ledger.payplace.summaries import publish_summary
from ledger.payplace.withdrawing import force_exit, withdraw_payout
from ledger.rejection import Rejected
from ledger.state import Draft
from wire.ids import PublicKey
from wire.payplace_actions import PayplaceAction
from wire.payplace_deposit import PayplaceDeposit
from wire.payplace_notarisation import MarkMissing, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator
from wire.payplace_shift import ChallengeShift, FinishShift, Shift
from wire.payplace_summary import PublishSummary
from wire.payplace_withdrawal import ForceExit, WithdrawPayout


def act(draft: Draft, issuer: PublicKey, action: PayplaceAction, now_s: int) -> Rejected | None:
    match action:
        case RegisterOperator():
            return register_operator(draft, issuer, action, now_s)
        case PayplaceDeposit():
            return payplace_deposit(draft, issuer, action)
        case RegisterMerchant():
            return register_merchant(draft, issuer, action, now_s)
        case MarkMissing():
            return mark_missing(draft, issuer, action, now_s)
        case Notarise():
            return notarise(draft, issuer, action, now_s)
        case WithdrawPayout():
            return withdraw_payout(draft, issuer, action, now_s)
        case ForceExit():
            return force_exit(draft, issuer, action)
        case Shift():
            return shift(draft, issuer, action, now_s)
        case ChallengeShift():
            return challenge_shift(draft, action)
        case FinishShift():
            return finish_shift(draft, action, now_s)
        case PublishSummary():
            return publish_summary(draft, issuer, action, now_s)


def parties_of(action: PayplaceAction) -> tuple[PublicKey, ...]:
    """Whom it concerns beside its issuer, as far as it says so."""
    match action:
        case RegisterMerchant(operator) | WithdrawPayout(operator):
            return (operator,)
        case PayplaceDeposit(consumer, splits):
            return (consumer, *[split.operator for split in splits])
        case Shift(source, target):
            return (source, target)
        case ChallengeShift(operator, consumer) | FinishShift(operator, consumer):
            return (operator, consumer)
        case PublishSummary(subject):
            return (subject,)
        case _:
            return ()
