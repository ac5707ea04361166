"""S1AP as pycrate writes it: the vectors, every truncation, any contents."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.s1ap import read_s1ap
from nas_tunnel.signalling import CarriedNas
from tests.nas_tunnel.core_air import S1AP_EXAMPLES, s1ap_downlink, s1ap_uplink
from wire.errors import DecodeError

VECTORS = json.loads((Path(__file__).parent / "vectors" / "s1ap.json").read_text())
EVERY = pytest.mark.parametrize("name", S1AP_EXAMPLES)


@EVERY
def test_what_is_carried(name: str) -> None:
    example = S1AP_EXAMPLES[name]
    assert read_s1ap(example.encoded) == example.carried


def test_vectors() -> None:
    """Of pycrate, as they stand in the file."""
    for name, encoded in VECTORS["pdus"].items():
        assert S1AP_EXAMPLES[name].encoded.hex() == encoded
        assert read_s1ap(bytes.fromhex(encoded)) == S1AP_EXAMPLES[name].carried


@pytest.mark.parametrize("name", VECTORS["pdus"])
def test_every_truncation_is_refused(name: str) -> None:
    encoded = S1AP_EXAMPLES[name].encoded
    for size in range(len(encoded)):
        with pytest.raises(DecodeError):
            read_s1ap(encoded[:size])
    with pytest.raises(DecodeError, match="1 bytes more"):
        read_s1ap(encoded + b"\0")


@given(st.integers(0, (1 << 24) - 1), st.integers(0, (1 << 32) - 1), st.binary(max_size=300))
def test_any_nas_of_any_ue(ran_id: int, core_id: int, nas: bytes) -> None:
    for write in (s1ap_downlink, s1ap_uplink):
        assert read_s1ap(write(ran_id, core_id, nas)) == CarriedNas(ran_id, core_id, nas)


@given(st.sampled_from(sorted(VECTORS["pdus"])), st.data())
def test_a_bit_that_flips(name: str, data: st.DataObject) -> None:
    """A value or DecodeError, and nothing else."""
    garbled = bytearray(S1AP_EXAMPLES[name].encoded)
    bit = data.draw(st.integers(0, 8 * len(garbled) - 1))
    garbled[bit // 8] ^= 0x80 >> bit % 8
    try:
        carried = read_s1ap(bytes(garbled))
    except DecodeError:
        return
    assert carried is None or isinstance(carried, CarriedNas) or carried.contents
