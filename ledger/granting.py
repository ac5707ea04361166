"""Grants on demand: what an executed purchase entitles its consumers to, and the leaf by which its block says so.

The log keeps the purchase and what was sold (a Sale). Everything in a grant follows from these two, so a bulk
purchase of 50,000 is stored once and a grant signed when its consumer asks; asked again, the content is the
same.
"""

from dataclasses import dataclass
from functools import lru_cache

from ledger.buying import Sale
from ledger.entries import read_qos_items
from wire.allocate import Allocate
from wire.band import Band
from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import read_envelope
from wire.errors import DecodeError
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant, grant_id_of
from wire.grant_price import GrantPrice
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.merkle import merkle_root
from wire.qos import Qos, write_qos
from wire.sale_leaf import SaleLeaf, SaleTerms, consumer_leaves, sale_leaf, write_terms
from wire.transaction import EXTERNAL as TRANSACTION
from wire.transaction import MAX_TRANSACTION_BYTES, parse_transaction

SHORT_BYTES = 1_024
"""What was sold in an auction is longer, and never the same."""


@dataclass(frozen=True, slots=True)
class Purchase:
    """An executed `allocate`: its id, the keys of those whom it bought for, 33 octets each in its order, and what was
    sold.
    """

    transaction_id: bytes
    consumer_keys: bytes
    sale: Sale

    @property
    def count(self) -> int:
        """How many consumers it has."""
        return len(self.consumer_keys) // PUBLIC_KEY_SIZE

    def consumer_at(self, position: int) -> bytes:
        return self.consumer_keys[position * PUBLIC_KEY_SIZE : (position + 1) * PUBLIC_KEY_SIZE]

    def position_of(self, consumer: bytes) -> int | None:
        """Where this key stands among the consumers; None if nowhere."""
        at = self.consumer_keys.find(consumer)
        while at > 0 and at % PUBLIC_KEY_SIZE:
            at = self.consumer_keys.find(consumer, at + 1)
        return None if at < 0 else at // PUBLIC_KEY_SIZE

    def grant_at(self, position: int) -> Grant:
        """The grant of the consumer at this position."""
        sale = self.sale
        return Grant(
            consumer=PublicKey(self.consumer_at(position)),
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
        if self.count > limit:
            return []
        return [self.grant_at(position) for position in range(self.count)]

    def grant_of(self, consumer: bytes) -> Grant | None:
        position = self.position_of(consumer)
        return None if position is None else self.grant_at(position)

    def price_at(self, position: int) -> GrantPrice:
        """What the grant of the consumer at this position cost: the part of its units, rounded down (of several shares
        of an auction too, whose prices the log does not keep apart).
        """
        sale = self.sale
        units = sale.shares[position] if sale.shares else sale.allocations
        all_units = sum(sale.shares) if sale.shares else sale.allocations * self.count
        price_ubc = sale.charged_ubc * units // all_units if all_units else 0
        return GrantPrice(self.grant_at(position).grant_id, sale.buyer, price_ubc)

    def leaf(self, consumers_root: bytes | None = None) -> SaleLeaf:
        """Its leaf among the sales of its block; the root of its consumers is computed unless it is known."""
        if consumers_root is None:
            consumers_root = merkle_root(consumer_leaves(self.consumer_keys, self.sale.shares))
        sale = self.sale
        terms = _write_leaf_terms(
            sale.provider,
            sale.epoch,
            sale.starts_s,
            sale.duration_s,
            sale.band,
            sale.qos,
            0 if sale.shares else sale.allocations,
        )
        reference = self.transaction_id[:TRANSACTION_REFERENCE_SIZE]
        return SaleLeaf(sale_leaf(reference, self.count, consumers_root, terms), self.count)

    @property
    def terms(self) -> SaleTerms:
        """What each consumer got."""
        sale = self.sale
        units = 0 if sale.shares else sale.allocations
        return _leaf_terms(
            sale.provider, sale.epoch, sale.starts_s, sale.duration_s, sale.band, sale.qos, units
        )


def make_purchase(transaction_id: bytes, action: Allocate, sale: Sale) -> Purchase:
    return Purchase(transaction_id, action.consumer_keys or sale.buyer.octets, sale)


def read_purchase(encoded: bytes, result: bytes, ledger_id: bytes, known_id: bytes = b"") -> Purchase | None:
    """From what the log keeps of a transaction; None if it bought nothing. DecodeError: the store is damaged.

    `known_id`: where the log was opened, which computes it; to hash 1.7 MB again is most of what reading them takes.
    """
    if not result:
        return None
    envelope = read_envelope(encoded, MAX_TRANSACTION_BYTES)
    action = parse_transaction(envelope).action
    if not isinstance(action, Allocate):
        raise DecodeError("purchase: the log has a sale of something that is no allocate")
    transaction_id = known_id or envelope.digest(TRANSACTION + ledger_id)
    return make_purchase(transaction_id, action, read_sale(result))


def write_sale(sale: Sale) -> bytes:
    """For the ledger's own store: the buyer's key, then what was sold, which many buyers share."""
    return sale.buyer.octets + _write_terms(
        sale.provider,
        sale.epoch,
        sale.starts_s,
        sale.duration_s,
        sale.band,
        sale.qos,
        sale.charged_ubc,
        sale.allocations,
        sale.shares,
    )


def read_sale(data: bytes) -> Sale:
    """A sale that `write_sale` wrote. Raises DecodeError if it is something else: the store is damaged."""
    terms = data[PUBLIC_KEY_SIZE:]
    read = _read_known if len(terms) <= SHORT_BYTES else _read_sold
    try:
        return Sale(PublicKey(data[:PUBLIC_KEY_SIZE]), *read(terms))
    except (TypeError, ValueError) as error:
        raise DecodeError(f"sale: {error}") from None


def _read_sold(data: bytes) -> tuple[PublicKey, int, int, int, Band, Qos, int, int, tuple[int, ...]]:
    match read_cbor(data):
        case [
            bytes(provider), int(epoch), int(starts_s), int(duration_s), [int(low), int(high), int(width)],
            list(qos), int(charged_ubc), int(allocations), list(shares),
        ]:  # fmt: skip
            rates = [item for item in qos if isinstance(item, int)]
            parts = tuple(item for item in shares if isinstance(item, int))
            band = Band(low, high, width)
            return (
                *(PublicKey(provider), epoch, starts_s, duration_s, band, read_qos_items(rates)),
                *(charged_ubc, allocations, parts),
            )
    raise DecodeError("sale: not nine items of the right kinds")


# Many buyers of an offer within a second get the same.

_read_known = lru_cache(maxsize=64)(_read_sold)


@lru_cache(maxsize=64)
def _write_terms(
    provider: PublicKey,
    epoch: int,
    starts_s: int,
    duration_s: int,
    band: Band,
    qos: Qos,
    charged_ubc: int,
    allocations: int,
    shares: tuple[int, ...],
) -> bytes:
    edges: list[Value] = [band.from_frequency_khz, band.to_frequency_khz, band.bandwidth_khz]
    rates, parts = write_qos(qos), list[Value](shares)
    return write_cbor(
        [provider.octets, epoch, starts_s, duration_s, edges, rates, charged_ubc, allocations, parts]
    )


@lru_cache(maxsize=64)
def _write_leaf_terms(
    provider: PublicKey, epoch: int, starts_s: int, duration_s: int, band: Band, qos: Qos, units: int
) -> bytes:
    return write_terms(_leaf_terms(provider, epoch, starts_s, duration_s, band, qos, units))


def _leaf_terms(
    provider: PublicKey, epoch: int, starts_s: int, duration_s: int, band: Band, qos: Qos, units: int
) -> SaleTerms:
    return SaleTerms(provider.provider_id, epoch, starts_s, duration_s, band, qos, units)
