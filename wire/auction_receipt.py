"""The auction receipt: a clearing house's signed word on an auction or a bid.

It says what the status is and, for what was taken, at which place of the house's log it stands and when it came: `head`
is the hash over the log up to that place, so the house cannot leave out, move or date anew what it gave a receipt for.
Largest legal size 500 bytes. Reference: Bandcoin 5.4, table 1 (status, auction_id, bid_id).
"""

from enum import IntEnum

from wire.auction_terms import AUCTION_ID_SIZE, HEAD_SIZE, MAX_AUCTION_RECEIPT_BYTES
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range, cut_text
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/auction-receipt/"
MAX_REASON_BYTES = 60
MAX_DETAIL_BYTES = 200

_AUCTION, _STATUS, _BID, _NUMBER, _AT, _HEAD, _REASON, _DETAIL = range(1, 9)
_WINS_ABOVE = 9


class Status(IntEnum):
    """Of an auction: active or inactive. Of a bid: the others, as table 1 has them."""

    ACTIVE = 1
    INACTIVE = 2
    UNKNOWN = 3
    PENDING = 4
    EXECUTED = 5
    CANCELLED = 6
    ERROR = 7


@dataclass(frozen=True, slots=True)
class AuctionReceipt:
    """`bid_id` is None if it is about the auction. `number` is the place in the log, from 1, and 0 for what was not
    taken; `at_ns` UTC. `reason` is a word, empty where nothing went wrong; `detail` a sentence. Of an active auction
    and a pending bid they say why it stands still. `wins_above_ubc`, of a bid that was outbid in a session auction:
    with more than that it would have won, had all others bid the same.
    """

    auction_id: bytes
    status: Status
    bid_id: PublicKey | None = None
    number: int = 0
    at_ns: int = 0
    head: bytes = b""
    reason: str = ""
    detail: str = ""
    wins_above_ubc: int | None = None

    def __post_init__(self) -> None:
        for name in ("number", "at_ns"):
            check_range("auction receipt", name, getattr(self, name))
        if len(self.head) not in (0, HEAD_SIZE) or bool(self.head) != bool(self.number):
            raise DecodeError(f"auction receipt: place {self.number} with a head of {len(self.head)} bytes")
        if self.wins_above_ubc is None:
            return
        check_range("auction receipt", "wins_above_ubc", self.wins_above_ubc)
        if self.status is not Status.CANCELLED:
            raise DecodeError(f"auction receipt: wins_above_ubc of a bid that is {self.status.name.lower()}")


def write_auction_receipt(receipt: AuctionReceipt, house: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {_AUCTION: receipt.auction_id, _STATUS: int(receipt.status)}
    if receipt.bid_id is not None:
        fields[_BID] = receipt.bid_id.octets
    if receipt.number:
        fields |= {_NUMBER: receipt.number, _HEAD: receipt.head}
    if receipt.at_ns:
        fields[_AT] = receipt.at_ns
    if receipt.reason:
        fields[_REASON] = cut_text(receipt.reason, MAX_REASON_BYTES)
    if receipt.detail:
        fields[_DETAIL] = cut_text(receipt.detail, MAX_DETAIL_BYTES)
    if receipt.wins_above_ubc is not None:
        fields[_WINS_ABOVE] = receipt.wins_above_ubc
    return sign_envelope(fields, house, EXTERNAL + ledger_id).encoded


def read_auction_receipt(data: bytes, house: PublicKey, ledger_id: bytes) -> AuctionReceipt:
    """A receipt of this house for this ledger. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_AUCTION_RECEIPT_BYTES)
    envelope.verify(house, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "auction receipt")
    receipt = AuctionReceipt(
        fields.octets(_AUCTION, "auction_id", AUCTION_ID_SIZE),
        Status(fields.integer(_STATUS, "status", min(Status), max(Status))),
        read_public_key(fields, _BID, "bid_id") if _BID in fields else None,
        fields.integer(_NUMBER, "number", 1) if _NUMBER in fields else 0,
        fields.integer(_AT, "at_ns", 1) if _AT in fields else 0,
        fields.octets(_HEAD, "head", HEAD_SIZE) if _HEAD in fields else b"",
        _read_text(fields, _REASON, "reason", MAX_REASON_BYTES),
        _read_text(fields, _DETAIL, "detail", MAX_DETAIL_BYTES),
        fields.integer(_WINS_ABOVE, "wins_above_ubc") if _WINS_ABOVE in fields else None,
    )
    fields.finish()
    return receipt


def _read_text(fields: FieldReader, label: int, name: str, maximum: int) -> str:
    if label not in fields:
        return ""
    text = fields.text(label, name, maximum)
    if not text:
        raise fields.error(f"{name} is empty, and has to be left out")
    return text
