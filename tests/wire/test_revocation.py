"""The revocation: the provider's word to its box."""

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, PROVIDER, resign_payload
from wire.errors import DecodeError, VerificationError
from wire.revocation import read_revocation

REVOCATION = MESSAGES["revocation"]


def test_only_the_provider_signs_it() -> None:
    assert read_revocation(REVOCATION.golden, PROVIDER.public) == REVOCATION.example
    with pytest.raises(VerificationError):
        read_revocation(REVOCATION.golden, CONSUMER.public)


@pytest.mark.parametrize(
    ("label", "value", "why"),
    [
        (1, bytes(32), "grant_id has 32 bytes, not 16"),
        (2, 7, "reason is not a text"),
        (2, "x" * 201, "at most 200"),
    ],
)
def test_refused(label: int, value: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        REVOCATION.read(resign_payload(REVOCATION, {label: value}))
