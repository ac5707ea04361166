"""The outer form that S1AP and NGAP share, in aligned PER: a procedure, and the list of its information elements.

    kind 1, procedure 1, criticality 1, open type       a PDU: initiating message, successful or unsuccessful outcome
    0, count 2, count times:                            the open type: a sequence that is not extended, and its list
      id 2, criticality 1, open type                    one element

What an element's open type holds is read by the module that knows the element (nas_tunnel/ngap.py, s1ap.py); here are
the three forms that those need: a number, an octet string and a string of whole octets. Reading only: the box never
speaks S1AP or NGAP, and looks into captures.
Reference: ITU-T X.691 clauses 11.5.7 (numbers), 11.9 (lengths, fragments), 16, 17; 3GPP TS 36.413 and TS 38.413,
clauses 9.4.2 and 9.4.7 (PDU descriptions, containers).   Numbers are big endian.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from enum import IntEnum

from wire.errors import DecodeError
from wire.frozen import dataclass

MAX_PDU_BYTES = 1 << 18
"""More than any stack takes; SCTP itself sets no limit."""

_FRAGMENT_UNIT = 0x4000
_CRITICALITIES = (0x00, 0x40, 0x80)
_CRITICALITY = "criticality"


class Kind(IntEnum):
    """The first choice of a PDU, as its octet."""

    INITIATING = 0x00
    SUCCESSFUL = 0x20
    UNSUCCESSFUL = 0x40


@dataclass(frozen=True, slots=True)
class Pdu:
    """`elements` are the ids and contents of the outer list, in the order in which they came."""

    kind: Kind
    procedure: int
    elements: tuple[tuple[int, bytes], ...]

    def find(self, element_id: int) -> bytes | None:
        """The contents of the first element of this id."""
        return next((contents for number, contents in self.elements if number == element_id), None)


def read_pdu(data: bytes, protocol: str) -> Pdu:
    """`protocol` is for the errors. Raises DecodeError; a procedure's own extensions are refused too."""
    if len(data) > MAX_PDU_BYTES:
        raise DecodeError(f"{protocol}: {len(data)} bytes, at most {MAX_PDU_BYTES} are accepted")
    reader = Octets(data, protocol)
    kind = reader.integer("kind of message", 1)
    if kind not in tuple(Kind):
        raise reader.error(f"begins with {kind:02x}, which is no message")
    procedure = reader.integer("procedure", 1)
    reader.one_of(_CRITICALITY, _CRITICALITIES)
    message = reader.open_type("message")
    reader.finish()
    return Pdu(Kind(kind), procedure, _read_elements(message, protocol))


def _read_elements(message: bytes, protocol: str) -> tuple[tuple[int, bytes], ...]:
    reader = Octets(message, f"{protocol} message")
    reader.one_of("beginning of the sequence", (0x00,))
    elements = []
    for _ in range(reader.integer("number of elements", 2)):
        element_id = reader.integer("element's id", 2)
        reader.one_of(_CRITICALITY, _CRITICALITIES)
        elements.append((element_id, reader.open_type(f"element {element_id}")))
    reader.finish()
    return tuple(elements)


class Octets:
    """Takes octets from the front, where aligned PER has whole ones. Every method raises DecodeError only."""

    __slots__ = ("_at", "_data", "_message")

    def __init__(self, data: bytes, message: str) -> None:
        self._data = data
        self._message = message
        self._at = 0

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._message}: {text}, at byte {self._at}")

    def octets(self, name: str, size: int) -> bytes:
        after = self._at + size
        if after > len(self._data):
            raise self.error(f"{name} of {size} bytes does not fit into {len(self._data)}")
        taken = self._data[self._at : after]
        self._at = after
        return taken

    def integer(self, name: str, size: int) -> int:
        return int.from_bytes(self.octets(name, size), "big")

    def one_of(self, name: str, values: tuple[int, ...]) -> None:
        """An octet whose value does not matter, as long as it is one of these."""
        value = self.integer(name, 1)
        if value not in values:
            raise self.error(f"{name} is {value:02x}")

    def open_type(self, name: str) -> bytes:
        """Octets behind their length, in one piece or, from 16,384 on, in several; an octet string looks the same."""
        parts = []
        while True:
            length = self.integer(f"length of {name}", 1)
            if length < 0x80:
                break
            if length < 0xC0:
                length = (length & 0x3F) << 8 | self.integer(f"length of {name}", 1)
                if length < 0x80:
                    raise self.error(f"length of {name} is not in its shortest form")
                break
            units = length & 0x3F
            if not 1 <= units <= 4:
                raise self.error(f"a fragment of {units} times 16,384 bytes of {name}")
            parts.append(self.octets(name, units * _FRAGMENT_UNIT))
        parts.append(self.octets(name, length))
        return b"".join(parts)

    def finish(self) -> None:
        left = len(self._data) - self._at
        if left:
            raise self.error(f"{left} bytes more than there should be")


def read_octet_string(contents: bytes, name: str) -> bytes:
    """An element that is an octet string of any length, NAS-PDU for instance. Raises DecodeError."""
    reader = Octets(contents, name)
    octets = reader.open_type("octet string")
    reader.finish()
    return octets


def read_sized_octet_string(contents: bytes, name: str, maximum: int) -> bytes:
    """An element that is an octet string of 1 to `maximum` octets, of which 257 to 65,536. Raises DecodeError."""
    reader = Octets(contents, name)
    size = reader.integer("length", 2) + 1
    if size > maximum:
        raise reader.error(f"{size} bytes, at most {maximum} are allowed")
    octets = reader.octets("octet string", size)
    reader.finish()
    return octets


def read_number(contents: bytes, name: str, size_bytes: int) -> int:
    """An element that is a number of 0 to 256 to the `size_bytes`-th, of which 3 to 5. Raises DecodeError."""
    reader = Octets(contents, name)
    head, width_bits = reader.integer("length", 1), (size_bytes - 1).bit_length()
    size = (head >> 8 - width_bits) + 1
    if head & (1 << 8 - width_bits) - 1 or size > size_bytes:
        raise reader.error(f"{head:02x} is no length of a number")
    number = reader.integer("number", size)
    if size > 1 and number < 1 << 8 * (size - 1):
        raise reader.error("a number with zeros in front")
    reader.finish()
    return number


def read_fixed(contents: bytes, name: str, size: int) -> int:
    """An element that is a bit string of 8 or 16 bits, as a number. Raises DecodeError."""
    reader = Octets(contents, name)
    number = reader.integer("bit string", size)
    reader.finish()
    return number
