"""A secret cut into shares of which any `threshold` give it back, and fewer say nothing about it.

Octet by octet a polynomial over GF(2^8) whose value at 0 is the secret; share number i (from 1) is its value at i.
The other coefficients come in as an argument, so that the shares can be computed again and compared.
Reference: A. Shamir, How to Share a Secret (1979); the field of FIPS 197 clause 4.2 (x^8 + x^4 + x^3 + x + 1).
"""

from collections.abc import Mapping
from functools import lru_cache

MAX_SHARES = 255


def _tables() -> tuple[list[int], list[int]]:
    """Powers of the generator 3, twice over, and their logarithms."""
    powers, value = [], 1
    for _ in range(255):
        powers.append(value)
        value ^= (value << 1) ^ (0x11B if value & 0x80 else 0)
    logarithms = [0] * 256
    for exponent, power in enumerate(powers):
        logarithms[power] = exponent
    return powers * 2, logarithms


_POWERS, _LOGARITHMS = _tables()


def split_secret(secret: bytes, coefficients: bytes, shares: int) -> list[bytes]:
    """Share 1 to `shares`. There are threshold - 1 coefficients of the secret's size, one after the other."""
    size = len(secret)
    assert len(coefficients) % size == 0, f"{len(coefficients)} octets of coefficients for a secret of {size}"
    assert len(coefficients) // size < shares <= MAX_SHARES, f"{shares} shares"
    if not coefficients:
        return [secret] * shares
    terms = [secret, *(coefficients[at : at + size] for at in range(0, len(coefficients), size))]
    return [_evaluate(terms, number) for number in range(1, shares + 1)]


def join_secret(shares: Mapping[int, bytes]) -> bytes:
    """The secret, from as many shares as the threshold, by their numbers. Wrong shares give something else."""
    size = len(next(iter(shares.values())))
    secret = bytes(size)
    for number, share in shares.items():
        weight = 1
        for other in shares:
            if other != number:
                weight = _multiply(weight, _divide(other, other ^ number))
        secret = _add(secret, share.translate(_times(weight)))
    return secret


def _evaluate(terms: list[bytes], at: int) -> bytes:
    """By Horner's rule."""
    value = bytes(len(terms[0]))
    for term in reversed(terms):
        value = _add(value.translate(_times(at)), term)
    return value


def _add(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")


@lru_cache(256)
def _times(factor: int) -> bytes:
    """What each octet becomes: a multiplication of many at once."""
    return bytes(_multiply(factor, octet) for octet in range(256))


def _multiply(one: int, other: int) -> int:
    return _POWERS[_LOGARITHMS[one] + _LOGARITHMS[other]] if one and other else 0


def _divide(one: int, other: int) -> int:
    return _POWERS[_LOGARITHMS[one] + 255 - _LOGARITHMS[other]] if one else 0
