"""Micropayments before the contract: how it learns what consumers have paid.

Reference: PayPlace Algorithm 4 (getSourceTransaction), Algorithm 7 lines 14 to 18.   Units: micro-bandcoin (ubc).
"""

from dataclasses import replace

from ledger.payplace.entries import Channel
from ledger.rejection import Reason, Rejected
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.keys import verify
from wire.micropayment import Micropayment, signed_message


def check_source(
    instance_id: bytes, channel: Channel, cumulative_ubc: int, signature: bytes
) -> Rejected | None:
    """That the channel's consumer has signed it for this operator."""
    consumer = PublicKey(channel.consumer)
    try:
        verify(consumer, signature, signed_message(Micropayment(instance_id, consumer, cumulative_ubc)))
    except VerificationError as error:
        return Rejected(Reason.BAD_SOURCE, f"{cumulative_ubc} ubc of {consumer}: {error}")
    return None


def learn(channel: Channel, cumulative_ubc: int) -> Channel:
    """An older micropayment teaches nothing, and none is good for more than the deposit.

    A shift of funds that turn out to be spent has ended.
    """
    paid_ubc = max(channel.paid_ubc, min(cumulative_ubc, channel.deposited_ubc))
    shift = channel.shift
    if shift is not None and paid_ubc > channel.deposited_ubc - shift.amount_ubc:
        shift = None
    return replace(channel, paid_ubc=paid_ubc, shift=shift)
