"""Whose signatures of a commitment are bad: one check of the sum if none is, few more if few are.

Everybody signs the same message, so a sum of signatures is checked against the sum of their keys with two pairings,
whatever their number. If it fails, the halves are checked; where the left half holds, the right one need not be. f bad
ones of n cost about f log2(n/f) checks instead of n. Sums of any range come from running sums, by one subtraction.

What passes is a set whose sum holds, which is all that a contract asks. Signatures that are wrong and cancel out can
pass together; their signers have then signed together, and nobody else is concerned.
Reference: thesis 6.6, figure 6.8 (there: each signature alone, linear).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from py_arkworks_bls12381 import G1Point, G2Point

from ledger.payplace.bls import PublicKey, Signature, verify
from wire.errors import VerificationError

Signed = tuple[PublicKey, Signature]


@dataclass(frozen=True, slots=True)
class Found:
    """`bad`: the places, ascending, of signatures without which the sum of the others holds. `checks`: sums tried."""

    bad: tuple[int, ...]
    checks: int


def find_bad(message: bytes, signed: Sequence[Signed]) -> Found:
    """Of no signatures at all, none is bad."""
    if not signed:
        return Found((), 0)
    sums = _RunningSums.over(signed)
    bad, checks = list[int](), 1
    suspects = [] if _holds(message, sums, 0, len(signed)) else [(0, len(signed))]
    while suspects:  # ranges that are known to fail, the leftmost last
        start, end = suspects.pop()
        if end - start == 1:
            bad.append(start)
            continue
        middle = (start + end) // 2
        checks += 1
        if _holds(message, sums, start, middle):
            suspects.append((middle, end))
            continue
        checks += 1
        if not _holds(message, sums, middle, end):
            suspects.append((middle, end))
        suspects.append((start, middle))
    return Found(tuple(bad), checks)


@dataclass(frozen=True, slots=True)
class _RunningSums:
    """Sums of the first 0, 1, 2 ... signatures and keys."""

    signatures: Sequence[G1Point]
    keys: Sequence[G2Point]

    @classmethod
    def over(cls, signed: Sequence[Signed]) -> "_RunningSums":
        signatures, keys = [G1Point.identity()], [G2Point.identity()]
        for key, signature in signed:
            signatures.append(signatures[-1] + signature.point)
            keys.append(keys[-1] + key.point)
        return cls(signatures, keys)


def _holds(message: bytes, sums: _RunningSums, start: int, end: int) -> bool:
    """The one place where a verification becomes a yes or no: a no is looked into further."""
    key = PublicKey(sums.keys[end] - sums.keys[start])
    signature = Signature(sums.signatures[end] - sums.signatures[start])
    try:
        verify(key, message, signature)
    except VerificationError:
        return False
    return True
