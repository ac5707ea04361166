"""ANQP elements of ours: vectors both ways, every truncation, garbled bytes, limits."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.anqp import (
    ANSWER_IDS,
    FIRST_ANSWER_ID,
    MAX_ELEMENT_BYTES,
    MAX_QUERY_IDS,
    NO_OFFER,
    OFFER_IDS,
    OUI,
    QUERY_LIST,
    VENDOR,
    AirOffer,
    AnqpQuery,
    BeaconOffer,
    answer_id,
    find_beacon_element,
    fits,
    is_answer_id,
    iterate_elements,
    offer_hash,
    read_air_offer,
    read_answers,
    read_beacon_element,
    read_elements,
    read_query,
    write_air_offer,
    write_answers,
    write_beacon_element,
    write_element,
    write_offer_query,
    write_purchase_query,
)
from nas_tunnel.lobby import MAX_PURCHASE_BYTES, Outcome, Refused, write_lobby
from wire.errors import DecodeError
from wire.grant import MAX_GRANT_BYTES
from wire.ids import PublicKey
from wire.network import MAX_NETWORK_BYTES
from wire.offer import MAX_OFFER_BYTES
from wire.receipt import MAX_RECEIPT_BYTES
from wire.units import U32_MAX, U63_MAX

KEY_A, KEY_B = PublicKey(b"\x02" + bytes(range(32))), PublicKey(b"\x03" + bytes(32))
TRANSACTION_ID = bytes(range(32))
VECTORS = json.loads((Path(__file__).parent / "vectors" / "anqp.json").read_text())
AIR_OFFER = AirOffer(b"offer", KEY_A, KEY_B, TRANSACTION_ID, b"network", 1_700_000_000)
BEACON = BeaconOffer(offer_hash(b"offer"), 1_500_000, 1_200, 5_000)
ANSWERS = (Outcome(TRANSACTION_ID, b"receipt", b"grant"), Refused(TRANSACTION_ID, "rate_limit", ""))
LARGEST = Outcome(TRANSACTION_ID, bytes(MAX_RECEIPT_BYTES), bytes(MAX_GRANT_BYTES))
USUAL = Outcome(TRANSACTION_ID, bytes(180), bytes(220))

Reader = Callable[[bytes], Any]
EXAMPLES: dict[str, tuple[bytes, Reader, Any]] = {
    "air offer": (write_air_offer(AIR_OFFER), read_air_offer, AIR_OFFER),
    "air offer of a wired box": (
        write_air_offer(AirOffer(b"offer", KEY_A, KEY_B, TRANSACTION_ID, b"", 0)),
        read_air_offer,
        AirOffer(b"offer", KEY_A, KEY_B, TRANSACTION_ID, b"", 0),
    ),
    "answers": (write_answers(ANSWERS), read_answers, ANSWERS),
    "offer query": (write_offer_query(), read_query, AnqpQuery(OFFER_IDS, None)),
    "query of one": (write_offer_query((281,)), read_query, AnqpQuery((281,), None)),
    "purchase query": (
        write_purchase_query(b"transaction"),
        read_query,
        AnqpQuery(OFFER_IDS, b"transaction"),
    ),
    "beacon": (write_beacon_element(b"offer", 1_500_000, 1_200, 5_000_999), read_beacon_element, BEACON),
}
EVERY = pytest.mark.parametrize("name", EXAMPLES)


def octets(minimum: int, maximum: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=maximum)


keys = st.builds(lambda sign, x: PublicKey(bytes((sign,)) + x), st.sampled_from((2, 3)), octets(32, 32))
air_offers = st.builds(
    AirOffer,
    octets(1, MAX_OFFER_BYTES),
    keys,
    keys,
    octets(32, 32),
    octets(0, MAX_NETWORK_BYTES),
    st.integers(0, U63_MAX),
)
outcomes = st.builds(Outcome, octets(32, 32), octets(1, MAX_RECEIPT_BYTES), octets(0, MAX_GRANT_BYTES))
refusals = st.builds(Refused, octets(32, 32), st.text(min_size=1, max_size=60), st.text(max_size=150))
answers = st.lists(st.one_of(outcomes, refusals), max_size=30)


@EVERY
def test_vector(name: str) -> None:
    written, read, value = EXAMPLES[name]
    assert written.hex() == VECTORS["elements"][name]
    assert read(written) == value


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(VECTORS["elements"]) == set(EXAMPLES)
    assert VECTORS["provenance"]


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    written, read, value = EXAMPLES[name]
    for size in range(len(written)):
        try:
            shorter = read(written[:size])
        except DecodeError:
            continue
        # Elements that follow one another can end after any of them, and none at all is no answer or an empty query.
        assert shorter != value
        assert size == 0 or (name == "purchase query" and size == len(written) - len(write_offer_query()))


@EVERY
def test_a_byte_too_many_is_refused(name: str) -> None:
    written, read, _ = EXAMPLES[name]
    with pytest.raises(DecodeError):
        read(written + b"\0")


# ---- The offer


@given(air_offers)
def test_an_offer_comes_back_and_fits(air: AirOffer) -> None:
    payload = write_air_offer(air)
    assert len(payload) <= MAX_ELEMENT_BYTES
    assert read_air_offer(payload) == air


def test_the_largest_offer_is_far_from_the_limit() -> None:
    largest = AirOffer(bytes(MAX_OFFER_BYTES), KEY_A, KEY_B, bytes(32), bytes(MAX_NETWORK_BYTES), U63_MAX)
    assert len(write_air_offer(largest)) <= 820


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ({}, "air offer: not an array"),
        ([], "offer is missing"),
        ([b"o", bytes(33), KEY_A.octets, bytes(32), b"", 0], "provider: not a compressed"),
        ([b"o", KEY_A.octets, KEY_A.octets, bytes(31), b"", 0], "ledger_id is not a byte string of 32"),
        (
            [b"o", KEY_A.octets, KEY_A.octets, bytes(32), bytes(443), 0],
            "network is not a byte string of 0 to 442",
        ),
        ([b"o", KEY_A.octets, KEY_A.octets, bytes(32), b"", -1], "utc_s is not an integer"),
        ([b"o", KEY_A.octets, KEY_A.octets, bytes(32), b"", 0, 0], "more items"),
        ([bytes(233), KEY_A.octets, KEY_A.octets, bytes(32), b"", 0], "offer is not a byte string"),
    ],
)
def test_an_offer_is_refused_with_a_reason(items: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_air_offer(OUI + b"\x01" + cbor2.dumps(items, canonical=True))


def test_nothing_on_sale() -> None:
    with pytest.raises(DecodeError, match="nothing is on sale"):
        read_air_offer(NO_OFFER)
    assert NO_OFFER.hex() == "02414701"


@pytest.mark.parametrize("start", ["", "024147", "02414702", "02414801", "506f9a01"])
def test_an_element_of_somebody_else_is_refused(start: str) -> None:
    with pytest.raises(DecodeError, match=f"begins with {start or 'nothing'}, not 02414701"):
        read_air_offer(bytes.fromhex(start))


def test_an_oversized_element_is_refused_before_it_is_read() -> None:
    for read in (read_air_offer, read_answers):
        with pytest.raises(DecodeError, match="2036 bytes, at most 2035"):
            read(bytes(2_036))


# ---- Answers


def test_an_element_that_was_emptied_has_no_answers() -> None:
    assert write_answers([]) == b""
    assert read_answers(b"") == ()


def test_none_has_one_form_only() -> None:
    with pytest.raises(DecodeError, match="message is missing"):
        read_answers(OUI + b"\x03\x80")


@given(answers)
def test_answers_that_fit_come_back(messages: list[Outcome | Refused]) -> None:
    fitting = messages[: fits(messages)]
    payload = write_answers(fitting)
    assert len(payload) <= MAX_ELEMENT_BYTES
    assert [message.subject if isinstance(message, Refused) else message.receipt for message in fitting] == [
        message.subject if isinstance(message, Refused) else message.receipt
        for message in read_answers(payload)
    ]


def test_capacity() -> None:
    assert fits([USUAL] * 9) == 4
    assert fits([LARGEST] * 9) == 2
    assert fits([Refused(b"", "r", "")] * 99) == 23
    assert fits([]) == 0


def test_more_answers_than_fit_are_our_mistake() -> None:
    with pytest.raises(AssertionError, match="an element of"):
        write_answers([USUAL] * 5)
    with pytest.raises(AssertionError, match="24 answers"):
        write_answers([Refused(b"", "r", "")] * 24)


def test_only_answers_answer() -> None:
    with pytest.raises(DecodeError, match="Discover is no answer"):
        read_answers(OUI + b"\x03" + cbor2.dumps([b"\x81\x01"]))
    with pytest.raises(DecodeError, match="more items"):
        read_answers(OUI + b"\x03" + cbor2.dumps([write_lobby(Refused(b"", "r", ""))] * 24))


@given(octets(32, 32))
def test_the_element_of_an_answer(transaction_id: bytes) -> None:
    assert FIRST_ANSWER_ID <= answer_id(transaction_id) < FIRST_ANSWER_ID + ANSWER_IDS
    assert is_answer_id(answer_id(transaction_id))


def test_answers_spread_over_every_element() -> None:
    ids = [answer_id(offer_hash(bytes((n >> 8, n & 255))) * 2) for n in range(2_000)]
    counts = [ids.count(info_id) for info_id in range(281, 300)]
    assert min(counts) > 60


# ---- Queries and responses


@given(st.lists(st.integers(0, 65_535), min_size=1, max_size=MAX_QUERY_IDS))
def test_a_query_comes_back(ids: list[int]) -> None:
    assert read_query(write_offer_query(ids)) == AnqpQuery(tuple(ids), None)


@given(octets(1, MAX_PURCHASE_BYTES))
def test_a_purchase_comes_back(transaction: bytes) -> None:
    assert read_query(write_purchase_query(transaction)) == AnqpQuery(OFFER_IDS, transaction)


def test_the_bytes_that_hostapd_answered_to() -> None:
    """Sent by wpa_supplicant 2.10's GAS_REQUEST and answered by hostapd 2.10, with the vendor element passed over."""
    assert write_offer_query((VENDOR,)).hex() == "00010200dddd"
    assert write_offer_query((VENDOR, 281)).hex() == "00010400dddd1901"
    assert (
        write_purchase_query(b"\xaa" * 300).hex() == "dddd3001" + "02414702" + "aa" * 300 + "00010400dddd1601"
    )


