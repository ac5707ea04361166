"""Reservations (N of the paper): what the missing are owed by each consumer, kept from whoever signed later.

A missing merchant is held to the leaf of the height at which it last answered. What that leaf claims is reserved in
each channel under that height, until the merchant is paid or signs again.
Reference: PayPlace 6.5.1 (Table 6.2), Algorithm 7 line 19 with its sum repaired (docs/decisions/0031).
"""

from collections.abc import Mapping
from dataclasses import replace

from ledger.payplace.entries import Channel, PayMerchant, Status, channel_key
from ledger.payplace.views import read_channel
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.ids import PublicKey

MAX_COHORTS = 16
"""Heights with reservations in one channel: what a withdrawal looks at. Beyond, the operator pays somebody out."""

Amounts = Mapping[int, int]
"""Channel number -> ubc."""


def read_channels(draft: Draft, operator: PublicKey, amounts: Amounts) -> dict[int, Channel] | Rejected:
    channels = dict[int, Channel]()
    for number in amounts:
        channel = read_channel(draft, operator, number)
        if channel is None:
            return Rejected(Reason.UNKNOWN_CHANNEL, f"channel {number} has no consumer")
        channels[number] = channel
    return channels


def reserve(draft: Draft, operator: PublicKey, amounts: Amounts, height: int) -> Rejected | None:
    channels = read_channels(draft, operator, amounts)
    if isinstance(channels, Rejected):
        return channels
    for number, channel in channels.items():
        cohorts = dict(channel.reserved)
        cohorts[height] = cohorts.get(height, 0) + amounts[number]
        if len(cohorts) > MAX_COHORTS:
            return Rejected(
                Reason.TOO_MANY_COHORTS,
                f"channel {number} is reserved for merchants missing since {MAX_COHORTS} different heights: "
                "pay some of them out",
            )
        _put(draft, operator, number, channel, cohorts)
    return None


def release(draft: Draft, operator: PublicKey, amounts: Amounts, height: int) -> None:
    """What was reserved for a leaf with these amounts."""
    for number, amount_ubc in amounts.items():
        channel = read_channel(draft, operator, number)
        assert channel is not None, "it was reserved in it"
        cohorts = dict(channel.reserved)
        cohorts[height] -= amount_ubc
        assert cohorts[height] >= 0, "no more is released than was reserved"
        if cohorts[height] == 0:
            del cohorts[height]
        _put(draft, operator, number, channel, cohorts)


def reserved_before(channel: Channel, merchant: PayMerchant) -> int:
    """What of this channel comes before the merchant's claim: of whoever has been missing for strictly longer."""
    signs = merchant.status == Status.SIGNING
    return sum(amount_ubc for height, amount_ubc in channel.reserved if signs or height < merchant.at)


def _put(
    draft: Draft, operator: PublicKey, number: int, channel: Channel, cohorts: Mapping[int, int]
) -> None:
    reserved = tuple(sorted(cohorts.items()))
    draft.put(channel_key(operator.key_id, number), replace(channel, reserved=reserved))
