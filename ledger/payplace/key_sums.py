"""Sums of BLS keys as the state keeps them: 256 octets as EIP-2537 writes them, or nothing for the sum of no keys.

Keys that were read once are remembered: whether octets are a point of the group is a fact that does not change.
Reference: PayPlace 6.5.1 (apk, apka).
"""

from collections.abc import Iterable
from functools import lru_cache

from ledger.payplace.bls import PublicKey, aggregate_keys, negate, subtract
from wire.errors import VerificationError

NO_KEYS = b""
REMEMBERED_KEYS = 16_384
"""Some 10 MB."""


@lru_cache(maxsize=REMEMBERED_KEYS)
def read_key(octets: bytes) -> PublicKey:
    """Raises VerificationError, every time anew."""
    return PublicKey.of_eip2537(octets)


def add_keys(total: bytes, keys: Iterable[bytes]) -> bytes:
    points = [read_key(key) for key in keys]
    if total != NO_KEYS:
        points.append(read_key(total))
    try:
        return aggregate_keys(points).eip2537
    except VerificationError:
        return NO_KEYS  # no keys, or such as cancel each other: nobody signs for either


def take_keys(total: bytes, keys: Iterable[bytes]) -> bytes:
    """Without these, which are in it; in whatever order they come, also where keys cancel each other on the way."""
    points = [read_key(key) for key in keys]
    if not points:
        return total
    try:
        taken = aggregate_keys(points)
    except VerificationError:
        return total  # they cancel each other
    if total == NO_KEYS:
        return negate(taken).eip2537
    rest = subtract(read_key(total), taken)
    return NO_KEYS if rest is None else rest.eip2537
