"""What a TPM says and signs: the TPMS_ATTEST structure, for quotes of PCRs and for certified NV contents.

    FF544347  magic: made inside the TPM, so that a restricted key signs nothing else that looks like it
    8018      type: quote (8014: NV contents)
    0022 ..   qualified name of the signing key (TPM2B_NAME)
    0020 ..   extra data: the hash of the record that this attests
    u64 u32 u32 u8   clock in ms, resetCount, restartCount, safe
    u64       firmware version
    ..        quote: TPML_PCR_SELECTION and TPM2B_DIGEST; NV: TPM2B_NAME, offset, TPM2B contents

Strict: another magic, an unknown type, a truncated field or a byte too many raises DecodeError. A structure made
by us is 145 to 149 bytes, the largest legal one is MAX_ATTEST_BYTES. Signature and meaning are checked by
`ledger/evidence.py`. Firmware version, resetCount and restartCount of a key outside the endorsement hierarchy are
obfuscated by a constant that depends on the key: only differences modulo 2**32 mean anything.
Reference: TPM 2.0 Library part 2, clauses 10.12.8 (TPMS_ATTEST), 10.11.1 (TPMS_CLOCK_INFO); part 1, clause 36.7.
"""

from collections.abc import Iterable, Mapping
from hashlib import sha256

from wire.frozen import dataclass
from wire.tpm_buffer import TpmReader, write_sized, write_u16, write_u32, write_u64

MAX_ATTEST_BYTES = 1_024
"""A quote over 16 banks and a 64-byte digest, with the longest names, is below 400; NV contents are at most 512
here.
"""
TPM_GENERATED = 0xFF544347
TYPE_NV = 0x8014
TYPE_QUOTE = 0x8018
ALGORITHM_SHA256 = 0x000B

_MAX_NAME_BYTES = 66
_MAX_EXTRA_BYTES = 66
_MAX_DIGEST_BYTES = 64
_MAX_NV_BYTES = 512
_MAX_BANKS = 16
_PCR_SELECT_BYTES = 3
"""24 PCRs: what the PC Client profile has. Other sizes mean the same PCRs in other bytes and are refused."""


@dataclass(frozen=True, slots=True)
class ClockInfo:
    """When, in the TPM's own time."""

    clock_ms: int
    reset_count: int
    restart_count: int
    safe: bool
    """False shortly after an unclean restart: the clock may have been seen before (it never goes back by more than
    a save).
    """


@dataclass(frozen=True, slots=True)
class PcrSelection:
    """PCRs of one bank, ascending."""

    hash_algorithm: int
    indices: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Quoted:
    """The digest over the selected PCRs' values, in the order of the selection."""

    selections: tuple[PcrSelection, ...]
    digest: bytes


@dataclass(frozen=True, slots=True)
class NvCertified:
    """A part of an NV index's contents; the index's name fixes its handle, attributes and policy."""

    index_name: bytes
    offset: int
    contents: bytes


@dataclass(frozen=True, slots=True)
class Attest:
    """A TPMS_ATTEST in wire order, without magic; the type follows from `attested`."""

    qualified_signer: bytes
    extra_data: bytes
    clock: ClockInfo
    firmware_version: int
    attested: Quoted | NvCertified


def read_attest(data: bytes) -> Attest:
    """The structure that fills `data`. Raises DecodeError."""
    reader = TpmReader(data, "TPMS_ATTEST")
    if len(data) > MAX_ATTEST_BYTES:
        raise reader.error(f"{len(data)} bytes, at most {MAX_ATTEST_BYTES} are accepted")
    magic = reader.u32("magic")
    if magic != TPM_GENERATED:
        raise reader.error(f"magic {magic:08x} instead of {TPM_GENERATED:08x}: not made by a TPM")
    kind = reader.u16("type")
    if kind not in (TYPE_QUOTE, TYPE_NV):
        raise reader.error(
            f"type {kind:04x} is neither a quote ({TYPE_QUOTE:04x}) nor certified NV ({TYPE_NV:04x})"
        )
    signer = reader.sized("the qualified signer", _MAX_NAME_BYTES)
    extra = reader.sized("the extra data", _MAX_EXTRA_BYTES)
    clock = _read_clock(reader)
    firmware = reader.u64("the firmware version")
    attested = _read_quoted(reader) if kind == TYPE_QUOTE else _read_nv(reader)
    reader.finish()
    return Attest(signer, extra, clock, firmware, attested)


