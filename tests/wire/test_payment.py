"""Datagrams of paying as you go: sizes, one form, the operator's signature, and nothing but DecodeError for garbage."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.test_meter_statement import EXAMPLE as STATEMENT
from tests.wire.test_micropayment import CONSUMER, OPERATOR, OTHER
from tests.wire.test_micropayment import EXAMPLE as MICROPAYMENT
from wire.cbor import write_cbor
from wire.errors import DecodeError, VerificationError
from wire.meter_statement import write_meter_statement
from wire.micropayment import write_micropayment
from wire.payment import (
    PAYMENT_BYTES,
    AttestedStatement,
    Payment,
    PaymentTaken,
    PaymentWord,
    Word,
    read_datagram,
    read_word,
    write_datagram,
    write_word,
)
from wire.units import U32_MAX, U63_MAX

MONEY, SAID = write_micropayment(MICROPAYMENT, CONSUMER), write_meter_statement(STATEMENT, CONSUMER)
WORD = PaymentWord(STATEMENT.session, 3, Word.SERVED, 123_456, 990, 249_000)
words = st.builds(
    PaymentWord, st.binary(min_size=16, max_size=16), st.integers(0, U32_MAX), st.sampled_from(Word),
    st.integers(0, U63_MAX), st.integers(0, U63_MAX), st.integers(0, U63_MAX),
)  # fmt: skip


def test_a_payment_with_everything_is_below_300_bytes() -> None:
    encoded = write_datagram(Payment(MONEY, SAID))
    assert len(encoded) == PAYMENT_BYTES < 300
    assert read_datagram(encoded) == Payment(MONEY, SAID)


def test_an_answer_is_never_longer_than_what_it_answers() -> None:
    """Nobody gets a flood out of this door by writing somebody else's address on a payment."""
    word = write_word(replace(WORD, interval=U32_MAX, taken_ubc=U63_MAX), OPERATOR)
    longest = PaymentTaken(word, MONEY)
    assert len(write_datagram(longest)) <= PAYMENT_BYTES
    assert read_datagram(write_datagram(longest)) == longest
    assert read_datagram(write_datagram(PaymentTaken(word))) == PaymentTaken(word)


def test_attested_statements_are_read() -> None:
    attested = AttestedStatement(SAID, bytes(1_000))
    assert read_datagram(write_datagram(attested)) == attested


@given(words)
def test_a_word_is_the_operators(word: PaymentWord) -> None:
    encoded = write_word(word, OPERATOR)
    assert read_word(encoded, OPERATOR.public) == word
    with pytest.raises(VerificationError):
        read_word(encoded, OTHER.public)


def test_a_word_of_another_form_is_refused() -> None:
    encoded = write_word(WORD, OPERATOR)
    assert read_word(encoded, OPERATOR.public) == WORD
    for at in range(len(encoded)):
        with pytest.raises(DecodeError):
            read_word(encoded[:at] + bytes((encoded[at] ^ 1,)) + encoded[at + 1 :], OPERATOR.public)
    with pytest.raises(DecodeError, match="session has 1 "):
        replace(WORD, session=b"1")


@given(st.binary(max_size=400))
def test_garbage(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_datagram(data)
    with pytest.raises(DecodeError):
        read_word(data, OPERATOR.public)


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([1, MONEY], "type 1 with 0"),
        ([1, MONEY, SAID, b""], "type 1 with 2"),
        ([1, MONEY[1:], SAID], "micropayment has 158"),
        ([1, MONEY, SAID[1:]], "statement has 129"),
        ([2, b"", MONEY[1:]], "micropayment has 158"),
        ([3, SAID, b""], "type 3"),
        ([3, SAID, bytes(1_001)], "type 3"),
        ([3, MONEY, b"1"], "statement has 159"),
        ([4, MONEY], "type 4"),
        ([True, MONEY, SAID], "a boolean at byte"),
        ([], "not an array of"),
        ([1, MONEY, SAID + bytes(1_200)], "at most 1200"),
    ],
)
def test_refused(items: list[object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_datagram(write_cbor(items))  # type: ignore[arg-type]  # what a peer sends
