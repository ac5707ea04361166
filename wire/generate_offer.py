"""GenerateOffer: a clearing house asks a provider to sign what its auction came to, and the provider's answer.

The question is signed by the house and carries the auction as the provider signed it, so that the provider needs no
memory to know that it is its own: band, units, duration, qos and minimum stand there. The answer is the signed
`offer`, as any transaction is encoded. The paper's answer is (offer, refund); there is no refund, as the offer charges
the clearing price (docs/decisions/0003), and a refund that is signed beside the offer would be money for whoever
brings it to the ledger alone. Largest legal size 2 MiB.
Reference: Bandcoin 5.4, table 2.
"""

import hashlib
from collections.abc import Mapping

from wire.auction import MAX_AUCTION_BYTES, Auction
from wire.auction_terms import HEAD_SIZE, Ruling
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE, PrivateKey
from wire.post_offer import AuctionShare, PostOffer, read_shares, write_shares
from wire.transaction import MAX_TRANSACTION_BYTES, NONCE_SIZE

EXTERNAL = b"airgrant/generate-offer/"
MAX_GENERATE_OFFER_BYTES = 2 * 1024 * 1024
MAX_GENERATED_OFFER_BYTES = MAX_TRANSACTION_BYTES

_AUCTION, _PRICE, _CONSUMERS, _VALID_UNTIL, _RULING, _HEAD = range(1, 7)


@dataclass(frozen=True, slots=True)
class GenerateOffer:
    """`auction` is signed and encoded. `price_ubc` is the offer's, for one unit; the offer is to be valid until
    `valid_until_s` (UTC), and carries the `head` of the house's log and its signature `ruling` (wire/ruling.py).
    """

    auction: bytes
    price_ubc: int
    consumers: Mapping[PublicKey, AuctionShare]
    valid_until_s: int
    ruling: bytes = bytes(SIGNATURE_SIZE)
    head: bytes = bytes(HEAD_SIZE)

    def __post_init__(self) -> None:
        check_range("generate offer", "price_ubc", self.price_ubc)
        check_range("generate offer", "valid_until_s", self.valid_until_s)


def write_generate_offer(question: GenerateOffer, house: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _AUCTION: question.auction,
        _PRICE: question.price_ubc,
        _CONSUMERS: write_shares(question.consumers),
        _VALID_UNTIL: question.valid_until_s,
        _RULING: question.ruling,
        _HEAD: question.head,
    }
    return sign_envelope(fields, house, EXTERNAL + ledger_id).encoded


def read_generate_offer(data: bytes, house: PublicKey, ledger_id: bytes) -> GenerateOffer:
    """A question of this house. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_GENERATE_OFFER_BYTES)
    envelope.verify(house, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "generate offer")
    question = GenerateOffer(
        fields.octets(_AUCTION, "auction", maximum=MAX_AUCTION_BYTES),
        fields.integer(_PRICE, "price_ubc"),
        read_shares(fields, _CONSUMERS),
        fields.integer(_VALID_UNTIL, "valid_until_s"),
        fields.octets(_RULING, "ruling", SIGNATURE_SIZE),
        fields.octets(_HEAD, "head", HEAD_SIZE),
    )
    fields.finish()
    return question


def derive_nonce(question: bytes) -> bytes:
    """Of the offer that answers this question: what is asked decides, and not with which signature. Raises
    DecodeError.
    """
    payload = read_envelope(question, MAX_GENERATE_OFFER_BYTES).payload
    return hashlib.sha256(b"airgrant/generated/" + payload).digest()[:NONCE_SIZE]


def offer_of(auction: Auction, question: GenerateOffer) -> PostOffer:
    """The one offer that answers a question about this auction."""
    terms = auction.terms
    return PostOffer(
        price_ubc=question.price_ubc,
        band=terms.band,
        max_allocations=terms.max_allocations,
        allocation_duration_s=terms.allocation_duration_s,
        qos=terms.qos,
        consumers=question.consumers,
        auction=terms.mark,
        ruling=Ruling(auction.house, question.head, question.ruling),
    )
