"""Protobuf's encoding, as much of it as CometBFT speaks: varints, fixed 64 bits, and fields of bytes.

In: bytes of a peer. Out: the fields of one message by number, or DecodeError, and never any other exception, in linear
time. Writing gives the one form that CometBFT itself writes and signs: fields in the order in which they are given, and
a number or bytes that are zero or empty are left out (proto3). Groups and fixed 32 bits are refused: nothing here has
them. What a field means, its reader knows.
Reference: protobuf.dev, Encoding (proto3).
"""

from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.units import U63_MAX, U64_MAX

MAX_VARINT_BYTES = 10
"""Sixty-four bits, seven in each byte."""

_VARINT, _FIXED64, _BYTES = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one message, each with all that stood under its number. `name` is for errors."""

    name: str
    found: dict[int, list[int | bytes]]

    def number(self, field: int) -> int:
        """The last one under this number, unsigned; 0 if there is none. Raises DecodeError for bytes."""
        value = self.found.get(field, [0])[-1]
        if not isinstance(value, int):
            raise DecodeError(f"{self.name}: field {field} is bytes, not a number")
        return value

    def signed(self, field: int) -> int:
        """As `number`, of a field that is int64: negative numbers are two's complement."""
        value = self.number(field)
        return value if value <= U63_MAX else value - U64_MAX - 1

    def octets(self, field: int) -> bytes:
        """The last ones under this number; empty if there are none. Raises DecodeError for a number."""
        value = self.found.get(field, [b""])[-1]
        if not isinstance(value, bytes):
            raise DecodeError(f"{self.name}: field {field} is a number, not bytes")
        return value

    def text(self, field: int) -> str:
        """As `octets`, of UTF-8. Raises DecodeError."""
        try:
            return self.octets(field).decode()
        except UnicodeDecodeError:
            raise DecodeError(f"{self.name}: field {field} is not UTF-8") from None

    def every(self, field: int) -> list[bytes]:
        """All that stood under this number, in order. Raises DecodeError for a number."""
        values = self.found.get(field, [])
        octets = [value for value in values if isinstance(value, bytes)]
        if len(octets) != len(values):
            raise DecodeError(f"{self.name}: field {field} is a number, not bytes")
        return octets

    def inner(self, field: int) -> "Fields":
        """The message under this number; one without fields if there is none. Raises DecodeError."""
        return read_fields(self.octets(field), f"{self.name}.{field}")


def read_fields(data: bytes, name: str) -> Fields:
    """The fields of a message that fills `data` to its last byte. Raises DecodeError."""
    found: dict[int, list[int | bytes]] = {}
    at, end = 0, len(data)
    while at < end:
        key, at = read_varint(data, at, name)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = read_varint(data, at, name)
            case 1:
                at, start = at + 8, at
                value = int.from_bytes(data[start:at], "little")
            case 2:
                size, at = read_varint(data, at, name)
                at, start = at + size, at
                value = data[start:at]
            case kind:
                raise DecodeError(f"{name}: wire type {kind} at byte {at - 1}")
        if at > end:
            raise DecodeError(f"{name}: field {key >> 3} ends at byte {at} of {end}")
        if not key >> 3:
            raise DecodeError(f"{name}: field 0 before byte {at}")
        found.setdefault(key >> 3, []).append(value)
    return Fields(name, found)


def read_varint(data: bytes, at: int, name: str) -> tuple[int, int]:
    """(number below 2**64, where it ends). Raises DecodeError."""
    value, shift = 0, 0
    for position in range(at, min(at + MAX_VARINT_BYTES, len(data))):
        octet = data[position]
        value |= (octet & 0x7F) << shift
        if octet < 0x80:
            if value > U64_MAX:
                break
            return value, position + 1
        shift += 7
    raise DecodeError(f"{name}: no varint of 64 bits at byte {at}")


def write_varint(number: int) -> bytes:
    """From -2**63, which takes all ten bytes, to 2**64 - 1."""
    if 0 <= number < 0x80:
        return bytes((number,))
    assert -U63_MAX - 1 <= number <= U64_MAX, f"{number} does not fit in 64 bits"
    number &= U64_MAX
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def write_number(field: int, number: int) -> bytes:
    """A field of a uint or int; nothing for 0."""
    return write_varint(field << 3 | _VARINT) + write_varint(number) if number else b""


def write_fixed64(field: int, number: int) -> bytes:
    """A field of an sfixed64; nothing for 0."""
    return write_varint(field << 3 | _FIXED64) + number.to_bytes(8, "little", signed=True) if number else b""


def write_octets(field: int, octets: bytes) -> bytes:
    """A field of bytes or UTF-8; nothing for none."""
    return write_message(field, octets) if octets else b""


def write_message(field: int, message: bytes) -> bytes:
    """A field that is a message, which is written also if it is empty."""
    return write_varint(field << 3 | _BYTES) + write_varint(len(message)) + message


def write_delimited(message: bytes) -> bytes:
    """A message behind its length: how messages follow each other in a stream, and what CometBFT signs."""
    return write_varint(len(message)) + message
