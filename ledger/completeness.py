"""Is a chain shown to its end? What the ledger's signed state says of it, against the records that are there.

A chain that is cut short verifies as well as a whole one: each record names the one before, none names the next. The
state has the end of every chain (ledger/entries.py, MeterChain), so the app hash covers it, and the ledger signs that
with every header. Pure. How fresh the header is, the finding says in words: who withholds records could show an old
one, and whoever reads it knows what time it is.
"""

from dataclasses import dataclass

from ledger.entries import MeterChain, chain_key, read_entry
from ledger.findings import Finding, RecordVerdict, Severity, judge
from wire.block_header import read_signed_header
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.state_proof import read_proof, verify_proof
from wire.units import format_instant


@dataclass(frozen=True, slots=True)
class ChainProof:
    """As the ledger shows them: the encoded entry, its path to the state root, the signed header."""

    entry: bytes
    proof: bytes
    header: bytes


@dataclass(frozen=True, slots=True)
class ProvedEnd:
    """What the header of block `height` and time `time_s` says of a chain; `retired_s` is 0 while it goes on."""

    end: MeterChain
    height: int
    time_s: int


def verify_chain_proof(shown: ChainProof, key_id: bytes, ledger: PublicKey, ledger_id: bytes) -> ProvedEnd:
    """Raises DecodeError, VerificationError."""
    header = read_signed_header(shown.header, ledger, ledger_id)
    key = chain_key(key_id)
    verify_proof(header.state_root, key, shown.entry, read_proof(shown.proof))
    end = read_entry(key, shown.entry)
    if not isinstance(end, MeterChain):
        raise DecodeError(f"chain proof: what lies under {key.hex()} is no chain")
    return ProvedEnd(end, header.height, header.time_s)


def check_complete(proved: ProvedEnd, records: tuple[RecordVerdict, ...]) -> Finding:
    """The finding "complete": the record at which the chain ends is there. More may have come since the header."""
    end = proved.end
    there = any(
        (record.sequence, record.record_hash) == (end.sequence, end.head)
        for record in records
        if not record.forged
    )
    since = f"block {proved.height} of {format_instant(proved.time_s)}"
    last = max((record.sequence for record in records), default=0)
    return judge(
        "complete",
        Severity.BREAK,
        ok=there or not end.sequence,
        good=f"shown to its end, record {end.sequence}, as {since} has it",
        bad=f"ends at record {end.sequence} as {since} has it, and is shown to {last}: records are withheld",
    )
