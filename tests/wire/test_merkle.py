"""The tree over a list: vectors of certificate transparency, and paths for every leaf of every size."""

from __future__ import annotations

import hashlib

import pytest

from wire.errors import VerificationError
from wire.merkle import EMPTY_ROOT, leaf_hash, merkle_path, merkle_root, node_hash, verify_path

# Source: the reference inputs of RFC 6962, as published with the first implementation of certificate transparency.
INPUTS = [bytes.fromhex(text) for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657")]
ROOTS = {
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    4: "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    5: "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    6: "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    7: "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
}


@pytest.mark.parametrize("count", ROOTS)
def test_roots_of_certificate_transparency(count: int) -> None:
    assert merkle_root([leaf_hash(one) for one in INPUTS[:count]]).hex() == ROOTS[count]


def test_the_root_of_nothing() -> None:
    assert merkle_root([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("count", range(1, 18))
def test_every_leaf_is_proved_at_its_place_and_nowhere_else(count: int) -> None:
    leaves = [leaf_hash(bytes([at])) for at in range(count)]
    root = merkle_root(leaves)
    for index in range(count):
        path = merkle_path(leaves, index)
        verify_path(root, leaves[index], index, count, path)
        with pytest.raises(VerificationError):
            verify_path(root, leaf_hash(b"other"), index, count, path)
        with pytest.raises(VerificationError):
            verify_path(root, leaves[index], index, count, [*path, bytes(32)])
        for elsewhere in range(-1, count + 1):
            if elsewhere != index:
                with pytest.raises(VerificationError):
                    verify_path(root, leaves[index], elsewhere, count, path)


def test_a_node_is_no_leaf() -> None:
    left, right = leaf_hash(b"l"), leaf_hash(b"r")
    assert leaf_hash(left + right) != node_hash(left, right)


def test_a_short_path_is_refused() -> None:
    leaves = [leaf_hash(bytes([at])) for at in range(4)]
    with pytest.raises(VerificationError, match="too short"):
        verify_path(merkle_root(leaves), leaves[0], 0, 4, merkle_path(leaves, 0)[:1])
