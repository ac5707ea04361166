"""The engine: puts what arrives into blocks, applies it, writes it down, and only then says that it happened.

`commit` takes what arrived together and makes one block of what the rules accept: one flush to disk for all
of it. The state in memory changes only after that flush, so a disk that fails leaves memory and file in
agreement. Time never goes back: a block's time is at least that of the block before it.

A submission that makes us fail in a way that nobody foresaw is refused as `internal_fault` and told to the operator;
what arrived with it is committed without it. A disk that fails is no such case: it ends the commit with ShellError.

One process, one thread that commits (ledger/opening.py makes an engine and verifies its file first). `lock`
guards the state against readers during the instant of a change.
"""

import hashlib
import threading
import traceback
from collections.abc import Callable, Sequence

from ledger.block import BlockRows, Header, ItemKind, read_header, write_header
from ledger.contract import apply, apply_batch
from ledger.entries import write_entry
from ledger.forming import FormingBlock
from ledger.genesis import Genesis
from ledger.granting import read_purchase
from ledger.merkle import merkle_root
from ledger.passing import pass_time
from ledger.recording import Metering, NotTaken, chain_rows, record_item_id
from ledger.rejection import Reason, Rejected
from ledger.state import State
from ledger.state_tree import Plan, StateTree
from ledger.store import Store
from ledger.submission import (
    Batch,
    Enrolment,
    Executed,
    Outcome,
    Record,
    Refused,
    Submission,
    received_id,
)
from wire.attestation_result import read_attestation_result
from wire.errors import ShellError
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.meter_record import record_hash
from wire.transaction import SignedTransaction

GRANTS_REMEMBERED = 10_000
"""Grants kept ready for checking usage reports, which name the same ones again and again."""


INTERNAL_FAULT = "internal_fault"
"""The reason of a refusal that is nobody's fault but ours."""


