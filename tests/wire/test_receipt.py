"""The receipt: executed, or the rule that says no."""

import pytest

from tests.wire.examples import MESSAGES, UTC_S, resign_payload
from wire.errors import DecodeError
from wire.receipt import Receipt

RECEIPT = MESSAGES["receipt"]


def test_executed_is_a_receipt_without_a_reason() -> None:
    receipt = Receipt(bytes(32), 1, UTC_S)
    assert receipt.executed
    assert not RECEIPT.example.executed
    assert RECEIPT.read(RECEIPT.write(receipt)) == receipt


def test_a_detail_without_a_reason_is_not_written() -> None:
    assert RECEIPT.read(RECEIPT.write(Receipt(bytes(32), 1, UTC_S, "", "lost"))).detail == ""


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(31), "subject has 31 bytes, not 32"),
        (2, -1, "height is -1"),
        (3, "now", "utc_s is not an integer"),
        (4, "", "reason is empty and has to be left out"),
        (4, "r" * 61, "reason is not a text of at most 60"),
        (4, b"reason", "reason is not a text"),
        (5, "d" * 151, "detail is not a text of at most 150"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        RECEIPT.read(resign_payload(RECEIPT, {label: value}))
