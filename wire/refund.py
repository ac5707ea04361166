"""What a shortfall is worth: the arithmetic that box and auditor share, and how a refund is known on the ledger.

A grant promises floor bits per second in both directions for its time. Bytes that were wanted and did not come are
paid back at the price per promised bit, both directions alike, so that each weighs as much as its floor:

    refund = price x 8 x (missing bytes down + missing bytes up) / ((floor down + floor up) x duration)

One rounding, down, in the seller's favour, of less than one micro-bandcoin; never more than the price. A direction
without a floor was promised nothing and owes nothing.
Reference: decision 5 of docs/architecture.md.   Units: bytes, bit/s, s, micro-bandcoin.
"""

import hashlib

from wire.qos import Qos
from wire.transaction import NONCE_SIZE


def promised_bits(qos: Qos, duration_s: int) -> int:
    """What the floors of a grant come to over its time."""
    return (qos.floor_down_bps + qos.floor_up_bps) * duration_s


def refund_ubc(price_ubc: int, qos: Qos, duration_s: int, down_bytes: int, up_bytes: int) -> int:
    """What is owed for these missing bytes. `qos` is all that the grant promises, for all its units."""
    promised = promised_bits(qos, duration_s)
    missing = 8 * ((down_bytes if qos.floor_down_bps else 0) + (up_bytes if qos.floor_up_bps else 0))
    return min(price_ubc, price_ubc * missing // promised) if promised else 0


def refund_nonce(grant_id: bytes) -> bytes:
    """The nonce of the transfer that pays a refund back: by it anybody finds the grant that it is for. A hash, as
    the ids of all grants of one purchase begin alike.
    """
    return hashlib.sha256(grant_id).digest()[:NONCE_SIZE]
