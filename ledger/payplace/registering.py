"""Who is an operator and who is a merchant: Algorithm 3, repaired.

A registered merchant has a record. The paper keeps only the sum of keys, and so needs a proof of possession again
whenever somebody is missing, and lets a colluding operator register a key twice (docs/decisions/0031).
Reference: PayPlace 6.5.2 (Merchant Registration), Lemma 8.
"""

import hashlib
from dataclasses import replace

from ledger.payplace.bls import Signature, verify, verify_possession
from ledger.payplace.entries import PayMerchant, PayOperator, Status, merchant_key, operator_key
from ledger.payplace.key_sums import add_keys, read_key
from ledger.payplace.views import instance, read_merchant, read_operator
from ledger.payplace.windows import are_times_sound, phase_at
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.payplace_registration import RegisterMerchant, RegisterOperator

_VOUCHER = b"airgrant payplace voucher 1"


def register_operator(
    draft: Draft, issuer: PublicKey, action: RegisterOperator, now_s: int
) -> Rejected | None:
    """The operator is its own first merchant, so that its fee is a leaf like others and it signs every block."""
    if read_operator(draft, issuer) is not None:
        return Rejected(Reason.OPERATOR_EXISTS, f"{issuer} is an operator")
    times = action.times
    if not are_times_sound(times):
        return Rejected(
            Reason.TIMES_REFUSED,
            "window_s is at least 1, window_s and twice finality_s are less than period_s, "
            f"and challenge_s is at least period_s and window_s and at most a year: {times}",
        )
    rejected = _check_key(action.key) or _check_possession(
        draft, issuer, action.key, issuer, action.possession
    )
    if rejected is not None:
        return rejected
    operator = PayOperator(
        issuer.octets, action.key, now_s, times.period_s, times.window_s, times.finality_s, times.challenge_s,
        action.key, action.key,
    )  # fmt: skip
    draft.put(operator_key(issuer.key_id), operator)
    merchant = PayMerchant(action.key, issuer.octets, 0)
    draft.put(merchant_key(issuer.key_id, read_key(action.key).merchant_id), merchant)
    return None


def register_merchant(
    draft: Draft, issuer: PublicKey, action: RegisterMerchant, now_s: int
) -> Rejected | None:
    operator = read_operator(draft, action.operator)
    if operator is None:
        return Rejected(Reason.NO_SUCH_OPERATOR, f"{action.operator} is no operator")
    rejected = _check_time(operator, action.tau_s, now_s) or _check_key(action.key)
    if rejected is not None:
        return rejected
    merchant_id = read_key(action.key).merchant_id
    rejected = (
        _check_new(operator, read_merchant(draft, action.operator, merchant_id))
        or _check_voucher(draft, operator, issuer, action)
        or _check_possession(draft, action.operator, action.key, issuer, action.possession)
    )
    if rejected is not None:
        return rejected
    merchant = PayMerchant(action.key, issuer.octets, operator.height)
    draft.put(merchant_key(action.operator.key_id, merchant_id), merchant)
    more = replace(
        operator, apk=add_keys(operator.apk, [action.key]), apka=add_keys(operator.apka, [action.key])
    )
    draft.put(operator_key(action.operator.key_id), more)
    return None


def voucher_message(instance_id: bytes, merchant_id: bytes, payout_account: bytes, tau_s: int) -> bytes:
    """What an operator's BLS key signs to take a merchant: 32 octets."""
    octets = _VOUCHER + instance_id + merchant_id + payout_account + tau_s.to_bytes(8, "big")
    return hashlib.sha256(octets).digest()


def _check_time(operator: PayOperator, tau_s: int, now_s: int) -> Rejected | None:
    phase = phase_at(operator, now_s)
    if phase.frozen:
        return Rejected(Reason.FROZEN, "a block is being notarised: wait until the freeze is over")
    if not phase.opened_s <= tau_s <= now_s:
        return Rejected(
            Reason.VOUCHER_STALE,
            f"the voucher is of {tau_s}, outside {phase.opened_s}..{now_s}: ask for a new one",
        )
    return None


def _check_new(operator: PayOperator, merchant: PayMerchant | None) -> Rejected | None:
    if merchant is None or (merchant.status == Status.EXITED and merchant.at < operator.height):
        return None
    found = "has exited since the last notarisation" if merchant.status == Status.EXITED else "is registered"
    return Rejected(Reason.ALREADY_REGISTERED, f"this key {found}")


def _check_voucher(
    draft: Draft, operator: PayOperator, issuer: PublicKey, action: RegisterMerchant
) -> Rejected | None:
    message = voucher_message(
        instance(draft, action.operator), read_key(action.key).merchant_id, issuer.octets, action.tau_s
    )
    try:
        verify(read_key(operator.bls_key), message, Signature.of_eip2537(action.voucher))
    except VerificationError as error:
        return Rejected(Reason.BAD_VOUCHER, str(error))
    return None


def _check_possession(
    draft: Draft, operator: PublicKey, key: bytes, payout: PublicKey, possession: bytes
) -> Rejected | None:
    try:
        proof = Signature.of_eip2537(possession)
        verify_possession(read_key(key), instance(draft, operator), payout.octets, proof)
    except VerificationError as error:
        return Rejected(Reason.BAD_POSSESSION, str(error))
    return None


def _check_key(octets: bytes) -> Rejected | None:
    """None if it is a key."""
    try:
        read_key(octets)
    except VerificationError as error:
        return Rejected(Reason.KEY_REFUSED, str(error))
    return None
