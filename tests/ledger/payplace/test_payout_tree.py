"""The tree over a block: wire.merkle's, leaf by leaf, in order."""

import pytest

from tests.ledger.payplace.payouts import block, leaf, merchant_id, tree_of
from wire.errors import DecodeError, VerificationError
from wire.merkle import leaf_hash, merkle_root, verify_path


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 33])
def test_every_leaf_has_a_path(count):
    _, leaves = block({merchant_id(number): {number: number + 1} for number in range(count)})
    tree = tree_of(leaves)
    assert tree.root == merkle_root([leaf_hash(content) for content in leaves])
    for number in range(count):
        place = tree.place(merchant_id(number))
        assert place is not None
        verify_path(tree.root, leaf_hash(leaves[place]), place, count, tree.path(place))
        with pytest.raises(VerificationError):
            verify_path(tree.root, leaf_hash(leaves[place] + b"x"), place, count, tree.path(place))
    assert tree.place(bytes(32)) is None


def test_merchants_ascend_and_none_is_there_twice():
    low, high = sorted((merchant_id(1), merchant_id(2)))
    for pair in ([high, low], [low, low]):
        with pytest.raises(DecodeError, match="out of order"):
            tree_of([leaf(merchant, {}) for merchant in pair])
