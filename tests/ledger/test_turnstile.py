"""New accounts, so many a minute; and what is none does not count."""

from __future__ import annotations

from ledger.turnstile import Turnstile
from tests.ledger_world import ALICE, BOB, GENESIS
from wire.create import Create
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import Action, SignedTransaction, Transaction, read_transaction, sign_transaction

KEYS = [PrivateKey.from_secret(100 + number) for number in range(4)]


def signed(action: Action, key: PrivateKey, nonce: int = 0) -> SignedTransaction:
    return sign_transaction(Transaction(action, nonce.to_bytes(8, "big"), 1_000), key, GENESIS.ledger_id)


def create(key: PrivateKey, nonce: int = 0) -> SignedTransaction:
    return signed(Create(key.public), key, nonce)


def noise_signed(key: PrivateKey) -> SignedTransaction:
    encoded = create(key).envelope.encoded
    return read_transaction(encoded[:-64] + b"\x01" * 64, GENESIS.ledger_id)


def test_so_many_pass_in_a_minute_and_again_in_the_next() -> None:
    turnstile = Turnstile(3)
    assert [turnstile.lets_pass(create(key), 60) for key in KEYS] == [True, True, True, False]
    assert not turnstile.lets_pass(create(KEYS[3]), 119)
    assert [turnstile.lets_pass(create(key), 120) for key in KEYS] == [True, True, True, False]


def test_none_at_all() -> None:
    assert not Turnstile(0).lets_pass(create(ALICE), 0)


def test_signatures_that_are_noise_shut_nobody_out() -> None:
    turnstile = Turnstile(1)
    assert all(turnstile.lets_pass(noise_signed(key), 0) for key in KEYS), "the contract says what is wrong"
    assert turnstile.lets_pass(create(ALICE), 0)
    assert not turnstile.lets_pass(create(BOB), 0)


def test_neither_does_somebody_else_s_key_nor_the_same_key_again() -> None:
    turnstile = Turnstile(2)
    assert all(turnstile.lets_pass(signed(Create(key.public), BOB), 0) for key in KEYS)
    assert all(turnstile.lets_pass(create(BOB, nonce), 0) for nonce in range(5))
    assert turnstile.lets_pass(create(ALICE), 0)


def test_what_opens_no_account_is_not_its_business() -> None:
    assert Turnstile(0).lets_pass(signed(Transfer(BOB.public, 1), ALICE), 0)
