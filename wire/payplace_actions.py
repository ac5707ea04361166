"""The eleven PayPlace actions by their codes: field 0 of a transaction, from 16 on.

What each does to the ledger is ledger/payplace; here is only how they travel. Reference: PayPlace 6.5.2, 6.7.
"""

from collections.abc import Callable
from enum import IntEnum

from wire.cbor import Key, Value
from wire.fields import FieldReader
from wire.payplace_deposit import PayplaceDeposit, read_payplace_deposit, write_payplace_deposit
from wire.payplace_notarisation import (
    MarkMissing,
    Notarise,
    read_mark_missing,
    read_notarise,
    write_mark_missing,
    write_notarise,
)
from wire.payplace_registration import (
    RegisterMerchant,
    RegisterOperator,
    read_register_merchant,
    read_register_operator,
    write_register_merchant,
    write_register_operator,
)
from wire.payplace_shift import (
    ChallengeShift,
    FinishShift,
    Shift,
    read_challenge_shift,
    read_finish_shift,
    read_shift,
    write_challenge_shift,
    write_finish_shift,
    write_shift,
)
from wire.payplace_summary import PublishSummary, read_publish_summary, write_publish_summary
from wire.payplace_withdrawal import (
    ForceExit,
    WithdrawPayout,
    read_force_exit,
    read_withdraw_payout,
    write_force_exit,
    write_withdraw_payout,
)

PayplaceAction = (
    RegisterOperator
    | PayplaceDeposit
    | RegisterMerchant
    | MarkMissing
    | Notarise
    | WithdrawPayout
    | ForceExit
    | Shift
    | ChallengeShift
    | FinishShift
    | PublishSummary
)


class PayplaceCode(IntEnum):
    """Field 0 of a transaction, beside those of Bandcoin."""

    REGISTER_OPERATOR = 16
    PAYPLACE_DEPOSIT = 17
    REGISTER_MERCHANT = 18
    MARK_MISSING = 19
    NOTARISE = 20
    WITHDRAW_PAYOUT = 21
    FORCE_EXIT = 22
    SHIFT = 23
    CHALLENGE_SHIFT = 24
    FINISH_SHIFT = 25
    PUBLISH_SUMMARY = 26


PAYPLACE_READERS: dict[int, Callable[[FieldReader], PayplaceAction]] = {
    PayplaceCode.REGISTER_OPERATOR: read_register_operator,
    PayplaceCode.PAYPLACE_DEPOSIT: read_payplace_deposit,
    PayplaceCode.REGISTER_MERCHANT: read_register_merchant,
    PayplaceCode.MARK_MISSING: read_mark_missing,
    PayplaceCode.NOTARISE: read_notarise,
    PayplaceCode.WITHDRAW_PAYOUT: read_withdraw_payout,
    PayplaceCode.FORCE_EXIT: read_force_exit,
    PayplaceCode.SHIFT: read_shift,
    PayplaceCode.CHALLENGE_SHIFT: read_challenge_shift,
    PayplaceCode.FINISH_SHIFT: read_finish_shift,
    PayplaceCode.PUBLISH_SUMMARY: read_publish_summary,
}


def write_payplace_action(action: PayplaceAction) -> tuple[PayplaceCode, dict[Key, Value]]:
    match action:
        case RegisterOperator():
            return PayplaceCode.REGISTER_OPERATOR, write_register_operator(action)
        case PayplaceDeposit():
            return PayplaceCode.PAYPLACE_DEPOSIT, write_payplace_deposit(action)
        case RegisterMerchant():
            return PayplaceCode.REGISTER_MERCHANT, write_register_merchant(action)
        case MarkMissing():
            return PayplaceCode.MARK_MISSING, write_mark_missing(action)
        case Notarise():
            return PayplaceCode.NOTARISE, write_notarise(action)
        case WithdrawPayout():
            return PayplaceCode.WITHDRAW_PAYOUT, write_withdraw_payout(action)
        case ForceExit():
            return PayplaceCode.FORCE_EXIT, write_force_exit(action)
        case Shift():
            return PayplaceCode.SHIFT, write_shift(action)
        case ChallengeShift():
            return PayplaceCode.CHALLENGE_SHIFT, write_challenge_shift(action)
        case FinishShift():
            return PayplaceCode.FINISH_SHIFT, write_finish_shift(action)
        case PublishSummary():
            return PayplaceCode.PUBLISH_SUMMARY, write_publish_summary(action)
