"""What can be submitted to the ledger, and what can become of it."""

from dataclasses import dataclass

from ledger.contract import Applied
from wire.grant import Grant
from wire.transaction import SignedTransaction


@dataclass(frozen=True, slots=True)
class Batch:
    """Transactions of which all happen, in their order, or none."""

    transactions: tuple[SignedTransaction, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Evidence of a meter record, as it arrived and could be read."""

    evidence: bytes


@dataclass(frozen=True, slots=True)
class Enrolment:
    """An attestation result that this ledger signed."""

    result: bytes


Submission = SignedTransaction | Batch | Record | Enrolment


@dataclass(frozen=True, slots=True)
class Executed:
    """`subject` (transaction id, record hash) took effect in block `height` of time `utc_s`.

    `applied` has one item for each transaction, none for a record; `grants` those of a purchase, if a reply
    holds them.
    """

    subject: bytes
    height: int
    utc_s: int
    applied: tuple[Applied, ...] = ()
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """Nothing happened; `reason` is the name of the rule that says no."""

    subject: bytes
    reason: str
    detail: str
    height: int
    utc_s: int


Outcome = Executed | Refused
