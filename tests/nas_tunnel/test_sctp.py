"""SCTP of Scapy: bundles, fragments in any order, what is sent twice, what is cut; and the bounds."""

from __future__ import annotations

import itertools
import random
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP
from scapy.layers.l2 import Ether
from scapy.layers.sctp import SCTPChunkHeartbeatReq, SCTPChunkSACK

from nas_tunnel.sctp import (
    IPV4,
    IPV6,
    MAX_FLOWS,
    MAX_HELD_BYTES,
    MAX_PIECES,
    MAX_REMEMBERED,
    Reassembly,
    UserMessage,
)
from tests.nas_tunnel.core_capture import NGAP, Association


def take(reassembly: Reassembly, *frames: bytes, protocol: int = IPV4) -> list[UserMessage]:
    return [message for frame in frames for message in reassembly.take(protocol, frame[14:])]


def octets(messages: list[UserMessage]) -> list[bytes]:
    return [message.octets for message in messages]


@pytest.mark.parametrize("is_ipv6", [False, True])
def test_a_message_in_one_packet(is_ipv6: bool) -> None:
    (frame,) = Association(*NGAP, is_ipv6=is_ipv6).say(b"hello", up=True)
    (message,) = take(Reassembly(), frame, protocol=IPV6 if is_ipv6 else IPV4)
    assert (message.protocol, message.octets) == (60, b"hello")
    assert (message.flow.source_port, message.flow.destination_port, message.flow.tag) == (
        9_487,
        38_412,
        0xA2,
    )
    assert str(message.flow.source) == ("fd00::3" if is_ipv6 else "10.53.1.3")
    assert take(Reassembly(), frame, protocol=IPV4 if is_ipv6 else IPV6) == []
    assert take(Reassembly(), frame, protocol=0x0806) == []


def test_chunks_in_one_packet() -> None:
    link = Association(*NGAP)
    chunks = [*link.chunks(b"one", up=True), *link.chunks(b"second", up=True)]
    frame = bytes(link.packet(SCTPChunkSACK(), *chunks[:1], SCTPChunkHeartbeatReq(), *chunks[1:], up=True))
    assert octets(take(Reassembly(), frame)) == [b"one", b"second"]


def test_fragments_in_any_order() -> None:
    """Their numbers pass 2 to the 32nd in the middle."""
    frames = Association(*NGAP, max_chunk_bytes=4).say(b"0123456789abcdef", up=True)
    assert len(frames) == 4
    for order in itertools.permutations(frames):
        assert octets(take(Reassembly(), *order)) == [b"0123456789abcdef"]


def test_two_messages_and_two_ways_do_not_mix() -> None:
    link = Association(*NGAP, max_chunk_bytes=4)
    frames = [
        *link.say(b"11112222", up=True),
        *link.say(b"aaaabbbb", up=True),
        *link.say(b"33334444", up=False),
    ]
    for seed in range(20):
        shuffled = random.Random(seed).sample(frames, len(frames))
        assert sorted(octets(take(Reassembly(), *shuffled))) == [b"11112222", b"33334444", b"aaaabbbb"]


def test_without_one_fragment_there_is_no_message() -> None:
    frames = Association(*NGAP, max_chunk_bytes=4).say(b"0123456789abcdef", up=True)
    for missing in range(4):
        reassembly = Reassembly()
        assert take(reassembly, *frames[:missing], *frames[missing + 1 :]) == []
        assert octets(take(reassembly, frames[missing])) == [b"0123456789abcdef"]


def test_what_is_sent_twice_is_taken_once() -> None:
    """Sent again, or seen on two interfaces."""
    frames = Association(*NGAP, max_chunk_bytes=4).say(b"0123456789", up=True)
    reassembly = Reassembly()
    assert octets(take(reassembly, *frames[:2], *frames, *frames)) == [b"0123456789"]


def test_the_padding_of_a_short_frame_is_no_chunk() -> None:
    (frame,) = Association(*NGAP).say(b"hi", up=True)
    assert octets(take(Reassembly(), frame + bytes(20))) == [b"hi"]


