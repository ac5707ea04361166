"""The request for a payout: the owner's signed transfer to the exchange, and where the money goes, signed as one.

Sent by the owner of an account to the exchange. The transfer moves the bandcoins once the ledger has executed it; the
destination is whatever the exchange's bank understands (an IBAN, a token) and is bound to this very transfer by the
same key's signature, so nobody on the way can send the money elsewhere. A transfer without a request pays nobody
until its owner sends one, with the same bytes. Largest legal size 1,000 bytes.
"""

from dataclasses import dataclass

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import SignedTransaction, read_transaction

EXTERNAL = b"airgrant/payout/"
MAX_PAYOUT_REQUEST_BYTES = 1_000
MAX_DESTINATION_CHARACTERS = 200

_ACCOUNT, _TRANSFER, _CURRENCY, _DESTINATION = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class PayoutRequest:
    """`account` wants what `transfer` brings to the exchange paid to `destination` in `currency`. Both verified."""

    account: PublicKey
    transfer: SignedTransaction
    amount_ubc: int
    currency: str
    destination: str


def write_payout_request(
    transfer: bytes, currency: str, destination: str, key: PrivateKey, ledger_id: bytes
) -> bytes:
    fields: dict[Key, Value] = {
        _ACCOUNT: key.public.octets,
        _TRANSFER: transfer,
        _CURRENCY: currency,
        _DESTINATION: destination,
    }
    return sign_envelope(fields, key, EXTERNAL + ledger_id).encoded


def read_payout_request(data: bytes, exchange: PublicKey, ledger_id: bytes) -> PayoutRequest:
    """A verified request to this exchange. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_PAYOUT_REQUEST_BYTES)
    fields = FieldReader(envelope.payload, "payout request")
    account = read_public_key(fields, _ACCOUNT, "account")
    envelope.verify(account, EXTERNAL + ledger_id)
    transfer = read_transaction(fields.octets(_TRANSFER, "transfer"), ledger_id)
    currency = fields.text(_CURRENCY, "currency", 3)
    destination = fields.text(_DESTINATION, "destination", MAX_DESTINATION_CHARACTERS)
    fields.finish()
    transfer.verify(account)
    action = transfer.transaction.action
    if not isinstance(action, Transfer) or action.provider != exchange:
        raise DecodeError(f"payout request: what it brings is no transfer to the exchange {exchange}")
    if not destination.isprintable() or not destination.strip():
        raise DecodeError("payout request: the destination is not printable text")
    return PayoutRequest(account, transfer, action.price_ubc, currency, destination)
