"""Block headers: bytes both ways, the chain of hashes, the ledger's signature."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import LEDGER, LEDGER_ID, PROVIDER
from wire.block_header import Header, read_header, read_signed_header, write_header, write_signed_header
from wire.errors import DecodeError, VerificationError

HEADER = Header(3, b"\x01" * 32, 1_000, b"\x02" * 32, 7, b"\x03" * 32, b"\x04" * 32)


def test_a_header_survives_its_bytes() -> None:
    assert read_header(write_header(HEADER)) == HEADER


def test_the_bytes_are_those_of_the_picture() -> None:
    """Source: our own, by hand from the picture in wire/block_header.py."""
    expected = "8802035820" + "01" * 32 + "1903e85820" + "02" * 32 + "075820" + "03" * 32 + "5820" + "04" * 32
    assert write_header(HEADER).hex() == expected


def test_every_field_is_in_the_app_hash() -> None:
    others = [
        replace(HEADER, height=4),
        replace(HEADER, previous=bytes(32)),
        replace(HEADER, time_s=1_001),
        replace(HEADER, items_root=bytes(32)),
        replace(HEADER, item_count=8),
        replace(HEADER, state_root=bytes(32)),
        replace(HEADER, sales_root=bytes(32)),
    ]
    assert len({header.app_hash for header in (HEADER, *others)}) == 8


def test_only_this_ledger_signs_a_header_of_this_ledger() -> None:
    encoded = write_signed_header(HEADER, LEDGER, LEDGER_ID)
    assert read_signed_header(encoded, LEDGER.public, LEDGER_ID) == HEADER
    for key, ledger_id in ((PROVIDER.public, LEDGER_ID), (LEDGER.public, bytes(32))):
        with pytest.raises(VerificationError):
            read_signed_header(encoded, key, ledger_id)


@given(st.binary(max_size=120))
def test_garbage_is_a_decode_error(data: bytes) -> None:
    with pytest.raises(DecodeError):
        read_header(data)
    with pytest.raises(DecodeError):
        read_signed_header(data, LEDGER.public, LEDGER_ID)
