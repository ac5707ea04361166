"""The ledger as a state machine: blocks that somebody else put in order go in, outcomes and the app hash come out.

Shaped like ABCI 2.0, and knows nothing of who orders: the embedded engine (ledger/engine.py) and CometBFT drive the
same methods, and the same submissions in the same blocks give the same app hash. Everything that decides is a function
of the log: no clock, no chance, no memory of what was not taken.

    check      CheckTx: would this be taken now? Of the committed state; decides nothing.
    prepare    PrepareProposal: what of these can be in a block
    process    ProcessProposal: whether a block that somebody proposes has only what the rules take
    finalise   FinalizeBlock: outcomes and app hash; nothing durable, nothing changed
    commit     Commit: the finalised block on disk, and only then true in memory

A block may hold what is refused, if those who order are wrong together: it has no effect and is no item of the log.
What makes us fail in a way that nobody foresaw is refused as `internal_fault`, told to the operator, and the rest of
the block is applied without it; but not where the block is decided together with others (`shared`): this machine's
trouble would be written into its log as an outcome that nobody else has, so there the fault goes up, and nothing has
happened. A disk that fails (ShellError) or memory that is not there is no such case anywhere: it goes up.

One thread drives prepare to commit; `check` and readers may come from others. `lock` guards the state against readers
during the instant of a change.
"""

import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import KW_ONLY, dataclass

from ledger.block import BlockRows
from ledger.checked import Checked
from ledger.entries import write_entry
from ledger.forming import FormingBlock
from ledger.genesis import Genesis
from ledger.passing import pass_time
from ledger.past import LoggedPast
from ledger.proposal_limits import MAX_BATCH_LOOKS, MAX_LOOKS, MAX_WORK, fitting, may_be_ordered
from ledger.recording import Metering, chain_rows, record_item_id
from ledger.rejection import Reason
from ledger.state import Changes, Draft, State
from ledger.state_tree import Plan, StateTree
from ledger.store import Store
from ledger.submission import Batch, Executed, Outcome, Record, Refused, Submission, read_submission
from ledger.taking import (
    KNOWN_RECORD,
    refuse_faulty,
    refuse_mixed,
    refuse_too_much,
    refuse_unreadable,
    take,
    transaction_ids,
)
from wire.block_header import Header, read_header, write_header
from wire.errors import DecodeError, ShellError
from wire.evidence import read_evidence
from wire.merkle import merkle_root
from wire.sale_leaf import sales_root
from wire.transaction import SignedTransaction

CHECKED_AT_ONCE = 32
"""Transactions of a batch that are checked in one turn: some 5 ms, for which consensus waits."""
PROPOSAL_OVERHEAD_BYTES = 6
"""What a block spends around each submission, at most: a tag and a length (protobuf)."""
TROUBLE = (ShellError, OSError, MemoryError)
"""Of this machine, and of no submission: never an outcome."""

Turn = Callable[[], AbstractContextManager[None]]
"""Within it, whoever asks may look at the state."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Bytes in a block that are no submission."""

    encoded: bytes
    error: DecodeError


@dataclass(frozen=True, slots=True)
class Finalised:
    """What a block does: one outcome for each of its submissions, and the app hash after it."""

    outcomes: tuple[Outcome, ...]
    app_hash: bytes


@dataclass(frozen=True, slots=True)
class _Closing:
    """When a block has enough."""

    enough: Callable[[], bool]
    max_looks: int
    _: KW_ONLY
    strict: bool

    def is_due(self, block: FormingBlock, *, took: bool) -> bool:
        """Asked after each submission."""
        return self.enough() or block.draft.tally.looks > self.max_looks or (self.strict and not took)


@dataclass(frozen=True, slots=True)
class Formed:
    """A block that is ready to be written. `took[n]`: submission n left something in the log."""

    block: FormingBlock
    plan: Plan
    header: Header
    outcomes: tuple[Outcome, ...]
    took: tuple[bool, ...]

    @property
    def is_empty(self) -> bool:
        return not self.block.rows.items


