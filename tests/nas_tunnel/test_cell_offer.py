"""What a cell says to strangers: vectors both ways, every truncation, sizes, and names that are not ours."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.anqp import BeaconOffer, offer_hash
from nas_tunnel.carriage import CARRIAGES
from nas_tunnel.cell_offer import (
    MAX_CELL_OFFER_BYTES,
    NAME_SIZE,
    CellOffer,
    cell_offer,
    read_base64,
    read_beacon_name,
    read_cell_offer,
    write_beacon_name,
    write_cell_offer,
)
from tests.wire.examples import LEDGER, LEDGER_ID, MESSAGES, PROVIDER
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.offer import MAX_OFFER_BYTES
from wire.units import U63_MAX

VECTORS = json.loads((Path(__file__).parent / "vectors" / "cell_offer.json").read_text())
KEY_A, KEY_B = PublicKey(b"\x02" + bytes(range(32))), PublicKey(b"\x03" + bytes(32))
CELL = CellOffer(b"offer", KEY_A, bytes(range(8)), bytes(range(8, 16)))
NAME = write_beacon_name(b"offer", 1_500_000, 1_200, 5_000_999)

keys = st.builds(
    lambda sign, x: PublicKey(bytes((sign,)) + x),
    st.sampled_from((2, 3)),
    st.binary(min_size=32, max_size=32),
)
eight = st.binary(min_size=8, max_size=8)
cells = st.builds(CellOffer, st.binary(min_size=1, max_size=MAX_OFFER_BYTES), keys, eight, eight)


def test_vectors() -> None:
    assert write_cell_offer(CELL).hex() == VECTORS["cell offer"]
    assert read_cell_offer(bytes.fromhex(VECTORS["cell offer"])) == CELL
    assert NAME.decode() == VECTORS["beacon name"]
    assert read_beacon_name(NAME) == BeaconOffer(offer_hash(b"offer"), 1_500_000, 1_200, 5_000)
    assert VECTORS["provenance"]


@given(cells)
def test_a_cell_offer_comes_back_and_fits(cell: CellOffer) -> None:
    data = write_cell_offer(cell)
    assert len(data) <= MAX_CELL_OFFER_BYTES
    assert read_cell_offer(data) == cell


def test_the_usual_offer_is_one_segment_on_the_air_of_both_generations() -> None:
    offer = MESSAGES["offer"].golden
    data = write_cell_offer(cell_offer(offer, PROVIDER.public, LEDGER.public, LEDGER_ID))
    assert len(data) == len(offer) + 60 == 217
    for name in ("lte-sib11", "lte-sib12", "nr-sib7", "nr-sib8"):
        assert CARRIAGES[name].segment_bytes >= MAX_CELL_OFFER_BYTES + 1


def test_a_pinned_ledger_is_recognised() -> None:
    cell = cell_offer(b"offer", KEY_A, LEDGER.public, LEDGER_ID)
    assert cell.is_of(LEDGER.public, LEDGER_ID)
    assert not cell.is_of(PROVIDER.public, LEDGER_ID)
    assert not cell.is_of(LEDGER.public, bytes(32))


def test_every_truncation_is_refused() -> None:
    data = write_cell_offer(CELL)
    for size in range(len(data)):
        with pytest.raises(DecodeError):
            read_cell_offer(data[:size])
    with pytest.raises(DecodeError):
        read_cell_offer(data + b"\0")


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ({}, "not an array"),
        ([], "offer is missing"),
        ([b"", KEY_A.octets, bytes(8), bytes(8)], "offer is not a byte string of 1 to 232"),
        ([b"o", bytes(33), bytes(8), bytes(8)], "provider: not a compressed"),
        ([b"o", KEY_A.octets, bytes(9), bytes(8)], "ledger_key_id is not a byte string of 8"),
        ([b"o", KEY_A.octets, bytes(8), 7], "ledger_id_start is not a byte string of 8"),
        ([b"o", KEY_A.octets, bytes(8), bytes(8), 0], "more items"),
    ],
)
def test_a_cell_offer_is_refused_with_a_reason(items: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_cell_offer(bytes.fromhex("02414705") + cbor2.dumps(items, canonical=True))


@pytest.mark.parametrize("data", [b"", bytes.fromhex("02414701"), b"\x02\x41\x48\x05", bytes(300)])
def test_something_else_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError, match="cell offer: not 02414705"):
        read_cell_offer(data)


def test_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(DecodeError, match="at most 262 bytes"):
        read_cell_offer(bytes.fromhex("02414705") + bytes(259))


@given(st.binary(max_size=40), st.integers(0, U63_MAX), st.integers(0, 2**32 - 1), st.integers(0, 2**42))
def test_a_name_comes_back_is_text_and_fits(offer: bytes, price: int, duration: int, floor: int) -> None:
    name = write_beacon_name(offer, price, duration, floor)
    assert len(name) == NAME_SIZE <= 48
    assert name.decode("ascii").isprintable()
    beacon = read_beacon_name(name)
    assert beacon is not None
    assert (beacon.offer_hash, beacon.price_ubc, beacon.duration_s) == (offer_hash(offer), price, duration)
    assert beacon.floor_down_kbps == min(floor // 1_000, 2**32 - 1)


@pytest.mark.parametrize(
    "name", [b"", b"Airgrant", b"AG2:" + NAME[4:], b"ag1:" + NAME[4:], b"AG1", bytes(48)]
)
def test_the_name_of_another_cell_is_no_beacon(name: bytes) -> None:
    assert read_beacon_name(name) is None


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (NAME[:-1], "beacon name: base64 with bits left|beacon: not 39"),
        (NAME[:-2], "beacon name: "),
        (NAME[:-3], "beacon: not 39 bytes|bits left over"),
        (NAME + b"=", "bits left over that are not zero, or padded"),
        (NAME[:-1] + b"B", "bits left over"),
        (NAME[:-1] + b"-", "beacon name: "),
        (NAME[:20] + b"\xff" + NAME[21:], "beacon name: "),
        (b"AG1:", "beacon: not 39 bytes"),
        (b"AG1:" + b64encode(bytes(15) + b"\xff" * 24).rstrip(b"="), "beacon: not 39"),
        (
            b"AG1:" + b64encode(bytes(16) + b"\xff" * 16).rstrip(b"="),
            "price_ubc is 18446744073709551615, above",
        ),
    ],
)
def test_a_name_that_begins_like_ours_and_is_not(name: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_beacon_name(name)


@given(st.binary(max_size=60))
def test_base64_has_one_form(text: bytes) -> None:
    try:
        data = read_base64(text, "text")
    except DecodeError:
        return
    assert b64encode(data).rstrip(b"=") == text
