"""HPACK without its dynamic table: header lists of HTTP/2, from the bytes of a header block and to them.

In: a complete header block. Out: names and values. A client that announces a table of size 0 (we do, before its first
request) gets blocks that index the 61 static entries only, so each block stands for itself and nothing is kept between
two. We write literals that no table keeps, and no Huffman code.
Reference: RFC 7541, appendix A (static table), appendix B (Huffman code: canonical, so that its lengths say all).
Promise: `read_header_block` returns a list or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from collections.abc import Iterable
from functools import cache

from wire.errors import DecodeError

MAX_BLOCK_BYTES = 16 * 1024
"""As many as we announce (SETTINGS_MAX_HEADER_LIST_SIZE): a response of a network function has some hundred."""
MAX_LIST_BYTES = 64 * 1024
"""Of names and values: the shortest Huffman code has five bits, and an index of one byte gives up to fifty."""

_INDEXED, _LITERAL_INCREMENTAL, _SIZE_UPDATE = 0x80, 0x40, 0x20

_STATIC = tuple(
    (name, value)
    for name, _, value in (
        line.partition("=")
        for line in """\
:authority
:method=GET
:method=POST
:path=/
:path=/index.html
:scheme=http
:scheme=https
:status=200
:status=204
:status=206
:status=304
:status=400
:status=404
:status=500
accept-charset
accept-encoding=gzip, deflate
accept-language
accept-ranges
accept
access-control-allow-origin
age
allow
authorization
cache-control
content-disposition
content-encoding
content-language
content-length
content-location
content-range
content-type
cookie
date
etag
expect
expires
from
host
if-match
if-modified-since
if-none-match
if-range
if-unmodified-since
last-modified
link
location
max-forwards
proxy-authenticate
proxy-authorization
range
referer
refresh
retry-after
server
set-cookie
strict-transport-security
transfer-encoding
user-agent
vary
via
www-authenticate""".splitlines()
    )
)

_CODE_BITS = bytes.fromhex(
    "0d171c1c1c1c1c1c1c181e1c1c1e1c1c1c1c1c1c1c1c1e1c1c1c1c1c1c1c1c1c060a0a0c0d06080b0a0a080b08060606"
    "0505050606060606060607080f060c0a0d06070707070707070707070707070707070707070707070807080d130d0e06"
    "0f05060506050606060507070606060506070605050607070707070f0b0e0d1c14161414161616171617171717171817"
    "181816171817171717151617161717181615141616171715171616181516171715151615171617171416161617161617"
    "1a1a1413161716191a1a1a1b1b1a181913151a1b1b1a1b1815151a1a1c1b1b1b14181415161515171616191918181a17"
    "1a1b1a1a1b1b1b1b1b1c1b1b1b1b1b1a1e"
)
"""How long the Huffman code of each octet is, and last of the end of a text."""
_END_OF_TEXT = 256
_LONGEST_CODE_BITS = 30


# ---- Writing


def write_header_block(headers: Iterable[tuple[str, str]]) -> bytes:
    """Literals without indexing: names and values as they are."""
    return b"".join(b"\0" + _write_text(name) + _write_text(value) for name, value in headers)


def _write_text(text: str) -> bytes:
    octets = text.encode("latin-1")
    return _write_integer(len(octets), 7) + octets


def _write_integer(value: int, prefix_bits: int) -> bytes:
    most = (1 << prefix_bits) - 1
    if value < most:
        return bytes((value,))
    value -= most
    octets = bytearray((most,))
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


# ---- Reading


def read_header_block(block: bytes) -> list[tuple[str, str]]:
    """Names and values in their order. Raises DecodeError."""
    if len(block) > MAX_BLOCK_BYTES:
        raise DecodeError(f"hpack: a block of {len(block)} bytes, at most {MAX_BLOCK_BYTES} are accepted")
    headers: list[tuple[str, str]] = []
    at, room = 0, MAX_LIST_BYTES
    while at < len(block):
        first = block[at]
        if not first & _INDEXED and not first & _LITERAL_INCREMENTAL and first & _SIZE_UPDATE:
            size, at = _read_integer(block, at, 5)
            if size or headers:
                raise DecodeError(f"hpack: a table of {size} bytes was not offered")
            continue
        header, at = _read_header(block, at)
        room -= len(header[0]) + len(header[1])
        if room < 0:
            raise DecodeError(f"hpack: more than {MAX_LIST_BYTES} bytes of headers")
        headers.append(header)
    return headers


def _read_header(block: bytes, at: int) -> tuple[tuple[str, str], int]:
    first = block[at]
    if first & _INDEXED:
        index, at = _read_integer(block, at, 7)
        return _entry(index), at
    index, at = _read_integer(block, at, 6 if first & _LITERAL_INCREMENTAL else 4)
    if index:
        name = _entry(index)[0]
    else:
        name, at = _read_text(block, at)
    value, at = _read_text(block, at)
    return (name, value), at


def _entry(index: int) -> tuple[str, str]:
    if not 1 <= index <= len(_STATIC):
        raise DecodeError(f"hpack: there is no entry {index}, as no table was offered")
    return _STATIC[index - 1]


def _read_text(block: bytes, at: int) -> tuple[str, int]:
    coded = at < len(block) and block[at] & 0x80
    size, at = _read_integer(block, at, 7)
    end = at + size
    if end > len(block):
        raise DecodeError(f"hpack: a text of {size} bytes at byte {at} of {len(block)}")
    octets = block[at:end]
    return (_decode_huffman(octets) if coded else octets).decode("latin-1"), end


def _read_integer(block: bytes, at: int, prefix_bits: int) -> tuple[int, int]:
    if at >= len(block):
        raise DecodeError(f"hpack: nothing at byte {at}")
    most = (1 << prefix_bits) - 1
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    for shift in (0, 7, 14):
        if at >= len(block):
            raise DecodeError("hpack: an integer that does not end")
        octet = block[at]
        at += 1
        value += (octet & 0x7F) << shift
        if octet < 0x80:
            return value, at
    raise DecodeError(f"hpack: an integer above {value}")


# ---- Huffman


def _decode_huffman(octets: bytes) -> bytes:
    """Bit by bit: codes of one length follow one another, and begin where those that are shorter end."""
    first_codes, symbols = _canonical_code()
    text = bytearray()
    code = bits = 0
    for octet in octets:
        for shift in range(7, -1, -1):
            code = code << 1 | octet >> shift & 1
            bits += 1
            found = code - first_codes[bits]
            if 0 <= found < len(symbols[bits]):
                symbol = symbols[bits][found]
                if symbol == _END_OF_TEXT:
                    raise DecodeError("hpack: an end of text inside a text")
                text.append(symbol)
                code = bits = 0
            elif bits == _LONGEST_CODE_BITS:
                raise DecodeError("hpack: no code of thirty bits")
    if bits > 7 or code != (1 << bits) - 1:
        raise DecodeError("hpack: a text that is not padded with ones")
    return bytes(text)


@cache
def _canonical_code() -> tuple[tuple[int, ...], tuple[tuple[int, ...], ...]]:
    """By length in bits: the first code, and what each code from there stands for."""
    symbols = tuple(
        tuple(symbol for symbol, bits in enumerate(_CODE_BITS) if bits == length)
        for length in range(_LONGEST_CODE_BITS + 1)
    )
    first_codes = [0]
    for length in range(1, _LONGEST_CODE_BITS + 1):
        first_codes.append((first_codes[-1] + len(symbols[length - 1])) << 1)
    return tuple(first_codes), symbols
