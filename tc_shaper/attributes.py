"""Netlink's common form: a message without its header, and the attributes in it. Bytes only.

An attribute is a length, a kind and a payload, padded to four octets; a payload may be attributes again. Reading stops
at what is cut off, and never raises.
Reference: Linux include/uapi/linux/netlink.h.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

NLM_F_REQUEST = 0x1
NLM_F_ACK = 0x4
NLM_F_ECHO = 0x8
NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLM_F_DUMP = 0x300
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

_ATTRIBUTE = struct.Struct("=HH")


class Message(NamedTuple):
    """One request or answer without its header: type, flags and everything behind them."""

    kind: int
    flags: int
    body: bytes


def attribute(kind: int, payload: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return _ATTRIBUTE.pack(len(payload) + 4, kind) + payload + bytes(-len(payload) & 3)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute made of attributes."""
    return attribute(kind | NLA_F_NESTED, b"".join(attributes))


def read_attributes(body: bytes, offset: int = 0) -> dict[int, bytes]:
    """Attributes from `offset` to the end; of one kind that occurs twice the last."""
    return dict(iterate_attributes(body, offset))


def iterate_attributes(body: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Kind and payload of each attribute in order; what is cut off at the end is left out."""
    end = len(body)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(body, offset)
        if length < 4 or offset + length > end:
            return
        yield kind & NLA_TYPE_MASK, body[offset + 4 : offset + length]
        offset += (length + 3) & ~3
