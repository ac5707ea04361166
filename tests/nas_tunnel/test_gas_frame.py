"""GAS frames: vectors, every truncation, garbled bytes, what is irrelevant on the air, and the kernel's own filter."""

from __future__ import annotations

import ctypes
import json
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.gas_writer import RADIOTAP, write_gas_frame
from nas_tunnel.anqp import OFFER_IDS, AnqpQuery, read_query, write_purchase_query
from nas_tunnel.gas_frame import (
    GAS_REQUEST_FILTER,
    MAX_QUERY_BYTES,
    GasComebackRequest,
    GasComebackResponse,
    GasMessage,
    GasRequest,
    GasResponse,
    read_gas,
    read_gas_request,
)
from wire.errors import DecodeError
from wire.ids import MacAddress

STATION, BSSID = MacAddress.parse("02:00:00:00:01:00"), MacAddress.parse("02:00:00:00:00:00")
VECTORS = json.loads((Path(__file__).parent / "vectors" / "gas_frame.json").read_text())
EXAMPLES: dict[str, GasMessage] = {
    "request": GasRequest(STATION, BSSID, 0x5A, bytes.fromhex("00010200dddd")),
    "response": GasResponse(STATION, BSSID, 0x5A, 0, 0, b"response"),
    "response later": GasResponse(STATION, BSSID, 0x5A, 0, 1, b""),
    "response refused": GasResponse(STATION, BSSID, 0x5A, 59, 0, b""),
    "comeback request": GasComebackRequest(STATION, BSSID, 0x5A),
    "comeback response": GasComebackResponse(STATION, BSSID, 0x5A, 0, 3, True, 0, b"part"),
    "last comeback response": GasComebackResponse(STATION, BSSID, 0x5A, 0, 4, False, 0, b"end"),
}
EVERY = pytest.mark.parametrize("name", EXAMPLES)

macs = st.builds(lambda o: MacAddress(bytes((o[0] & 0xFE,)) + o[1:]), st.binary(min_size=6, max_size=6))
octet, two_octets = st.integers(0, 255), st.integers(0, 65_535)
contents = st.binary(max_size=MAX_QUERY_BYTES)
messages: st.SearchStrategy[GasMessage] = st.one_of(
    st.builds(GasRequest, macs, macs, octet, contents),
    st.builds(GasResponse, macs, macs, octet, two_octets, two_octets, contents),
    st.builds(GasComebackRequest, macs, macs, octet),
    st.builds(
        GasComebackResponse,
        macs,
        macs,
        octet,
        two_octets,
        st.integers(0, 127),
        st.booleans(),
        two_octets,
        contents,
    ),
)


def golden(name: str) -> bytes:
    return bytes.fromhex(VECTORS["frames"][name])


def read(frame: bytes) -> GasMessage:
    """What is behind the shortest radiotap header."""
    return read_gas(frame, len(RADIOTAP))


@EVERY
def test_vector(name: str) -> None:
    assert write_gas_frame(EXAMPLES[name]) == golden(name)
    assert read(golden(name)) == EXAMPLES[name]
    assert read_gas(golden(name)[8:]) == EXAMPLES[name]


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(EXAMPLES) == set(VECTORS["frames"])
    assert VECTORS["provenance"]


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    for size in range(len(golden(name))):
        with pytest.raises(DecodeError):
            read(golden(name)[:size])


@given(messages)
def test_a_message_comes_back(message: GasMessage) -> None:
    assert read(write_gas_frame(message)) == message


def test_what_follows_the_query_is_passed_over() -> None:
    """A frame check sequence, where the driver hands it out."""
    assert read_gas_request(golden("request") + bytes(4)) == EXAMPLES["request"]


def test_a_longer_radiotap_header() -> None:
    """As mac80211 writes it: 24 octets with rate, channel and signal."""
    radiotap = bytes.fromhex("000018002e4000a02008000000028509a000d300000000") + b"\0"
    assert read_gas_request(radiotap + golden("request")[8:]) == EXAMPLES["request"]


def test_a_purchase_is_heard() -> None:
    frame = write_gas_frame(GasRequest(STATION, BSSID, 1, write_purchase_query(b"transaction")))
    assert read_query(read_gas_request(frame).query) == AnqpQuery(OFFER_IDS, b"transaction")


def test_protected_dual_frames_are_read_where_they_are_not_encrypted() -> None:
    assert read_gas_request(altered(24, 9)) == EXAMPLES["request"]


def test_an_ht_control_field_is_passed_over() -> None:
    frame = golden("response")
    with_control = frame[:9] + b"\x80" + frame[10:32] + bytes(4) + frame[32:]
    assert read(with_control) == EXAMPLES["response"]


