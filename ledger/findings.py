"""What verification found: findings collected one by one, and the verdict over a record or a whole chain.

A finding is never a bare boolean: it names its check, says in a sentence what holds or does not, and how bad that
is. All checks of a record run before anybody decides. Whoever wants an exception calls `require`.
"""

from dataclasses import dataclass
from enum import Enum

from ledger.chain_state import ChainState
from wire.errors import VerificationError

CHECKS = (
    "format", "signature", "quote", "pcr", "sequence", "chain", "clock", "boot record", "anchor", "interval", "totals",
)  # fmt: skip
"""All names of checks of a record, in the order in which they run and are shown."""


class Severity(Enum):
    """What follows if the finding does not hold."""

    NOTE = "note"
    """Nothing: it is told for the reader."""
    CLAIM = "claim"
    """The record is genuine, but what it claims cannot be so (beyond the grant, twice, out of time)."""
    BREAK = "break"
    """The record is genuine, but the chain has a hole here, went back, or lost its anchor."""
    FORGERY = "forgery"
    """Nothing vouches for this record: it proves nothing and is not made part of the chain."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check of one record."""

    check: str
    ok: bool
    severity: Severity
    text: str


@dataclass(frozen=True, slots=True)
class UnmeteredInterval:
    """A time [from, to) of which the chain proves nothing; a contract may price it."""

    from_utc_ms: int
    to_utc_ms: int
    why: str


@dataclass(frozen=True, slots=True)
class RecordVerdict:
    """Everything found about one record. `sequence` is 0 and `kind` "unreadable" when there is no telling."""

    sequence: int
    kind: str
    record_hash: bytes
    attested: bool
    """A TPM vouches for it; False for the software key of a box without one."""
    findings: tuple[Finding, ...]
    unmetered: tuple[UnmeteredInterval, ...] = ()

    @property
    def failures(self) -> tuple[Finding, ...]:
        """The findings that do not hold."""
        return tuple(finding for finding in self.findings if not finding.ok)

    @property
    def forged(self) -> bool:
        """Nothing vouches for the record."""
        return any(finding.severity is Severity.FORGERY for finding in self.failures)

    def require(self) -> None:
        """Raises VerificationError with every failure, if there is one."""
        if self.failures:
            why = "; ".join(f"{finding.check}: {finding.text}" for finding in self.failures)
            raise VerificationError(f"record {self.sequence}: {why}")


@dataclass(frozen=True, slots=True)
class ChainVerdict:
    """Verdicts in the order of the records, all unmetered intervals in the order of time, and the chain's end."""

    records: tuple[RecordVerdict, ...]
    unmetered: tuple[UnmeteredInterval, ...]
    state: ChainState

    @property
    def failures(self) -> tuple[tuple[int, Finding], ...]:
        """(sequence, finding) of everything that does not hold."""
        return tuple((record.sequence, finding) for record in self.records for finding in record.failures)

    @property
    def unmetered_ms(self) -> int:
        """How long nothing was proved."""
        return sum(interval.to_utc_ms - interval.from_utc_ms for interval in self.unmetered)

    def require(self) -> None:
        """Raises VerificationError with the first bad record's failures, if there is one."""
        for record in self.records:
            record.require()


def note(check: str, text: str) -> Finding:
    """Something holds, or is worth telling."""
    return Finding(check, ok=True, severity=Severity.NOTE, text=text)


def judge(check: str, severity: Severity, *, ok: bool, good: str, bad: str) -> Finding:
    """A finding with the text that fits."""
    return Finding(check, ok=ok, severity=severity, text=good if ok else bad)
