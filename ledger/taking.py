"""What a submission does to a block in the making: it is taken, or refused with the rule that says no.

Pure: what is known of the past comes in as `Past`. The same block, submission and past lead to the same outcome on
every machine; nothing here asks what time it is or who carries the submission. What was refused leaves no trace, but
for the note that a meter record came early (ledger/recording.py).
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from ledger.block import Item, ItemKind
from ledger.contract import apply, apply_batch
from ledger.enrolment import check_asked_for
from ledger.forming import FormingBlock
from ledger.proposal_limits import MAX_BATCH_LOOKS
from ledger.recording import Metering, NotTaken, record_item_id
from ledger.rejection import Reason, Rejected
from ledger.state import UNLIMITED, TooMuchWorkError
from ledger.submission import Batch, Enrolment, Executed, Outcome, Record, Refused, Submission, received_id
from wire.allocate import Allocate
from wire.attestation_result import read_attestation_result
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant
from wire.meter_record import record_hash
from wire.transaction import SignedTransaction, read_transaction

KNOWN_RECORD = "known_record"
"""The log has this meter record: its sender wants the receipt of the first time."""
GRANT_ID_TAKEN = "grant_id_taken"
"""An earlier purchase's id begins as this one's, by which grants are named: whoever sought it out buys again."""
UNREADABLE = "unreadable"
NOT_ASKED_FOR = "not_asked_for"
"""A gateway of several enrols a key for a provider who did not sign that he wants it."""
MIXED_BATCH = "mixed_batch"
TOO_MUCH_WORK = "too_much_work"
"""A batch, each of whose transactions is dear (ledger/proposal_limits.py)."""
INTERNAL_FAULT = "internal_fault"
"""The reason of a refusal that is nobody's fault but ours."""


class Past(Protocol):
    """What blocks before the one in the making have left in the log."""

    def has_item(self, item_id: bytes) -> bool: ...
    def has_purchase(self, reference: bytes) -> bool: ...
    def find_grant(self, grant_id: bytes) -> Grant | None: ...


def take(block: FormingBlock, submission: Submission, metering: Metering, past: Past) -> Outcome:
    """Raises only for what is wrong with us."""
    match submission:
        case SignedTransaction():
            return _take_transaction(block, submission, past)
        case Batch():
            return _take_batch(block, submission, past)
        case Record():
            return _take_record(block, submission.evidence, metering, past)
        case Enrolment():
            return _take_enrolment(block, submission.result, metering)


def transaction_ids(submissions: Iterable[object]) -> Iterator[bytes]:
    """Of which the past is going to be asked."""
    for one in submissions:
        for signed in one.transactions if isinstance(one, Batch) else (one,):
            if isinstance(signed, SignedTransaction):
                yield signed.transaction_id


def read_item(item: Item, ledger_id: bytes) -> Submission:
    """The submission that an item of the log was made of; of a batch, one of its transactions. Raises DecodeError."""
    match ItemKind(item.kind):
        case ItemKind.TRANSACTION:
            return read_transaction(item.encoded, ledger_id)
        case ItemKind.EVIDENCE | ItemKind.EARLY_EVIDENCE:
            return Record(item.encoded)
        case ItemKind.ATTESTATION_RESULT:
            return Enrolment(item.encoded)


def refuse_unreadable(block: FormingBlock, encoded: bytes, error: DecodeError) -> Refused:
    return _refuse(block, hashlib.sha256(encoded).digest(), UNREADABLE, str(error))


def refuse_mixed(block: FormingBlock, batch: Batch) -> Refused:
    """A batch of many transactions that are not the end of one auction (ledger/proposal_limits.py)."""
    return _refuse(block, received_id(batch), MIXED_BATCH, "a large batch is one auction's offer and bids")


def refuse_too_much(block: FormingBlock, batch: Batch) -> Refused:
    """A batch that looks at more than any may."""
    detail = f"it looks at entries of the state more than {MAX_BATCH_LOOKS} times"
    return _refuse(block, received_id(batch), TOO_MUCH_WORK, detail)


def refuse_faulty(block: FormingBlock, submission: Submission) -> Refused:
    """A submission at which we failed."""
    detail = "the ledger failed at this one; its operator was told"
    return _refuse(block, received_id(submission), INTERNAL_FAULT, detail)


