"""What is asked of a clearing house in one message, where a topic has to be enough: over MQTT.

    [1, auction]                CreateAuction
    [2, auction id, bid]        Bid: sealed, or a signed `allocate` where bids are open
    [3, auction id, bid id]     GetBid
    [4, after, active, provider]  ListAuctions: behind that place of the house's log; 1 for those that are not over;
                                  of one provider, or of all if that is empty
    [5, time_s]                 AskTimeKey: the house's own, for bids that are opened at that time, from 1 on
    [6, auction id]             AskQuestion: what GenerateOffer asks, where a provider has no callback
    [7, auction id, offer]      AnswerQuestion: the offer that the provider signed

Canonical CBOR around bytes that are signed by themselves. The answer is a signed auction receipt; to 4 a signed auction
list, to 5 a signed time key, and to 6 the question as the house signed it (wire/generate_offer.py), or the auction's
receipt while or because there is none. Largest legal size 65,536 bytes of an answer, 4,110 of any other. Reference:
Bandcoin 5.4, table 1.
"""

from wire.auction import MAX_AUCTION_BYTES
from wire.auction_terms import AUCTION_ID_SIZE
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.units import U63_MAX

MAX_AUCTION_REQUEST_BYTES = MAX_AUCTION_BYTES + 14
MAX_ANSWER_BYTES = 65_536
_CREATE, _BID, _GET, _LIST, _TIME_KEY, _QUESTION, _ANSWER = range(1, 8)
_ANSWER_BEGINS = b"\x83\x07"
"""An array of three items, of which the first is 7."""


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


@dataclass(frozen=True, slots=True)
class AskTimeKey:
    """The house's own time key of `time_s`, UTC."""

    time_s: int


@dataclass(frozen=True, slots=True)
class AskQuestion:
    """What is the provider to sign?"""

    auction_id: bytes


@dataclass(frozen=True, slots=True)
class AnswerQuestion:
    """`offer` as the provider signed it; not read yet."""

    auction_id: bytes
    offer: bytes


AuctionRequest = CreateAuction | PlaceBid | GetBid | ListAuctions | AskTimeKey | AskQuestion | AnswerQuestion


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
        case AskTimeKey(time_s):
            return write_cbor([_TIME_KEY, time_s])
        case AskQuestion(auction_id):
            return write_cbor([_QUESTION, auction_id])
        case AnswerQuestion(auction_id, offer):
            return write_cbor([_ANSWER, auction_id, offer])


def read_auction_request(data: bytes) -> AuctionRequest:
    """Raises DecodeError."""
    maximum = MAX_ANSWER_BYTES if data[:2] == _ANSWER_BEGINS else MAX_AUCTION_REQUEST_BYTES
    if len(data) > maximum:
        raise DecodeError(f"auction request: {len(data)} bytes, at most {maximum} are accepted")
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
        case [5, int(time_s)] if 1 <= time_s <= U63_MAX:
            return AskTimeKey(time_s)
        case [6, bytes(auction_id)] if len(auction_id) == AUCTION_ID_SIZE:
            return AskQuestion(auction_id)
        case [7, bytes(auction_id), bytes(offer)] if len(auction_id) == AUCTION_ID_SIZE:
            return AnswerQuestion(auction_id, offer)
    raise DecodeError(
        "auction request: not [1, auction], [2, auction id, bid], [3, auction id, bid id], "
        "[4, after, active, provider], [5, time_s], [6, auction id] or [7, auction id, offer]"
    )


def _read_provider(octets: bytes) -> PublicKey | None:
    try:
        return PublicKey(octets) if octets else None
    except ValueError as error:
        raise DecodeError(f"auction request: {error}") from None