def altered(at: int, value: int) -> bytes:
    """The request with one octet of the 802.11 frame changed."""
    frame = bytearray(golden("request"))
    frame[8 + at] = value
    return bytes(frame)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (altered(0, 0x80), "not a"),  # a beacon
        (altered(0, 0xE0), "not a"),  # action without acknowledgement
        (altered(0, 0x88), "not a"),  # data
        (altered(1, 0x40), "the frame is encrypted"),
        (altered(4, 0x03), "a group address has no dialog"),
        (altered(10, 0x03), "a group address has no dialog"),
        (altered(24, 5), "not a public action frame"),
        (altered(25, 9), "public action 9 is no GAS"),
        (altered(25, 14), "public action 14 is no GAS"),
        (altered(27, 221), "element 221 .* is not the protocol ANQP"),
        (altered(28, 0), "is not the protocol ANQP"),
        (altered(30, 221), "is not the protocol ANQP"),  # a vendor's protocol
        (altered(31, 7), "query of 7 bytes at byte 41 does not fit into 47"),
        (altered(32, 255), "a query of 65286 bytes, at most 2304"),
    ],
)
def test_refused(frame: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read(frame)
    with pytest.raises(DecodeError):
        read_gas_request(frame)


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (b"", "no radiotap header"),
        (b"\x01" + golden("request")[1:], "no radiotap header of version 0"),
        (bytes.fromhex("0000ffff00000000") + golden("request")[8:], "not a GAS initial request"),
    ],
)
def test_refused_for_its_radiotap(frame: bytes, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_gas_request(frame)


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "request"])
def test_what_is_no_request(name: str) -> None:
    with pytest.raises(DecodeError, match="not a GAS initial request"):
        read_gas_request(golden(name))


def check_promise(data: bytes) -> None:
    for reader in (read, read_gas_request, read_gas):
        try:
            reader(data)
        except DecodeError:
            continue


@given(st.binary(max_size=200))
def test_garbage(data: bytes) -> None:
    check_promise(data)
    check_promise(golden("request")[:33] + data)


@EVERY
@given(data=st.data())
def test_garbled(name: str, data: st.DataObject) -> None:
    frame = bytearray(golden(name))
    for _ in range(data.draw(st.integers(1, 4))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    check_promise(bytes(frame))


# ---- The kernel's filter


@pytest.fixture
def filtered() -> Iterator[tuple[socket.socket, socket.socket]]:
    """(where to send, what the filter lets through), with the program in the kernel that runs this test."""
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        program = ctypes.create_string_buffer(
            b"".join(struct.pack("=HBBI", *line) for line in GAS_REQUEST_FILTER)
        )
        header = struct.pack("@HP", len(GAS_REQUEST_FILTER), ctypes.addressof(program))
        receiver.setsockopt(socket.SOL_SOCKET, 26, header)  # SO_ATTACH_FILTER
        yield sender, receiver


def test_the_kernel_lets_requests_through(filtered: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = filtered
    longer = bytes.fromhex("000018002e4000a02008000000028509a000d300000000") + b"\0" + golden("request")[8:]
    for frame in (golden("request"), altered(24, 9), longer):
        sender.send(frame)
        assert receiver.recv(4_096) == frame


def test_the_kernel_keeps_everything_else_back(filtered: tuple[socket.socket, socket.socket]) -> None:
    sender, receiver = filtered
    others = [golden(name) for name in EXAMPLES if name != "request"]
    for frame in (
        *others,
        altered(0, 0x80),
        altered(24, 5),
        altered(25, 9),
        golden("request")[:33],
        b"",
        b"\0",
    ):
        sender.send(frame)
        with pytest.raises(BlockingIOError):
            receiver.recv(4_096)


@given(st.binary(max_size=60))
def test_what_the_kernel_keeps_back_is_no_request(data: bytes) -> None:
    sender, receiver = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with sender, receiver:
        receiver.setblocking(False)
        program = ctypes.create_string_buffer(
            b"".join(struct.pack("=HBBI", *line) for line in GAS_REQUEST_FILTER)
        )
        receiver.setsockopt(
            socket.SOL_SOCKET, 26, struct.pack("@HP", len(GAS_REQUEST_FILTER), ctypes.addressof(program))
        )
        for frame in (data, golden("request")[:8] + data, golden("request")[:32] + data):
            sender.send(frame)
            try:
                receiver.recv(4_096)
            except BlockingIOError:
                with pytest.raises(DecodeError):
                    read_gas_request(frame)
