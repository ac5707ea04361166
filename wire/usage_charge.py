"""What use beyond the included bytes costs: the arithmetic that all sides share, and how a payment is known.

    charge = min(most, price x ceil((used - included) / step))          of all units of a grant together

One rounding, up: a step that was begun is paid. Both directions count. Nothing is charged within the included bytes.
Reference: Bandcoin 6.3.   Units: bytes, micro-bandcoin.
"""

import hashlib

from wire.transaction import NONCE_SIZE
from wire.usage_terms import UsageTerms


def charge_ubc(terms: UsageTerms, used_bytes: int) -> int:
    """What is owed for these bytes, at most what the terms say. `terms` are those of the whole grant
    (`grant.total_qos.usage`).
    """
    beyond_bytes = used_bytes - terms.included_bytes
    if beyond_bytes <= 0:
        return 0
    return min(terms.most_ubc, -(-beyond_bytes // terms.step_bytes) * terms.price_ubc)


def charge_nonce(grant_id: bytes) -> bytes:
    """The nonce of the transfer that pays for a grant's use: by it anybody finds the grant, and nobody takes it for a
    refund.
    """
    return hashlib.sha256(b"airgrant/usage-charge/" + grant_id).digest()[:NONCE_SIZE]
