"""`offer`: a provider replaces its current offer; the ledger gives it the next epoch.

The multipliers are the paper's volume_discount and reservation_discount, named for what they do: the n-th further
item costs price x multiplier^n, so 1,000,000 ppm is no discount. Zero, which would give goods away, has no encoding,
and leaving the field out means no discount. Reservations are keyed by period, a slot of time, where the paper reuses
epoch (docs/decisions/0002). `consumers` is the dictionary of a cleared auction: only those keys may buy, each its own
number of units at its own total price, once; of a session auction for its own number of slots. `auction` says which
auction that was, and `ruling` is the clearing house's signature over the outcome (wire/ruling.py).
Reference: Bandcoin 5.1.2, 5.1.3, 5.4, 6.3.
"""

from collections.abc import Mapping
from dataclasses import field

from wire.auction_terms import MAX_SLOTS, AuctionMark, AuctionTerms, Ruling, read_mark, write_mark
from wire.band import Band, read_band, write_band
from wire.cbor import Key, Value
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.qos import Qos, read_qos, write_qos
from wire.units import PPM, U32_MAX

MAX_RESERVATIONS = 10_000
MAX_CONSUMERS = 50_000

_PRICE, _BAND, _MAX_ALLOCATIONS, _DURATION, _QOS, _VOLUME, _RESERVATION, _RESERVATIONS, _CONSUMERS = range(
    4, 13
)
_AUCTION, _RULING = 13, 14


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units of one future period: `capacity` more may be sold in advance at `price_ubc`; capacity 0 deletes."""

    price_ubc: int
    capacity: int

    def __post_init__(self) -> None:
        check_range("reservation", "price_ubc", self.price_ubc)
        check_range("reservation", "capacity", self.capacity)


@dataclass(frozen=True, slots=True)
class AuctionShare:
    """What one consumer won: `allocations` units for `price_ubc` in all; for that many `slots` from the clearing time
    on, or, if that is 0, for the offer's duration from when it is claimed.
    """

    allocations: int
    price_ubc: int
    slots: int = 0

    def __post_init__(self) -> None:
        check_range("share", "allocations", self.allocations, 1, U32_MAX)
        check_range("share", "price_ubc", self.price_ubc)
        check_range("share", "slots", self.slots, 0, MAX_SLOTS)


@dataclass(frozen=True, slots=True)
class PostOffer:
    """`price_ubc` per unit; at most `max_allocations` units at any time; 0 turns selling off."""

    price_ubc: int
    band: Band
    max_allocations: int
    allocation_duration_s: int
    qos: Qos
    volume_discount_multiplier_ppm: int = PPM
    reservation_discount_multiplier_ppm: int = PPM
    reservations: Mapping[int, Reservation] = field(default_factory=dict)
    consumers: Mapping[PublicKey, AuctionShare] = field(default_factory=dict)
    auction: AuctionMark | None = None
    ruling: Ruling | None = None

    def __post_init__(self) -> None:
        check_range("offer", "price_ubc", self.price_ubc)
        check_range("offer", "max_allocations", self.max_allocations, 0, U32_MAX)
        check_range("offer", "allocation_duration_s", self.allocation_duration_s, 1, U32_MAX)
        for period in self.reservations:
            check_range("offer", "period", period)
        for name in ("volume_discount_multiplier_ppm", "reservation_discount_multiplier_ppm"):
            if not 1 <= getattr(self, name) <= PPM:
                raise DecodeError(f"offer: {name} is {getattr(self, name)}, outside 1..{PPM} (no discount)")
        if self.auction is not None and not self.consumers:
            raise DecodeError("offer: it settles an auction, and consumers is empty")
        if self.auction is None and any(share.slots for share in self.consumers.values()):
            raise DecodeError("offer: a share has slots, and it settles no auction")

    def auction_id(self, provider: PublicKey) -> bytes:
        """Of the auction that this offer settles; empty if it settles none, or if no house says what it came to."""
        if self.auction is None or self.ruling is None:
            return b""
        return AuctionTerms(
            provider, self.auction, self.band, self.max_allocations, self.allocation_duration_s, self.qos
        ).auction_id(self.ruling.house)


def write_post_offer(action: PostOffer) -> dict[Key, Value]:
    fields: dict[Key, Value] = {
        _PRICE: action.price_ubc,
        _BAND: write_band(action.band),
        _MAX_ALLOCATIONS: action.max_allocations,
        _DURATION: action.allocation_duration_s,
        _QOS: write_qos(action.qos),
    }
    if action.volume_discount_multiplier_ppm != PPM:
        fields[_VOLUME] = action.volume_discount_multiplier_ppm
    if action.reservation_discount_multiplier_ppm != PPM:
        fields[_RESERVATION] = action.reservation_discount_multiplier_ppm
    if action.reservations:
        fields[_RESERVATIONS] = {p: [r.price_ubc, r.capacity] for p, r in action.reservations.items()}
    if action.consumers:
        fields[_CONSUMERS] = write_shares(action.consumers)
    if action.auction is not None:
        fields[_AUCTION] = write_mark(action.auction)
    if action.ruling is not None:
        fields[_RULING] = [action.ruling.house.octets, action.ruling.head, action.ruling.signature]
    return fields


def read_post_offer(fields: FieldReader) -> PostOffer:
    return PostOffer(
        price_ubc=fields.integer(_PRICE, "price_ubc"),
        band=read_band(fields, _BAND),
        max_allocations=fields.integer(_MAX_ALLOCATIONS, "max_allocations"),
        allocation_duration_s=fields.integer(_DURATION, "allocation_duration_s"),
        qos=read_qos(fields, _QOS),
        volume_discount_multiplier_ppm=_read_multiplier(fields, _VOLUME, "volume_discount_multiplier_ppm"),
        reservation_discount_multiplier_ppm=_read_multiplier(
            fields, _RESERVATION, "reservation_discount_multiplier_ppm"
        ),
        reservations=dict(_read_reservations(fields)),
        consumers=read_shares(fields, _CONSUMERS) if _CONSUMERS in fields else {},
        auction=read_mark(fields, _AUCTION) if _AUCTION in fields else None,
        ruling=_read_ruling(fields) if _RULING in fields else None,
    )


def _read_ruling(fields: FieldReader) -> Ruling:
    match fields.value(_RULING, "ruling"):
        case [bytes(house), bytes(head), bytes(signature)]:
            try:
                return Ruling(PublicKey(house), head, signature)
            except ValueError as error:
                raise fields.error(f"ruling: {error}") from None
    raise fields.error("ruling: want an array of the house's key, the head of its log and its signature")


def _read_multiplier(fields: FieldReader, label: int, name: str) -> int:
    """The default is left out, and has to be: one value, one encoding."""
    return fields.integer(label, name, 1, PPM - 1) if label in fields else PPM


def write_shares(shares: Mapping[PublicKey, AuctionShare]) -> dict[Key, Value]:
    """Key -> [allocations, price_ubc], or [allocations, price_ubc, slots] where there are slots."""
    return {key.octets: _write_share(share) for key, share in shares.items()}


def _write_share(share: AuctionShare) -> list[Value]:
    return [share.allocations, share.price_ubc, *([share.slots] if share.slots else [])]


def read_shares(fields: FieldReader, label: int) -> dict[PublicKey, AuctionShare]:
    """Of 1 to 50,000 consumers. Raises DecodeError."""
    return {
        _read_consumer(fields, key): _read_share(fields, item)
        for key, item in _read_map(fields, label, "consumers", MAX_CONSUMERS).items()
    }


def _read_consumer(fields: FieldReader, key: Key) -> PublicKey:
    if not isinstance(key, bytes):
        raise fields.error(
            "consumers: a key is not a byte string; want public key -> [allocations, price_ubc]"
        )
    try:
        return PublicKey(key)
    except ValueError as error:
        raise fields.error(f"consumers: {error}") from None


def _read_share(fields: FieldReader, item: Value) -> AuctionShare:
    match item:
        case [int(allocations), int(price_ubc)]:
            return AuctionShare(allocations, price_ubc)
        case [int(allocations), int(price_ubc), int(slots)] if slots != 0:
            return AuctionShare(allocations, price_ubc, slots)
    raise fields.error("consumers: want public key -> [allocations, price_ubc], and slots if they are not 0")


def _read_reservations(fields: FieldReader) -> list[tuple[int, Reservation]]:
    reservations: list[tuple[int, Reservation]] = []
    if _RESERVATIONS not in fields:
        return reservations
    for period, pair in _read_map(fields, _RESERVATIONS, "reservations", MAX_RESERVATIONS).items():
        match period, pair:
            case int(period), [int(price_ubc), int(capacity)]:
                reservations.append((period, Reservation(price_ubc, capacity)))
            case int(), _:
                raise fields.error("reservations: an entry is not a pair of integers")
            case _:
                raise fields.error("reservations: a period is not an integer")
    return reservations


def _read_map(fields: FieldReader, label: int, name: str, maximum: int) -> dict[Key, Value]:
    value = fields.value(label, name)
    if not isinstance(value, dict) or not 1 <= len(value) <= maximum:
        raise fields.error(f"{name} is not a map of 1 to {maximum} entries")
    return value
