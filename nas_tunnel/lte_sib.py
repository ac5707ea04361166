"""LTE system information with room for our bytes: SIB9, SIB10, SIB11 and SIB12, alone or in the message on the air.

SIB9 has a name of 1 to 48 octets, SIB10 two octets, SIB11 and SIB12 segments of a cell broadcast. In a message, blocks
that other releases added are passed over; SIB2 to SIB8 are refused, because they have no length by which to pass over
them. They are scheduled in messages of their own (`si-sched-info`), and so are ours.
Reference: 3GPP TS 36.331, clauses 6.2.2 (BCCH-DL-SCH-Message, SystemInformation), 6.3.1 and 8.5 (padding).
"""

from collections.abc import Callable, Sequence

from nas_tunnel.system_information import MAX_BLOCKS, check_name, check_size, read_name, write_name
from nas_tunnel.uper import BitReader, BitWriter
from nas_tunnel.warning_sib import (
    WarningNotice,
    WarningSegment,
    read_lte_notice,
    read_segment,
    write_notice,
    write_segment,
)
from wire.errors import DecodeError
from wire.frozen import dataclass

MAX_SI_BYTES_1A = 277
"""2,216 bits: the largest block that DCI format 1A schedules for broadcast (TS 36.213 clause 7.1.7.2.1)."""
MAX_SI_BYTES_1C = 217
"""1,736 bits: the same for the compact format 1C."""


@dataclass(frozen=True, slots=True)
class Sib9:
    """The name of a home eNB, in UTF-8. Raises DecodeError."""

    hnb_name: bytes | None

    def __post_init__(self) -> None:
        if self.hnb_name is not None:
            check_name("lte sib9", "hnb_name", self.hnb_name)


@dataclass(frozen=True, slots=True)
class Sib10:
    """Earthquake and tsunami warning, the notice."""

    notice: WarningNotice


@dataclass(frozen=True, slots=True)
class Sib11:
    """Earthquake and tsunami warning, a segment of the text."""

    segment: WarningSegment


@dataclass(frozen=True, slots=True)
class Sib12:
    """Commercial mobile alert, a segment of the text."""

    segment: WarningSegment


LteSib = Sib9 | Sib10 | Sib11 | Sib12

# ---- One block


def write_lte_sib(sib: LteSib) -> bytes:
    """The block alone. Raises ConfigError for an identifier that is not an operator's own."""
    writer = BitWriter()
    _write_block(writer, sib)
    block = writer.finish()
    assert len(block) <= MAX_SI_BYTES_1A, f"a block of {len(block)} bytes"
    return block


def read_lte_sib(number: int, data: bytes) -> LteSib:
    """Block 9, 10, 11 or 12 alone. Raises DecodeError."""
    check_size("lte", data, MAX_SI_BYTES_1A)
    read = _READERS.get(number)
    if read is None:
        raise DecodeError(f"lte sib: number {number} is not read, only {min(_READERS)} to {max(_READERS)}")
    reader = BitReader(data, f"lte sib{number}")
    sib = read(reader)
    reader.finish()
    return sib


def _write_block(writer: BitWriter, sib: LteSib) -> None:
    match sib:
        case Sib9():
            _write_sib9(writer, sib)
        case Sib10():
            write_notice(writer, sib.notice)
        case Sib11():
            write_segment(writer, sib.segment, _SIB11_OPTIONS)
        case Sib12():
            write_segment(writer, sib.segment, _SIB12_OPTIONS)


def _write_sib9(writer: BitWriter, sib: Sib9) -> None:
    if sib.hnb_name is None:
        writer.bits(0, 2)
    else:
        writer.bits(1, 2)
        write_name(writer, sib.hnb_name)


def _read_sib9(reader: BitReader) -> Sib9:
    has_additions, has_name = reader.bits(1), reader.bits(1)
    sib = Sib9(read_name(reader) if has_name else None)
    if has_additions:
        reader.pass_additions()
    return sib


_SIB11_OPTIONS, _SIB12_OPTIONS = 0, 1
"""Octet strings that may follow: none in SIB11 (there it is an addition), the late extension in SIB12."""

_READERS: dict[int, Callable[[BitReader], LteSib]] = {
    9: _read_sib9,
    10: lambda reader: Sib10(read_lte_notice(reader)),
    11: lambda reader: Sib11(read_segment(reader, _SIB11_OPTIONS)),
    12: lambda reader: Sib12(read_segment(reader, _SIB12_OPTIONS)),
}

# ---- The message on the air

_SYSTEM_INFORMATION, _HEAD_BITS = 0b0000, 4
"""c1, systemInformation, systemInformation-r8, no non-critical extension."""
_FIRST_ROOT, _ROOT_BLOCKS, _SIB12_ADDED = 2, 10, 0
"""SIB2 to SIB11 stood in the first release; SIB12 is the first of those that were added."""


def write_lte_system_information(sibs: Sequence[LteSib]) -> bytes:
    """A BCCH-DL-SCH-Message of these blocks. Raises ConfigError for an identifier that is not an operator's own."""
    assert 1 <= len(sibs) <= MAX_BLOCKS, f"{len(sibs)} blocks in one message"
    writer = BitWriter()
    writer.bits(_SYSTEM_INFORMATION, _HEAD_BITS)
    writer.bits(len(sibs) - 1, 5)
    for sib in sibs:
        if isinstance(sib, Sib12):
            writer.added_choice(_SIB12_ADDED, write_lte_sib(sib))
        else:
            writer.bits(_ROOT_INDEX[type(sib)], 5)
            _write_block(writer, sib)
    message = writer.finish()
    assert len(message) <= MAX_SI_BYTES_1A, f"a message of {len(message)} bytes"
    return message


_ROOT_INDEX: dict[type[LteSib], int] = {Sib9: 7, Sib10: 8, Sib11: 9}


def read_lte_system_information(data: bytes) -> tuple[LteSib, ...]:
    """Our kinds of block out of a BCCH-DL-SCH-Message, with or without its padding. Raises DecodeError."""
    check_size("lte", data, MAX_SI_BYTES_1A)
    reader = BitReader(data, "lte system information")
    head, count = reader.bits(_HEAD_BITS), reader.bits(5) + 1
    if head & ~1 != _SYSTEM_INFORMATION:
        raise reader.error("not system information of release 8")
    found = [_read_listed(reader) for _ in range(count)]
    if not head & 1:
        reader.finish_padded()
    return tuple(sib for sib in found if sib is not None)


def _read_listed(reader: BitReader) -> LteSib | None:
    added = reader.added_choice()
    if added is not None:
        index, content = added
        return read_lte_sib(12, content) if index == _SIB12_ADDED else None
    index = reader.bits(4)
    number = _FIRST_ROOT + index
    if index >= _ROOT_BLOCKS or number not in _READERS:
        raise reader.error(f"root block {index} (SIB{number}), which has no length, is not read")
    return _READERS[number](reader)
