"""NR system information with room for our bytes: SIB6, SIB7, SIB8 and SIB10, alone or in the message on the air.

SIB6 has two octets, SIB7 and SIB8 segments of a cell broadcast, SIB10 up to 12 names of 1 to 48 octets for people. In
a message, blocks that other releases added are passed over; SIB2 to SIB5 and SIB9 are refused, because they have no
length by which to pass over them. SIB7 and SIB8 stand alone in their messages anyway.
Reference: 3GPP TS 38.331, clauses 5.2.1 (size), 6.2.2 (BCCH-DL-SCH-Message, SystemInformation), 6.3.1, 8.5 (padding).
"""

from collections.abc import Callable, Sequence

from nas_tunnel.system_information import MAX_BLOCKS, check_name, check_size, read_name, write_name
from nas_tunnel.uper import BitReader, BitWriter
from nas_tunnel.warning_sib import (
    WarningNotice,
    WarningSegment,
    read_nr_notice,
    read_segment,
    write_notice,
    write_segment,
)
from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass

MAX_NAMES = 12
MAX_SI_BYTES = 372
"""2,976 bits (TS 38.331 clause 5.2.1)."""


@dataclass(frozen=True, slots=True)
class Sib6:
    """Earthquake and tsunami warning, the notice."""

    notice: WarningNotice


@dataclass(frozen=True, slots=True)
class Sib7:
    """Earthquake and tsunami warning, a segment of the text."""

    segment: WarningSegment


@dataclass(frozen=True, slots=True)
class Sib8:
    """Commercial mobile alert, a segment of the text."""

    segment: WarningSegment


@dataclass(frozen=True, slots=True)
class Sib10:
    """Names of private networks for people, in UTF-8, in the order in which SIB1 lists the networks; a network need not
    have one, and a cell need not list any. Raises DecodeError.
    """

    names: tuple[bytes | None, ...]

    def __post_init__(self) -> None:
        check_range("nr sib10", "number of names", len(self.names), 0, MAX_NAMES)
        for name in self.names:
            if name is not None:
                check_name("nr sib10", "a name", name)


NrSib = Sib6 | Sib7 | Sib8 | Sib10

# ---- One block


def write_nr_sib(sib: NrSib) -> bytes:
    """The block alone, as F1AP has it. Raises ConfigError for an identifier that is not an operator's own."""
    writer = BitWriter()
    _write_block(writer, sib)
    block = writer.finish()
    assert len(block) <= MAX_SI_BYTES, f"a block of {len(block)} bytes"
    return block


def read_nr_sib(number: int, data: bytes) -> NrSib:
    """Block 6, 7, 8 or 10 alone. Raises DecodeError."""
    check_size("nr", data, MAX_SI_BYTES)
    read = _READERS.get(number)
    if read is None:
        raise DecodeError(f"nr sib: number {number} is not read, only {', '.join(map(str, _READERS))}")
    reader = BitReader(data, f"nr sib{number}")
    sib = read(reader)
    reader.finish()
    return sib


def _write_block(writer: BitWriter, sib: NrSib) -> None:
    match sib:
        case Sib6():
            write_notice(writer, sib.notice)
        case Sib7():
            write_segment(writer, sib.segment, _SIB7_OPTIONS)
        case Sib8():
            write_segment(writer, sib.segment, _SIB8_OPTIONS)
        case Sib10():
            _write_sib10(writer, sib)


def _write_sib10(writer: BitWriter, sib: Sib10) -> None:
    writer.bits(bool(sib.names) << 1, 3)
    if sib.names:
        writer.bits(len(sib.names) - 1, 4)
    for name in sib.names:
        writer.bits(name is not None, 1)
        if name is not None:
            write_name(writer, name)


def _read_sib10(reader: BitReader) -> Sib10:
    has_additions, has_names, has_late = reader.bits(1), reader.bits(1), reader.bits(1)
    names = (
        tuple(read_name(reader) if reader.bits(1) else None for _ in range(reader.bits(4) + 1))
        if has_names
        else ()
    )
    if has_late:
        reader.octet_string()
    if has_additions:
        reader.pass_additions()
    return Sib10(names)


_SIB7_OPTIONS, _SIB8_OPTIONS = 1, 2
"""Octet strings that may follow: the late extension; in SIB8 the warning area before it."""

_READERS: dict[int, Callable[[BitReader], NrSib]] = {
    6: lambda reader: Sib6(read_nr_notice(reader)),
    7: lambda reader: Sib7(read_segment(reader, _SIB7_OPTIONS)),
    8: lambda reader: Sib8(read_segment(reader, _SIB8_OPTIONS)),
    10: _read_sib10,
}

# ---- The message on the air

_SYSTEM_INFORMATION, _HEAD_BITS = 0b00000, 5
"""c1, systemInformation, systemInformation again, no late extension, no non-critical extension."""
_FIRST_ROOT, _SIB10_ADDED = 2, 0
"""SIB2 to SIB9 stood in the first release; SIB10 is the first of those that were added."""


def write_nr_system_information(sibs: Sequence[NrSib]) -> bytes:
    """A BCCH-DL-SCH-Message of these blocks. Raises ConfigError for an identifier that is not an operator's own."""
    assert 1 <= len(sibs) <= MAX_BLOCKS, f"{len(sibs)} blocks in one message"
    writer = BitWriter()
    writer.bits(_SYSTEM_INFORMATION, _HEAD_BITS)
    writer.bits(len(sibs) - 1, 5)
    for sib in sibs:
        if isinstance(sib, Sib10):
            writer.added_choice(_SIB10_ADDED, write_nr_sib(sib))
        else:
            writer.bits(_ROOT_INDEX[type(sib)], 4)
            _write_block(writer, sib)
    message = writer.finish()
    assert len(message) <= MAX_SI_BYTES, f"a message of {len(message)} bytes"
    return message


_ROOT_INDEX: dict[type[NrSib], int] = {Sib6: 4, Sib7: 5, Sib8: 6}


def read_nr_system_information(data: bytes) -> tuple[NrSib, ...]:
    """Our kinds of block out of a BCCH-DL-SCH-Message, with or without its padding. Raises DecodeError."""
    check_size("nr", data, MAX_SI_BYTES)
    reader = BitReader(data, "nr system information")
    head, count = reader.bits(_HEAD_BITS), reader.bits(5) + 1
    if head & ~3 != _SYSTEM_INFORMATION:
        raise reader.error("not system information of release 15")
    found = [_read_listed(reader) for _ in range(count)]
    if not head & 3:
        reader.finish_padded()
    return tuple(sib for sib in found if sib is not None)


def _read_listed(reader: BitReader) -> NrSib | None:
    added = reader.added_choice()
    if added is not None:
        index, content = added
        return read_nr_sib(10, content) if index == _SIB10_ADDED else None
    number = _FIRST_ROOT + reader.bits(3)
    if number not in _READERS:
        raise reader.error(f"SIB{number}, which has no length, is not read")
    return _READERS[number](reader)
