"""The lobby datagram: what a station that has not paid and an access point say to each other.

    [ type, item, ... ]        one CBOR array per UDP datagram, port 18573; discovery to ff02::4147:1

Carried over IPv6 link-local, so that it needs neither addresses nor radio support. Nothing in the carriage is
authenticated: offers, transactions, receipts, grants and join requests inside are signed each for itself, and whoever
needs them verifies them. Who sends a datagram does not matter either: the consumer's signature names the station that
is let in.

    station -> access point    Discover, Purchase, Join, Leave, AskAuction, Bid, AskBid
    access point -> station    Announcement, Outcome, Joined, Left, Refused, AuctionShown, BidSaid

What is said of session auctions travels here and in no other carriage: a bid is too long for them.

Largest legal size 1,200 bytes, so that no datagram is ever fragmented (RFC 8200 clause 5: 1,280 octets of minimum MTU).
Promise: `read_lobby` returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum
from typing import assert_never

from nas_tunnel.items import ItemReader
from wire.auction_terms import AUCTION_ID_SIZE, MAX_AUCTION_RECEIPT_BYTES
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.grant import MAX_GRANT_BYTES
from wire.grant_proof import MAX_GRANT_PROOF_BYTES
from wire.ids import GRANT_ID_SIZE, LEDGER_ID_SIZE, TRANSACTION_ID_SIZE, PublicKey
from wire.join_request import CHALLENGE_SIZE, MAX_JOIN_REQUEST_BYTES
from wire.network import MAX_NETWORK_BYTES
from wire.offer import MAX_OFFER_BYTES
from wire.receipt import MAX_RECEIPT_BYTES

PORT = 18573
GROUP = "ff02::4147:1"
"""Link-local multicast (RFC 4291 clause 2.7); 4147 is "AG" in ASCII."""
MAX_LOBBY_BYTES = 1_200
MAX_PURCHASE_BYTES = MAX_LOBBY_BYTES - 5
"""What a datagram leaves for a transaction: some 25 named consumers. Whoever buys for more talks to the ledger."""
MAX_SHOWN_AUCTION_BYTES = 1_150
"""An auction with 60 slots and one keeper has some 580; one that does not fit is not shown here."""
MAX_SHOWN_BID_BYTES = 1_150
"""One sealed to 16 keepers has some 950."""
MAX_REASON_CHARACTERS = 60
MAX_DETAIL_CHARACTERS = 150


class MessageType(IntEnum):
    """The first item of a datagram."""

    DISCOVER = 1
    ANNOUNCEMENT = 2
    PURCHASE = 3
    OUTCOME = 4
    JOIN = 5
    JOINED = 6
    LEAVE = 7
    LEFT = 8
    REFUSED = 9
    ASK_AUCTION = 10
    AUCTION_SHOWN = 11
    BID = 12
    ASK_BID = 13
    BID_SAID = 14


@dataclass(frozen=True, slots=True)
class Discover:
    """Who sells here? Also asks for a fresh challenge."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """A signed offer (wire/offer.py), whose key it is, the ledger that knows both, and the challenge to join with.

    `utc_s` is the access point's clock: not signed, a hint for a device whose own clock was never set. `network` is the
    signed word on how buyers join by Wi-Fi (wire/network.py), empty and left out where this wire is all there is.
    """

    offer: bytes
    provider: PublicKey
    ledger: PublicKey
    ledger_id: bytes
    challenge: bytes
    utc_s: int
    network: bytes = b""


@dataclass(frozen=True, slots=True)
class Purchase:
    """A signed transaction (wire/transaction.py) for the ledger. Sent again until its Outcome comes: it runs once."""

    transaction: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """The ledger's signed receipt (wire/receipt.py), and the buyer's grant (wire/grant.py) or nothing."""

    transaction_id: bytes
    receipt: bytes
    grant: bytes


@dataclass(frozen=True, slots=True)
class Join:
    """Let me in: a grant, signed or proved (wire/grant_proof.py), and the consumer's signed request with purpose `join`
    (wire/join_request.py).
    """

    grant: bytes
    request: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """The station that the request named is in, until `ends_s` (UTC)."""

    grant_id: bytes
    ends_s: int


@dataclass(frozen=True, slots=True)
class Leave:
    """The consumer's signed request with purpose `leave`."""

    grant_id: bytes
    request: bytes


