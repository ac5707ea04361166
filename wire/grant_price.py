"""What a grant cost, and who paid: asked of the ledger by grant id, answered with its signature.

A grant does not say its price: one purchase may bring thousands, at a volume discount, or be settled by an auction. A
box that owes a refund asks. The question is the CBOR array `[grant_id]` on the ledger's query topic.
Reference: Bandcoin 5.1.1. Largest legal size of the answer 250 bytes.
"""

from wire.cbor import Key, Value, read_cbor, write_cbor
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE, PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/grant-price/"
MAX_GRANT_PRICE_BYTES = 250
MAX_QUESTION_BYTES = 2 + GRANT_ID_SIZE

_GRANT, _PAYER, _PRICE = 1, 2, 3


@dataclass(frozen=True, slots=True)
class GrantPrice:
    """`payer` signed the purchase; `price_ubc` is this grant's part of what it was charged, rounded down."""

    grant_id: bytes
    payer: PublicKey
    price_ubc: int

    def __post_init__(self) -> None:
        if len(self.grant_id) != GRANT_ID_SIZE:
            raise DecodeError(f"grant price: grant_id has {len(self.grant_id)} bytes, not {GRANT_ID_SIZE}")
        check_range("grant price", "price_ubc", self.price_ubc)


def write_grant_price(price: GrantPrice, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {_GRANT: price.grant_id, _PAYER: price.payer.octets, _PRICE: price.price_ubc}
    return sign_envelope(fields, ledger, EXTERNAL + ledger_id).encoded


def read_grant_price(data: bytes, ledger: PublicKey, ledger_id: bytes) -> GrantPrice:
    """The ledger's own word. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_GRANT_PRICE_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "grant price")
    price = GrantPrice(
        grant_id=fields.octets(_GRANT, "grant_id", GRANT_ID_SIZE),
        payer=read_public_key(fields, _PAYER, "payer"),
        price_ubc=fields.integer(_PRICE, "price_ubc"),
    )
    fields.finish()
    return price


def write_price_question(grant_id: bytes) -> bytes:
    return write_cbor([grant_id])


def read_price_question(data: bytes) -> bytes:
    """The grant id that is asked about. Raises DecodeError."""
    if len(data) > MAX_QUESTION_BYTES:
        raise DecodeError(f"price question: {len(data)} bytes, at most {MAX_QUESTION_BYTES} are accepted")
    match read_cbor(data):
        case [bytes(grant_id)] if len(grant_id) == GRANT_ID_SIZE:
            return grant_id
    raise DecodeError("price question: not one grant id")
