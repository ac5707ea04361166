"""What is asked of a clearing house in one message, where a topic has to be enough: over MQTT.

    [1, auction]                CreateAuction
    [2, auction id, bid]        Bid: sealed, or a signed `allocate` where bids are open
    [3, auction id, bid id]     GetBid
    [4, after, active, provider]  ListAuctions: behind that place of the house's log; 1 for those that are not over;
                                  of one provider, or of all if that is empty

Canonical CBOR around bytes that are signed by themselves. The answer is a signed auction receipt, to the last one a
signed auction list. Largest legal size 4,110 bytes. Reference: Bandcoin 5.4, table 1.
"""

from dataclasses import dataclass

from wire.auction import MAX_AUCTION_BYTES
from wire.auction_terms import AUCTION_ID_SIZE
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.units import U63_MAX

MAX_AUCTION_REQUEST_BYTES = MAX_AUCTION_BYTES + 14
_CREATE, _BID, _GET, _LIST = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class CreateAuction:
    """`auction` as its provider signed it; not read yet."""

    auction: bytes


@dataclass(frozen=True, slots=True)
class PlaceBid:
    """`bid` as it came; not read yet."""

    auction_id: bytes
    bid: bytes


@dataclass(frozen=True, slots=True)
class GetBid:
    """What became of a bid, by the key that signed it."""

    auction_id: bytes
    bid_id: PublicKey


@dataclass(frozen=True, slots=True)
class ListAuctions:
    """Behind place `after` of the house's log; of one `provider` or of all; if `active`, those that are not over."""

    after: int = 0
    provider: PublicKey | None = None
    active: bool = False


AuctionRequest = CreateAuction | PlaceBid | GetBid | ListAuctions


def write_auction_request(request: AuctionRequest) -> bytes:
    match request:
        case CreateAuction(auction):
            return write_cbor([_CREATE, auction])
        case PlaceBid(auction_id, bid):
            return write_cbor([_BID, auction_id, bid])
        case GetBid(auction_id, bid_id):
            return write_cbor([_GET, auction_id, bid_id.octets])
        case ListAuctions(after, provider, active):
            return write_cbor([_LIST, after, int(active), b"" if provider is None else provider.octets])


def read_auction_request(data: bytes) -> AuctionRequest:
    """Raises DecodeError."""
    if len(data) > MAX_AUCTION_REQUEST_BYTES:
        raise DecodeError(
            f"auction request: {len(data)} bytes, at most {MAX_AUCTION_REQUEST_BYTES} are accepted"
        )
    match read_cbor(data):
        case [1, bytes(auction)]:
            return CreateAuction(auction)
        case [2, bytes(auction_id), bytes(bid)] if len(auction_id) == AUCTION_ID_SIZE:
            return PlaceBid(auction_id, bid)
        case [3, bytes(auction_id), bytes(bid_id)] if len(auction_id) == AUCTION_ID_SIZE:
            try:
                return GetBid(auction_id, PublicKey(bid_id))
            except ValueError as error:
                raise DecodeError(f"auction request: {error}") from None
        case [4, int(after), 0 | 1 as active, bytes(provider)] if 0 <= after <= U63_MAX:
            return ListAuctions(after, _read_provider(provider), active == 1)
    raise DecodeError(
        "auction request: not [1, auction], [2, auction id, bid], [3, auction id, bid id] or "
        "[4, after, active, provider]"
    )


def _read_provider(octets: bytes) -> PublicKey | None:
    try:
        return PublicKey(octets) if octets else None
    except ValueError as error:
        raise DecodeError(f"auction request: {error}") from None
