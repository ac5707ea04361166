"""Nonces of the exchange's own transactions: functions of the case, the purpose and the attempt.

So a transaction can be recognised on the ledger by an exchange that has lost the line in which it was written down,
and two attempts can never be one transaction.
"""

import hashlib
from collections.abc import Iterator

from wire.transaction import NONCE_SIZE

MAX_RECOGNISED_ATTEMPTS = 16


def make_nonce(key: str, purpose: str, attempt: int) -> bytes:
    return hashlib.sha256(f"airgrant/exchange\n{key}\n{purpose}\n{attempt}".encode()).digest()[:NONCE_SIZE]


def first_nonces(key: str, purpose: str) -> Iterator[str]:
    """Of the attempts that are recognised, in hexadecimal."""
    return (make_nonce(key, purpose, attempt).hex() for attempt in range(MAX_RECOGNISED_ATTEMPTS))
