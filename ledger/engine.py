"""The engine: puts what arrives into blocks, applies it, writes it down, and only then says that it happened.

`commit` takes what arrived together and makes one block of what the rules accept: one flush to disk for all
of it. The state in memory changes only after that flush, so a disk that fails leaves memory and file in
agreement. Time never goes back: a block's time is at least that of the block before it.

One process, one thread that commits (ledger/opening.py makes an engine and verifies its file first). `lock`
guards the state against readers during the instant of a change.
"""

import hashlib
import threading
from collections.abc import Sequence

from ledger.block import BlockRows, Header, read_header, write_header
from ledger.contract import apply, apply_batch
from ledger.entries import write_entry
from ledger.forming import FormingBlock
from ledger.genesis import Genesis
from ledger.granting import read_purchase
from ledger.merkle import merkle_root
from ledger.passing import pass_time
from ledger.recording import Metering, NotTaken, chain_rows, record_item_id
from ledger.rejection import Rejected
from ledger.state import State
from ledger.state_tree import StateTree
from ledger.store import Store
from ledger.submission import Batch, Enrolment, Executed, Outcome, Record, Refused, Submission
from wire.attestation_result import read_attestation_result
from wire.evidence import read_evidence
from wire.grant import Grant
from wire.meter_record import record_hash
from wire.transaction import SignedTransaction

GRANTS_REMEMBERED = 10_000
"""Grants kept ready for checking usage reports, which name the same ones again and again."""


class Engine:
    """The state, the tree over it and the file behind it, as of block `head`."""

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
        self._grants: dict[bytes, Grant] = {}

    def commit(self, submissions: Sequence[Submission], now_s: int) -> list[Outcome]:
        """One block of whatever the rules accept, durable when this returns; one outcome for each submission.

        Raises ShellError if the disk fails; then nothing happened.
        """
        time_s, height = max(now_s, self.head.time_s), self.head.height + 1
        draft = pass_time(self.state, time_s)
        block = FormingBlock(height, time_s, draft, self.next_number, BlockRows(height, b""))
        outcomes = [self._take(block, submission) for submission in submissions]
        if block.rows.items:
            self._finish(block)
        return outcomes

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
            return self._refuse(block, signed.transaction_id, outcome.reason.text, outcome.detail)
        grants = block.add_transaction(signed, outcome)
        return Executed(signed.transaction_id, block.height, block.time_s, (outcome,), grants)

    def _take_batch(self, block: FormingBlock, batch: Batch) -> Outcome:
        outcome = apply_batch(block.draft, batch.transactions, block.time_s)
        if isinstance(outcome, tuple):
            index, rejected = outcome
            subject = batch.transactions[index].transaction_id
            return self._refuse(block, subject, rejected.reason.text, rejected.detail)
        for signed, applied in zip(batch.transactions, outcome, strict=True):
            block.add_transaction(signed, applied)
        subject = batch.transactions[-1].transaction_id if batch.transactions else bytes(32)
        return Executed(subject, block.height, block.time_s, tuple(outcome))

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

    def _finish(self, block: FormingBlock) -> None:
        """Write the block, then make it true."""
        changes, rows = block.draft.changes, block.rows
        written = [(key, None if entry is None else write_entry(entry)) for key, entry in changes.items()]
        plan = self.tree.plan(written)
        header = Header(
            height=block.height,
            previous=self.head.hash,
            time_s=block.time_s,
            items_root=merkle_root(block.leaves),
            item_count=len(block.leaves),
            app_hash=plan.root,
        )
        rows.header = write_header(header)
        rows.state = [(key, value) for key, value in written if value is not None]
        rows.removed = [(key,) for key, value in written if value is None]
        rows.chains = chain_rows(block)
        rows.grants.sort()  # in the order of the index: three times as fast for a bulk purchase
        rows.parties.sort()
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