class Application:
    """State, the tree over it and the file behind it, as of the block `height`; the last in which anything took effect
    is `head`, `time_s` the time of the last one that was committed, empty or not. `tell_fault` gets a traceback of
    ours, `tell_change` each block that takes effect, with the lock and while the state is still that before it.
    """

    def __init__(self, store: Store, genesis: Genesis, head: Header) -> None:
        self.store = store
        self.genesis = genesis
        self.ledger_id = genesis.ledger_id
        self.head = head
        self.time_s = head.time_s
        self.height = store.height()
        self.past = LoggedPast(store, genesis.ledger_id)
        self.state = State(genesis, self.past)
        self.tree = StateTree()
        self.metering = Metering()
        self.next_number = store.last_number() + 1
        self.lock = threading.RLock()
        self.max_work, self.max_looks = MAX_WORK, MAX_LOOKS
        self.shared = False
        self.tell_fault: Callable[[str], None] = lambda _text: None
        self.tell_change: Callable[[Header, Changes], None] = lambda _header, _changes: None
        self._log = threading.Lock()
        self._checked = Checked()
        self._passed: tuple[int, int, Draft] | None = None
        self._proposed: tuple[int, tuple[bytes, ...], Formed] | None = None
        self._finalised: Formed | None = None

    @property
    def app_hash(self) -> bytes:
        return self.head.app_hash

    def check(self, encoded: bytes, now_s: int = 0, turn: Turn = nullcontext) -> Refused | None:
        """Why it would be refused if the next block, of `now_s` or the last block's time, had nothing else.

        The state is looked at within a `turn`; for a large batch within many, between which blocks may be made.
        """
        submission = self._read(encoded)
        if isinstance(submission, Batch) and len(submission.transactions) > CHECKED_AT_ONCE:
            return self._check_in_parts(encoded, submission, now_s, turn)
        with turn(), self._log, self.lock:
            block = self._begin_check(now_s)
            outcome = self._take_with_care(block, submission)
            self._note_checked(encoded, submission, outcome)
        return outcome if isinstance(outcome, Refused) and block.next_number == self.next_number else None

    def _check_in_parts(self, encoded: bytes, batch: Batch, now_s: int, turn: Turn) -> Refused | None:
        """As far as it can be said while others make blocks: whoever proposes it looks again, at all of it at once."""
        if not may_be_ordered(batch):
            with turn(), self._log, self.lock:
                return refuse_mixed(self._begin_check(now_s), batch)
        total: Draft | None = None
        known: list[SignedTransaction] = []
        looks = 0
        for at in range(0, len(batch.transactions), CHECKED_AT_ONCE):
            part = Batch(batch.transactions[at : at + CHECKED_AT_ONCE])
            with turn(), self._log, self.lock:
                block = self._begin_check(now_s)
                block.draft = total = total or block.draft
                before = total.tally.looks  # other checks count in the same tally
                outcome = self._take_with_care(block, part)
                looks += total.tally.looks - before
                if isinstance(outcome, Refused):
                    return outcome
                if looks > MAX_BATCH_LOOKS:
                    return refuse_too_much(block, batch)
                known += _vouch(part, outcome)
                if len(known) == len(batch.transactions):
                    self._checked.keep(encoded, Batch(tuple(known)), len(known))
        return None

    def prepare(
        self,
        encoded: Sequence[bytes],
        time_s: int,
        max_bytes: int,
        enough: Callable[[], bool] = lambda: False,
    ) -> list[bytes]:
        """Those that a block of this time and size can have, in their order. `enough` closes it before."""
        time_s = max(time_s, self.head.time_s)
        chosen, submissions = self._choose(_fit(encoded, max_bytes))
        formed = self.form(time_s, submissions, enough, limited=True)
        kept = tuple(one for one, took in zip(chosen, formed.took, strict=False) if took)
        outcomes = tuple(one for one, took in zip(formed.outcomes, formed.took, strict=True) if took)
        formed = Formed(formed.block, formed.plan, formed.header, outcomes, (True,) * len(kept))
        self._proposed = time_s, kept, formed
        return list(kept)

    def process(self, encoded: Sequence[bytes], time_s: int) -> bool:
        """Whether every submission of a proposed block leaves something in the log, the block is within the limits of
        work, and time does not go back. Says no at the first that is not so.
        """
        if time_s < self.head.time_s:
            return False
        wanted = tuple(encoded)
        if self._proposed is not None and self._proposed[:2] == (time_s, wanted):
            return all(self._proposed[2].took)
        submissions = list(fitting(self._read_orderly(wanted), self.max_work))
        if len(submissions) < len(wanted):
            return False
        formed = self.form(time_s, submissions, strict=True, limited=True)
        if len(formed.took) < len(wanted) or not all(formed.took):
            return False
        self._proposed = time_s, wanted, formed
        return True

    def finalise(self, height: int, time_s: int, encoded: Sequence[bytes]) -> Finalised:
        """What the block of this height does; `commit` makes it so. May be asked again, also about another block."""
        assert height == self.height + 1, f"block {height} after block {self.height}"
        formed = self._propose(encoded, max(time_s, self.head.time_s))
        self.adopt(formed)
        return Finalised(formed.outcomes, formed.header.app_hash)

    def commit(self) -> None:
        """The finalised block is durable, then true. Raises ShellError if the disk fails: then neither is, and it can
        be tried again.
        """
        formed = self._finalised
        assert formed is not None, "commit of a block that was not finalised"
        block = formed.block
        with self._log:
            if formed.is_empty:
                self.store.write_height(block.height)
            else:
                self.store.write_block(block.rows)
            with self.lock:
                self.height = block.height
                self.time_s = block.time_s
                if not formed.is_empty:
                    self.tell_change(formed.header, block.draft.changes)
                    self._make_true(formed)
        if self._proposed is not None:
            self._checked.forget(self._proposed[1])
        self._finalised = self._proposed = None

    def form(
        self,
        time_s: int,
        submissions: Iterable[Submission | Unreadable],
        enough: Callable[[], bool] = lambda: False,
        *,
        strict: bool = False,
        limited: bool = False,
        fail_closed: bool = False,
    ) -> Formed:
        """The next block out of these, as far as `enough` lets them in: it is asked after each. `strict` closes it
        behind the first that is not taken, `limited` behind the one that comes to more looks than a proposal may have.
        What nobody foresaw goes up if it is to `fail_closed`. Changes nothing.
        """
        submissions = list(submissions)
        self.past.foresee(transaction_ids(submissions))
        max_looks = self.max_looks if limited else sys.maxsize
        closing = _Closing(enough, max_looks, strict=strict)
        try:
            return self._form(time_s, submissions, closing, self._take)
        except TROUBLE:
            raise
        except Exception:
            if fail_closed:
                raise
            return self._form(time_s, submissions, closing, self._take_with_care)

    def adopt(self, formed: Formed) -> None:
        """This block is what `commit` writes."""
        assert formed.block.height == self.height + 1, f"block {formed.block.height} after {self.height}"
        self._finalised = formed

    def skip_to(self, height: int) -> None:
        """In the blocks up to this one, nothing took effect."""
        if height > self.height:
            self.store.write_height(height)
            self.height = height

    def recall(self, submission: Submission, outcome: Outcome) -> Outcome:
        """What the whole log adds to a refusal, for whoever asks a gateway: that it ran before, however long ago.

        No part of a block's outcomes: those are of the state alone. Reads nothing of a block that is being written.
        """
        if not isinstance(outcome, Refused):
            return outcome
        with self._log:
            return self._recall(submission, outcome)

    def _recall(self, submission: Submission, outcome: Refused) -> Outcome:
        if outcome.reason == Reason.EXPIRED.text and (item := self.store.item_by_id(outcome.subject)):
            detail = f"{outcome.subject.hex()} was executed in block {item.height}"
            return Refused(outcome.subject, Reason.REPLAYED.text, detail, outcome.height, outcome.utc_s)
        if outcome.reason == KNOWN_RECORD and isinstance(submission, Record):
            item = self.store.item_by_id(record_item_id(read_evidence(submission.evidence)))
            header = None if item is None else self.store.header(item.height)
            if header is not None:
                place = read_header(header)
                return Executed(outcome.subject, place.height, place.time_s)
        return outcome

    def has_item(self, item_id: bytes) -> bool:
        """Whether the log has an item of this id."""
        return item_id in self.past

    # ---- Making a block

    def _propose(self, encoded: Sequence[bytes], time_s: int) -> Formed:
        """The block of these. The last one is kept: it is prepared, processed and finalised in turn."""
        wanted = tuple(encoded)
        if self._proposed is None or self._proposed[:2] != (time_s, wanted):
            submissions = [self._read(one) for one in wanted]
            formed = self.form(time_s, submissions, fail_closed=self.shared)
            self._proposed = time_s, wanted, formed
        return self._proposed[2]

    def _choose(self, encoded: Sequence[bytes]) -> tuple[list[bytes], list[Submission]]:
        """Of these, those that an honest proposer may put into one block: bytes, and what they say."""
        chosen = [(one, read) for one in encoded for read in self._read_orderly([one])]
        submissions = list(fitting((read for _, read in chosen), self.max_work))
        return [one for one, _ in chosen[: len(submissions)]], submissions

    def _read_orderly(self, encoded: Iterable[bytes]) -> Iterator[Submission]:
        """Up to the first that no honest proposer puts into a block."""
        for one in encoded:
            submission = self._read(one)
            if isinstance(submission, Unreadable) or not may_be_ordered(submission):
                return
            yield submission

    def _read(self, encoded: bytes) -> Submission | Unreadable:
        known = self._checked.get(encoded)
        if known is not None:
            return known
        try:
            return read_submission(encoded, self.ledger_id)
        except DecodeError as error:
            return Unreadable(encoded, error)

    def _note_checked(self, encoded: bytes, submission: Submission | Unreadable, outcome: Outcome) -> None:
        """So that blocks find its signatures verified: whoever signed is in the outcome."""
        if not isinstance(outcome, Executed) or not outcome.applied:
            return
        match submission:
            case SignedTransaction():
                (vouched,) = _vouch(Batch((submission,)), outcome)
                self._checked.keep(encoded, vouched)
            case Batch(transactions):
                self._checked.keep(encoded, Batch(_vouch(submission, outcome)), len(transactions))

    def _begin(self, time_s: int) -> FormingBlock:
        draft = pass_time(self.state, time_s)
        draft.tally.looks = 0  # what has passed is nobody's doing
        return self._begin_over(draft, time_s)

    def _begin_check(self, now_s: int) -> FormingBlock:
        """A block that is never made: what passes until its time is computed once for all that are checked."""
        time_s = max(now_s, self.head.time_s)
        if self._passed is None or self._passed[:2] != (self.head.height, time_s):
            self._passed = self.head.height, time_s, pass_time(self.state, time_s)
        return self._begin_over(Draft(self._passed[2]), time_s)

    def _begin_over(self, draft: Draft, time_s: int) -> FormingBlock:
        height = self.height + 1
        return FormingBlock(height, time_s, draft, self.next_number, BlockRows(height, b""))

    def _form(
        self,
        time_s: int,
        submissions: Sequence[Submission | Unreadable],
        closing: "_Closing",
        take_one: Callable[[FormingBlock, Submission | Unreadable], Outcome],
    ) -> Formed:
        block = self._begin(time_s)
        outcomes: list[Outcome] = []
        took: list[bool] = []
        for submission in submissions:
            number, looks = block.next_number, block.draft.tally.looks
            outcomes.append(take_one(block, submission))
            took.append(block.next_number > number)
            if not took[-1]:
                block.draft.tally.looks = looks  # of what a block does not have, nobody else counts anything
            if closing.is_due(block, took=took[-1]):
                break
        return self._close(block, outcomes, took)

    def _take_with_care(self, block: FormingBlock, submission: Submission | Unreadable) -> Outcome:
        """The same, and where we fail the block is as before."""
        mark = block.mark()
        try:
            outcome = self._take(block, submission)
            _write_changes(block.draft)
        except TROUBLE:
            raise
        except Exception:  # noqa: BLE001 ours, whatever it is: this submission is refused and no other
            assert not isinstance(submission, Unreadable), "what cannot be read is refused and nothing else"
            block.undo(mark)
            self.tell_fault(traceback.format_exc())
            return refuse_faulty(block, submission)
        block.keep(mark)
        return outcome

    def _take(self, block: FormingBlock, submission: Submission | Unreadable) -> Outcome:
        if isinstance(submission, Unreadable):
            return refuse_unreadable(block, submission.encoded, submission.error)
        return take(block, submission, self.metering, self.past)

    def _close(self, block: FormingBlock, outcomes: list[Outcome], took: list[bool]) -> Formed:
        """Everything that becomes bytes does so here, before anything is on disk; the app hash with it."""
        rows = block.rows
        if not rows.items:
            return Formed(block, self.tree.plan([]), self.head, tuple(outcomes), tuple(took))
        written = _write_changes(block.draft)
        rows.state = [(key, value) for key, value in written if value is not None]
        rows.removed = [(key,) for key, value in written if value is None]
        rows.chains = chain_rows(block)
        rows.parties.sort()
        plan = self.tree.plan(written)
        header = Header(
            height=block.height,
            previous=self.head.app_hash,
            time_s=block.time_s,
            items_root=merkle_root(block.leaves),
            item_count=len(block.leaves),
            state_root=plan.root,
            sales_root=sales_root(block.sales),
        )
        rows.header = write_header(header)
        return Formed(block, plan, header, tuple(outcomes), tuple(took))

    def _make_true(self, formed: Formed) -> None:
        block = formed.block
        self.state.merge(block.draft.changes, block.draft.executed, block.time_s)
        self.tree.commit(formed.plan)
        self.metering.merge(block.chains, block.enrolments)
        self.past.remember(block.grants)
        self.head, self.next_number = formed.header, block.next_number


def _vouch(batch: Batch, outcome: Executed) -> tuple[SignedTransaction, ...]:
    """The same, known to be signed by whom the outcome names."""
    issuers = [one.issuer for one in outcome.applied]
    return tuple(one.vouched(issuer) for one, issuer in zip(batch.transactions, issuers, strict=True))


def _write_changes(draft: Draft) -> list[tuple[bytes, bytes | None]]:
    return [(key, None if entry is None else write_entry(entry)) for key, entry in draft.changes.items()]


def _fit(encoded: Sequence[bytes], max_bytes: int) -> list[bytes]:
    """As many as fit in their order; what does not fit into an empty block is passed over."""
    fitting, left = list[bytes](), max_bytes
    for one in encoded:
        size = len(one) + PROPOSAL_OVERHEAD_BYTES
        if size > max_bytes:
            continue
        if size > left:
            break
        fitting.append(one)
        left -= size
    return fitting
