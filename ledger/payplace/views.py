"""Reading what PayPlace has in the state; for the contract and for whoever shows it."""

from ledger.payplace.entries import (
    Channel,
    ChannelNumber,
    PayMerchant,
    PayOperator,
    Status,
    UsageSummary,
    channel_key,
    merchant_key,
    number_key,
    operator_key,
    summary_key,
)
from ledger.state import View
from wire.ids import PublicKey
from wire.micropayment import instance_of


def instance(view: View, operator: PublicKey) -> bytes:
    """The 32 octets that name this operator on this ledger, in everything that is signed for it."""
    return instance_of(view.genesis.ledger_id, operator.octets)


def read_operator(view: View, key: PublicKey) -> PayOperator | None:
    """The operator of exactly this key; None if it is none."""
    entry = view.get(operator_key(key.key_id))
    assert entry is None or isinstance(entry, PayOperator)
    return entry if entry is not None and entry.key == key.octets else None


def read_merchant(view: View, operator: PublicKey, merchant_id: bytes) -> PayMerchant | None:
    entry = view.get(merchant_key(operator.key_id, merchant_id))
    assert entry is None or isinstance(entry, PayMerchant)
    return entry


def read_registered(view: View, operator: PublicKey, merchant_id: bytes) -> PayMerchant | None:
    """None also if it has exited."""
    merchant = read_merchant(view, operator, merchant_id)
    return None if merchant is None or merchant.status == Status.EXITED else merchant


def read_channel(view: View, operator: PublicKey, number: int) -> Channel | None:
    entry = view.get(channel_key(operator.key_id, number))
    assert entry is None or isinstance(entry, Channel)
    return entry


def find_channel(view: View, operator: PublicKey, consumer: PublicKey) -> int | None:
    """The number of this consumer's channel."""
    entry = view.get(number_key(operator.key_id, consumer.octets))
    assert entry is None or isinstance(entry, ChannelNumber)
    return None if entry is None else entry.number


def read_summary(view: View, subject: PublicKey, publisher: PublicKey) -> UsageSummary | None:
    entry = view.get(summary_key(subject.key_id, publisher.key_id))
    assert entry is None or isinstance(entry, UsageSummary)
    return entry


def has_nothing_confirmed(operator: PayOperator, merchant: PayMerchant) -> bool:
    """It is in B or in W: it joined or withdrew since the last notarisation."""
    return merchant.joined == operator.height or (
        merchant.withdrew == operator.height and operator.height > 0
    )
