"""What blocks of system information say of a cell broadcast, alike in LTE and NR but for the options at their end.

    notice     LTE SIB10, NR SIB6     two octets in a hurry
    segment    LTE SIB11 and SIB12, NR SIB7 and SIB8     a piece of up to 64 of a message

A reader takes any identifier, as real warnings are heard too; a writer refuses all but an operator's own. Options that
we never write (late non-critical extension, warning area) and additions of later releases are read past.
Reference: 3GPP TS 36.331 and TS 38.331, clause 6.3.1; TS 23.041, clause 9.4.1.2.
"""

from nas_tunnel.uper import BitReader, BitWriter
from wire.fields import check_range
from wire.frozen import dataclass
from wire.warning_id import U16_MAX, own_identifier

MAX_SEGMENTS = 64
WARNING_TYPE_SIZE = 2
DUMMY_SIZE = 50
"""A digital signature stood there once (TS 36.331, `dummy` of SIB10); nobody reads it."""


@dataclass(frozen=True, slots=True)
class WarningNotice:
    """Raises DecodeError."""

    message_identifier: int
    serial_number: int
    warning_type: bytes

    def __post_init__(self) -> None:
        check_range("warning notice", "message_identifier", self.message_identifier, 0, U16_MAX)
        check_range("warning notice", "serial_number", self.serial_number, 0, U16_MAX)
        check_range(
            "warning notice",
            "octets of warning_type",
            len(self.warning_type),
            WARNING_TYPE_SIZE,
            WARNING_TYPE_SIZE,
        )


@dataclass(frozen=True, slots=True)
class WarningSegment:
    """Piece `number` of a message; the first tells the data coding scheme, and others do not. Raises DecodeError."""

    message_identifier: int
    serial_number: int
    is_last: bool
    number: int
    octets: bytes
    data_coding_scheme: int | None = None

    def __post_init__(self) -> None:
        check_range("warning segment", "message_identifier", self.message_identifier, 0, U16_MAX)
        check_range("warning segment", "serial_number", self.serial_number, 0, U16_MAX)
        check_range("warning segment", "number", self.number, 0, MAX_SEGMENTS - 1)
        check_range("warning segment", "data_coding_scheme", self.data_coding_scheme or 0, 0, 0xFF)


def write_notice(writer: BitWriter, notice: WarningNotice) -> None:
    """Extension bit and the bit of the one option, then the fields. Raises ConfigError for another identifier
    than an operator's own.
    """
    writer.bits(0, 2)
    writer.bits(own_identifier(notice.message_identifier), 16)
    writer.bits(notice.serial_number, 16)
    writer.octets(notice.warning_type)


def read_lte_notice(reader: BitReader) -> WarningNotice:
    """SIB10. Raises DecodeError."""
    has_additions, has_dummy = reader.bits(1), reader.bits(1)
    notice = _read_notice(reader)
    if has_dummy:
        reader.octets(DUMMY_SIZE)
    if has_additions:
        reader.pass_additions()
    return notice


def read_nr_notice(reader: BitReader) -> WarningNotice:
    """SIB6. Raises DecodeError."""
    has_additions, has_late = reader.bits(1), reader.bits(1)
    notice = _read_notice(reader)
    if has_late:
        reader.octet_string()
    if has_additions:
        reader.pass_additions()
    return notice


def _read_notice(reader: BitReader) -> WarningNotice:
    return WarningNotice(reader.bits(16), reader.bits(16), reader.octets(WARNING_TYPE_SIZE))


def write_segment(writer: BitWriter, segment: WarningSegment, later_options: int) -> None:
    """`later_options` is how many octet strings could follow the data coding scheme; none does. Raises ConfigError for
    another identifier than an operator's own.
    """
    scheme = segment.data_coding_scheme
    writer.bits((scheme is not None) << later_options, 2 + later_options)
    writer.bits(own_identifier(segment.message_identifier), 16)
    writer.bits(segment.serial_number, 16)
    writer.bits(segment.is_last << 6 | segment.number, 7)
    writer.octet_string(segment.octets)
    if scheme is not None:
        writer.bits(scheme, 8)


def read_segment(reader: BitReader, later_options: int) -> WarningSegment:
    """Raises DecodeError."""
    has_additions, has_scheme, later = reader.bits(1), reader.bits(1), reader.bits(later_options)
    segment = WarningSegment(
        message_identifier=reader.bits(16),
        serial_number=reader.bits(16),
        is_last=bool(reader.bits(1)),
        number=reader.bits(6),
        octets=reader.octet_string(),
        data_coding_scheme=reader.bits(8) if has_scheme else None,
    )
    for _ in range(later.bit_count()):
        reader.octet_string()
    if has_additions:
        reader.pass_additions()
    return segment
