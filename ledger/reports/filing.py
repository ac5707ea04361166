"""A report file read as a stream: the form of ledger/bundle.py at any length, in memory that does not grow with it.

Grants and the chain's end lie behind the records. So `read_layout` steps over everything once and says where each part
begins; records and grants are read afterwards, one at a time. Nothing is verified here. Pure but for the file, which it
is given and which can be sought in. Raises DecodeError that says at which byte of the file. Largest legal size 64 GiB.
Reference: RFC 8949 clause 4.2.1, as wire/cbor.py has it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ledger.bundle import NO_REPORT
from ledger.completeness import ChainProof
from ledger.genesis import MAX_GENESIS_BYTES, MAX_SIGNED_BYTES, Genesis, read_genesis
from wire.cbor import write_head
from wire.errors import DecodeError
from wire.evidence import MAX_EVIDENCE_BYTES
from wire.grant import MAX_GRANT_BYTES

MAX_REPORT_BYTES = 64 * 2**30
"""A box that reports every five seconds fills it in centuries; below it every position is a small integer."""
MAX_END_BYTES = 64 * 1024
"""Of an entry, a proof or a header, each of which has some hundred octets."""
_UNSIGNED, _BYTES, _TEXT, _ARRAY = 0, 2, 3, 4
_NAME, _FORM, _PARTS, _END_PARTS = b"airgrant report", 2, 7, 3


@dataclass(frozen=True, slots=True)
class Layout:
    """What a report file has, and at which octet its records and its grants begin. Unverified."""

    genesis: Genesis
    attestation_result: bytes
    end: ChainProof
    records: int
    records_at: int
    grants: int
    grants_at: int


def read_layout(file: BinaryIO) -> Layout:
    """Steps over the whole file, which begins at its first octet. Raises DecodeError."""
    octets = _Octets(file, 0)
    _read_name(octets)
    form = octets.number(_UNSIGNED, "the form")
    if form != _FORM:
        hint = " does not say where the chain ends: fetch it again" if form == 1 else " is not known here"
        raise DecodeError(f"report file: form {form}{hint}")
    genesis = read_genesis(octets.string(MAX_GENESIS_BYTES, "the genesis"))
    result = octets.string(MAX_SIGNED_BYTES, "the attestation result")
    records = octets.number(_ARRAY, "the records")
    records_at = octets.at
    for number in range(1, records + 1):
        octets.string(MAX_EVIDENCE_BYTES, f"record {number}")
    grants = octets.number(_ARRAY, "the grants")
    grants_at = octets.at
    for number in range(1, grants + 1):
        octets.string(MAX_GRANT_BYTES, f"grant {number}")
    if octets.number(_ARRAY, "the end of the chain") != _END_PARTS:
        raise octets.error("the end of the chain is not entry, proof and header")
    end = ChainProof(*(octets.string(MAX_END_BYTES, what) for what in ("entry", "proof", "header")))
    octets.finish()
    return Layout(genesis, result, end, records, records_at, grants, grants_at)


def read_records(file: BinaryIO, layout: Layout) -> Iterator[bytes]:
    """The evidence of each record, in order. Raises DecodeError."""
    octets = _Octets(file, layout.records_at)
    for number in range(1, layout.records + 1):
        yield octets.string(MAX_EVIDENCE_BYTES, f"record {number}")


def read_grants(file: BinaryIO, layout: Layout) -> Iterator[tuple[int, bytes]]:
    """Where each grant is, and its bytes. Raises DecodeError."""
    octets = _Octets(file, layout.grants_at)
    for number in range(1, layout.grants + 1):
        at = octets.at
        yield at, octets.string(MAX_GRANT_BYTES, f"grant {number}")


def read_grant_at(file: BinaryIO, at: int) -> bytes:
    """The bytes of the grant that `read_grants` found there. Raises DecodeError."""
    return _Octets(file, at).string(MAX_GRANT_BYTES, "a grant")


class _Octets:
    """A place in the file; `at` is counted here, as asking the file costs a system call."""

    __slots__ = ("_file", "at")

    def __init__(self, file: BinaryIO, at: int) -> None:
        self._file = file
        self.at = at
        file.seek(at)

    def number(self, major: int, what: str) -> int:
        """The argument of a head of this major type."""
        found, argument = self._head(what)
        if found != major:
            raise self.error(f"{what}: is of another type")
        return argument

    def string(self, most: int, what: str) -> bytes:
        """A byte string."""
        return self._string(_BYTES, most, what)

    def text(self, most: int, what: str) -> bytes:
        return self._string(_TEXT, most, what)

    def finish(self) -> None:
        if self._file.read(1):
            raise self.error("something follows the end")

    def error(self, why: str) -> DecodeError:
        return DecodeError(f"report file: at byte {self.at}: {why}")

    def _string(self, major: int, most: int, what: str) -> bytes:
        size = self.number(major, what)
        if size > most:
            raise self.error(f"{what} has {size} bytes, at most {most} are accepted")
        return self._take(size, what)

    def _take(self, size: int, what: str) -> bytes:
        data = self._file.read(size)
        self.at += len(data)
        if len(data) < size:
            raise self.error(f"the file ends inside {what}")
        if self.at > MAX_REPORT_BYTES:
            raise self.error(f"at most {MAX_REPORT_BYTES} bytes are accepted")
        return data

    def _head(self, what: str) -> tuple[int, int]:
        """(major type, argument), in the shortest form only."""
        first = self._take(1, what)[0]
        major, information = first >> 5, first & 31
        if information < 24:
            return major, information
        if information > 27:
            raise self.error(f"{what}: indefinite or reserved length")
        rest = self._take(1 << (information - 24), what)
        argument = int.from_bytes(rest, "big")
        if write_head(major, argument) != bytes((first,)) + rest:
            raise self.error(f"{what}: its length is not in the shortest form")
        return major, argument


def _read_name(octets: _Octets) -> None:
    """Whatever else a file begins with, it is not what was meant, and is said so in one way."""
    try:
        named = octets.number(_ARRAY, "the file"), octets.text(len(_NAME), "the name")
    except DecodeError as error:
        raise DecodeError(f"{NO_REPORT}: {error}") from error
    if named[1] != _NAME:
        raise DecodeError(NO_REPORT)
    if named[0] != _PARTS:
        raise octets.error(f"{named[0]} parts instead of {_PARTS}: another form, or cut")