def _take_transaction(block: FormingBlock, signed: SignedTransaction, past: Past) -> Outcome:
    outcome = apply(block.draft, signed, block.time_s)
    if isinstance(outcome, Rejected):
        return _reject(block, signed, outcome)
    if _taken(block, (signed,), past) is not None:
        return _refuse_taken(block, signed)
    grants = block.add_transaction(signed, outcome)
    return Executed(signed.transaction_id, block.height, block.time_s, (outcome,), grants)


def _take_batch(block: FormingBlock, batch: Batch, past: Past) -> Outcome:
    tally = block.draft.tally
    tally.limit = tally.looks + MAX_BATCH_LOOKS
    try:
        outcome = apply_batch(block.draft, batch.transactions, block.time_s)
    except TooMuchWorkError:
        return refuse_too_much(block, batch)
    finally:
        tally.limit = UNLIMITED
    if isinstance(outcome, tuple):
        index, rejected = outcome
        return _reject(block, batch.transactions[index], rejected)
    taken = _taken(block, batch.transactions, past)
    if taken is not None:
        return _refuse_taken(block, taken)
    for signed, applied in zip(batch.transactions, outcome, strict=True):
        block.add_transaction(signed, applied)
    subject = batch.transactions[-1].transaction_id if batch.transactions else bytes(32)
    return Executed(subject, block.height, block.time_s, tuple(outcome))


def _taken(
    block: FormingBlock, transactions: Sequence[SignedTransaction], past: Past
) -> SignedTransaction | None:
    """The first purchase whose grants would be named as those of another one, earlier or among these."""
    references: set[bytes] = set()
    for signed in transactions:
        if isinstance(signed.transaction.action, Allocate):
            reference = signed.transaction_id[:TRANSACTION_REFERENCE_SIZE]
            if reference in references or reference in block.references or past.has_purchase(reference):
                return signed
            references.add(reference)
    return None


def _refuse_taken(block: FormingBlock, signed: SignedTransaction) -> Refused:
    reference = signed.transaction_id[:TRANSACTION_REFERENCE_SIZE].hex()
    return _refuse(
        block, signed.transaction_id, GRANT_ID_TAKEN, f"grants of another purchase begin with {reference}"
    )


def _reject(block: FormingBlock, signed: SignedTransaction, rejected: Rejected) -> Refused:
    """It names the transaction, except where its signature is bad: a broken copy says nothing of the good one."""
    bad = rejected.reason is Reason.BAD_SIGNATURE
    subject = received_id(signed) if bad else signed.transaction_id
    return _refuse(block, subject, rejected.reason.text, rejected.detail)


def _take_record(block: FormingBlock, encoded: bytes, metering: Metering, past: Past) -> Outcome:
    evidence = read_evidence(encoded)
    subject, item_id = record_hash(evidence.record), record_item_id(evidence)
    if item_id in block.item_ids or past.has_item(item_id):
        return _refuse(block, subject, KNOWN_RECORD, f"record {subject.hex()} was accepted before")
    why = metering.take_record(
        block, encoded, lambda grant_id: block.grants.get(grant_id) or past.find_grant(grant_id)
    )
    return _outcome(block, subject, why)


def _take_enrolment(block: FormingBlock, encoded: bytes, metering: Metering) -> Outcome:
    genesis, subject = block.draft.genesis, hashlib.sha256(encoded).digest()
    try:
        result = read_attestation_result(encoded, genesis.signer(encoded), genesis.ledger_id)
    except DecodeError as error:
        return _refuse(block, subject, Reason.BAD_SIGNATURE.text, str(error))
    if len(genesis.gateways) > 1:
        try:
            check_asked_for(result, genesis.ledger_id)
        except DecodeError as error:
            return _refuse(block, subject, NOT_ASKED_FOR, str(error))
    return _outcome(block, subject, metering.take_enrolment(block, encoded, result, subject))


def _outcome(block: FormingBlock, subject: bytes, why: NotTaken | None) -> Outcome:
    if why is None:
        return Executed(subject, block.height, block.time_s)
    return _refuse(block, subject, why.reason, why.detail)


def _refuse(block: FormingBlock, subject: bytes, reason: str, detail: str) -> Refused:
    return Refused(subject, reason, detail, block.height - 1, block.time_s)
