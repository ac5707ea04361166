"""What can be submitted to the ledger, its one wire form, and what can become of it.

    [ 1, transaction ]   [ 2, [ transaction, ... ] ]   [ 3, evidence ]   [ 4, attestation result ]

Canonical CBOR around bytes that are signed by themselves and kept as they are (docs/wire/submission.md). It is what
engines order; whoever submits to a gateway by MQTT sends the inner bytes to a topic of their kind.
"""

from dataclasses import dataclass
from hashlib import sha256

from ledger.contract import Applied
from wire.attestation_result import MAX_ATTESTATION_RESULT_BYTES
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.meter_record import read_meter_record
from wire.transaction import SignedTransaction, read_transaction

MAX_SUBMISSION_BYTES = 4 * 1024 * 1024
"""As an MQTT packet to the ledger: two purchases for 50,000 consumers, or an auction of 10,000 bids."""
MAX_BATCH = 20_000

_TRANSACTION, _BATCH, _RECORD, _ENROLMENT = 1, 2, 3, 4


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
    """An attestation result that a gateway of this ledger signed."""

    result: bytes


Submission = SignedTransaction | Batch | Record | Enrolment


def write_submission(submission: Submission) -> bytes:
    match submission:
        case SignedTransaction():
            return write_cbor([_TRANSACTION, submission.envelope.encoded])
        case Batch():
            transactions: list[Value] = [one.envelope.encoded for one in submission.transactions]
            return write_cbor([_BATCH, transactions])
        case Record():
            return write_cbor([_RECORD, submission.evidence])
        case Enrolment():
            return write_cbor([_ENROLMENT, submission.result])


def read_submission(data: bytes, ledger_id: bytes) -> Submission:
    """Its signatures are still to be verified. Raises DecodeError."""
    if len(data) > MAX_SUBMISSION_BYTES:
        raise DecodeError(f"submission: {len(data)} bytes, at most {MAX_SUBMISSION_BYTES} are accepted")
    match read_cbor(data):
        case [1, bytes(transaction)]:
            return read_transaction(transaction, ledger_id)
        case [2, list(items)] if 1 <= len(items) <= MAX_BATCH:
            parts = [one for one in items if isinstance(one, bytes)]
            if len(parts) == len(items):
                return Batch(tuple(read_transaction(one, ledger_id) for one in parts))
        case [3, bytes(evidence)]:
            read_meter_record(read_evidence(evidence).record)
            return Record(evidence)
        case [4, bytes(result)] if len(result) <= MAX_ATTESTATION_RESULT_BYTES:
            return Enrolment(result)
    raise DecodeError("submission: not [1, transaction], [2, transactions], [3, evidence] or [4, result]")


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

    `subject` is the transaction id or record hash, except for `bad_signature`, `unreadable` and `internal_fault`: then
    it is the SHA-256 of the bytes that arrived (`received_id`).
    """

    subject: bytes
    reason: str
    detail: str
    height: int
    utc_s: int


Outcome = Executed | Refused