@dataclass(frozen=True, slots=True)
class Left:
    """The station is out: the session of this grant has ended."""

    grant_id: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """No. `subject` is a transaction id, an auction id, a grant id, or empty; `reason` names the rule; `detail` is for
    people.
    """

    subject: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AskAuction:
    """Is there a session auction that takes bids?"""


@dataclass(frozen=True, slots=True)
class AuctionShown:
    """The auction as the provider signed it (wire/auction.py). `utc_s` is the access point's clock, as announced."""

    auction: bytes
    utc_s: int


@dataclass(frozen=True, slots=True)
class Bid:
    """A sealed bid (wire/sealed_bid.py) for the auction's house. Sent again until a BidSaid comes: it is taken once."""

    auction_id: bytes
    bid: bytes


@dataclass(frozen=True, slots=True)
class AskBid:
    """What became of a bid, by the key that signed it?"""

    auction_id: bytes
    bid_id: PublicKey


@dataclass(frozen=True, slots=True)
class BidSaid:
    """The house's signed receipt (wire/auction_receipt.py)."""

    receipt: bytes


LobbyMessage = (
    Discover
    | Announcement
    | Purchase
    | Outcome
    | Join
    | Joined
    | Leave
    | Left
    | Refused
    | AskAuction
    | AuctionShown
    | Bid
    | AskBid
    | BidSaid
)


def write_lobby(message: LobbyMessage) -> bytes:
    """One datagram. A longer transaction than MAX_PURCHASE_BYTES is the caller's mistake."""
    encoded = write_cbor(_write_items(message))
    assert len(encoded) <= MAX_LOBBY_BYTES, f"a lobby datagram of {len(encoded)} bytes"
    return encoded


def read_lobby(data: bytes) -> LobbyMessage:
    """The message that fills the datagram; signatures inside are not checked. Raises DecodeError."""
    if len(data) > MAX_LOBBY_BYTES:
        raise DecodeError(f"lobby: {len(data)} bytes, at most {MAX_LOBBY_BYTES} are accepted")
    items = ItemReader(data, "lobby")
    message = _read_items(items.integer("message type", 255), items)
    items.finish()
    return message


def _write_items(message: LobbyMessage) -> list[Value]:
    match message:
        case Discover():
            return [MessageType.DISCOVER.value]
        case Announcement():
            return _write_announcement(message)
        case Purchase(transaction):
            return [MessageType.PURCHASE.value, transaction]
        case Outcome(transaction_id, receipt, grant):
            return [MessageType.OUTCOME.value, transaction_id, receipt, grant]
        case Join(grant, request):
            return [MessageType.JOIN.value, grant, request]
        case Joined(grant_id, ends_s):
            return [MessageType.JOINED.value, grant_id, ends_s]
        case Leave(grant_id, request):
            return [MessageType.LEAVE.value, grant_id, request]
        case Left(grant_id):
            return [MessageType.LEFT.value, grant_id]
        case Refused(subject, reason, detail):
            return [
                MessageType.REFUSED.value,
                subject,
                reason[:MAX_REASON_CHARACTERS],
                detail[:MAX_DETAIL_CHARACTERS],
            ]
        case _:
            return _write_auction_items(message)


def _write_auction_items(message: AskAuction | AuctionShown | Bid | AskBid | BidSaid) -> list[Value]:
    match message:
        case AskAuction():
            return [MessageType.ASK_AUCTION.value]
        case AuctionShown(auction, utc_s):
            return [MessageType.AUCTION_SHOWN.value, auction, utc_s]
        case Bid(auction_id, bid):
            return [MessageType.BID.value, auction_id, bid]
        case AskBid(auction_id, bid_id):
            return [MessageType.ASK_BID.value, auction_id, bid_id.octets]
        case BidSaid(receipt):
            return [MessageType.BID_SAID.value, receipt]
        case _:
            assert_never(message)


