"""`allocate`: buys units of a provider's current offer, for the issuer or for the consumers that it names.

Without `period` it is a spot purchase that runs from the block's time for the offer's duration; with it, units of
every period from `period` to `period_to` are bought in advance. `consumers` are concatenated compressed keys, 33
octets each, as one byte string, because 50,000 of them are legal; each gets `allocations` units. Price, band and
epoch repeat the offer, so that nobody pays for anything but what he saw. A bid in an auction is signed before there is
an offer: it names the auction instead of an epoch, and in a session auction the slots that it wants, at least and at
most, as `allocations` are then the units at least and at most. Reference: Bandcoin 5.1.2, 5.1.3, 5.4.
"""

from wire.auction_terms import AUCTION_ID_SIZE, MAX_SLOTS
from wire.band import Band, read_band, write_band
from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PUBLIC_KEY_SIZE, PublicKey
from wire.units import U32_MAX, U63_MAX

MAX_CONSUMERS = 50_000

_PROVIDER, _PRICE, _BAND, _EPOCH, _ALLOCATIONS, _PERIOD, _PERIOD_TO, _CONSUMERS, _AUCTION = range(3, 12)
_SLOTS = 12


@dataclass(frozen=True, slots=True)
class Allocate:
    """`price_ubc` is the computed total, of a bid the most that is paid. `period` and `period_to` are both None on the
    spot. Either `epoch` is the offer's, or it is 0 and `auction` the id of the auction that this is a bid in. `slots`
    of a bid in a session auction; 0 in any other.
    """

    provider: PublicKey
    price_ubc: int
    band: Band
    epoch: int
    allocations: int = 1
    period: int | None = None
    period_to: int | None = None
    consumer_keys: bytes = b""
    auction: bytes = b""
    slots: int = 0

    def __post_init__(self) -> None:
        check_range("allocate", "price_ubc", self.price_ubc)
        if len(self.auction) not in (0, AUCTION_ID_SIZE):
            raise DecodeError(
                f"allocate: an auction's id has {AUCTION_ID_SIZE} bytes, not {len(self.auction)}"
            )
        check_range("allocate", "epoch", self.epoch, 0 if self.auction else 1, 0 if self.auction else U63_MAX)
        check_range("allocate", "allocations", self.allocations, 1, U32_MAX)
        check_range("allocate", "slots", self.slots, 0, MAX_SLOTS)
        if self.slots and not self.auction:
            raise DecodeError("allocate: slots are of a bid in a session auction, and no auction is named")
        for name, period in (("period", self.period), ("period_to", self.period_to)):
            if period is not None:
                check_range("allocate", name, period)
        if (self.period is None) != (self.period_to is None):
            raise DecodeError("allocate: period and period_to go together")
        if self.period is not None and self.period_to is not None and self.period_to < self.period:
            raise DecodeError(f"allocate: period_to {self.period_to} is before period {self.period}")
        size = len(self.consumer_keys)
        if size % PUBLIC_KEY_SIZE or size > MAX_CONSUMERS * PUBLIC_KEY_SIZE:
            raise DecodeError(
                f"allocate: {size} bytes are not 0 to {MAX_CONSUMERS} public keys of {PUBLIC_KEY_SIZE}"
            )
        first_octets = self.consumer_keys[::PUBLIC_KEY_SIZE]
        if first_octets.translate(None, b"\x02\x03"):
            raise DecodeError("allocate: a consumer is not a compressed public key")

    @property
    def consumers(self) -> list[bytes]:
        """The named consumers' keys; empty when the issuer buys for itself."""
        keys = self.consumer_keys
        return [keys[at : at + PUBLIC_KEY_SIZE] for at in range(0, len(keys), PUBLIC_KEY_SIZE)]


def write_allocate(action: Allocate) -> dict[Key, Value]:
    fields: dict[Key, Value] = {
        _PROVIDER: action.provider.octets,
        _PRICE: action.price_ubc,
        _BAND: write_band(action.band),
    }
    if action.auction:
        fields[_AUCTION] = action.auction
    else:
        fields[_EPOCH] = action.epoch
    if action.allocations != 1:
        fields[_ALLOCATIONS] = action.allocations
    if action.period is not None:
        fields[_PERIOD] = action.period
        fields[_PERIOD_TO] = action.period_to
    if action.consumer_keys:
        fields[_CONSUMERS] = action.consumer_keys
    if action.slots:
        fields[_SLOTS] = action.slots
    return fields


def read_allocate(fields: FieldReader) -> Allocate:
    consumer_keys = b""
    if _CONSUMERS in fields:
        consumer_keys = fields.octets(_CONSUMERS, "consumers", maximum=MAX_CONSUMERS * PUBLIC_KEY_SIZE)
        if not consumer_keys:
            raise fields.error("consumers is empty and has to be left out")
    return Allocate(
        provider=read_public_key(fields, _PROVIDER, "provider"),
        price_ubc=fields.integer(_PRICE, "price_ubc"),
        band=read_band(fields, _BAND),
        epoch=0 if _AUCTION in fields else fields.integer(_EPOCH, "epoch", 1),
        allocations=fields.integer(_ALLOCATIONS, "allocations", minimum=2) if _ALLOCATIONS in fields else 1,
        period=fields.integer(_PERIOD, "period") if _PERIOD in fields else None,
        period_to=fields.integer(_PERIOD_TO, "period_to") if _PERIOD_TO in fields else None,
        consumer_keys=consumer_keys,
        auction=fields.octets(_AUCTION, "auction", AUCTION_ID_SIZE) if _AUCTION in fields else b"",
        slots=fields.integer(_SLOTS, "slots", 1, MAX_SLOTS) if _SLOTS in fields else 0,
    )
