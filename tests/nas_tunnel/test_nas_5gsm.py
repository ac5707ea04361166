"""5G's NAS messages of session management: byte-equal to pycrate's and free5GC's, cuts, garbled bytes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.nas_5gsm import EXTENDED_PCO, read_5gsm, write_5gsm
from nas_tunnel.nas_elements import find
from nas_tunnel.pco import Direction, read_options
from tests.nas_tunnel.nas_examples import EXTENDED_OPTIONS, SESSION_EXAMPLES
from tests.nas_tunnel.nas_oracles import free5gc
from tests.nas_tunnel.nas_promises import garble, is_vector, pycrate_agrees, whole_cuts
from wire.errors import DecodeError

EVERY = pytest.mark.parametrize("name", SESSION_EXAMPLES)


@EVERY
def test_vectors(name: str) -> None:
    """Of pycrate and free5GC, as they stand in the file."""
    is_vector(name, write_5gsm(SESSION_EXAMPLES[name].message))  # type: ignore[arg-type]


@EVERY
def test_byte_equal_to_pycrate(name: str) -> None:
    pycrate_agrees(SESSION_EXAMPLES[name])


def test_byte_equal_to_free5gc(go_program: Callable[[str], Path]) -> None:
    said = free5gc(go_program("nas-oracle"), [example.encoded.hex() for example in SESSION_EXAMPLES.values()])
    for example, answer in zip(SESSION_EXAMPLES.values(), said, strict=True):
        assert answer["name"] == example.free5gc
        assert answer["again"] == example.encoded.hex()
        assert answer["ExtendedProtocolConfigurationOptions"] == EXTENDED_OPTIONS.hex()


@EVERY
def test_what_was_written_is_read(name: str) -> None:
    example = SESSION_EXAMPLES[name]
    message = read_5gsm(example.encoded)
    assert message == example.message
    options = find(message.elements, EXTENDED_PCO)
    assert options is not None
    assert len(read_options(options, Direction.DOWNLINK)) == 6


@EVERY
def test_every_cut(name: str) -> None:
    whole = whole_cuts(read_5gsm, write_5gsm, SESSION_EXAMPLES[name].encoded)
    assert whole <= 2, "a cut may be a message only where it ends between elements"


@EVERY
@given(st.data())
def test_garbled(name: str, data: st.DataObject) -> None:
    garbled = garble(SESSION_EXAMPLES[name].encoded, data, head=31)
    with contextlib.suppress(DecodeError):
        assert write_5gsm(read_5gsm(garbled)) == garbled


@pytest.mark.parametrize(
    ("encoded", "why"),
    [
        ("2e0903", "message type of 1 bytes"),
        ("7e0903c1", "begins with 7e"),
        ("2e0903d6", "message type d6 is none"),
        ("2e0903c1ff", "largest rate of integrity protection of 2 bytes"),
        ("2e0903c2110000", "QoS rules has 0 bytes"),
        ("2e0903c211000101" + "05", "session AMBR has 5 bytes, not 6 to 6"),
        ("2e0903c97b0000", "7BH has 0 bytes of contents, not 1 to 65535"),
    ],
)
def test_refusals(encoded: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_5gsm(bytes.fromhex(encoded))