def test_what_others_ask_is_passed_over() -> None:
    hotspot = write_element(VENDOR, bytes.fromhex("506f9a11010002"))
    venue = write_element(258, b"")
    query = read_query(hotspot + write_offer_query([VENDOR]) + venue + write_element(QUERY_LIST, b"\x02\x01"))
    assert query == AnqpQuery((VENDOR, 258), None)


@pytest.mark.parametrize(
    ("query", "why"),
    [
        (write_element(QUERY_LIST, b"\xdd"), "a query list of 1 bytes, which is odd"),
        (write_purchase_query(b"t") * 2, "two purchases in one query"),
        (write_element(VENDOR, OUI + b"\x02"), "a purchase of 0 bytes"),
        (write_element(VENDOR, OUI + b"\x02" + bytes(1_196)), "a purchase of 1196 bytes, not 1 to 1195"),
        (write_element(VENDOR, OUI + b"\x02" + bytes(2_032)), "2036 bytes, at most 2035"),
        (b"\0\1\2", "the element at byte 0 does not fit into 3 bytes"),
        (b"\0\1\3\0ab", "the element at byte 0 does not fit into 6 bytes"),
        (bytes(65_536), "65536 bytes, at most 65535"),
    ],
)
def test_a_query_is_refused_with_a_reason(query: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_query(query)


@pytest.mark.parametrize("count", [0, MAX_QUERY_IDS + 1])
def test_a_query_for_too_many_is_our_mistake(count: int) -> None:
    with pytest.raises(AssertionError, match=f"{count} elements"):
        write_offer_query([VENDOR] * count)


@pytest.mark.parametrize("size", [0, MAX_PURCHASE_BYTES + 1])
def test_a_purchase_that_cannot_be_relayed_is_our_mistake(size: int) -> None:
    with pytest.raises(AssertionError, match=f"a purchase of {size} bytes"):
        write_purchase_query(bytes(size))


def test_of_vendor_elements_only_ours_is_read() -> None:
    hotspot, ours = bytes.fromhex("506f9a1102"), write_air_offer(AIR_OFFER)
    for order in ([hotspot, ours], [ours, hotspot], [ours, OUI + b"\x09"]):
        response = b"".join(write_element(VENDOR, payload) for payload in order) + write_element(281, b"")
        assert read_elements(response) == {VENDOR: ours, 281: b""}
    assert read_elements(write_element(VENDOR, hotspot)) == {}


def test_of_several_elements_the_first_is_read() -> None:
    assert read_elements(write_element(272, b"a") + write_element(272, b"b")) == {272: b"a"}


@given(st.lists(st.tuples(st.integers(0, 65_535), octets(0, 40)), max_size=9))
def test_elements_come_back(elements: list[tuple[int, bytes]]) -> None:
    assert list(iterate_elements(b"".join(write_element(*element) for element in elements))) == elements


# ---- The beacon


@given(octets(1, 232), st.integers(0, U63_MAX), st.integers(0, U32_MAX), st.integers(0, 10**12))
def test_a_beacon_comes_back(offer: bytes, price_ubc: int, duration_s: int, floor_bps: int) -> None:
    element = write_beacon_element(offer, price_ubc, duration_s, floor_bps)
    assert len(element) == 2 + element[1] <= 257
    assert read_beacon_element(element) == BeaconOffer(
        offer_hash(offer), price_ubc, duration_s, floor_bps // 1_000
    )


def test_found_among_others() -> None:
    ssid, others, ours = b"\x00\x03lab", bytes.fromhex("dd050050f20201"), EXAMPLES["beacon"][0]
    assert find_beacon_element(ssid + others + ours) == BEACON
    assert find_beacon_element(ssid + others) is None
    assert find_beacon_element(b"") is None


@pytest.mark.parametrize(
    ("elements", "why"),
    [
        (b"\x00", "the element at byte 0 does not fit into 1 bytes"),
        (b"\x00\x03la", "the element at byte 0 does not fit into 4 bytes"),
        (b"\xdd\x06\x02AG\x04\x01\x00", "beacon: not 39 bytes"),
        (EXAMPLES["beacon"][0][:23] + b"\xff" * 16, "price_ubc is 18446744073709551615, above"),
    ],
)
def test_a_beacon_is_refused_with_a_reason(elements: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        find_beacon_element(elements)


# ---- What the box carries


def test_the_box_loads_neither_scapy_nor_x509() -> None:
    """Each costs more memory than everything else that the daemon imports of us."""
    script = (
        "import sys, nas_tunnel.anqp, nas_tunnel.gas_frame, nas_tunnel.advice_of_charge, nas_tunnel.lobby\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('scapy', 'xml', 'html')"
        " or name.startswith('cryptography.x509')])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout == "[]\n"


# ---- Whatever the bytes


def check_promise(name: str, data: bytes) -> None:
    """A value or DecodeError; where there is only one form, this is it."""
    try:
        value = EXAMPLES[name][1](data)
    except DecodeError:
        return
    match value:
        case AirOffer():
            assert write_air_offer(value) == data
        case (_, *_):
            assert write_answers(value) == data
        case _:
            assert isinstance(value, (AnqpQuery, BeaconOffer, tuple))


@EVERY
@given(data=st.binary(max_size=300))
def test_garbage(name: str, data: bytes) -> None:
    check_promise(name, data)
    check_promise(name, EXAMPLES[name][0][:4] + data)


@EVERY
@given(data=st.data())
def test_garbled(name: str, data: st.DataObject) -> None:
    encoded = bytearray(EXAMPLES[name][0])
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    check_promise(name, bytes(encoded))


@given(st.binary(max_size=600))
def test_garbage_elements(data: bytes) -> None:
    for read in (read_elements, find_beacon_element):
        try:
            read(data)
        except DecodeError:
            continue
