"""The parts of which NAS messages are made: fields without a name in front, then information elements with one.

    1nnn vvvv                   a half octet, name and value in one       name 80H to F0H
    name, length, contents      at most 255 octets of contents            name below 70H
    name, length 2, contents    at most 65,535 octets                     name 70H to 7FH
    name, contents              a length that the standard fixed          listed by the message

An element of a later release therefore has a form that a receiver can step over: it is kept as it came. What may not
be stepped over (name 00H to 0FH, "comprehension required") is refused, unless its message lists it: of those here only
REGISTRATION REQUEST has one, which has no contents.
Reference: 3GPP TS 24.007 clauses 11.2.1.1 and 11.2.4. Numbers are big endian.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from collections.abc import Iterable, Mapping

from wire.errors import DecodeError
from wire.frozen import dataclass

_HALF_OCTET, _LONG, _COMPREHENSION_REQUIRED = 0x80, 0x70, 0x10


@dataclass(frozen=True, slots=True)
class Element:
    """An information element: its name (IEI) and contents; of a half octet D1H name D0H and contents 01H."""

    iei: int
    contents: bytes


@dataclass(frozen=True, slots=True)
class Layout:
    """What a message's elements look like where the rule above does not say it.

    `sizes` are the octets of contents of elements without a length; `limits` the least and the most octets of others.
    """

    sizes: Mapping[int, int]
    limits: Mapping[int, tuple[int, int]]


def find(elements: Iterable[Element], iei: int) -> bytes | None:
    """The contents of the first element of this name: of several the first one counts (TS 24.501 clause 7.6.3)."""
    return next((element.contents for element in elements if element.iei == iei), None)


class FieldsOf:
    """Takes fields of a message from the front. Every method raises DecodeError only."""

    def __init__(self, message: str, data: bytes) -> None:
        self._message = message
        self._data = data
        self._at = 0

    def error(self, text: str) -> DecodeError:
        return DecodeError(f"{self._message}: {text}")

    def octets(self, name: str, size: int) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise self.error(f"{name} of {size} bytes at byte {start} does not fit into {len(self._data)}")
        return self._data[start : self._at]

    def integer(self, name: str, size: int = 1) -> int:
        return int.from_bytes(self.octets(name, size), "big")

    def sized(self, name: str, minimum: int, maximum: int, length_size: int = 1) -> bytes:
        """Contents behind their length (format LV, and LV-E where the length has two octets)."""
        size = self.integer(f"length of the {name}", length_size)
        if not minimum <= size <= maximum:
            raise self.error(f"{name} has {size} bytes, not {minimum} to {maximum}")
        return self.octets(name, size)

    def elements(self, layout: Layout) -> tuple[Element, ...]:
        """All that is left, in the order in which it came."""
        data, at, end = self._data, self._at, len(self._data)
        elements: list[Element] = []
        while at < end:
            iei = data[at]
            if iei >= _HALF_OCTET:
                elements.append(Element(iei & 0xF0, bytes((iei & 0x0F,))))
                at += 1
                continue
            start = at + 1
            size = layout.sizes.get(iei)
            if size is None:
                if iei < _COMPREHENSION_REQUIRED:
                    raise self.error(f"the element {iei:02X}H at byte {at} has to be understood, and is not")
                start = at + (3 if iei >= _LONG else 2)
                size = int.from_bytes(data[at + 1 : start], "big")
            if start + size > end:
                raise self.error(f"the element {iei:02X}H at byte {at} does not fit into {end} bytes")
            least, most = layout.limits.get(iei, (0, size))
            if not least <= size <= most:
                raise self.error(
                    f"the element {iei:02X}H has {size} bytes of contents, not {least} to {most}"
                )
            elements.append(Element(iei, data[start : start + size]))
            at = start + size
        return tuple(elements)


def write_sized(contents: bytes, minimum: int, maximum: int, length_size: int = 1) -> bytes:
    """Contents behind their length. Contents outside the limits are the caller's mistake."""
    assert minimum <= len(contents) <= maximum, f"{len(contents)} bytes, not {minimum} to {maximum}"
    return len(contents).to_bytes(length_size, "big") + contents


def write_elements(elements: Iterable[Element], layout: Layout) -> bytes:
    """The elements in this order, which should be the standard's. One outside its limits is the caller's mistake."""
    out = bytearray()
    for element in elements:
        iei, size = element.iei, len(element.contents)
        least, most = layout.limits.get(iei, (0, size))
        assert least <= size <= most, f"{iei:02X}H of {size} bytes, not {least} to {most}"
        if iei >= _HALF_OCTET:
            out.append(iei | element.contents[0])
            continue
        out.append(iei)
        if iei not in layout.sizes:
            out += size.to_bytes(2 if iei >= _LONG else 1, "big")
        out += element.contents
    return bytes(out)
