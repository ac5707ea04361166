"""What can be submitted to the ledger, and what can become of it."""

from dataclasses import dataclass
from hashlib import sha256

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


def received_id(submission: Submission) -> bytes:
    """SHA-256 of the bytes as they arrived: how a receipt names what the ledger ascribes to nobody.

    A transaction's id covers what was signed and not the signature, so anybody can send somebody's transaction with a
    broken one. What the ledger says of such a copy it must not say of the good transaction.
    """
    match submission:
        case SignedTransaction():
            return sha256(submission.envelope.encoded).digest()
        case Batch():
            return sha256(b"".join(one.envelope.encoded for one in submission.transactions)).digest()
        case Record():
            return sha256(submission.evidence).digest()
        case Enrolment():
            return sha256(submission.result).digest()


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
    """Nothing happened; `reason` is the name of the rule that says no.

    `subject` is the transaction id or record hash, except for `bad_signature` and `internal_fault`: then it is
    `received_id`.
    """

    subject: bytes
    reason: str
    detail: str
    height: int
    utc_s: int


Outcome = Executed | Refused
