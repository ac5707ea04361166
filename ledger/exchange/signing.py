"""The exchange's own transactions: which bytes a decision becomes.

The nonce is a function of the case, the purpose and the attempt, so that a transaction can be recognised on the
ledger even by somebody who has lost the audit table, and two attempts can never be one transaction.
"""

import hashlib

from ledger.exchange.entry import Step
from ledger.exchange.judging import Line
from ledger.exchange.planning import Sign
from wire.keys import PrivateKey
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction

MAX_RECOGNISED_ATTEMPTS = 16


def make_nonce(key: str, purpose: str, attempt: int) -> bytes:
    return hashlib.sha256(f"airgrant/exchange\n{key}\n{purpose}\n{attempt}".encode()).digest()[:NONCE_SIZE]


def sign(deed: Sign, key: PrivateKey, ledger_id: bytes, now_s: int) -> Line:
    """The line that has to be on disk before the transaction is sent."""
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
