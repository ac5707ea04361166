"""Time keys: signed by their keeper, and a secret that fits or does not."""

from __future__ import annotations

import pytest

from tests.wire.examples import MESSAGES, OPERATOR, PROVIDER, UTC_S, resign_payload, sign_raw
from wire.cbor import Key, Value, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.keys import PrivateKey
from wire.time_key import EXTERNAL, read_time_key, read_time_secret

SECRET = PrivateKey.from_secret(8)


def test_the_secret_of_a_time_key() -> None:
    assert read_time_secret((8).to_bytes(32, "big"), SECRET.public).public == SECRET.public


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ((9).to_bytes(32, "big"), "not of"),
        (bytes(32), "no secret of P-256"),
        (b"\xff" * 32, "no secret of P-256"),
        (bytes(31), "has 32 bytes, not 31"),
    ],
)
def test_anything_else_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(VerificationError, match=why):
        read_time_secret(data, SECRET.public)


def test_nobody_signs_for_another_keeper() -> None:
    fields: dict[Key, Value] = {1: PROVIDER.public.octets, 2: UTC_S, 3: SECRET.public.octets}
    with pytest.raises(VerificationError, match="signed by key id"):
        read_time_key(sign_raw(write_cbor(fields), OPERATOR, EXTERNAL))


def test_there_is_no_key_of_no_time() -> None:
    with pytest.raises(DecodeError, match="time_s is 0"):
        read_time_key(resign_payload(MESSAGES["time_key"], {2: 0}))
