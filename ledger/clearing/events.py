"""What happens in a clearing house, as its log has it: facts in their order, from which all else is computed.

Each entry is canonical CBOR, an array of the kind, the time (UTC, nanoseconds, later than that of any entry before) and
the fields below. The head of the log after an entry is SHA-256(head before, SHA-256(entry)); receipts name it.

    1 AuctionTaken     the auction, as its provider signed it
    2 BidTaken         auction id; the bid as it came, sealed or a signed `allocate`; of the latter the account
    3 FundsTaken       auction id; height of a block; account -> balance as of it, of everybody who bid
    4 Unsealed         auction id; what keepers told: place of the time key -> secret
    5 OfferTaken       auction id; the provider's answer
    6 OfferRejected    auction id; why that answer did not land
    7 AuctionClosed    auction id; reason and detail, empty if it was settled; ids of bids executed all the same
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wire.auction_terms import AUCTION_ID_SIZE
from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.ids import PublicKey

FIRST_HEAD = bytes(32)


@dataclass(frozen=True, slots=True)
class AuctionTaken:
    """A provider opened an auction."""

    at_ns: int
    encoded: bytes


@dataclass(frozen=True, slots=True)
class BidTaken:
    """Somebody bid. `account` is the signer's key where the bid is open; of a sealed one the ticket says it."""

    at_ns: int
    auction_id: bytes
    encoded: bytes
    account: bytes = b""


@dataclass(frozen=True, slots=True)
class FundsTaken:
    """No bid is taken any more. What everybody who bid has, as of one block, before anybody can read a bid."""

    at_ns: int
    auction_id: bytes
    height: int
    balances_ubc: Mapping[PublicKey, int]


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The clearing time came, and with it enough secrets; none where bids are open."""

    at_ns: int
    auction_id: bytes
    secrets: Mapping[int, bytes]


@dataclass(frozen=True, slots=True)
class OfferTaken:
    """The provider signed what the auction came to."""

    at_ns: int
    auction_id: bytes
    answer: bytes


@dataclass(frozen=True, slots=True)
class OfferRejected:
    """The ledger did not take it; it is asked for again."""

    at_ns: int
    auction_id: bytes
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuctionClosed:
    """Settled (no reason), or over without. `executed`: ids of the bids that the ledger ran all the same."""

    at_ns: int
    auction_id: bytes
    reason: str = ""
    detail: str = ""
    executed: tuple[bytes, ...] = ()


Event = AuctionTaken | BidTaken | FundsTaken | Unsealed | OfferTaken | OfferRejected | AuctionClosed


def next_head(head: bytes, entry: bytes) -> bytes:
    return hashlib.sha256(head + hashlib.sha256(entry).digest()).digest()


def write_event(event: Event) -> bytes:
    match event:
        case AuctionTaken(at_ns, encoded):
            return write_cbor([1, at_ns, encoded])
        case BidTaken(at_ns, auction_id, encoded, account):
            return write_cbor([2, at_ns, auction_id, encoded, account])
        case Unsealed(at_ns, auction_id, secrets):
            return write_cbor([4, at_ns, auction_id, dict(secrets.items())])
        case FundsTaken(at_ns, auction_id, height, balances_ubc):
            items: dict[Key, Value] = {key.octets: balance for key, balance in balances_ubc.items()}
            return write_cbor([3, at_ns, auction_id, height, items])
        case OfferTaken(at_ns, auction_id, answer):
            return write_cbor([5, at_ns, auction_id, answer])
        case OfferRejected(at_ns, auction_id, reason, detail):
            return write_cbor([6, at_ns, auction_id, reason, detail])
        case AuctionClosed(at_ns, auction_id, reason, detail, executed):
            return write_cbor([7, at_ns, auction_id, reason, detail, list(executed)])


def read_event(data: bytes) -> Event:
    """An entry of a log. Raises DecodeError: the log is damaged, or somebody else's."""
    match read_cbor(data):
        case [1, int(at_ns), bytes(encoded)]:
            return AuctionTaken(at_ns, encoded)
        case [int(kind), int(at_ns), bytes(auction_id), *rest] if len(auction_id) == AUCTION_ID_SIZE:
            reader = _READERS.get(kind)
            event = None if reader is None else reader(at_ns, auction_id, rest)
            if event is not None:
                return event
    raise DecodeError("clearing log: an entry of no kind that we know")


def _read_bid(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [bytes(encoded), bytes(account)]:
            return BidTaken(at_ns, auction_id, encoded, account)
    return None


def _read_unsealed(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [dict(items)]:
            secrets = {
                place: secret
                for place, secret in items.items()
                if isinstance(place, int) and place >= 0 and isinstance(secret, bytes)
            }
            return Unsealed(at_ns, auction_id, secrets) if len(secrets) == len(items) else None
    return None


def _read_funds(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [int(height), dict(items)]:
            known = [
                (account, balance)
                for account, balance in items.items()
                if isinstance(account, bytes) and isinstance(balance, int)
            ]
            if len(known) < len(items):
                return None
            try:
                return FundsTaken(at_ns, auction_id, height, {PublicKey(key): ubc for key, ubc in known})
            except ValueError as error:
                raise DecodeError(f"clearing log: {error}") from None
    return None


def _read_offer(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [bytes(answer)]:
            return OfferTaken(at_ns, auction_id, answer)
    return None


def _read_rejected(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [str(reason), str(detail)]:
            return OfferRejected(at_ns, auction_id, reason, detail)
    return None


def _read_closed(at_ns: int, auction_id: bytes, rest: list[Value]) -> Event | None:
    match rest:
        case [str(reason), str(detail), list(items)]:
            executed = tuple(item for item in items if isinstance(item, bytes))
            if len(executed) == len(items):
                return AuctionClosed(at_ns, auction_id, reason, detail, executed)
    return None


_READERS: dict[int, Callable[[int, bytes, list[Value]], Event | None]] = {
    2: _read_bid,
    3: _read_funds,
    4: _read_unsealed,
    5: _read_offer,
    6: _read_rejected,
    7: _read_closed,
}
