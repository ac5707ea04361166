"""Protocol configuration options: where an operator's own bytes travel in session management of LTE and 5G.

    80H                               the extension bit, and PPP as configuration protocol
    identifier 2, length 1, contents  units, up to the end; some have a length of two octets
    FF00H to FFFFH                    units of the operator: MCC and MNC first, then what it likes

Plain options have at most 251 octets, so one unit carries 244 of ours; extended ones 65,535, in one unit 252.
Units that are not ours are kept as they came. Bits that are spare are written as 0 and not looked at.
Reference: 3GPP TS 24.008 clauses 10.5.6.3 (PCO), 10.5.6.3A (extended PCO), table 10.5.154. Numbers are big endian.
Promise: every reader returns a value or raises DecodeError, whatever the bytes, in time linear in their number.
"""

from collections.abc import Iterator
from enum import Enum

from nas_tunnel.plmn import PLMN_SIZE, Plmn, read_plmn, write_plmn
from wire.errors import DecodeError
from wire.frozen import dataclass

MAX_PCO_BYTES = 251
"""Contents of the element 27H, which with name and length has at most 253 octets."""
MAX_EXTENDED_PCO_BYTES = 65_535
FIRST_OPERATOR_UNIT, LAST_OPERATOR_UNIT = 0xFF00, 0xFFFF
MAX_OPERATOR_BYTES = MAX_PCO_BYTES - 1 - 3 - PLMN_SIZE
"""244: what one operator unit carries in plain options, if it is the only unit."""

_HEAD = 0x80
_CONFIGURATION_PROTOCOL = 0x07
_EXTENSION = 0x80


class Direction(Enum):
    """Who sends: the same identifier may mean something else, with another length, the other way."""

    UPLINK = frozenset({0x0041, 0x0051, 0x0056})
    DOWNLINK = frozenset({0x0023, 0x0024, 0x0030, 0x0031, 0x0032, 0x0041, 0x0051, 0x0056})

    @property
    def long_units(self) -> frozenset[int]:
        """Identifiers whose length has two octets."""
        return self.value


@dataclass(frozen=True, slots=True)
class Unit:
    """A protocol (C021H LCP, 8021H IPCP, ...) or a container (000DH DNS server, FF00H operator, ...)."""

    identifier: int
    contents: bytes


Options = tuple[Unit, ...]


@dataclass(frozen=True, slots=True)
class OperatorUnit:
    """What an operator's unit says: whose it is, and up to 244 octets in plain options."""

    identifier: int
    plmn: Plmn
    contents: bytes


def read_options(data: bytes, direction: Direction) -> Options:
    """The units of plain or extended options, whose sizes their element has checked. Raises DecodeError."""
    if not data or not data[0] & _EXTENSION:
        raise DecodeError(f"pco: begins with {data[:1].hex() or 'nothing'}, not with {_HEAD:02x}")
    if data[0] & _CONFIGURATION_PROTOCOL:
        raise DecodeError(f"pco: configuration protocol {data[0] & _CONFIGURATION_PROTOCOL} is not PPP")
    long_units, at, end = direction.long_units, 1, len(data)
    units: list[Unit] = []
    while at < end:
        identifier = int.from_bytes(data[at : at + 2], "big")
        start = at + (4 if identifier in long_units else 3)
        after = start + int.from_bytes(data[at + 2 : start], "big")
        if start > end or after > end:
            raise DecodeError(f"pco: the unit at byte {at} does not fit into {end} bytes")
        units.append(Unit(identifier, data[start:after]))
        at = after
    return tuple(units)


def write_options(units: Options, direction: Direction, maximum: int = MAX_PCO_BYTES) -> bytes:
    """Plain options, or extended ones with `maximum` MAX_EXTENDED_PCO_BYTES. Too many are the caller's mistake."""
    out = bytearray((_HEAD,))
    for unit in units:
        out += unit.identifier.to_bytes(2, "big")
        out += len(unit.contents).to_bytes(2 if unit.identifier in direction.long_units else 1, "big")
        out += unit.contents
    assert len(out) <= maximum, f"options of {len(out)} bytes, at most {maximum}"
    return bytes(out)


def write_operator_unit(unit: OperatorUnit) -> Unit:
    """More than 252 octets, or another identifier than an operator's, are the caller's mistake."""
    assert FIRST_OPERATOR_UNIT <= unit.identifier <= LAST_OPERATOR_UNIT, f"{unit.identifier:04X}H"
    contents = write_plmn(unit.plmn) + unit.contents
    assert len(contents) <= 255, f"an operator unit of {len(contents)} bytes"
    return Unit(unit.identifier, contents)


def read_operator_unit(unit: Unit) -> OperatorUnit:
    """Raises DecodeError."""
    if not FIRST_OPERATOR_UNIT <= unit.identifier <= LAST_OPERATOR_UNIT:
        raise DecodeError(f"pco: the unit {unit.identifier:04X}H is not an operator's")
    if len(unit.contents) < PLMN_SIZE:
        raise DecodeError(f"pco: an operator's unit of {len(unit.contents)} bytes has no MCC and MNC")
    return OperatorUnit(unit.identifier, read_plmn(unit.contents[:PLMN_SIZE]), unit.contents[PLMN_SIZE:])


def operator_units(options: Options, plmn: Plmn) -> Iterator[OperatorUnit]:
    """This operator's units; others', and those that are malformed, are passed over: they are not ours to judge."""
    prefix = write_plmn(plmn)
    for unit in options:
        if unit.identifier >= FIRST_OPERATOR_UNIT and unit.contents[:PLMN_SIZE] == prefix:
            yield OperatorUnit(unit.identifier, plmn, unit.contents[PLMN_SIZE:])
