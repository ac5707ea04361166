"""GenerateOffer: a clearing house asks a provider to sign what its auction came to, and the provider's answer.

The question is signed by the house and carries the auction as the provider signed it, so that the provider needs no
memory to know that it is its own: band, units, duration, qos and minimum stand there. The answer is the signed `offer`,
and a signed `transfer` for each refund, in the order of the question (only where winners are charged their bids and
refunded). Asked again the same, a provider gives transactions of the same ids. Largest legal size 2 MiB.
Reference: Bandcoin 5.4, table 2.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from wire.auction import MAX_AUCTION_BYTES
from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.post_offer import MAX_CONSUMERS, AuctionShare
from wire.transaction import MAX_TRANSACTION_BYTES, NONCE_SIZE

EXTERNAL = b"airgrant/generate-offer/"
MAX_GENERATE_OFFER_BYTES = 2 * 1024 * 1024
MAX_GENERATED_OFFER_BYTES = 2 * MAX_TRANSACTION_BYTES
"""An offer for 50,000 winners and as many transfers would be more: an auction with refunds has fewer winners."""

_AUCTION, _PRICE, _CONSUMERS, _VALID_UNTIL, _REFUNDS = range(1, 6)


@dataclass(frozen=True, slots=True)
class GenerateOffer:
    """`auction` is signed and encoded. `price_ubc` is the offer's, for one unit; `refunds` what goes back to whom, in
    the order of the keys. The transactions are to be valid until `valid_until_s` (UTC).
    """

    auction: bytes
    price_ubc: int
    consumers: Mapping[PublicKey, AuctionShare]
    valid_until_s: int
    refunds: Mapping[PublicKey, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_range("generate offer", "price_ubc", self.price_ubc)
        check_range("generate offer", "valid_until_s", self.valid_until_s)
        for amount_ubc in self.refunds.values():
            check_range("generate offer", "refund", amount_ubc, 1)


@dataclass(frozen=True, slots=True)
class GeneratedOffer:
    """Signed transactions: the `offer`, and a `transfer` for each refund."""

    offer: bytes
    refunds: tuple[bytes, ...] = ()


def write_generate_offer(question: GenerateOffer, house: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _AUCTION: question.auction,
        _PRICE: question.price_ubc,
        _CONSUMERS: {
            key.octets: [share.allocations, share.price_ubc] for key, share in question.consumers.items()
        },
        _VALID_UNTIL: question.valid_until_s,
    }
    if question.refunds:
        fields[_REFUNDS] = {key.octets: amount_ubc for key, amount_ubc in question.refunds.items()}
    return sign_envelope(fields, house, EXTERNAL + ledger_id).encoded


def read_generate_offer(data: bytes, house: PublicKey, ledger_id: bytes) -> GenerateOffer:
    """A question of this house. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_GENERATE_OFFER_BYTES)
    envelope.verify(house, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "generate offer")
    question = GenerateOffer(
        fields.octets(_AUCTION, "auction", maximum=MAX_AUCTION_BYTES),
        fields.integer(_PRICE, "price_ubc"),
        _read_shares(fields),
        fields.integer(_VALID_UNTIL, "valid_until_s"),
        _read_refunds(fields) if _REFUNDS in fields else {},
    )
    fields.finish()
    return question


def write_generated_offer(answer: GeneratedOffer) -> bytes:
    """Not signed: each transaction in it is."""
    return write_cbor([answer.offer, list(answer.refunds)])


def read_generated_offer(data: bytes) -> GeneratedOffer:
    """Raises DecodeError. Whether the transactions are what was asked for is for the house to see."""
    if len(data) > MAX_GENERATED_OFFER_BYTES:
        raise DecodeError(f"generated offer: {len(data)} bytes, at most {MAX_GENERATED_OFFER_BYTES}")
    match read_cbor(data):
        case [bytes(offer), list(items)]:
            refunds = tuple(item for item in items if isinstance(item, bytes))
            if len(refunds) == len(items):
                return GeneratedOffer(offer, refunds)
    raise DecodeError("generated offer: not an offer and an array of transfers")


def derive_nonce(question: bytes, use: bytes) -> bytes:
    """Of a transaction that answers this question: the same question brings the same transaction."""
    return hashlib.sha256(b"airgrant/generated/" + use + b"/" + question).digest()[:NONCE_SIZE]


def _read_shares(fields: FieldReader) -> dict[PublicKey, AuctionShare]:
    shares: dict[PublicKey, AuctionShare] = {}
    for key, value in _read_map(fields, _CONSUMERS, "consumers"):
        match value:
            case [int(units), int(price_ubc)] if not isinstance(units, bool) and not isinstance(
                price_ubc, bool
            ):
                shares[key] = AuctionShare(units, price_ubc)
            case _:
                raise fields.error("consumers: want public key -> [allocations, price_ubc]")
    return shares


def _read_refunds(fields: FieldReader) -> dict[PublicKey, int]:
    refunds: dict[PublicKey, int] = {}
    for key, value in _read_map(fields, _REFUNDS, "refunds"):
        if not isinstance(value, int) or isinstance(value, bool):
            raise fields.error("refunds: want public key -> amount")
        refunds[key] = value
    return refunds


def _read_map(fields: FieldReader, label: int, name: str) -> list[tuple[PublicKey, Value]]:
    value = fields.value(label, name)
    if not isinstance(value, dict) or not 1 <= len(value) <= MAX_CONSUMERS:
        raise fields.error(f"{name} is not a map of 1 to {MAX_CONSUMERS} entries")
    if not all(isinstance(key, bytes) for key in value):
        raise fields.error(f"{name}: a key is not a byte string")
    try:
        return [(PublicKey(key), item) for key, item in value.items() if isinstance(key, bytes)]
    except ValueError as error:
        raise fields.error(f"{name}: {error}") from None
