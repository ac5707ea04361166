"""The auction (CreateAuction): a provider's signed word on what it will sell at the highest bids, and when.

Sent to a clearing house, which shows it to everybody. The terms make the auction's id; the rest says how it is run:
where the house asks for the offer when the bids are cleared, and to whose time keys bids are sealed: any `threshold` of
them open a bid, at the clearing time. A Vickrey auction and a session auction are always sealed. The provider of a
session auction need not be reachable: without a callback it asks for the question itself (wire/auction_request.py).
`epoch` is that of the provider's current offer and 1; bids do not depend on it. Largest legal size 4,096 bytes.
Reference: Bandcoin 5.4, table 1.
"""

import re

from wire.auction_terms import AuctionKind, AuctionTerms, read_mark, write_mark
from wire.band import read_band, write_band
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.qos import read_qos, write_qos
from wire.time_key import MAX_TIME_KEY_BYTES, TimeKey, read_time_key
from wire.units import U32_MAX

EXTERNAL = b"airgrant/auction/"
MAX_AUCTION_BYTES = 4_096
MAX_CALLBACK_CHARACTERS = 200
MAX_KEEPERS = 16
"""The validators of a large network; a share of each makes a bid 16 octets longer."""
SETTLE_S = 600
"""After the clearing time an auction is settled within so long, or not at all: until then the bids are valid."""

_PROVIDER, _MARK, _BAND, _MAX_ALLOCATIONS, _DURATION, _QOS, _EPOCH, _CALLBACK, _HOUSE = range(1, 10)
_THRESHOLD, _TIME_KEYS = 11, 12
_WEB = re.compile(r"https?://(\[[0-9a-f:.]+\]|[A-Za-z0-9.-]+)(:\d{1,5})?(/[!-~]*)?")


@dataclass(frozen=True, slots=True)
class Auction:
    """`time_keys` are as their keepers signed them, and of the clearing time; none if bids are open. `offer_callback`
    is empty where the provider of a session auction asks.
    """

    terms: AuctionTerms
    epoch: int
    offer_callback: str
    house: PublicKey
    threshold: int = 0
    time_keys: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        terms = self.terms
        check_range("auction", "max_allocations", terms.max_allocations, 1, U32_MAX)
        check_range("auction", "allocation_duration_s", terms.allocation_duration_s, 1, U32_MAX)
        check_range("auction", "epoch", self.epoch, 1)
        if len(self.time_keys) > MAX_KEEPERS:
            raise DecodeError(f"auction: {len(self.time_keys)} time keys, at most {MAX_KEEPERS}")
        if not min(1, len(self.time_keys)) <= self.threshold <= len(self.time_keys):
            raise DecodeError(f"auction: {self.threshold} of {len(self.time_keys)} time keys open no bid")
        session = terms.mark.kind is AuctionKind.SESSION
        if terms.mark.kind is AuctionKind.VICKREY and not self.time_keys:
            raise DecodeError("auction: the bids of a Vickrey auction are sealed, and there is no time key")
        if session and not self.time_keys:  # the seller carries the bids
            raise DecodeError("auction: the bids of a session auction are sealed, and there is no time key")
        if max(terms.mark.forecast, default=0) > terms.max_allocations:
            raise DecodeError(f"auction: the forecast is above max_allocations, {terms.max_allocations}")
        if session and not self.offer_callback:
            return
        if len(self.offer_callback) > MAX_CALLBACK_CHARACTERS or not _WEB.fullmatch(self.offer_callback):
            raise DecodeError(
                f"auction: offer_callback is no http or https URL of {MAX_CALLBACK_CHARACTERS} characters"
            )

    @property
    def auction_id(self) -> bytes:
        return self.terms.auction_id(self.house)

    @property
    def is_sealed(self) -> bool:
        return bool(self.time_keys)

    @property
    def settle_by_s(self) -> int:
        """The last second at which it can be settled; bids and the offer are signed until then. A session auction is
        over before the next one is due, half a slot after its clearing.
        """
        session = self.terms.mark.kind is AuctionKind.SESSION
        settle_s = self.terms.allocation_duration_s // 2 if session else SETTLE_S
        return self.terms.mark.clearing_s + settle_s

    def read_time_keys(self) -> tuple[TimeKey, ...]:
        """Each of its own keeper and for the clearing time. Raises DecodeError, VerificationError."""
        keys = tuple(read_time_key(encoded) for encoded in self.time_keys)
        if len({key.keeper for key in keys}) != len(keys):
            raise DecodeError("auction: a keeper has two time keys")
        for key in keys:
            if key.time_s != self.terms.mark.clearing_s:
                raise DecodeError(f"auction: a time key of {key.time_s}, not of {self.terms.mark.clearing_s}")
        return keys


