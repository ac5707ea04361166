"""The benchmark of payouts at a small size: it measures what it says it measures."""

import pytest

from lab.bench.payplace import (
    Size,
    chunks,
    generation_s,
    leaves,
    signature_figures,
    stored_leaves,
    tree_of,
    verification_figures,
    verify_as_merchant,
)
from ledger.payplace.payout_block import BlockHead, split_block
from ledger.payplace.payout_leaf import read_leaf

SIZES = [Size(30, 40, 40), Size(30, 400, 20)]


@pytest.mark.parametrize("size", SIZES)
def test_a_merchant_accepts_the_block(size):
    measured = verify_as_merchant(size)
    assert 0 < measured["seconds"] < 10
    assert 0 < measured["gigabytes"] < 1


@pytest.mark.parametrize("size", SIZES)
def test_blocks_have_as_many_consumers_as_they_say(size):
    contents = list(leaves(size, 2))
    assert [len(read_leaf(content).amounts) for content in contents] == [size.each] * size.merchants
    root = tree_of(contents).root
    head = BlockHead(bytes(32), 1, 1, bytes(32), size.merchants, root)
    assert list(split_block(chunks(head, contents), size.consumers))[1:] == contents


def test_the_other_figures():
    assert generation_s(SIZES[1]) >= 0
    figures = signature_figures(40, 2)
    assert figures[1].value < 40
    (seconds, memory, octets) = verification_figures("sparse", SIZES[1])
    assert seconds.unit == "s"
    assert memory.value < 1
    assert octets.value == pytest.approx(30 * (36 + 16 * 20) / 1e6, abs=0.1)


def test_stored_leaves_are_those_that_are_packed():
    assert list(stored_leaves(SIZES[0], 2)) == list(leaves(SIZES[0], 2))
