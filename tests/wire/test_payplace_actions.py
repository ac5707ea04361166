"""PayPlace's actions on the wire: each survives a transaction; what is out of bounds is refused where it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.examples import CONSUMER, LEDGER_ID, NONCE, PROVIDER, UTC_S
from wire.cbor import Key, Value, read_cbor_with_booleans, write_cbor
from wire.cose import sign_envelope
from wire.errors import DecodeError
from wire.payplace_actions import PayplaceAction, PayplaceCode, write_payplace_action
from wire.payplace_deposit import MAX_SPLITS, PayplaceDeposit, Split
from wire.payplace_notarisation import MAX_LEAF_BYTES, MAX_ROWS, LeafProof, MarkMissing, Notarise
from wire.payplace_registration import RegisterMerchant, RegisterOperator, Times
from wire.payplace_shift import ChallengeShift, FinishShift, Shift
from wire.payplace_summary import PublishSummary
from wire.payplace_withdrawal import (
    SOURCE_SIZE,
    Claim,
    ForceExit,
    Source,
    WithdrawPayout,
    read_sources,
    write_sources,
)
from wire.transaction import EXTERNAL, Transaction, read_transaction, sign_transaction
from wire.units import U32_MAX, U63_MAX

GOLDEN = "84d7a5ecedb4c3d3b4dd07c44c93e19844a15dbeee96986df51d3c55da02e009"
"""SHA-256 of the payloads of all examples, one after the other."""
KEY, POINT = bytes(range(256)), bytes(range(128))
PROOF = LeafProof(bytes(36), 5, bytes(64))
CLAIM = Claim(PROOF, 9, (Source(1, 100, bytes(64)), Source(7, U63_MAX, bytes(range(64)))))
EXAMPLES: list[PayplaceAction] = [
    RegisterOperator(Times(3_600, 300, 60, 7_200), KEY, POINT),
    PayplaceDeposit(CONSUMER.public, (Split(PROVIDER.public, 50), Split(CONSUMER.public, U63_MAX))),
    RegisterMerchant(PROVIDER.public, KEY, POINT, POINT[::-1], UTC_S),
    MarkMissing(7, (PROOF, LeafProof(bytes(300), U32_MAX, b""))),
    Notarise(bytes(range(32)), UTC_S, POINT, (bytes(36), bytes(52))),
    WithdrawPayout(PROVIDER.public, CLAIM, 100, True),
    ForceExit(CLAIM),
    Shift(PROVIDER.public, CONSUMER.public, 70),
    ChallengeShift(PROVIDER.public, CONSUMER.public, 80, bytes(range(64))),
    FinishShift(PROVIDER.public, CONSUMER.public),
    PublishSummary(PROVIDER.public, UTC_S, UTC_S + 60, 5, 4, 1_200, 9_000_000, bytes(range(32))),
]


def name_of(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("action", EXAMPLES, ids=name_of)
def test_each_survives_a_transaction(action: PayplaceAction) -> None:
    signed = sign_transaction(Transaction(action, NONCE, UTC_S), CONSUMER, LEDGER_ID)
    read = read_transaction(signed.envelope.encoded, LEDGER_ID)
    assert read == signed
    assert read.transaction.action == action
    read.verify(CONSUMER.public)


def test_each_has_its_code() -> None:
    assert [write_payplace_action(action)[0] for action in EXAMPLES] == list(PayplaceCode)
    assert [int(code) for code in PayplaceCode] == list(range(16, 27))


@pytest.mark.parametrize("action", EXAMPLES, ids=name_of)
def test_without_any_of_its_fields_none_is_read(action: PayplaceAction) -> None:
    optional = {PublishSummary: 10, Notarise: 6, WithdrawPayout: 9}.get(type(action))
    for label in set(fields_of(action)) - {optional}:
        fields = fields_of(action)
        del fields[label]
        with pytest.raises(DecodeError):
            read(fields)
    with pytest.raises(DecodeError, match="unknown and critical"):
        read({**fields_of(action), 99: 0})


@pytest.mark.parametrize("action", EXAMPLES, ids=name_of)
@settings(deadline=None, max_examples=50)
@given(
    value=st.one_of(
        st.integers(-3, 3), st.binary(max_size=70), st.booleans(), st.lists(st.binary(max_size=9))
    )
)
def test_a_field_of_any_other_kind_is_a_decode_error_or_a_value(action: PayplaceAction, value: Value) -> None:
    for label in fields_of(action):
        try:
            read({**fields_of(action), label: value})
        except DecodeError:
            continue


def fields_of(action: PayplaceAction) -> dict[Key, Value]:
    code, fields = write_payplace_action(action)
    again = read_cbor_with_booleans(write_cbor({**fields, 0: int(code), 1: NONCE, 2: UTC_S}))
    assert isinstance(again, dict)
    return again


def read(fields: dict[Key, Value]) -> object:
    envelope = sign_envelope(fields, CONSUMER, EXTERNAL + LEDGER_ID)
    return read_transaction(envelope.encoded, LEDGER_ID).transaction.action


REFUSED: list[Callable[[], object]] = [
    lambda: Times(U32_MAX + 1, 1, 1, 1),
    lambda: RegisterOperator(Times(1, 1, 1, 1), KEY[1:], POINT),
    lambda: RegisterOperator(Times(1, 1, 1, 1), KEY, KEY),
    lambda: RegisterMerchant(PROVIDER.public, KEY, POINT, POINT, -1),
    lambda: RegisterMerchant(PROVIDER.public, KEY, POINT, b"", 1),
    lambda: PayplaceDeposit(CONSUMER.public, ()),
    lambda: PayplaceDeposit(CONSUMER.public, (Split(PROVIDER.public, 1),) * (MAX_SPLITS + 1)),
    lambda: Split(PROVIDER.public, -1),
    lambda: LeafProof(bytes(MAX_LEAF_BYTES + 1), 0, b""),
    lambda: LeafProof(b"", 0, bytes(31)),
    lambda: LeafProof(b"", 0, bytes(33 * 32)),
    lambda: LeafProof(b"", U32_MAX + 1, b""),
    lambda: MarkMissing(1, ()),
    lambda: MarkMissing(1, (PROOF,) * (MAX_ROWS + 1)),
    lambda: Notarise(bytes(31), 1, POINT),
    lambda: Notarise(bytes(32), 1, POINT[1:]),
    lambda: Notarise(bytes(32), 1, POINT, (b"",) * (MAX_ROWS + 1)),
    lambda: Notarise(bytes(32), 1, POINT, (bytes(MAX_LEAF_BYTES + 1),)),
    lambda: Source(0, 0, bytes(64)),
    lambda: Source(0, 1, bytes(63)),
    lambda: Claim(PROOF, 1, (Source(1, 1, bytes(64)), Source(1, 2, bytes(64)))),
    lambda: Claim(PROOF, 1, (Source(2, 1, bytes(64)), Source(1, 2, bytes(64)))),
    lambda: WithdrawPayout(PROVIDER.public, CLAIM, -1),
    lambda: WithdrawPayout(PROVIDER.public, CLAIM, U63_MAX + 1),
    lambda: Shift(PROVIDER.public, CONSUMER.public, -1),
    lambda: ChallengeShift(PROVIDER.public, CONSUMER.public, 0, bytes(64)),
    lambda: ChallengeShift(PROVIDER.public, CONSUMER.public, 1, bytes(65)),
    lambda: PublishSummary(PROVIDER.public, 5, 5, 1, 1, 1, 1),
    lambda: PublishSummary(PROVIDER.public, 5, 6, 1, 2, 1, 1),
    lambda: PublishSummary(PROVIDER.public, 5, 6, 1, 1, 1, 1, b"x"),
]


@pytest.mark.parametrize("make", REFUSED)
def test_what_is_out_of_bounds_is_refused_where_it_is_made(make: Callable[[], object]) -> None:
    with pytest.raises(DecodeError):
        make()


def test_what_is_left_out_is_the_default() -> None:
    """And has to be left out: there is one form."""
    for action, label, value in (
        (Notarise(bytes(32), UTC_S, POINT), 6, []),
        (WithdrawPayout(PROVIDER.public, CLAIM, 0), 9, False),
        (PublishSummary(PROVIDER.public, 1, 2, 1, 1, 1, 1), 10, b""),
    ):
        assert label not in fields_of(action)
        assert read(fields_of(action)) == action
        with pytest.raises(DecodeError):
            read({**fields_of(action), label: value})


def test_the_octets_are_those_of_yesterday() -> None:
    """docs/wire/payplace_actions.md says what they are; a peer in the field would notice a change."""
    digest = hashlib.sha256()
    for action in EXAMPLES:
        digest.update(write_cbor(fields_of(action)))
    assert digest.hexdigest() == GOLDEN


def test_sources_are_rows() -> None:
    octets = write_sources(CLAIM.sources)
    assert octets[:12] == bytes.fromhex("000000010000000000000064")
    assert len(octets) == 2 * SOURCE_SIZE
    assert read_sources(octets) == CLAIM.sources
    with pytest.raises(DecodeError, match="are no rows of 76"):
        read_sources(octets[1:])
