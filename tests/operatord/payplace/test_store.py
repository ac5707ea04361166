"""The operator's disk: earnings are taken once, income is in one block at a time, blocks are whole or not there."""

import pytest

from operatord.payplace.income import Earning
from operatord.payplace.store import PayoutStore, find_leaves
from tests.ledger.payplace.payouts import block, leaf, merchant_id, octets
from wire.errors import ShellError
from wire.keys import PrivateKey

A, B = merchant_id(1), merchant_id(2)
HEAD, LEAVES = block({A: {1: 5}, B: {}})
PAYEE, CONSUMER = PrivateKey.from_secret(1).public, PrivateKey.from_secret(2).public


@pytest.fixture
def store(tmp_path):
    store = PayoutStore(tmp_path)
    yield store
    store.close()


def test_income_adds_up_and_its_place_moves_with_it(store, tmp_path):
    store.credit([(A, 1, 5), (A, 2, 6), (B, 1, 7)], [Earning(3, PAYEE, CONSUMER, 9)], 3)
    store.credit([(A, 1, 10)], [Earning(4, PAYEE, CONSUMER, 1)], 4)
    store.close()
    again = PayoutStore(tmp_path)
    assert again.open_income() == {A: {1: 15, 2: 6}, B: {1: 7}}
    assert again.unclaimed() == [(PAYEE.octets, CONSUMER.octets, 10)]
    assert again.place() == 4
    again.claim(PAYEE.octets, CONSUMER.octets, [(B, 1, 10)])
    assert again.unclaimed() == []
    assert again.open_income()[B] == {1: 17}
    again.close()


def test_a_credit_is_whole_or_not_at_all(store):
    with pytest.raises(ShellError):
        store.credit([(A, 1, 5), (A, 2, None)], [], 3)
    assert store.open_income() == {}
    assert store.place() == 0


@pytest.mark.parametrize("settled", [True, False])
def test_income_is_in_one_block_until_that_is_settled_or_given_up(store, settled):
    store.credit([(A, 1, 5), (A, 2, 6)], [], 1)
    store.announce(HEAD, b"signature", {A: {1: 5}})
    store.sign_all({A: b"one"})
    assert (store.signature(A), store.signature(B)) == (b"one", None)
    store.credit([(A, 1, 10)], [], 2)
    assert store.open_income() == {A: {1: 10, 2: 6}}
    assert store.block() == (HEAD, b"signature")
    if settled:
        store.settle({B: LEAVES[0]}, HEAD.root)
        assert store.settled_root() == HEAD.root
        assert store.open_income() == {A: {1: 10, 2: 6}}
        assert store.kept() == {B: LEAVES[0]}
    else:
        store.give_up()
        assert store.open_income() == {A: {1: 15, 2: 6}}
    assert store.block() is None
    assert store.signatures() == {}


def test_a_second_block_before_the_first_is_over_is_our_own_mistake(store):
    store.announce(HEAD, b"signature", {})
    with pytest.raises(ShellError):
        store.announce(HEAD, b"signature", {})


def test_signatures_of_the_block(store):
    store.announce(HEAD, b"signature", {})
    store.sign_all({A: b"one"})
    store.sign_all({A: b"other"})
    store.sign_all({B: b"two"})
    assert store.signatures() == {A: b"other", B: b"two"}
    store.drop_signatures([A])
    assert store.signatures() == {B: b"two"}


def test_a_block_is_a_file_under_its_root(store):
    assert store.write_block(lambda: LEAVES, lambda: HEAD) == HEAD
    assert b"".join(store.chunks(HEAD.root)) == octets(HEAD, LEAVES)
    assert store.has_block(HEAD.root)
    with pytest.raises(LookupError):
        list(store.chunks(bytes(32)))
    store.forget_blocks([HEAD.root])
    assert store.has_block(HEAD.root)
    store.forget_blocks([])
    assert not store.has_block(HEAD.root)


def test_a_block_that_breaks_off_is_not_there(store):
    def make():
        yield LEAVES[0]
        raise ShellError("ledger", "away")

    with pytest.raises(ShellError):
        store.write_block(make, lambda: HEAD)
    assert not store.has_block(HEAD.root)
    assert store.write_block(lambda: LEAVES, lambda: HEAD) == HEAD
    assert b"".join(store.chunks(HEAD.root)) == octets(HEAD, LEAVES)


def test_leaves_are_found():
    assert find_leaves(LEAVES, [A]) == {A: leaf(A, {1: 5})}


def test_a_disk_that_fails_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ShellError):
        PayoutStore(tmp_path / "file")
