"""The message that segments of a cell broadcast carry: our bytes, or text for stacks that take only text.

    bytes   an octet 0, "no pages", and our bytes: a telephone has nothing to show
    text    1 to 15 pages of 82 octets and a length, each 93 characters of 7 bits, which are base64 of our bytes

The serial number is made from our bytes: the same offer has the same number after every restart, another has another,
and segments of two offers do not become one. 14 bits cannot keep out an attacker; signatures inside do.
Reference: 3GPP TS 23.041, clauses 9.4.1.2.1 (serial number) and 9.4.2.2.5 (pages); TS 23.038, clauses 5 and 6.
Promise: the reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

import hashlib
from base64 import b64encode

from nas_tunnel.cell_offer import read_base64
from wire.errors import DecodeError
from wire.warning_id import AIRGRANT, own_identifier

MAX_CONTENT_BYTES = 1_024
"""1,366 characters of base64, for which 15 pages have room. No stranger wants to wait for more."""
MAX_PAGES = 15
PAGE_SIZE = 82
MAX_MESSAGE_BYTES = 1 + MAX_PAGES * (PAGE_SIZE + 1)
"""1,246: what srsRAN Project accepts, and what pages can be."""

EIGHT_BIT_DATA = 0x44
"""Data coding scheme: not compressed, no class, octets (TS 23.038 clause 5, group 01xx)."""
GSM_7_BIT = 0x0F
"""Data coding scheme: letters of 7 bits, no language (group 0000)."""

_NO_PAGES = b"\0"
_PAGE_CHARACTERS = 93
_NORMAL_IN_THIS_CELL = 0xC000
"""The geographical scope of the serial number: no other cell has this message, and nothing pops up at once."""


def serial_number(content: bytes) -> int:
    """Geographical scope (2 bits), and of the content's SHA-256 what message code and update number have room for."""
    start = int.from_bytes(hashlib.sha256(content).digest()[:2], "big")
    return _NORMAL_IN_THIS_CELL | start & 0x3FFF


def write_octets_message(content: bytes) -> bytes:
    assert 1 <= len(content) <= MAX_CONTENT_BYTES, f"{len(content)} bytes to broadcast"
    return _NO_PAGES + content


def format_content(content: bytes) -> str:
    """What goes into `warning_message` of a stack's configuration."""
    assert 1 <= len(content) <= MAX_CONTENT_BYTES, f"{len(content)} bytes to broadcast"
    return b64encode(content).rstrip(b"=").decode()


def write_text_message(content: bytes) -> bytes:
    """The pages that a stack makes of `format_content`."""
    text = format_content(content).encode()
    pages = [text[at : at + _PAGE_CHARACTERS] for at in range(0, len(text), _PAGE_CHARACTERS)]
    return bytes((len(pages),)) + b"".join(map(_write_page, pages))


def text_settings(content: bytes, message_identifier: int = AIRGRANT) -> dict[str, int | str]:
    """What srsRAN wants to know to send it: `cell_cfg.sib.cmas` of the gNB, `sib12` of the eNB. Raises ConfigError for
    an identifier that is not an operator's own.
    """
    return {
        "message_id": own_identifier(message_identifier, "message_id"),
        "serial_num": serial_number(content),
        "data_coding_scheme": GSM_7_BIT,
        "warning_message": format_content(content),
    }


def read_message(message: bytes, serial: int) -> bytes:
    """Our bytes out of a whole message of this serial number. Raises DecodeError."""
    if not 2 <= len(message) <= MAX_MESSAGE_BYTES:
        raise DecodeError(f"cell broadcast: {len(message)} bytes, not 2 to {MAX_MESSAGE_BYTES}")
    content = message[1:] if message[0] == 0 else read_base64(_read_pages(message), "cell broadcast")
    if not 1 <= len(content) <= MAX_CONTENT_BYTES:
        raise DecodeError(f"cell broadcast: {len(content)} bytes of content, not 1 to {MAX_CONTENT_BYTES}")
    if serial_number(content) != serial:
        raise DecodeError(
            f"cell broadcast: serial number {serial:#06x}, its content has {serial_number(content):#06x}"
        )
    return content


def _write_page(characters: bytes) -> bytes:
    """Seven bits a character, from the lowest bit of the first octet. Where seven bits would be left over, which read
    as one more character, there is a carriage return (TS 23.038 clause 6.1.2).
    """
    if len(characters) % 8 == 7:
        characters += b"\r"
    bits = sum(character << 7 * at for at, character in enumerate(characters))
    size = (7 * len(characters) + 7) // 8
    return bits.to_bytes(PAGE_SIZE, "little") + bytes((size,))


def _read_pages(message: bytes) -> bytes:
    count, size = message[0], PAGE_SIZE + 1
    if count > MAX_PAGES or len(message) != 1 + count * size:
        raise DecodeError(f"cell broadcast: {count} pages in {len(message)} bytes")
    return b"".join(_read_page(message[at : at + size]) for at in range(1, len(message), size))


def _read_page(page: bytes) -> bytes:
    size = page[PAGE_SIZE]
    if size > PAGE_SIZE:
        raise DecodeError(f"cell broadcast: {size} octets in a page of {PAGE_SIZE}")
    bits = int.from_bytes(page[:size], "little")
    characters = bytes(bits >> 7 * at & 0x7F for at in range(8 * size // 7))
    return characters.rstrip(_FILLERS)


_FILLERS = b"\0\r"
"""What fills the last page: zero bits or carriage returns, neither of which is base64."""