def write_auction(auction: Auction, provider: PrivateKey, ledger_id: bytes) -> bytes:
    terms = auction.terms
    assert provider.public == terms.provider, "signed by its provider"
    fields: dict[Key, Value] = {
        _PROVIDER: terms.provider.octets,
        _MARK: write_mark(terms.mark),
        _BAND: write_band(terms.band),
        _MAX_ALLOCATIONS: terms.max_allocations,
        _DURATION: terms.allocation_duration_s,
        _QOS: write_qos(terms.qos),
        _EPOCH: auction.epoch,
        _HOUSE: auction.house.octets,
    }
    if auction.offer_callback:
        fields[_CALLBACK] = auction.offer_callback
    if auction.time_keys:
        fields[_THRESHOLD] = auction.threshold
        fields[_TIME_KEYS] = list(auction.time_keys)
    return sign_envelope(fields, provider, EXTERNAL + ledger_id).encoded


def read_auction(data: bytes, ledger_id: bytes) -> Auction:
    """An auction that the provider in it signed for this ledger. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_AUCTION_BYTES)
    fields = FieldReader(envelope.payload, "auction")
    provider, mark = read_public_key(fields, _PROVIDER, "provider"), read_mark(fields, _MARK)
    terms = AuctionTerms(
        provider,
        mark,
        read_band(fields, _BAND),
        fields.integer(_MAX_ALLOCATIONS, "max_allocations"),
        fields.integer(_DURATION, "allocation_duration_s"),
        read_qos(fields, _QOS),
    )
    auction = Auction(
        terms,
        fields.integer(_EPOCH, "epoch"),
        _read_callback(fields, mark.kind),
        read_public_key(fields, _HOUSE, "house"),
        fields.integer(_THRESHOLD, "threshold", 1, MAX_KEEPERS) if _THRESHOLD in fields else 0,
        _read_time_keys(fields) if _TIME_KEYS in fields else (),
    )
    fields.finish()
    envelope.verify(provider, EXTERNAL + ledger_id)
    return auction


def _read_callback(fields: FieldReader, kind: AuctionKind) -> str:
    """The default, that a provider asks, is left out and has to be: one value, one encoding."""
    if kind is AuctionKind.SESSION and _CALLBACK not in fields:
        return ""
    callback = fields.text(_CALLBACK, "offer_callback", MAX_CALLBACK_CHARACTERS)
    if not callback:
        raise fields.error("offer_callback is empty, and has to be left out of a session auction")
    return callback


def _read_time_keys(fields: FieldReader) -> tuple[bytes, ...]:
    value = fields.value(_TIME_KEYS, "time_keys")
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_KEEPERS:
        raise fields.error(f"time_keys is not an array of 1 to {MAX_KEEPERS}")
    keys = tuple(item for item in value if isinstance(item, bytes) and len(item) <= MAX_TIME_KEY_BYTES)
    if len(keys) != len(value):
        raise fields.error(f"time_keys has an item that is no byte string of at most {MAX_TIME_KEY_BYTES}")
    return keys