class Engine:
    """The state, the tree over it and the file behind it, as of block `head`. `tell_fault` gets a traceback of ours."""

    def __init__(self, store: Store, genesis: Genesis, head: Header) -> None:
        self.store = store
        self.genesis = genesis
        self.ledger_id = genesis.ledger_id
        self.head = head
        self.state = State(genesis)
        self.tree = StateTree()
        self.metering = Metering()
        self.next_number = store.last_number() + 1
        self.lock = threading.RLock()
        self.tell_fault: Callable[[str], None] = lambda _text: None
        self._grants: dict[bytes, Grant] = {}

    def commit(
        self,
        submissions: Sequence[Submission],
        now_s: int,
        enough: Callable[[], bool] = lambda: False,
    ) -> list[Outcome]:
        """One block of whatever the rules accept, durable when this returns; one outcome for each submission.

        `enough` is asked after each: once it says so the block is closed, the outcomes are those of the submissions so
        far, and the rest is the caller's to submit again. Raises ShellError if the disk fails; then nothing happened.
        """
        time_s, height = max(now_s, self.head.time_s), self.head.height + 1
        draft = pass_time(self.state, time_s)
        block = FormingBlock(height, time_s, draft, self.next_number, BlockRows(height, b""))
        try:
            outcomes = self._take_some(block, submissions, enough)
            plan = self._plan(block)
        except ShellError:
            raise
        except Exception:  # noqa: BLE001 ours, whatever it is: the block is dropped, and nothing has happened
            return self._commit_apart(submissions, now_s, traceback.format_exc(), enough)
        if block.rows.items:
            self._finish(block, plan)
        return outcomes

    def _take_some(
        self, block: FormingBlock, submissions: Sequence[Submission], enough: Callable[[], bool]
    ) -> list[Outcome]:
        outcomes: list[Outcome] = []
        for submission in submissions:
            outcomes.append(self._take(block, submission))
            if enough():
                break
        return outcomes

    def _commit_apart(
        self, submissions: Sequence[Submission], now_s: int, fault: str, enough: Callable[[], bool]
    ) -> list[Outcome]:
        """Halves, in their order, until what makes us fail is alone; that is refused."""
        if len(submissions) > 1:
            middle = len(submissions) // 2
            first = self.commit(submissions[:middle], now_s, enough)
            if len(first) < middle or enough():
                return first
            return first + self.commit(submissions[middle:], now_s, enough)
        if not submissions:
            raise AssertionError(f"a block of nothing fails: {fault}")
        self.tell_fault(fault)
        detail = "the ledger failed at this one; its operator was told"
        subject, time_s = received_id(submissions[0]), max(now_s, self.head.time_s)
        return [Refused(subject, INTERNAL_FAULT, detail, self.head.height, time_s)]

    def find_grant(self, grant_id: bytes) -> Grant | None:
        """The grant of this id, if the ledger ever made it."""
        if grant_id in self._grants:
            return self._grants[grant_id]
        place = self.store.grant(grant_id)
        if place is None:
            return None
        item = self.store.item(place[0])
        assert item is not None, f"grant {grant_id.hex()} of a missing item"
        purchase = read_purchase(item.encoded, item.result, self.ledger_id)
        assert purchase is not None, f"grant {grant_id.hex()} of no purchase"
        grant = purchase.grant_at(place[1])
        self._remember({grant_id: grant})
        return grant

    def _take(self, block: FormingBlock, submission: Submission) -> Outcome:
        match submission:
            case SignedTransaction():
                return self._take_transaction(block, submission)
            case Batch():
                return self._take_batch(block, submission)
            case Record():
                return self._take_record(block, submission.evidence)
            case Enrolment():
                return self._take_enrolment(block, submission.result)

    def _take_transaction(self, block: FormingBlock, signed: SignedTransaction) -> Outcome:
        outcome = apply(block.draft, signed, block.time_s)
        if isinstance(outcome, Rejected):
            return self._reject(block, signed, outcome)
        grants = block.add_transaction(signed, outcome)
        return Executed(signed.transaction_id, block.height, block.time_s, (outcome,), grants)

    def _take_batch(self, block: FormingBlock, batch: Batch) -> Outcome:
        outcome = apply_batch(block.draft, batch.transactions, block.time_s)
        if isinstance(outcome, tuple):
            index, rejected = outcome
            return self._reject(block, batch.transactions[index], rejected)
        for signed, applied in zip(batch.transactions, outcome, strict=True):
            block.add_transaction(signed, applied)
        subject = batch.transactions[-1].transaction_id if batch.transactions else bytes(32)
        return Executed(subject, block.height, block.time_s, tuple(outcome))

    def _reject(self, block: FormingBlock, signed: SignedTransaction, rejected: Rejected) -> Refused:
        """A receipt names the transaction, except where its signature is bad; and that it ran hides behind no rule."""
        subject, reason, detail = signed.transaction_id, rejected.reason, rejected.detail
        if reason is Reason.BAD_SIGNATURE:
            subject = received_id(signed)
        elif reason is Reason.EXPIRED and (height := self._executed_at(subject)) is not None:
            reason, detail = Reason.REPLAYED, f"{subject.hex()} was executed in block {height}"
        return self._refuse(block, subject, reason.text, detail)

    def _executed_at(self, transaction_id: bytes) -> int | None:
        """The block of a transaction that the log has, however long ago it ran."""
        item = self.store.item_by_id(transaction_id)
        return item.height if item is not None and item.kind == ItemKind.TRANSACTION else None

    def _take_record(self, block: FormingBlock, encoded: bytes) -> Outcome:
        evidence = read_evidence(encoded)
        subject = record_hash(evidence.record)
        accepted = self._find_accepted(block, record_item_id(evidence), subject)
        if accepted is not None:
            return accepted
        why = self.metering.take_record(
            block, encoded, lambda grant_id: block.grants.get(grant_id) or self.find_grant(grant_id)
        )
        return self._outcome(block, subject, why)

    def _take_enrolment(self, block: FormingBlock, encoded: bytes) -> Outcome:
        result = read_attestation_result(encoded, self.genesis.ledger, self.ledger_id)
        subject = hashlib.sha256(encoded).digest()
        return self._outcome(block, subject, self.metering.take_enrolment(block, encoded, result, subject))

    def _find_accepted(self, block: FormingBlock, item_id: bytes, subject: bytes) -> Executed | None:
        """A record that was accepted before keeps its place in the log, and so its receipt."""
        if item_id in block.item_ids:
            return Executed(subject, block.height, block.time_s)
        item = self.store.item_by_id(item_id)
        if item is None:
            return None
        header = self.store.header(item.height)
        assert header is not None, f"item {item.number} of a missing block"
        return Executed(subject, item.height, read_header(header).time_s)

    def _outcome(self, block: FormingBlock, subject: bytes, why: NotTaken | None) -> Outcome:
        if why is None:
            return Executed(subject, block.height, block.time_s)
        return self._refuse(block, subject, why.reason, why.detail)

    def _refuse(self, block: FormingBlock, subject: bytes, reason: str, detail: str) -> Refused:
        return Refused(subject, reason, detail, self.head.height, block.time_s)

    def _plan(self, block: FormingBlock) -> Plan:
        """Everything that becomes bytes does so here, before anything is on disk; the app hash with it."""
        if not block.rows.items:
            return self.tree.plan([])
        changes, rows = block.draft.changes, block.rows
        written = [(key, None if entry is None else write_entry(entry)) for key, entry in changes.items()]
        rows.state = [(key, value) for key, value in written if value is not None]
        rows.removed = [(key,) for key, value in written if value is None]
        rows.chains = chain_rows(block)
        rows.grants.sort()  # in the order of the index: three times as fast for a bulk purchase
        rows.parties.sort()
        return self.tree.plan(written)

    def _finish(self, block: FormingBlock, plan: Plan) -> None:
        """Write the block, then make it true."""
        changes, rows = block.draft.changes, block.rows
        header = Header(
            height=block.height,
            previous=self.head.hash,
            time_s=block.time_s,
            items_root=merkle_root(block.leaves),
            item_count=len(block.leaves),
            app_hash=plan.root,
        )
        rows.header = write_header(header)
        self.store.write_block(rows)
        with self.lock:
            self.state.merge(changes, block.draft.executed, block.time_s)
            self.tree.commit(plan)
            self.metering.merge(block.chains, block.enrolments)
            self.head, self.next_number = header, block.next_number
        self._remember(block.grants)

    def _remember(self, grants: dict[bytes, Grant]) -> None:
        if len(self._grants) + len(grants) > GRANTS_REMEMBERED:
            self._grants.clear()
        self._grants.update(grants)
