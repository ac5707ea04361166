"""What the ledger's state has of one publisher's word on one subject, and the proof of it that a device believes.

    under "y" | key id of the subject | key id of the publisher:
    [ until_s, sessions, completed, served_s, served_bytes ]

The proof is the entry, its path to the state root (wire/state_proof.py) and the header that the ledger signed. An entry
that is not there is proved as well. Key ids have eight octets: who searches 2^64 keys finds one that shares another's.
No clock.   Units: seconds (UTC), octets. Reference: Datanet 5.5.5.
"""

from wire.block_header import read_signed_header
from wire.cbor import read_cbor, write_cbor
from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.state_proof import read_proof, verify_proof

MAX_ENTRY_BYTES = 64


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """All that one publisher has said of one subject, up to `until_s`."""

    until_s: int
    sessions: int
    completed: int
    served_s: int
    served_bytes: int

    def __post_init__(self) -> None:
        for name in ("until_s", "sessions", "completed", "served_s", "served_bytes"):
            check_range("usage totals", name, getattr(self, name))
        if self.completed > self.sessions:
            raise DecodeError(f"usage totals: {self.completed} of {self.sessions} sessions were completed")


NOTHING = UsageTotals(0, 0, 0, 0, 0)
"""Of somebody of whom this publisher has said nothing."""


def totals_key(subject: PublicKey, publisher: PublicKey) -> bytes:
    """Where it lies in the state."""
    return b"y" + subject.key_id + publisher.key_id


def write_usage_totals(totals: UsageTotals) -> bytes:
    return write_cbor([
        totals.until_s, totals.sessions, totals.completed, totals.served_s, totals.served_bytes,
    ])  # fmt: skip


def read_usage_totals(data: bytes) -> UsageTotals:
    """Raises DecodeError."""
    if len(data) > MAX_ENTRY_BYTES:
        raise DecodeError(f"usage totals: {len(data)} bytes, at most {MAX_ENTRY_BYTES} are accepted")
    match read_cbor(data):
        case [int(until_s), int(sessions), int(completed), int(served_s), int(served_bytes)]:
            return UsageTotals(until_s, sessions, completed, served_s, served_bytes)
    raise DecodeError("usage totals: not [until, sessions, completed, seconds, octets]")


def read_proved_totals(
    subject: PublicKey,
    publisher: PublicKey,
    entry: bytes | None,
    proof: bytes,
    header: bytes,
    ledger: PublicKey,
    ledger_id: bytes,
) -> tuple[UsageTotals, int]:
    """The totals, and as of when (UTC seconds of the block). Raises DecodeError, VerificationError."""
    head = read_signed_header(header, ledger, ledger_id)
    verify_proof(head.state_root, totals_key(subject, publisher), entry, read_proof(proof))
    return NOTHING if entry is None else read_usage_totals(entry), head.time_s