def test_a_sender_that_leaves_the_length_to_its_hardware() -> None:
    """As a capture on the sending host may show it: length 0, the packet is what the frame has."""
    (frame,) = Association(*NGAP).say(b"hi", up=True)
    assert octets(take(Reassembly(), frame[:16] + b"\0\0" + frame[18:])) == [b"hi"]


@pytest.mark.parametrize(
    "frame",
    [
        bytes(Ether() / IP(proto=17) / b"no sctp at all"),
        bytes(Ether() / IP(proto=132) / b"short"),
        bytes(Ether() / IP(proto=132, flags="MF") / bytes(40)),
        bytes(Ether() / IP(proto=132, frag=3) / bytes(40)),
        bytes(Ether() / IP(proto=132) / (bytes(12) + bytes.fromhex("00030000"))),
        bytes(Ether() / IP(proto=132) / (bytes(12) + bytes.fromhex("0003001000000000000000000000003c"))),
        bytes(14),
    ],
)
def test_what_is_none(frame: bytes) -> None:
    assert take(Reassembly(), frame) == []


def test_every_truncation() -> None:
    """A capture that keeps only the beginning of frames."""
    (frame,) = Association(*NGAP).say(b"hello", up=True)
    end = len(frame) - 3  # what pads the chunk
    for size in range(14, end):
        assert take(Reassembly(), frame[:size]) == []
    assert octets(take(Reassembly(), frame[:end])) == [b"hello"]


@given(st.binary(max_size=120), st.booleans())
def test_garbage_is_passed_over(data: bytes, is_ipv6: bool) -> None:
    reassembly = Reassembly()
    head = bytes.fromhex("6000000000508440") if is_ipv6 else bytes.fromhex("4500000000000000ff84")
    for packet in (data, head + data):
        list(reassembly.take(IPV6 if is_ipv6 else IPV4, packet))


def test_fragments_that_never_end_are_bounded() -> None:
    """Held memory, numbers that are remembered, and the time that each costs."""
    reassembly = Reassembly()
    link = Association(*NGAP, max_chunk_bytes=1_000)
    frames = link.say(bytes(9_000_000), up=True)[:-1]
    start = time.process_time()
    assert take(reassembly, *frames) == []
    assert time.process_time() - start < 10
    assert reassembly._held_bytes <= MAX_HELD_BYTES
    assert sum(len(chunk.octets) for chunk in reassembly._held.values()) < reassembly._held_bytes
    assert len(reassembly._seen) == MAX_REMEMBERED


def test_a_message_has_only_so_many_fragments() -> None:
    for count, wanted in ((MAX_PIECES, 1), (MAX_PIECES + 1, 0)):
        frames = Association(*NGAP, max_chunk_bytes=1).say(bytes(count), up=True)
        assert len(take(Reassembly(), *frames)) == wanted
        assert len(take(Reassembly(), *reversed(frames))) == wanted


def test_associations_are_forgotten_and_never_mixed() -> None:
    """Its first half is of an association that so many others came after."""
    reassembly = Reassembly()
    first, second = Association(*NGAP, max_chunk_bytes=4, tag=0).say(b"01234567", up=True)
    assert take(reassembly, first) == []
    for tag in range(1, MAX_FLOWS + 1):
        (frame,) = Association(*NGAP, tag=tag).say(b"other", up=True)
        assert octets(take(reassembly, frame)) == [b"other"]
    assert len(reassembly._flows) == MAX_FLOWS
    assert take(reassembly, second) == []


def test_fragments_of_one_octet_do_not_take_long() -> None:
    link = Association(*NGAP, max_chunk_bytes=1)
    chunks = link.chunks(bytes(2_000), up=True)[1:]
    packets = [bytes(link.packet(*chunks[at : at + 70], up=True)) for at in range(0, len(chunks), 70)]
    reassembly, start = Reassembly(), time.process_time()
    assert take(reassembly, *packets) == []
    assert (time.process_time() - start) / len(packets) < 0.05
