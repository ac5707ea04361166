"""The registration: the ledger's word on an account, and the question."""

import pytest

from tests.wire.examples import CONSUMER, LEDGER, LEDGER_ID, MESSAGES, OPERATOR, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.registration import (
    Registration,
    read_registration,
    read_registration_question,
    write_registration_question,
)

REGISTRATION = MESSAGES["registration"]


def test_only_the_ledger_says_it() -> None:
    assert read_registration(REGISTRATION.golden, LEDGER.public, LEDGER_ID) == REGISTRATION.example
    with pytest.raises(VerificationError):
        read_registration(REGISTRATION.golden, CONSUMER.public, LEDGER_ID)
    with pytest.raises(VerificationError):
        read_registration(REGISTRATION.golden, LEDGER.public, bytes(32))


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(33), "account"),
        (1, bytes(32), "account has 32 bytes, not 33"),
        (2, -1, "height is -1"),
        (3, 2**63, "utc_s is"),
        (4, 0, "field 4 is unknown and critical"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        REGISTRATION.read(resign_payload(REGISTRATION, {label: value}))


def test_a_value_is_refused_where_it_is_made() -> None:
    with pytest.raises(DecodeError, match="height is -1"):
        Registration(CONSUMER.public, -1, 0)
    with pytest.raises(DecodeError, match="utc_s is -1"):
        Registration(CONSUMER.public, 0, -1)


def test_the_question_is_one_account() -> None:
    assert read_registration_question(write_registration_question(OPERATOR.public)) == OPERATOR.public


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80",
        b"\x81\x00",
        b"\x81\x41a",
        b"\x81\x58\x21" + bytes(33),
        b"\x82\x40\x40",
        write_registration_question(OPERATOR.public) + b"\0",
    ],
)
def test_other_questions_are_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_registration_question(data)
