"""Grants on demand: what an executed purchase entitles one of its consumers to.

The log keeps the purchase and what was sold (a Sale). Everything in a grant follows from these two, so a bulk
purchase of 50,000 is stored once and a grant signed when its consumer asks; asked again, the content is the
same.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

from ledger.buying import Sale
from ledger.entries import read_qos_items
from wire.allocate import Allocate
from wire.band import Band
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.grant import Grant, grant_id_of
from wire.grant_price import GrantPrice
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.qos import write_qos
from wire.transaction import read_transaction


@dataclass(frozen=True, slots=True)
class Purchase:
    """An executed `allocate`: its id, whom it bought for in its order, and what was sold."""

    transaction_id: bytes
    consumers: list[bytes]
    sale: Sale

    def grant_at(self, position: int) -> Grant:
        """The grant of the consumer at this position."""
        sale = self.sale
        return Grant(
            consumer=PublicKey(self.consumers[position]),
            provider_id=sale.provider.provider_id,
            grant_id=grant_id_of(self.transaction_id, position),
            epoch=sale.epoch,
            starts_s=sale.starts_s,
            duration_s=sale.duration_s,
            band=sale.band,
            qos=sale.qos,
            allocations=sale.shares[position] if sale.shares else sale.allocations,
        )

    def grants(self, limit: int) -> list[Grant]:
        """All grants, unless they are more than `limit`: then none."""
        if len(self.consumers) > limit:
            return []
        return [self.grant_at(position) for position in range(len(self.consumers))]

    def grant_of(self, consumer: bytes) -> Grant | None:
        return self.grant_at(self.consumers.index(consumer)) if consumer in self.consumers else None

    def price_at(self, position: int) -> GrantPrice:
        """What the grant of the consumer at this position cost: the part of its units, rounded down (of several shares
        of an auction too, whose prices the log does not keep apart).
        """
        sale = self.sale
        units = sale.shares[position] if sale.shares else sale.allocations
        all_units = sum(sale.shares) if sale.shares else sale.allocations * len(self.consumers)
        price_ubc = sale.charged_ubc * units // all_units if all_units else 0
        return GrantPrice(self.grant_at(position).grant_id, sale.buyer, price_ubc)

    def grant_ids(self) -> list[bytes]:
        """The ids of all grants, in the order of the consumers."""
        return [grant_id_of(self.transaction_id, position) for position in range(len(self.consumers))]


def make_purchase(transaction_id: bytes, action: Allocate, sale: Sale) -> Purchase:
    return Purchase(transaction_id, action.consumers or [sale.buyer.octets], sale)


def read_purchase(encoded: bytes, result: bytes, ledger_id: bytes) -> Purchase | None:
    """From what the log keeps of a transaction; None if it bought nothing. DecodeError: the store is damaged."""
    if not result:
        return None
    signed = read_transaction(encoded, ledger_id)
    action = signed.transaction.action
    if not isinstance(action, Allocate):
        raise DecodeError("purchase: the log has a sale of something that is no allocate")
    return make_purchase(signed.transaction_id, action, read_sale(result))


def write_sale(sale: Sale) -> bytes:
    """For the ledger's own store: the buyer's key, then what was sold, which many buyers share."""
    return sale.buyer.octets + _write_terms(replace(sale, buyer=sale.provider))


def read_sale(data: bytes) -> Sale:
    """A sale that `write_sale` wrote. Raises DecodeError if it is something else: the store is damaged."""
    match read_cbor(data[PUBLIC_KEY_SIZE:]):
        case [
            bytes(provider), int(epoch), int(starts_s), int(duration_s), [int(low), int(high), int(width)],
            list(qos), int(charged_ubc), int(allocations), list(shares),
        ]:  # fmt: skip
            rates = [item for item in qos if isinstance(item, int)]
            parts = tuple(item for item in shares if isinstance(item, int))
            try:
                return Sale(
                    PublicKey(data[:PUBLIC_KEY_SIZE]), PublicKey(provider), epoch, starts_s, duration_s,
                    Band(low, high, width), read_qos_items(rates), charged_ubc, allocations, parts,
                )  # fmt: skip
            except (TypeError, ValueError) as error:
                raise DecodeError(f"sale: {error}") from None
    raise DecodeError("sale: not nine items of the right kinds")


@lru_cache(maxsize=64)
def _write_terms(sale: Sale) -> bytes:
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
