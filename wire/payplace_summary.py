"""`publish_summary`: what somebody says on the ledger about the sessions that it had with an access point or device.

Totals of a span of time, so that nobody's sessions are told. `evidence` may be the hash of an attestation of them.
Reference: Datanet 5.5.5 (trusted activity summaries).   Units: seconds, octets.
"""

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.payplace_registration import check_size
from wire.units import U32_MAX

EVIDENCE_SIZE = 32

_SUBJECT, _FROM, _UNTIL, _SESSIONS, _COMPLETED, _SECONDS, _BYTES, _EVIDENCE = range(3, 11)


@dataclass(frozen=True, slots=True)
class PublishSummary:
    """Of `sessions` begun within the span, `completed` were served as promised, for so many seconds and octets."""

    subject: PublicKey
    from_s: int
    until_s: int
    sessions: int
    completed: int
    served_s: int
    served_bytes: int
    evidence: bytes = b""

    def __post_init__(self) -> None:
        for name in ("sessions", "completed", "served_s"):
            check_range("publish_summary", name, getattr(self, name), 0, U32_MAX)
        for name in ("from_s", "until_s", "served_bytes"):
            check_range("publish_summary", name, getattr(self, name))
        check_size("publish_summary", "evidence", self.evidence, 0, EVIDENCE_SIZE)
        if self.from_s >= self.until_s:
            raise DecodeError(f"publish_summary: from {self.from_s} until {self.until_s} is no span of time")
        if self.completed > self.sessions:
            raise DecodeError(f"publish_summary: {self.completed} of {self.sessions} sessions were completed")


def write_publish_summary(action: PublishSummary) -> dict[Key, Value]:
    fields: dict[Key, Value] = {
        _SUBJECT: action.subject.octets,
        _FROM: action.from_s,
        _UNTIL: action.until_s,
        _SESSIONS: action.sessions,
        _COMPLETED: action.completed,
        _SECONDS: action.served_s,
        _BYTES: action.served_bytes,
    }
    return fields | ({_EVIDENCE: action.evidence} if action.evidence else {})


def read_publish_summary(fields: FieldReader) -> PublishSummary:
    return PublishSummary(
        read_public_key(fields, _SUBJECT, "subject"),
        fields.integer(_FROM, "from_s"),
        fields.integer(_UNTIL, "until_s"),
        fields.integer(_SESSIONS, "sessions", 0, U32_MAX),
        fields.integer(_COMPLETED, "completed", 0, U32_MAX),
        fields.integer(_SECONDS, "served_s", 0, U32_MAX),
        fields.integer(_BYTES, "served_bytes"),
        fields.octets(_EVIDENCE, "evidence", EVIDENCE_SIZE) if _EVIDENCE in fields else b"",
    )