def write_attest(attest: Attest) -> bytes:
    """The bytes of a TPMS_ATTEST: for the fake TPM and for tests; a real one comes from a TPM."""
    clock = attest.clock
    quote = isinstance(attest.attested, Quoted)
    return b"".join(
        (
            write_u32(TPM_GENERATED),
            write_u16(TYPE_QUOTE if quote else TYPE_NV),
            write_sized(attest.qualified_signer),
            write_sized(attest.extra_data),
            write_u64(clock.clock_ms) + write_u32(clock.reset_count) + write_u32(clock.restart_count),
            bytes((clock.safe,)),
            write_u64(attest.firmware_version),
            _write_quoted(attest.attested)
            if isinstance(attest.attested, Quoted)
            else _write_nv(attest.attested),
        )
    )


def read_pcr_selections(reader: TpmReader) -> tuple[PcrSelection, ...]:
    """A TPML_PCR_SELECTION (part 2, clause 10.9.7)."""
    count = reader.u32("the number of PCR banks")
    if count > _MAX_BANKS:
        raise reader.error(f"{count} PCR banks, at most {_MAX_BANKS} are accepted")
    return tuple(_read_pcr_selection(reader) for _ in range(count))


def write_pcr_selections(selections: Iterable[PcrSelection]) -> bytes:
    """As `read_pcr_selections`."""
    banks = [_write_pcr_selection(selection) for selection in selections]
    return write_u32(len(banks)) + b"".join(banks)


def compute_pcr_digest(indices: Iterable[int], values: Mapping[int, bytes]) -> bytes:
    """What a SHA-256 quote digests: the PCRs' values by ascending index (part 1, clause 17.5). KeyError if one
    lacks.
    """
    return sha256(b"".join(values[index] for index in sorted(indices))).digest()


def extend_pcr(value: bytes, digest: bytes) -> bytes:
    """A SHA-256 PCR's value after an extension (part 1, clause 17.3)."""
    return sha256(value + digest).digest()


def _read_clock(reader: TpmReader) -> ClockInfo:
    clock_ms, reset_count, restart_count = (
        reader.u64("clock"),
        reader.u32("resetCount"),
        reader.u32("restartCount"),
    )
    safe = reader.u8("safe")
    if safe not in (0, 1):
        raise reader.error(f"safe is {safe}, neither yes (1) nor no (0)")
    return ClockInfo(clock_ms, reset_count, restart_count, safe == 1)


def _read_quoted(reader: TpmReader) -> Quoted:
    return Quoted(read_pcr_selections(reader), reader.sized("the PCR digest", _MAX_DIGEST_BYTES))


def _write_quoted(quoted: Quoted) -> bytes:
    return write_pcr_selections(quoted.selections) + write_sized(quoted.digest)


def _read_nv(reader: TpmReader) -> NvCertified:
    name, offset = reader.sized("the NV index's name", _MAX_NAME_BYTES), reader.u16("the offset")
    return NvCertified(name, offset, reader.sized("the NV contents", _MAX_NV_BYTES))


def _write_nv(certified: NvCertified) -> bytes:
    return write_sized(certified.index_name) + write_u16(certified.offset) + write_sized(certified.contents)


def _read_pcr_selection(reader: TpmReader) -> PcrSelection:
    algorithm, size = reader.u16("the hash of a PCR bank"), reader.u8("the size of a PCR selection")
    if size != _PCR_SELECT_BYTES:
        raise reader.error(f"a PCR selection of {size} bytes instead of {_PCR_SELECT_BYTES}")
    bits = int.from_bytes(reader.octets(size, "a PCR selection"), "little")
    return PcrSelection(algorithm, tuple(index for index in range(8 * size) if bits >> index & 1))


def _write_pcr_selection(selection: PcrSelection) -> bytes:
    bits = sum(1 << index for index in selection.indices)
    head = write_u16(selection.hash_algorithm) + bytes((_PCR_SELECT_BYTES,))
    return head + bits.to_bytes(_PCR_SELECT_BYTES, "little")
