"""The offer state: the ledger's word on what may be sold."""

import pytest

from tests.wire.examples import LEDGER, LEDGER_ID, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.offer_state import read_offer_state

STATE = MESSAGES["offer_state"]


def test_only_the_ledger_signs_it() -> None:
    assert read_offer_state(STATE.golden, LEDGER.public, LEDGER_ID) == STATE.example
    with pytest.raises(VerificationError):
        read_offer_state(STATE.golden, PROVIDER.public, LEDGER_ID)


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(33), "provider: not a compressed"),
        (2, -1, "height is -1"),
        (3, 0, "epoch is 0"),
        (6, 0, "allocation_duration_s is 0"),
        (8, 2**32, "allocations_left is 4294967296"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        STATE.read(resign_payload(STATE, {label: value}))
