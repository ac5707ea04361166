"""Elements of nftables sets and maps as netlink messages: made, told apart from other answers, and read. Only bytes.

What a key means, and what else an element carries, is known to those who use this: `nfnetlink` (stations on an
interface) and `ue_elements` (UEs on a user plane).
Reference: Linux include/uapi/linux/netfilter/{nfnetlink,nf_tables}.h.
"""

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tc_shaper.attributes import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_ECHO,
    NLM_F_EXCL,
    Message,
    attribute,
    iterate_attributes,
    nested,
    read_attributes,
)

FAMILY_INET, FAMILY_NETDEV = 1, 5
SUBSYSTEM_NFTABLES = 10
NFGENMSG = struct.Struct("!BBH")
"""Family, version, and a number that only batches have."""
ELEM_KEY, ELEM_DATA, ELEM_TIMEOUT, ELEM_USERDATA, ELEM_EXPR, ELEM_EXPRESSIONS = 1, 2, 4, 6, 7, 11
_NEWSETELEM, _GETSETELEM, _DELSETELEM = 12, 13, 14
_LIST_TABLE, _LIST_SET, _LIST_ELEMENTS = 1, 2, 3
_LIST_ITEM = 1
_DATA_VALUE = 1
_MAX_PER_MESSAGE = 500
"""Elements in one message: its list is one attribute, whose length is 16 bits."""


class NftSet(NamedTuple):
    """A set or a map."""

    family: int
    table: str
    name: str


def value(kind: int, octets: bytes) -> bytes:
    """A key or what a map holds for it."""
    return nested(kind, attribute(_DATA_VALUE, octets))


def element(key: bytes, *more: bytes) -> bytes:
    """One element; `more` are its other attributes."""
    return nested(_LIST_ITEM, value(ELEM_KEY, key), *more)


def add(to: NftSet, elements: Sequence[bytes], *, exclusively: bool = True) -> Iterator[Message]:
    """EEXIST where one is there already, if `exclusively`."""
    flags = NLM_F_ACK | NLM_F_CREATE | (NLM_F_EXCL if exclusively else 0)
    for part in _parts(elements):
        yield _message(_NEWSETELEM, flags, to, part)


def remove(to: NftSet, elements: Sequence[bytes]) -> Iterator[Message]:
    """Refused with ENOENT where one is not there. The kernel echoes each as it last was."""
    for part in _parts(elements):
        yield _message(_DELSETELEM, NLM_F_ACK | NLM_F_ECHO, to, part)


def empty(to: NftSet) -> Message:
    """All its elements go; that there are none is no error."""
    return _message(_DELSETELEM, NLM_F_ACK, to, ())


def dump(to: NftSet) -> Message:
    """All its elements."""
    return _message(_GETSETELEM, 0, to, ())


def is_element(message: Message) -> bool:
    """Whether an answer is about elements: an echo is followed by news of the new generation."""
    return message.kind >> 8 == SUBSYSTEM_NFTABLES and message.kind & 0xFF in (_NEWSETELEM, _DELSETELEM)


def read_elements(message: Message) -> tuple[str, list[dict[int, bytes]]]:
    """The set's name, and each element's attributes, of an answer about elements."""
    attributes = read_attributes(message.body, NFGENMSG.size)
    items = iterate_attributes(attributes.get(_LIST_ELEMENTS, b""))
    return attributes[_LIST_SET].rstrip(b"\0").decode(), [read_attributes(item) for _, item in items]


def read_value(attributes: dict[int, bytes], kind: int) -> bytes:
    """A key or what a map holds for it; empty where there is none. It is padded to four octets."""
    return read_attributes(attributes.get(kind, b"")).get(_DATA_VALUE, b"")


def _parts(elements: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(elements), _MAX_PER_MESSAGE):
        yield elements[start : start + _MAX_PER_MESSAGE]


def _message(kind: int, flags: int, to: NftSet, elements: Sequence[bytes]) -> Message:
    body = (
        NFGENMSG.pack(to.family, 0, 0)
        + attribute(_LIST_TABLE, to.table.encode() + b"\0")
        + attribute(_LIST_SET, to.name.encode() + b"\0")
        + (nested(_LIST_ELEMENTS, *elements) if elements else b"")
    )
    return Message(SUBSYSTEM_NFTABLES << 8 | kind, flags, body)
