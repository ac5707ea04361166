"""OP_MSG: the one frame of MongoDB's wire protocol that commands and replies use.

In: a command as a document, or the bytes of a reply. Out: the bytes of the request, or the reply's document. Which
commands there are is not known here. We ask for no compression, no checksum and no more replies than one, and refuse
a reply that has what we did not ask for.
Reference: MongoDB wire protocol, OP_MSG (opcode 2013). Numbers are little endian.
Promise: the readers return a value or raise DecodeError, whatever the bytes.
"""

import struct
from collections.abc import Mapping
from typing import NamedTuple

from ran_slicing.bson import Document, Value, read_document, write_document
from wire.errors import DecodeError

HEADER_BYTES = 16
MAX_REPLY_BYTES = 1 << 20
"""One subscriber; MongoDB itself sends up to 48 MB."""
OP_MSG = 2013
_HEADER = struct.Struct("<IIII")
_FLAGS_AND_KIND = 5
_CHECKSUM_PRESENT = 1
_BODY = 0


class ReplyHeader(NamedTuple):
    """How many bytes follow the header, and the request that they answer."""

    remaining: int
    response_to: int


def write_command(request_id: int, command: Mapping[str, Value]) -> bytes:
    """A whole request: header, flags, one section with the command."""
    body = write_document(command)
    return _HEADER.pack(HEADER_BYTES + _FLAGS_AND_KIND + len(body), request_id, 0, OP_MSG) + bytes(5) + body


def read_reply_header(octets: bytes) -> ReplyHeader:
    """From the first 16 bytes of a reply. Raises DecodeError."""
    if len(octets) != HEADER_BYTES:
        raise DecodeError(f"mongo: a header of {len(octets)} bytes, not {HEADER_BYTES}")
    size, _, response_to, opcode = _HEADER.unpack(octets)
    if opcode != OP_MSG:
        raise DecodeError(f"mongo: opcode {opcode}, not {OP_MSG}: not a server of version 3.6 or later")
    if not HEADER_BYTES + _FLAGS_AND_KIND < size <= MAX_REPLY_BYTES:
        raise DecodeError(f"mongo: a reply of {size} bytes, at most {MAX_REPLY_BYTES} are accepted")
    return ReplyHeader(size - HEADER_BYTES, response_to)


def read_reply(octets: bytes) -> Document:
    """The document of a reply, from what follows its header. Raises DecodeError."""
    if len(octets) <= _FLAGS_AND_KIND:
        raise DecodeError(f"mongo: a reply of {len(octets)} bytes after its header")
    (flags,) = struct.unpack_from("<I", octets)
    if flags & 0xFFFF & ~_CHECKSUM_PRESENT:
        raise DecodeError(f"mongo: flags {flags:#x} were not asked for")
    if octets[4] != _BODY:
        raise DecodeError(f"mongo: a section of kind {octets[4]}, not a body")
    end = len(octets) - (4 if flags & _CHECKSUM_PRESENT else 0)
    return read_document(octets[_FLAGS_AND_KIND:end])
