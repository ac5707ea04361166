"""apd/signalling_frames.py: each frame there and back, cut, garbled and too long."""

from __future__ import annotations

import random

import pytest

from apd.signalling_frames import (
    LENGTH_SIZE,
    MAX_FRAME_BYTES,
    Admitted,
    Begin,
    EapHeard,
    Frame,
    Gone,
    NotAdmitted,
    OptionsHeard,
    Placed,
    SendEap,
    SendOptions,
    Subscriber,
    Told,
    read_frame,
    write_frame,
)
from tests.apd.world import CONSUMER
from wire.errors import DecodeError

PACKET = bytes(1_500)
FRAMES: list[Frame] = [
    Begin(b"ue", 7, b"anonymous@airgrant.invalid", 1_500),
    EapHeard(bytes(32), PACKET),
    Gone(b"\x01"),
    Subscriber(b"ue", "imsi-001010000000001"),
    OptionsHeard(b"ue", bytes(244)),
    SendEap(b"ue", PACKET),
    Admitted(b"ue", b"\x03\x01\x00\x04", bytes(64), bytes(64), CONSUMER.public, bytes(16), 1_800_000_000),
    NotAdmitted(b"ue", b"\x04\x01\x00\x04", "no_capacity", "all are sold"),
    Placed(b"ue", b"\x01\x00\xa6\x00"),
    Placed(b"ue", b""),
    SendOptions(b"ue", bytes(244)),
    Told(b"ue", bytes(1_200)),
]


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_there_and_back(frame: Frame) -> None:
    data = write_frame(frame)
    assert int.from_bytes(data[:LENGTH_SIZE], "big") == len(data) - LENGTH_SIZE <= MAX_FRAME_BYTES
    assert read_frame(data[LENGTH_SIZE:]) == frame


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: type(frame).__name__)
def test_cut_or_garbled_it_is_a_frame_or_a_decode_error(frame: Frame) -> None:
    data, chance = write_frame(frame)[LENGTH_SIZE:], random.Random(1)
    for end in range(0, len(data), 1 + len(data) // 200):
        with pytest.raises(DecodeError):
            read_frame(data[:end])
    with pytest.raises(DecodeError):
        read_frame(data + b"\0")
    for _ in range(300):
        octets = bytearray(data)
        octets[chance.randrange(min(len(octets), 60))] = chance.randrange(256)
        try:
            read_frame(bytes(octets))
        except DecodeError:
            continue


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (Begin(b"", 7), "ue is not a byte string of 1 to 32"),
        (Begin(bytes(33), 7), "ue is not a byte string of 1 to 32"),
        (Begin(b"ue", 256), "identifier"),
        (Begin(b"ue", 7, bytes(254)), "identity"),
        (Begin(b"ue", 7, b"", 127), "packets of 127 bytes are too small"),
        (Begin(b"ue", 7, b"", 1_501), "max_packet_bytes"),
        (EapHeard(b"ue", bytes(1_501)), "packet"),
        (OptionsHeard(b"ue", b""), "container"),
        (Subscriber(b"ue", ""), "supi"),
        (Placed(b"ue", b"\x01\x00"), "an S-NSSAI of 2 octets"),
        (Subscriber(b"ue", "imsi-0010100000000011"), "supi"),
        (Subscriber(b"ue", "nobody"), "supi is not imsi- and 5 to 15 digits"),
    ],
)
def test_what_has_no_place_is_refused(frame: Frame, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_frame(write_frame(frame)[LENGTH_SIZE:])


def test_a_frame_that_is_longer_than_there_is_is_not_read() -> None:
    with pytest.raises(DecodeError, match="a frame of 2049 bytes"):
        read_frame(bytes(MAX_FRAME_BYTES + 1))
