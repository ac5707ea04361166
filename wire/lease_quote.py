"""Lease quote: a licence holder's signed word on what bandwidth costs a micro-operator, for how long, until when.

Sent by the licence holder to whom it names. It is an offer. It is taken by one transaction and by no other, which the
quote fixes whole (`lease_transfer`): the lessee's transfer of the price to the provider, its nonce made of what was
signed, and valid as long as the quote. A ledger executes that once and never afterwards; so a transfer proves one
quote, no other payment proves any, and a quote that is shown, signed or paid again is the same lease. It runs from
that transfer's block on. No ledger looks at quotes; this is what a dispute is about. Largest legal size 240 bytes.
Reference: micro-operator leasing (001), 3.1.   Units: kHz, micro-bandcoin (ubc), seconds.
"""

from wire.band import Band, read_band, write_band
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import VerificationError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import NONCE_SIZE, SignedTransaction, Transaction, read_transaction
from wire.units import U32_MAX

EXTERNAL = b"airgrant/lease-quote/"
MAX_LEASE_QUOTE_BYTES = 240

_LESSEE, _BAND, _PRICE, _DURATION, _VALID_UNTIL = range(1, 6)


@dataclass(frozen=True, slots=True)
class LeaseQuote:
    """`lessee` may use `band.bandwidth_khz` within the band for `duration_s`, for `price_ubc` in all."""

    lessee: PublicKey
    band: Band
    price_ubc: int
    duration_s: int
    valid_until_s: int

    def __post_init__(self) -> None:
        check_range("lease quote", "price_ubc", self.price_ubc, 1)
        check_range("lease quote", "duration_s", self.duration_s, 1, U32_MAX)
        check_range("lease quote", "valid_until_s", self.valid_until_s)


def write_lease_quote(quote: LeaseQuote, provider: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _LESSEE: quote.lessee.octets,
        _BAND: write_band(quote.band),
        _PRICE: quote.price_ubc,
        _DURATION: quote.duration_s,
        _VALID_UNTIL: quote.valid_until_s,
    }
    return sign_envelope(fields, provider, EXTERNAL + ledger_id).encoded


def read_lease_quote(data: bytes, provider: PublicKey, ledger_id: bytes) -> LeaseQuote:
    """A quote that this provider signed for this ledger. Raises DecodeError, VerificationError. Whether it is still
    valid is for whoever knows the time.
    """
    envelope = read_envelope(data, MAX_LEASE_QUOTE_BYTES)
    envelope.verify(provider, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "lease quote")
    quote = LeaseQuote(
        read_public_key(fields, _LESSEE, "lessee"),
        read_band(fields, _BAND),
        fields.integer(_PRICE, "price_ubc", 1),
        fields.integer(_DURATION, "duration_s", 1, U32_MAX),
        fields.integer(_VALID_UNTIL, "valid_until_s"),
    )
    fields.finish()
    return quote


def lease_transfer(data: bytes, provider: PublicKey, ledger_id: bytes) -> Transaction:
    """The one transaction by which the quote in `data` is taken, for its lessee to sign. Raises as `read_lease_quote`.

    Its nonce is the beginning of the SHA-256 of what the provider signed (RFC 9052, 4.4), ledger id included: another
    signature of the same words changes nothing, another word does.
    """
    quote = read_lease_quote(data, provider, ledger_id)
    signed = read_envelope(data, MAX_LEASE_QUOTE_BYTES).digest(EXTERNAL + ledger_id)
    return Transaction(Transfer(provider, quote.price_ubc), signed[:NONCE_SIZE], quote.valid_until_s)


def read_lease_transfer(
    transfer: bytes, data: bytes, provider: PublicKey, ledger_id: bytes
) -> SignedTransaction:
    """What takes the quote in `data`, signed by its lessee. Raises DecodeError; VerificationError for a transaction
    that is another. Whether a ledger executed it is for whoever asks that ledger.
    """
    quote, wanted = read_lease_quote(data, provider, ledger_id), lease_transfer(data, provider, ledger_id)
    signed = read_transaction(transfer, ledger_id)
    found = signed.transaction
    for what, is_so in (
        ("pays no such price to this provider", found.action == wanted.action),
        ("has another nonce: it is for something else", found.nonce == wanted.nonce),
        ("is valid until another time", found.valid_until_s == wanted.valid_until_s),
    ):
        if not is_so:
            raise VerificationError(f"lease quote: the transaction {what}")
    signed.verify(quote.lessee)
    return signed
