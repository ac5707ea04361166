"""The auction list (ListAuctions): a house's signed word on the auctions that it runs, for whoever has no HTTP.

Each auction as its provider signed it, with what only the house knows: its status, how many bids it has, and its place
in the house's log, by which the next page is asked for. Bids are not in it: GetBid has each. Largest legal size 70,000
bytes.
Reference: Bandcoin 5.4, table 1.
"""

from wire.auction import MAX_AUCTION_BYTES
from wire.auction_receipt import MAX_REASON_BYTES, Status
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range, cut_text
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.units import U32_MAX, U63_MAX

EXTERNAL = b"airgrant/auction-list/"
MAX_AUCTION_LIST_BYTES = 70_000
MAX_LISTED = 16
"""Auctions in one list: what a broker carries without asking."""

_AUCTIONS, _AFTER = 1, 2


@dataclass(frozen=True, slots=True)
class ListedAuction:
    """`auction` as its provider signed it; `number` its place in the house's log; `bids` counts accounts that bid.
    `reason` is a word, empty where nothing went wrong.
    """

    auction: bytes
    status: Status
    number: int
    bids: int
    reason: str = ""

    def __post_init__(self) -> None:
        if self.status not in (Status.ACTIVE, Status.INACTIVE):
            raise DecodeError(f"auction list: an auction is not {self.status.name.lower()}")
        check_range("auction list", "number", self.number, 1)
        check_range("auction list", "bids", self.bids, 0, U32_MAX)


@dataclass(frozen=True, slots=True)
class AuctionList:
    """`after`: what to ask for next, 0 if these are the last."""

    auctions: tuple[ListedAuction, ...]
    after: int = 0

    def __post_init__(self) -> None:
        check_range("auction list", "after", self.after)
        if len(self.auctions) > MAX_LISTED:
            raise DecodeError(f"auction list: {len(self.auctions)} auctions, at most {MAX_LISTED}")


def write_auction_list(listed: AuctionList, house: PrivateKey, ledger_id: bytes) -> bytes:
    rows: list[Value] = [
        [one.auction, int(one.status), one.number, one.bids, cut_text(one.reason, MAX_REASON_BYTES)]
        for one in listed.auctions
    ]
    fields: dict[Key, Value] = {_AUCTIONS: rows} if rows else {}
    if listed.after:
        fields[_AFTER] = listed.after
    return sign_envelope(fields, house, EXTERNAL + ledger_id).encoded


def read_auction_list(data: bytes, house: PublicKey, ledger_id: bytes) -> AuctionList:
    """A list of this house for this ledger. The auctions in it are still to be read. Raises DecodeError,
    VerificationError.
    """
    envelope = read_envelope(data, MAX_AUCTION_LIST_BYTES)
    envelope.verify(house, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "auction list")
    listed = AuctionList(
        tuple(_read_row(fields, row) for row in _read_rows(fields)),
        fields.integer(_AFTER, "after", 1) if _AFTER in fields else 0,
    )
    fields.finish()
    return listed


def _read_rows(fields: FieldReader) -> list[Value]:
    if _AUCTIONS not in fields:
        return []
    match fields.value(_AUCTIONS, "auctions"):
        case [_, *_] as rows:
            return list(rows)
    raise fields.error("auctions is not an array, or is empty and has to be left out")


def _read_row(fields: FieldReader, row: Value) -> ListedAuction:
    match row:
        case [bytes(auction), int(status), int(number), int(bids), str(reason)]:
            small = len(auction) <= MAX_AUCTION_BYTES and len(reason.encode()) <= MAX_REASON_BYTES
            if small and status in (Status.ACTIVE, Status.INACTIVE) and number <= U63_MAX:
                return ListedAuction(auction, Status(status), number, bids, reason)
    raise fields.error("auctions: want [auction, status 1 or 2, number, bids, reason]")
