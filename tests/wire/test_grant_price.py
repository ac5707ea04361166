"""What a grant cost: the ledger's word, and the question."""

import pytest

from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, MESSAGES, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.grant_price import GrantPrice, read_grant_price, read_price_question, write_price_question

PRICE = MESSAGES["grant_price"]


def test_only_the_ledger_says_it() -> None:
    assert read_grant_price(PRICE.golden, LEDGER.public, LEDGER_ID) == PRICE.example
    with pytest.raises(VerificationError):
        read_grant_price(PRICE.golden, CONSUMER.public, LEDGER_ID)
    with pytest.raises(VerificationError):
        read_grant_price(PRICE.golden, LEDGER.public, bytes(32))


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(32), "grant_id has 32 bytes, not 16"),
        (2, bytes(33), "payer"),
        (3, -1, "price_ubc is -1"),
        (3, 2**63, "price_ubc is"),
        (4, 0, "field 4 is unknown and critical"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        PRICE.read(resign_payload(PRICE, {label: value}))


def test_a_value_is_refused_where_it_is_made() -> None:
    with pytest.raises(DecodeError, match="grant_id has 3 bytes"):
        GrantPrice(b"abc", CONSUMER.public, 1)
    with pytest.raises(DecodeError, match="price_ubc is -1"):
        GrantPrice(bytes(16), CONSUMER.public, -1)


def test_the_question_is_one_grant_id() -> None:
    assert read_price_question(write_price_question(bytes(range(16)))) == bytes(range(16))


@pytest.mark.parametrize(
    "data",
    [b"", b"\x80", b"\x81\x00", b"\x81\x41a", b"\x82\x40\x40", write_price_question(bytes(16)) + b"\0"],
)
def test_other_questions_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_price_question(data)