def _write_announcement(message: Announcement) -> list[Value]:
    return [
        MessageType.ANNOUNCEMENT.value,
        message.offer,
        message.provider.octets,
        message.ledger.octets,
        message.ledger_id,
        message.challenge,
        message.utc_s,
        *([message.network] if message.network else []),
    ]


def _read_items(kind: int, items: ItemReader) -> LobbyMessage:
    match kind:
        case MessageType.DISCOVER:
            return Discover()
        case MessageType.ANNOUNCEMENT:
            return Announcement(
                offer=items.octets("offer", 1, MAX_OFFER_BYTES),
                provider=items.public_key("provider"),
                ledger=items.public_key("ledger"),
                ledger_id=items.octets("ledger_id", LEDGER_ID_SIZE, LEDGER_ID_SIZE),
                challenge=items.octets("challenge", CHALLENGE_SIZE, CHALLENGE_SIZE),
                utc_s=items.integer("utc_s"),
                network=items.octets("network", 1, MAX_NETWORK_BYTES) if items.more() else b"",
            )
        case MessageType.PURCHASE:
            return Purchase(items.octets("transaction", 1, MAX_PURCHASE_BYTES))
        case MessageType.OUTCOME:
            return Outcome(
                transaction_id=items.octets("transaction_id", TRANSACTION_ID_SIZE, TRANSACTION_ID_SIZE),
                receipt=items.octets("receipt", 1, MAX_RECEIPT_BYTES),
                grant=items.octets("grant", 0, MAX_GRANT_BYTES),
            )
        case MessageType.JOIN:
            return Join(
                items.octets("grant", 1, MAX_GRANT_PROOF_BYTES),
                items.octets("request", 1, MAX_JOIN_REQUEST_BYTES),
            )
        case MessageType.JOINED:
            return Joined(_grant_id(items), items.integer("ends_s"))
        case MessageType.LEAVE:
            return Leave(_grant_id(items), items.octets("request", 1, MAX_JOIN_REQUEST_BYTES))
        case MessageType.LEFT:
            return Left(_grant_id(items))
        case MessageType.REFUSED:
            return Refused(
                subject=_subject(items),
                reason=items.text("reason", 1, MAX_REASON_CHARACTERS),
                detail=items.text("detail", 0, MAX_DETAIL_CHARACTERS),
            )
        case _:
            return _read_auction_items(kind, items)


def _read_auction_items(kind: int, items: ItemReader) -> LobbyMessage:
    match kind:
        case MessageType.ASK_AUCTION:
            return AskAuction()
        case MessageType.AUCTION_SHOWN:
            return AuctionShown(items.octets("auction", 1, MAX_SHOWN_AUCTION_BYTES), items.integer("utc_s"))
        case MessageType.BID:
            return Bid(_auction_id(items), items.octets("bid", 1, MAX_SHOWN_BID_BYTES))
        case MessageType.ASK_BID:
            return AskBid(_auction_id(items), items.public_key("bid_id"))
        case MessageType.BID_SAID:
            return BidSaid(items.octets("receipt", 1, MAX_AUCTION_RECEIPT_BYTES))
        case _:
            raise DecodeError(f"lobby: message type {kind} is unknown")


def _grant_id(items: ItemReader) -> bytes:
    return items.octets("grant_id", GRANT_ID_SIZE, GRANT_ID_SIZE)


def _auction_id(items: ItemReader) -> bytes:
    return items.octets("auction_id", AUCTION_ID_SIZE, AUCTION_ID_SIZE)


def _subject(items: ItemReader) -> bytes:
    subject = items.octets("subject", 0, TRANSACTION_ID_SIZE)
    if len(subject) not in (0, GRANT_ID_SIZE, TRANSACTION_ID_SIZE):
        raise items.error(
            f"subject has {len(subject)} bytes, which is no transaction id, auction id, grant id or nothing"
        )
    return subject
