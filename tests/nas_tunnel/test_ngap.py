"""NGAP as pycrate writes it: the vectors, every truncation, any contents."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.ngap import read_ngap
from nas_tunnel.signalling import Carried, CarriedNas, CarriedWarning
from tests.nas_tunnel.core_air import NGAP_EXAMPLES, ngap_downlink, ngap_uplink, ngap_warning
from tests.nas_tunnel.nas_oracles import free5gc
from wire.errors import DecodeError

VECTORS = json.loads((Path(__file__).parent / "vectors" / "ngap.json").read_text())
EVERY = pytest.mark.parametrize("name", NGAP_EXAMPLES)


@EVERY
def test_what_is_carried(name: str) -> None:
    example = NGAP_EXAMPLES[name]
    assert read_ngap(example.encoded) == example.carried


def test_vectors() -> None:
    """Of pycrate, as they stand in the file."""
    for name, encoded in VECTORS["pdus"].items():
        assert NGAP_EXAMPLES[name].encoded.hex() == encoded
        assert read_ngap(bytes.fromhex(encoded)) == NGAP_EXAMPLES[name].carried


@pytest.mark.parametrize("name", VECTORS["pdus"])
def test_every_truncation_is_refused(name: str) -> None:
    encoded = NGAP_EXAMPLES[name].encoded
    for size in range(len(encoded)):
        with pytest.raises(DecodeError):
            read_ngap(encoded[:size])
    with pytest.raises(DecodeError, match="1 bytes more"):
        read_ngap(encoded + b"\0")


@given(st.integers(0, (1 << 24) - 1), st.integers(0, (1 << 32) - 1), st.binary(max_size=300))
def test_any_nas_of_any_ue(ran_id: int, core_id: int, nas: bytes) -> None:
    for write in (ngap_downlink, ngap_uplink):
        assert read_ngap(write(ran_id, core_id, nas)) == CarriedNas(ran_id, core_id, nas)


@given(st.sampled_from(sorted(VECTORS["pdus"])), st.data())
def test_a_bit_that_flips(name: str, data: st.DataObject) -> None:
    """A value or DecodeError, and nothing else."""
    garbled = bytearray(NGAP_EXAMPLES[name].encoded)
    bit = data.draw(st.integers(0, 8 * len(garbled) - 1))
    garbled[bit // 8] ^= 0x80 >> bit % 8
    try:
        carried = read_ngap(bytes(garbled))
    except DecodeError:
        return
    assert carried is None or isinstance(carried, CarriedNas) or carried.contents


def test_free5gc_reads_the_same(go_program: Callable[[str], Path]) -> None:
    """Its `ngap` module finds the same contents, and writes the same octets again."""
    chance = random.Random(20_261_122)
    encoded = [example.encoded for example in NGAP_EXAMPLES.values()]
    for _ in range(40):
        ids = chance.randrange(1 << 32), chance.randrange(1 << 40)
        nas = chance.randbytes(chance.choice([1, 127, 128, 1_503, 16_383, 20_000, 40_000]))
        encoded += [
            ngap_downlink(*ids, nas),
            ngap_uplink(*ids, nas),
            ngap_warning(chance.randrange(1 << 16), chance.randrange(1 << 16), nas[:9_600]),
        ]
    for data, said in zip(
        encoded, free5gc(go_program("ngap-oracle"), [e.hex() for e in encoded]), strict=True
    ):
        assert said.get("again") == data.hex(), said
        assert judged(said["elements"]) == read_ngap(data)


def judged(elements: dict[str, Any]) -> Carried | None:
    if "NASPDU" in elements:
        ids = elements.get("RANUENGAPID"), elements.get("AMFUENGAPID")
        return CarriedNas(*ids, bytes.fromhex(elements["NASPDU"]))
    if "WarningMessageContents" not in elements:
        return None
    return CarriedWarning(
        int(elements["MessageIdentifier"], 16),
        int(elements["SerialNumber"], 16),
        int(elements["DataCodingScheme"], 16),
        bytes.fromhex(elements["WarningMessageContents"]),
    )


def test_where_free5gc_writes_something_else(go_program: Callable[[str], Path]) -> None:
    """It leaves out the length of zero that ends a string of exactly 16,384 octets (X.691 clause 11.9.3.8); pycrate
    writes it, and we ask for it. No NAS message is so long.
    """
    data = ngap_downlink(1, 2, bytes(16_384))
    (said,) = free5gc(go_program("ngap-oracle"), [data.hex()])
    assert judged(said["elements"]) == read_ngap(data)
    with pytest.raises(DecodeError, match="length of octet string"):
        read_ngap(bytes.fromhex(said["again"]))
