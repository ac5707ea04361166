"""The signed transaction: six actions, one envelope, an id that nobody can change."""

from dataclasses import replace

import pytest

from tests.wire.examples import (
    CONSUMER,
    EXCHANGE,
    LEDGER_ID,
    MESSAGES,
    NONCE,
    PROVIDER,
    UTC_S,
    resign_payload,
)
from wire.cbor import Key, Value, read_cbor
from wire.errors import DecodeError, VerificationError
from wire.money_actions import Transfer
from wire.transaction import ActionCode, Transaction, read_transaction, sign_transaction

NAMES = ["create", "deposit", "withdraw", "transfer", "post_offer", "allocate"]
TRANSFER = MESSAGES["transfer"]


@pytest.mark.parametrize("name", NAMES)
def test_the_issuer_is_named_by_key_id_and_verified_later(name: str) -> None:
    message = MESSAGES[name]
    assert message.signer is not None
    signed = read_transaction(message.golden, LEDGER_ID)
    assert signed.issuer_key_id == message.signer.public.key_id
    signed.verify(message.signer.public)
    stranger = EXCHANGE if message.signer is not EXCHANGE else CONSUMER
    with pytest.raises(VerificationError):
        signed.verify(stranger.public)


def test_each_action_has_its_code() -> None:
    codes = [resign_payload(MESSAGES[name], {}) and fields(name)[0] for name in NAMES]
    assert codes == [0, 1, 2, 3, 4, 5] == list(ActionCode)


def fields(name: str) -> dict[Key, Value]:
    value = read_cbor(read_transaction(MESSAGES[name].golden, LEDGER_ID).envelope.payload)
    assert isinstance(value, dict)
    return value


def test_for_another_ledger_it_is_another_transaction() -> None:
    signed = read_transaction(TRANSFER.golden, bytes(32))
    with pytest.raises(VerificationError):
        signed.verify(CONSUMER.public)
    assert signed.transaction_id != read_transaction(TRANSFER.golden, LEDGER_ID).transaction_id


def test_two_equal_purchases_differ_by_nonce() -> None:
    action = Transfer(PROVIDER.public, 1)
    ids = {
        sign_transaction(Transaction(action, nonce, UTC_S), CONSUMER, LEDGER_ID).transaction_id
        for nonce in (NONCE, bytes(8))
    }
    assert len(ids) == 2
    assert all(len(name) == 32 for name in ids)


def test_what_is_signed_is_what_is_read() -> None:
    signed = sign_transaction(TRANSFER.example, CONSUMER, LEDGER_ID)
    assert read_transaction(signed.envelope.encoded, LEDGER_ID) == signed


def test_limits_are_the_callers() -> None:
    with pytest.raises(DecodeError, match="at most 100 are accepted"):
        read_transaction(TRANSFER.golden, LEDGER_ID, max_bytes=100)


def test_the_nonce_has_eight_octets() -> None:
    with pytest.raises(DecodeError, match="the nonce has 7 bytes, not 8"):
        replace(TRANSFER.example, nonce=bytes(7))


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (0, 6, "action is none of create"),
        (0, 256, "action is 256, outside 0..255"),
        (0, False, "action is not an integer"),
        (1, bytes(9), "nonce has 9 bytes, not 8"),
        (2, -1, "valid_until_s is -1"),
        (0, 0, "unknown and critical"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        TRANSFER.read(resign_payload(TRANSFER, {label: value}))
