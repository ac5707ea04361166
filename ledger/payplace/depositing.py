"""A consumer's funds: deposited behind its channels, split between operators.

Reference: PayPlace 6.4 (Consumers), 6.7.   Units: micro-bandcoin (ubc).
"""

from dataclasses import replace

from ledger.money import add_to_balance, check_funds
from ledger.payplace.entries import Channel, ChannelNumber, channel_key, number_key, operator_key
from ledger.payplace.views import find_channel, read_channel, read_operator
from ledger.rejection import Reason, Rejected
from ledger.state import Draft
from wire.ids import PublicKey
from wire.payplace_deposit import PayplaceDeposit


def payplace_deposit(draft: Draft, issuer: PublicKey, action: PayplaceDeposit) -> Rejected | None:
    rejected = _check_splits(draft, action)
    if rejected is not None:
        return rejected
    total_ubc = sum(split.amount_ubc for split in action.splits)
    rejected = check_funds(draft, issuer, total_ubc)
    if rejected is not None:
        return rejected
    add_to_balance(draft, issuer, -total_ubc)
    for split in action.splits:
        add_to_channel(draft, split.operator, action.consumer, split.amount_ubc)
    return None


def add_to_channel(draft: Draft, operator: PublicKey, consumer: PublicKey, amount_ubc: int) -> None:
    """The first funds of a consumer give it the operator's next channel number."""
    number = find_channel(draft, operator, consumer)
    if number is not None:
        channel = read_channel(draft, operator, number)
        assert channel is not None, "a number has its channel"
        more = replace(channel, deposited_ubc=channel.deposited_ubc + amount_ubc)
        draft.put(channel_key(operator.key_id, number), more)
        return
    found = read_operator(draft, operator)
    assert found is not None, "whoever calls has looked"
    draft.put(operator_key(operator.key_id), replace(found, channels=found.channels + 1))
    draft.put(number_key(operator.key_id, consumer.octets), ChannelNumber(found.channels))
    draft.put(channel_key(operator.key_id, found.channels), Channel(consumer.octets, amount_ubc))


def _check_splits(draft: Draft, action: PayplaceDeposit) -> Rejected | None:
    for split in action.splits:
        if split.amount_ubc < 1:
            return Rejected(Reason.AMOUNT_NOT_POSITIVE, f"{split.amount_ubc} ubc: at least 1 is deposited")
    for split in action.splits:
        if read_operator(draft, split.operator) is None:
            return Rejected(Reason.NO_SUCH_OPERATOR, f"{split.operator} is no operator")
    if len({split.operator for split in action.splits}) < len(action.splits):
        return Rejected(Reason.DUPLICATE_OPERATOR, "two splits are for the same operator")
    return None
