"""What system information of LTE and NR has in common besides warnings: a size, a number of blocks, names for people.

A name is UTF-8 in 1 to 48 octets; nobody here looks into it.
Reference: 3GPP TS 36.331 and TS 38.331, clauses 6.2.2 (SystemInformation), 6.3.1 (hnb-Name, hrnn).
"""

from nas_tunnel.uper import BitReader, BitWriter
from wire.errors import DecodeError
from wire.fields import check_range

MAX_BLOCKS = 32
"""In one message (maxSIB)."""
MAX_NAME_BYTES = 48
_NAME_SIZE_BITS = 6


def check_size(radio: str, data: bytes, most: int) -> None:
    """Before anything is read, so that whatever follows is bounded. Raises DecodeError."""
    if len(data) > most:
        raise DecodeError(f"{radio} system information: {len(data)} bytes, at most {most} are accepted")


def check_name(block: str, field: str, name: bytes) -> None:
    """For constructors. Raises DecodeError."""
    check_range(block, f"octets of {field}", len(name), 1, MAX_NAME_BYTES)


def write_name(writer: BitWriter, name: bytes) -> None:
    writer.bits(len(name) - 1, _NAME_SIZE_BITS)
    writer.octets(name)


def read_name(reader: BitReader) -> bytes:
    """Raises DecodeError where it is cut; one that is too long its block refuses (`check_name`)."""
    return reader.octets(reader.bits(_NAME_SIZE_BITS) + 1)
