"""The exchange's own transactions: which line a decision becomes, and has to be on disk before anything is sent."""

from ledger.exchange.entry import Step
from ledger.exchange.judging import Line
from ledger.exchange.nonces import make_nonce
from ledger.exchange.planning import Sign
from wire.keys import PrivateKey
from wire.transaction import Transaction, sign_transaction


def sign(deed: Sign, key: PrivateKey, ledger_id: bytes, now_s: int) -> Line:
    valid_until_s = now_s + deed.validity_s
    nonce = make_nonce(deed.key, deed.purpose, deed.attempt)
    signed = sign_transaction(Transaction(deed.action, nonce, valid_until_s), key, ledger_id)
    fields: dict[str, str | int] = {
        "purpose": deed.purpose,
        "id": signed.transaction_id.hex(),
        "bytes": signed.envelope.encoded.hex(),
        "account": str(deed.action.provider),
        "ubc": deed.action.price_ubc,
        "valid_until_s": valid_until_s,
    }
    return deed.key, Step.SIGNED, fields
