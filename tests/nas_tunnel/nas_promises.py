"""What holds of every NAS message, whichever codec it has: vectors, pycrate's opinion, cuts, garbled octets."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.nas_tunnel.nas_examples import Example
from tests.nas_tunnel.nas_oracles import pycrate_message, pycrate_reads
from wire.errors import DecodeError

_VECTORS = json.loads((Path(__file__).parent / "vectors" / "nas.json").read_text())
Read = Callable[[bytes], Any]
Write = Callable[[Any], bytes]


def is_vector(name: str, encoded: bytes) -> None:
    """Fails unless these are the octets in the file, of pycrate and of free5GC where it knows the message."""
    assert encoded.hex() == _VECTORS["messages"][name]


def pycrate_agrees(example: Example) -> None:
    """Fails unless pycrate writes the same octets from values, and finds the values in them."""
    judge = pycrate_message(example.pycrate, example.header, example.fields)
    assert example.encoded.hex() == judge.to_bytes().hex()
    pycrate_reads(example.pycrate, example.encoded, example.fields)


def whole_cuts(read: Read, write: Write, encoded: bytes) -> int:
    """How many beginnings of a message are messages, too; fails unless each of those is written as it was read."""
    whole = 0
    for size in range(len(encoded)):
        try:
            assert write(read(encoded[:size])) == encoded[:size]
            whole += 1
        except DecodeError:
            continue
    return whole


def garble(encoded: bytes, data: st.DataObject, head: int = 61) -> bytes:
    """One to four of the first octets changed by chance."""
    garbled = bytearray(encoded)
    last = min(head, len(garbled)) - 1
    for _ in range(data.draw(st.integers(1, 4))):
        garbled[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    return bytes(garbled)
