"""What is asked of a clearing house in one message, where a topic has to be enough: over MQTT.

    [1, auction]                CreateAuction
    [2, auction id, bid]        Bid: sealed, or a signed `allocate` where bids are open
    [3, auction id, bid id]     GetBid

Canonical CBOR around bytes that are signed by themselves. The answer to each is a signed auction receipt. Largest legal
size 4,110 bytes. Reference: Bandcoin 5.4, table 1.
"""

from dataclasses import dataclass

from wire.auction import MAX_AUCTION_BYTES
from wire.auction_terms import AUCTION_ID_SIZE
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.sealed_bid import MAX_SEALED_BID_BYTES

MAX_AUCTION_REQUEST_BYTES = MAX_AUCTION_BYTES + 14
_CREATE, _BID, _GET = 1, 2, 3


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


AuctionRequest = CreateAuction | PlaceBid | GetBid


def write_auction_request(request: AuctionRequest) -> bytes:
    match request:
        case CreateAuction(auction):
            return write_cbor([_CREATE, auction])
        case PlaceBid(auction_id, bid):
            return write_cbor([_BID, auction_id, bid])
        case GetBid(auction_id, bid_id):
            return write_cbor([_GET, auction_id, bid_id.octets])


def read_auction_request(data: bytes) -> AuctionRequest:
    """Raises DecodeError."""
    if len(data) > MAX_AUCTION_REQUEST_BYTES:
        raise DecodeError(
            f"auction request: {len(data)} bytes, at most {MAX_AUCTION_REQUEST_BYTES} are accepted"
        )
    match read_cbor(data):
        case [bool(), *_]:
            pass
        case [1, bytes(auction)]:
            return CreateAuction(auction)
        case [2, bytes(auction_id), bytes(bid)] if len(auction_id) == AUCTION_ID_SIZE:
            if len(bid) <= MAX_SEALED_BID_BYTES:
                return PlaceBid(auction_id, bid)
        case [3, bytes(auction_id), bytes(bid_id)] if len(auction_id) == AUCTION_ID_SIZE:
            try:
                return GetBid(auction_id, PublicKey(bid_id))
            except ValueError as error:
                raise DecodeError(f"auction request: {error}") from None
    raise DecodeError("auction request: not [1, auction], [2, auction id, bid] or [3, auction id, bid id]")
