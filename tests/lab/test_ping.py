"""Echo packets byte by byte."""

import pytest

from lab.ping import answered, echo_request, internet_checksum, main

# RFC 1071, section 3: the worked example (0001 f203 f4f5 f6f7 sums to ddf2).
RFC_1071 = bytes.fromhex("0001f203f4f5f6f7")


def test_the_checksum_of_the_rfc():
    assert internet_checksum(RFC_1071) == ~0xDDF2 & 0xFFFF


def test_a_request_verifies_at_the_other_end():
    request = echo_request(v6=False, identifier=0x1234, sequence=7)
    assert internet_checksum(request) == 0
    assert request[:2] == b"\x08\x00"
    assert len(request) == 64


def test_the_kernel_fills_the_checksum_of_icmpv6():
    assert echo_request(v6=True, identifier=1, sequence=2)[:8].hex() == "8000000000010002"


@pytest.mark.parametrize("options", [b"", bytes(4)])
def test_an_answer_is_found_behind_its_ipv4_header(options):
    header = bytes([0x45 + len(options) // 4]) + bytes(19) + options
    reply = bytes.fromhex("0000000012340007")
    assert answered(header + reply, v6=False, identifier=0x1234) == 7


@pytest.mark.parametrize(
    ("packet", "v6"),
    [
        (b"", False),
        (b"", True),
        (bytes([0x45]) + bytes(19), False),
        (bytes([0x4F]) + bytes(30), False),
        (bytes.fromhex("8100000012340007")[:7], True),
        (bytes.fromhex("8000000012340007"), True),
        (bytes.fromhex("8100000099990007"), True),
    ],
)
def test_anything_else_is_no_answer(packet, v6):
    assert answered(packet, v6=v6, identifier=0x1234) is None


def test_wrong_arguments_show_the_usage(capsys):
    assert main(["10.0.0.1"]) == 2
    assert "ADDRESS INTERVAL_MS" in capsys.readouterr().err
