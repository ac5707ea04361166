"""Grants on demand: what an executed purchase entitles one of its consumers to.

The log keeps the purchase and what was sold (a Sale). Everything in a grant follows from these two, so a bulk
purchase of 50,000 is stored once and a grant signed when its consumer asks; asked again, the content is the
same.
"""

import hashlib

from ledger.buying import Sale
from ledger.entries import read_qos_items
from wire.allocate import Allocate
from wire.band import Band
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.ids import GRANT_ID_SIZE, PublicKey
from wire.qos import write_qos


def make_grant(sale: Sale, transaction_id: bytes, consumer: bytes, position: int) -> Grant:
    """The grant of the consumer at `position` of the purchase."""
    return Grant(
        consumer=PublicKey(consumer),
        provider_id=sale.provider.provider_id,
        transaction=transaction_id[:TRANSACTION_REFERENCE_SIZE],
        epoch=sale.epoch,
        starts_s=sale.starts_s,
        duration_s=sale.duration_s,
        band=sale.band,
        qos=sale.qos,
        allocations=sale.shares[position] if sale.shares else sale.allocations,
    )


def consumers_of(action: Allocate, issuer: PublicKey) -> list[bytes]:
    """Whom an `allocate` bought for, in its order."""
    return action.consumers or [issuer.octets]


def grant_ids(transaction_id: bytes, consumers: list[bytes]) -> list[bytes]:
    """The ids of the grants of a purchase (wire.grant.Grant.grant_id), 50,000 at a time."""
    reference, sha256 = transaction_id[:TRANSACTION_REFERENCE_SIZE], hashlib.sha256
    return [sha256(reference + consumer).digest()[:GRANT_ID_SIZE] for consumer in consumers]


def write_sale(sale: Sale) -> bytes:
    """For the ledger's own store."""
    band = sale.band
    shares: list[Value] = list(sale.shares)
    return write_cbor(
        [
            sale.provider.octets,
            sale.epoch,
            sale.starts_s,
            sale.duration_s,
            [band.from_frequency_khz, band.to_frequency_khz, band.bandwidth_khz],
            write_qos(sale.qos),
            sale.charged_ubc,
            sale.allocations,
            shares,
        ]
    )


def read_sale(data: bytes) -> Sale:
    """A sale that `write_sale` wrote. Raises DecodeError if it is something else: the store is damaged."""
    match read_cbor(data):
        case [
            bytes(provider), int(epoch), int(starts_s), int(duration_s), [int(low), int(high), int(width)],
            list(qos), int(charged_ubc), int(allocations), list(shares),
        ]:  # fmt: skip
            rates = [item for item in qos if isinstance(item, int)]
            parts = tuple(item for item in shares if isinstance(item, int))
            return Sale(
                PublicKey(provider), epoch, starts_s, duration_s, Band(low, high, width), read_qos_items(rates),
                charged_ubc, allocations, parts,
            )  # fmt: skip
    raise DecodeError("sale: not nine items of the right kinds")
