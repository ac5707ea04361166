"""Shares of a secret: any threshold of them give it back, fewer fit every secret."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wire.secret_sharing import join_secret, split_secret


def test_one_of_many_is_the_secret_itself() -> None:
    assert split_secret(b"secret", b"", 3) == [b"secret"] * 3


def test_by_hand() -> None:
    """f(x) = 0x53 + 0xca x in the field of AES, where 0x53 and 0xca are inverse to each other (FIPS 197)."""
    assert split_secret(b"\x53", b"\xca", 3) == [b"\x99", bytes([0x53 ^ 0x8F]), bytes([0x53 ^ 0x45])]


@pytest.mark.parametrize(("threshold", "count"), [(1, 1), (2, 2), (2, 3), (3, 5), (16, 16)])
def test_every_choice_of_enough_gives_it_back(threshold: int, count: int) -> None:
    secret = bytes(range(16))
    shares = split_secret(secret, bytes(range(7, 7 + 16 * (threshold - 1))), count)
    for chosen in combinations(range(1, count + 1), threshold):
        assert join_secret({number: shares[number - 1] for number in chosen}) == secret


@given(st.binary(min_size=1, max_size=1), st.integers(1, 255))
def test_one_too_few_fits_every_secret(secret: bytes, number: int) -> None:
    """For each secret there is exactly one coefficient that gives a share of this value: nothing can be ruled out."""
    values = {split_secret(secret, bytes([at]), 255)[number - 1] for at in range(256)}
    assert len(values) == 256
