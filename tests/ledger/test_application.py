"""The state machine: what it promises to whoever orders blocks, whichever way they come."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.application import CHECKED_AT_ONCE, PROPOSAL_OVERHEAD_BYTES, Application, Finalised
from ledger.block import BlockRows
from ledger.capacity import MAX_PERIODS_AHEAD
from ledger.clubs.entries import Club
from ledger.engine import Engine
from ledger.entries import Account, Entry, account_key
from ledger.opening import open_application, open_ledger, replay
from ledger.proposal_limits import MAX_BATCH_LOOKS, MAX_MIXED_BATCH, Work
from ledger.recording import GAP_PATIENCE_S
from ledger.state import CHANGE_LOOKS, read_account
from ledger.store import Place, Store
from ledger.submission import (
    Batch,
    Enrolment,
    Executed,
    Outcome,
    Record,
    Refused,
    Submission,
    write_submission,
)
from tests.ledger_world import (
    ALICE,
    BOB,
    CAROL,
    EXCHANGE,
    GENESIS,
    LEDGER,
    PERIOD_S,
    PROVIDER,
    START_S,
    buy,
    offer,
)
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.post_offer import Reservation
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction
from wire.units import U63_MAX

NOW_S = START_S + 100
ROOM = 1_000_000


class Pen:
    """Signs transactions, each a new one."""

    def __init__(self) -> None:
        self.count = 0

    def sign(self, action: Action, key: PrivateKey, valid_s: int = 500) -> SignedTransaction:
        self.count += 1
        transaction = Transaction(action, self.count.to_bytes(8, "big"), NOW_S + valid_s)
        return sign_transaction(transaction, key, GENESIS.ledger_id)

    def write(self, action: Action, key: PrivateKey, valid_s: int = 500) -> bytes:
        return write_submission(self.sign(action, key, valid_s))


@pytest.fixture
def pen() -> Pen:
    return Pen()


@pytest.fixture
def application(tmp_path: Path, pen: Pen) -> Iterator[Application]:
    """A ledger with Alice, who has 1,000 ubc, Bob, and a provider who sells."""
    opened = open_application(tmp_path / "ledger.db", GENESIS)
    order(opened, [pen.write(Create(key.public), key) for key in (ALICE, BOB, PROVIDER)])
    order(opened, [pen.write(Deposit(ALICE.public, 1_000), EXCHANGE), pen.write(offer(), PROVIDER)])
    yield opened
    opened.store.close()


def order(application: Application, encoded: Sequence[bytes], time_s: int = NOW_S) -> Finalised:
    """One block, as those who order drive it."""
    finalised = application.finalise(application.height + 1, time_s, encoded)
    application.commit()
    assert application.app_hash == finalised.app_hash
    return finalised


def reasons(finalised: Finalised) -> list[str]:
    return [one.reason if isinstance(one, Refused) else "" for one in finalised.outcomes]


def picture(application: Application) -> object:
    """All of the committed state."""
    return (
        application.height,
        application.app_hash,
        dict(application.state.entries),
        application.tree.root,
        dict(application.metering.chains),
        application.next_number,
        list(application.store.items()),
    )


# ---- check


def test_check_says_why_and_changes_nothing(application: Application, pen: Pen) -> None:
    before = picture(application)
    good, poor = pen.write(Transfer(BOB.public, 1), ALICE), pen.write(Transfer(BOB.public, 1_001), ALICE)
    assert application.check(good) is None
    for encoded, reason in (
        (poor, "insufficient_funds"),
        (pen.write(Transfer(BOB.public, 1), CAROL), "unknown_issuer"),
        (b"noise", "unreadable"),
        (good[:-1] + bytes((good[-1] ^ 1,)), "bad_signature"),
    ):
        refused = application.check(encoded)
        assert refused is not None
        assert refused.reason == reason
    assert picture(application) == before
    order(application, [good])
    refused = application.check(good)
    assert refused is not None
    assert refused.reason == "replayed"


def test_a_large_batch_is_checked_in_many_turns_and_between_them_blocks_are_made(
    application: Application, pen: Pen
) -> None:
    """Up to the first that is refused; what comes before counts for what comes later, across turns."""
    size = 3 * CHECKED_AT_ONCE
    transfers = [pen.sign(Transfer(BOB.public, 10), ALICE) for _ in range(size)]
    turns = 0

    @contextmanager
    def turn() -> Iterator[None]:
        nonlocal turns
        turns += 1
        yield
        order(application, [pen.write(Deposit(BOB.public, 1), EXCHANGE)])

    before, whole = application.height, write_submission(Batch(tuple(transfers)))
    assert application.check(whole, NOW_S, turn) is None
    assert (turns, application.height - before) == (3, 3)
    known = application._checked.get(whole)
    assert isinstance(known, Batch)
    assert known.transactions == tuple(
        one.vouched(ALICE.public) for one in transfers
    )  # and not verified again
    poor = pen.sign(Transfer(BOB.public, 1_000 - 10 * size + 1), ALICE)
    too_much = write_submission(Batch((*transfers, poor)))
    refused = application.check(too_much, NOW_S, turn)
    assert refused is not None
    assert refused.reason == "insufficient_funds"
    assert application._checked.get(too_much) is None
    mixed = Batch(tuple(pen.sign(Transfer(BOB.public, 1), CAROL) for _ in range(MAX_MIXED_BATCH + 1)))
    turns = 0
    refused = application.check(write_submission(mixed), NOW_S, turn)
    assert refused is not None
    assert (refused.reason, turns) == ("mixed_batch", 1)


def test_check_is_of_the_time_that_it_is_told(application: Application, pen: Pen) -> None:
    """The last block may be long ago, and grants have ended since."""
    order(application, [pen.write(buy(100), ALICE) for _ in range(10)])
    another = pen.write(Transfer(BOB.public, 1), EXCHANGE)
    order(application, [pen.write(Deposit(ALICE.public, 100), EXCHANGE)])
    last = pen.write(buy(100), ALICE)
    refused = application.check(last)
    assert refused is not None
    assert refused.reason == "sold_out"
    assert application.check(last, NOW_S + 10) is None
    late = application.check(another, NOW_S + 501)
    assert late is not None
    assert late.reason == "expired"


def test_what_was_checked_is_not_verified_again_and_nothing_else_is_believed(
    application: Application, pen: Pen
) -> None:
    """The parts of a batch too."""
    good, poor = pen.write(Transfer(BOB.public, 1), ALICE), pen.write(Transfer(BOB.public, 1_001), ALICE)
    pair = Batch((pen.sign(Transfer(BOB.public, 1), ALICE), pen.sign(Transfer(ALICE.public, 1), BOB)))
    forged = good[:-1] + bytes((good[-1] ^ 1,))
    batch = write_submission(pair)
    for encoded in (good, poor, batch, forged):
        application.check(encoded)
    known = application._checked
    assert (known.get(poor), known.get(forged)) == (None, None)
    single, double = known.get(good), known.get(batch)
    assert isinstance(single, SignedTransaction)
    assert isinstance(double, Batch)
    assert single.verified_by == ALICE.public
    assert [one.verified_by for one in double.transactions] == [ALICE.public, BOB.public]
    assert reasons(order(application, [forged, good, batch])) == ["bad_signature", "", ""]
    assert known.octets == 0, "what is in the log does not come again"


# ---- prepare and process


def test_a_proposal_has_what_the_rules_take_in_its_order(application: Application, pen: Pen) -> None:
    before = picture(application)
    first, last = pen.write(Transfer(BOB.public, 999), ALICE), pen.write(Transfer(ALICE.public, 5), BOB)
    poor = pen.write(Transfer(BOB.public, 2), ALICE)
    encoded = [first, b"noise", poor, first, last]
    kept = application.prepare(encoded, NOW_S, ROOM)
    assert kept == [first, last]
    assert application.process(kept, NOW_S)
    assert picture(application) == before
    assert reasons(order(application, kept)) == ["", ""]


@pytest.mark.parametrize("spoiler", ["noise", "refused", "twice", "earlier"])
def test_a_proposal_with_anything_else_in_it_is_voted_down(
    application: Application, pen: Pen, spoiler: str
) -> None:
    good = pen.write(Transfer(BOB.public, 1), ALICE)
    encoded = {
        "noise": [good, b"noise"],
        "refused": [good, pen.write(Transfer(BOB.public, 1_000), ALICE)],
        "twice": [good, good],
        "earlier": [good],
    }[spoiler]
    assert application.process([good], NOW_S)
    assert not application.process(encoded, NOW_S - 1 if spoiler == "earlier" else NOW_S)


def test_voting_no_costs_no_more_than_the_first_that_is_refused(
    application: Application, pen: Pen, poison: bytes
) -> None:
    """What comes behind it would fail inside of us, and tell: it is not looked at."""
    told: list[str] = []
    application.tell_fault = told.append
    poor, good = pen.write(Transfer(BOB.public, 1_001), ALICE), pen.write(Transfer(BOB.public, 1), ALICE)
    assert not application.process([good, poor, poison], NOW_S)
    assert not application.process([poison, b"noise"], NOW_S), "what cannot be read is seen before any work"
    assert told == []
    assert application.process([good], NOW_S), "the next round is about another block"
    assert reasons(order(application, [poor, good])) == ["insufficient_funds", ""]


def test_a_block_of_more_work_than_its_limit_is_neither_proposed_nor_voted_for(
    application: Application, pen: Pen
) -> None:
    application.max_work = Work(3, 3, 3)
    encoded = [pen.write(Transfer(BOB.public, 1), ALICE) for _ in range(4)]
    assert application.prepare(encoded, NOW_S, ROOM) == encoded[:3]
    assert application.process(encoded[:3], NOW_S)
    assert not application.process(encoded, NOW_S)
    mixed = Batch(tuple(pen.sign(Transfer(BOB.public, 1), ALICE) for _ in range(MAX_MIXED_BATCH + 1)))
    assert application.prepare([write_submission(mixed), *encoded], NOW_S, ROOM) == encoded[:3]
    assert not application.process([write_submission(mixed)], NOW_S)


def test_a_proposal_fits_its_size(application: Application, pen: Pen) -> None:
    encoded = [pen.write(Transfer(BOB.public, 1), ALICE) for _ in range(4)]
    size = len(encoded[0]) + PROPOSAL_OVERHEAD_BYTES
    assert application.prepare(encoded, NOW_S, 3 * size) == encoded[:3]
    assert application.prepare(encoded, NOW_S, 3 * size - 1) == encoded[:2]
    keys = [PrivateKey.from_secret(90 + number).public for number in range(60)]
    large = pen.write(buy(consumers=keys, price_ubc=0), ALICE)
    assert application.prepare([large, *encoded], NOW_S, 3 * size) == encoded[:3], "it would never fit"


def test_a_proposal_is_closed_when_it_is_enough(application: Application, pen: Pen) -> None:
    encoded = [pen.write(Transfer(BOB.public, 1), ALICE) for _ in range(4)]
    assert application.prepare(encoded, NOW_S, ROOM, lambda: True) == encoded[:1]
    assert reasons(order(application, encoded[:1])) == [""]


# ---- finalise and commit


def test_nothing_happens_before_the_commit(application: Application, pen: Pen) -> None:
    before = picture(application)
    encoded = [pen.write(Transfer(BOB.public, 1), ALICE)]
    height = application.height + 1
    first = application.finalise(height, NOW_S, encoded)
    assert application.finalise(height, NOW_S, []).app_hash == application.app_hash
    assert picture(application) == before
    assert application.finalise(height, NOW_S, encoded) == first
    application.commit()
    assert application.app_hash == first.app_hash


def test_the_wrong_height_is_our_mistake(application: Application) -> None:
    for height in (application.height, application.height + 2):
        with pytest.raises(AssertionError):
            application.finalise(height, NOW_S, [])


def test_what_is_refused_in_a_block_has_no_effect_and_is_no_item(tmp_path: Path, pen: Pen) -> None:
    """Of two ledgers one gets blocks with refused and unreadable submissions in them."""
    hashes = []
    good = [
        [pen.write(Create(key.public), key) for key in (ALICE, BOB)],
        [pen.write(Deposit(ALICE.public, 1_000), EXCHANGE)],
    ]
    bad = [b"", b"noise", pen.write(Transfer(BOB.public, 1), CAROL), pen.write(Create(ALICE.public), ALICE)]
    for name, extra in (("clean", []), ("dirty", bad)):
        opened = open_application(tmp_path / f"{name}.db", GENESIS)
        for encoded in good:
            finalised = order(opened, [*encoded, *extra])
            assert [one for one in reasons(finalised) if not one] == [""] * len(encoded)
        hashes.append((opened.app_hash, opened.store.last_number()))
        opened.store.close()
    assert hashes[0] == hashes[1]


def test_a_block_in_which_nothing_takes_effect_moves_the_height_alone(
    application: Application, pen: Pen
) -> None:
    """Also not by the passing of time: CometBFT would make blocks for ever, one for each change of the app hash."""
    order(application, [pen.write(buy(), ALICE)])
    app_hash, height, state = application.app_hash, application.height, dict(application.state.entries)
    for later_s in (1, 100, 10_000):
        order(application, [], NOW_S + later_s)
        order(application, [pen.write(Transfer(BOB.public, 1), CAROL)], NOW_S + later_s)
    assert (application.app_hash, application.state.entries) == (app_hash, state)
    assert application.height == height + 6
    again = open_application(application.store.place, GENESIS)
    assert (again.height, again.app_hash, again.head) == (height + 6, app_hash, application.head)
    order(again, [pen.write(Transfer(BOB.public, 1), ALICE)])
    assert (again.height, again.head.height) == (height + 7, height + 7)
    again.store.close()
    assert replay(application.store).height == height + 7


def test_time_never_goes_back_in_a_block_either(application: Application, pen: Pen) -> None:
    (outcome,) = order(application, [pen.write(Transfer(BOB.public, 1), ALICE)], NOW_S - 50).outcomes
    assert outcome.utc_s == application.head.time_s == NOW_S


def test_a_disk_that_fails_leaves_disk_and_memory_as_before(application: Application, pen: Pen) -> None:
    before = picture(application)
    finalised = application.finalise(
        application.height + 1, NOW_S, [pen.write(Transfer(BOB.public, 1), ALICE)]
    )
    saboteur = sqlite3.connect(application.store.place, isolation_level=None)
    saboteur.execute("CREATE TRIGGER full BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(ShellError, match="disk full"):
        application.commit()
    assert picture(application) == before
    saboteur.execute("DROP TRIGGER full")
    saboteur.close()
    application.commit()
    assert application.app_hash == finalised.app_hash
    assert replay(application.store) == application.head


# ---- Work that octets do not show


def test_a_block_has_nothing_behind_the_one_that_looks_at_too_much(
    application: Application, pen: Pen
) -> None:
    """The same for who proposes it and for who votes on it, also where the proposer looked at others between."""
    encoded = [pen.write(Transfer(BOB.public, 1), ALICE) for _ in range(6)]
    poor = pen.write(Transfer(BOB.public, 2_000), ALICE)
    assert application.process(encoded, NOW_S)
    each = 2 + 2 * CHANGE_LOOKS
    application.max_looks = 2 * each + 3
    kept = application.prepare([encoded[0], poor, *encoded[1:]], NOW_S, ROOM)
    assert 1 < len(kept) < 5
    assert kept == encoded[: len(kept)]
    application._proposed = None
    assert application.process(kept, NOW_S)
    assert not application.process(encoded, NOW_S)
    application.max_looks = 0
    assert application.prepare(encoded, NOW_S, ROOM) == encoded[:1], "one alone is always let in"
    application._proposed = None
    assert application.process(encoded[:1], NOW_S)
    assert reasons(order(application, encoded)) == [""] * 6, "what was decided is decided"


def test_a_batch_that_looks_at_too_much_is_refused_by_everybody(application: Application, pen: Pen) -> None:
    """And before it has been looked at to its end."""
    periods = NOW_S // PERIOD_S + 1, NOW_S // PERIOD_S + MAX_PERIODS_AHEAD - 1
    ahead = {period: Reservation(0, 10**6) for period in range(periods[0], periods[1] + 1)}
    order(application, [pen.write(offer(max_allocations=10**6, reservations=ahead), PROVIDER)])

    def batch(size: int) -> bytes:
        purchase = buy(0, epoch=2, period=periods[0], period_to=periods[1])
        return write_submission(Batch(tuple(pen.sign(purchase, ALICE) for _ in range(size))))

    dear, before = batch(MAX_BATCH_LOOKS // (MAX_PERIODS_AHEAD * CHANGE_LOOKS) + 1), picture(application)
    assert reasons(application.finalise(application.height + 1, NOW_S, [dear])) == ["too_much_work"]
    assert not application.process([dear], NOW_S)
    assert application.prepare([dear], NOW_S, ROOM) == []
    assert application.check(dear, NOW_S) is not None, "nor does it wait for ever"
    assert picture(application) == before
    assert reasons(order(application, [batch(3)])) == [""], "few are none too many"


def test_a_batch_that_looks_at_too_much_in_all_its_parts_is_refused_when_it_is_checked(
    application: Application, pen: Pen
) -> None:
    """No part alone does; and what comes behind it in a proposal is taken."""
    periods = NOW_S // PERIOD_S + 1, NOW_S // PERIOD_S + MAX_PERIODS_AHEAD - 1
    ahead = {period: Reservation(0, 10**6) for period in range(periods[0], periods[1] + 1)}
    order(application, [pen.write(offer(max_allocations=10**6, reservations=ahead), PROVIDER)])
    purchase = buy(0, epoch=2, period=periods[0], period_to=periods[1])
    dear = write_submission(Batch(tuple(pen.sign(purchase, ALICE) for _ in range(MAX_MIXED_BATCH))))
    good = pen.write(Transfer(BOB.public, 1), ALICE)
    refused = application.check(dear, NOW_S)
    assert refused is not None
    assert refused.reason == "too_much_work"
    assert application.prepare([dear, good], NOW_S, ROOM) == [good]
    assert application.process([good], NOW_S)


# ---- What we fail at


@pytest.fixture
def poison(application: Application, pen: Pen) -> bytes:
    """A transfer that fails inside of us: Carol is given a balance that the deposits do not allow."""
    order(application, [pen.write(Create(CAROL.public), CAROL)])
    application.state.entries[account_key(CAROL.public.key_id)] = Account(CAROL.public.octets, U63_MAX)
    return pen.write(Transfer(CAROL.public, 1), ALICE)


def test_a_fault_of_ours_costs_one_submission(application: Application, pen: Pen, poison: bytes) -> None:
    told: list[str] = []
    application.tell_fault = told.append
    good = [pen.write(Transfer(BOB.public, 1), ALICE) for _ in range(3)]
    together = [good[0], poison, good[1], b"noise", poison, good[2]]
    refused = application.check(poison)
    assert refused is not None
    assert refused.reason == "internal_fault"
    assert not application.process(together, NOW_S)
    assert application.prepare(together, NOW_S, ROOM) == good
    finalised = order(application, together)
    assert reasons(finalised) == ["", "internal_fault", "", "unreadable", "internal_fault", ""]
    assert application.head.item_count == 3
    assert all("AssertionError: balance of" in text for text in told)
    alice = read_account(application.state, ALICE.public)
    assert alice is not None
    assert alice.balance_ubc == 997


def test_in_a_block_that_others_decide_too_a_fault_of_ours_goes_up_and_nothing_has_happened(
    application: Application, pen: Pen, poison: bytes
) -> None:
    application.shared = True
    good, before = pen.write(Transfer(BOB.public, 1), ALICE), picture(application)
    with pytest.raises(AssertionError, match="balance of"):
        application.finalise(application.height + 1, NOW_S, [good, poison])
    assert picture(application) == before
    assert not application.process([good, poison], NOW_S), "and nobody votes for it"
    assert application.prepare([good, poison], NOW_S, ROOM) == [good]
    assert reasons(order(application, [good])) == [""]


class Weary(dict[bytes, Entry]):
    """Entries of a machine that has no more memory."""

    def get(self, key: bytes, default: object = None) -> NoReturn:
        raise MemoryError(key, default)


def test_trouble_of_the_machine_is_nobody_s_outcome(application: Application, pen: Pen) -> None:
    """Not even where nobody else decides: it goes up, and nothing has happened."""
    encoded, before = pen.write(Transfer(BOB.public, 1), ALICE), picture(application)
    entries = application.state.entries
    application.state.entries = Weary(entries)
    for ask in (
        lambda: application.check(encoded),
        lambda: application.process([encoded], NOW_S),
        lambda: application.prepare([encoded], NOW_S, ROOM),
        lambda: application.finalise(application.height + 1, NOW_S, [encoded]),
    ):
        with pytest.raises(MemoryError):
            ask()
    application.state.entries = entries
    assert picture(application) == before
    assert reasons(order(application, [encoded])) == [""]


# ---- What is a function of the log


def test_what_was_executed_is_in_the_log_and_not_in_memory(application: Application, pen: Pen) -> None:
    """However long it stays valid; a thousand are asked about at once."""
    encoded = [pen.write(Deposit(ALICE.public, 1), EXCHANGE, 7 * 86_400) for _ in range(1_100)]
    assert reasons(order(application, encoded)) == [""] * 1_100
    assert application.state.executed is application.past
    again = order(application, encoded, NOW_S + 86_400)
    assert reasons(again) == ["replayed"] * 1_100
    refused = application.check(encoded[0])
    assert refused is not None
    assert refused.reason == "replayed"


def test_what_has_passed_is_computed_once_for_all_that_are_checked(
    application: Application, pen: Pen
) -> None:
    """Ended grants that no block has taken out yet cost each check nothing, and no check sees another's changes."""
    order(application, [pen.write(buy(), ALICE)])
    all_of_it = pen.write(Transfer(BOB.public, 900), ALICE)
    assert application.check(all_of_it, NOW_S + 50) is None
    passed = application._passed
    assert passed is not None
    changes = dict(passed[2].changes)
    assert changes, "the grant has ended"
    for _ in range(3):
        assert application.check(all_of_it, NOW_S + 50) is None
    assert application._passed is passed
    assert passed[2].changes == changes
    assert application.check(all_of_it, NOW_S + 51) is None
    order(application, [pen.write(Transfer(BOB.public, 1), ALICE)])
    refused = application.check(all_of_it, NOW_S + 51)
    assert refused is not None
    assert refused.reason == "insufficient_funds"


class Slow:
    """A store that takes its time to write a block, all of which is there before it says so."""

    def __init__(self, store: Store, meanwhile: Callable[[], None]) -> None:
        self._store, self._meanwhile = store, meanwhile

    def __getattr__(self, name: str) -> object:
        return getattr(self._store, name)

    def write_block(self, block: BlockRows) -> None:
        self._store.write_block(block)
        self._meanwhile()


def test_nobody_is_told_of_a_block_that_is_still_being_written(application: Application, pen: Pen) -> None:
    """It may come to nothing: a question about it waits for its end."""
    signed = pen.sign(Transfer(BOB.public, 1), ALICE)
    late = Refused(signed.transaction_id, "expired", "", 0, 0)
    told: list[Outcome] = []
    asker = threading.Thread(target=lambda: told.append(application.recall(signed, late)))

    def meanwhile() -> None:
        asker.start()
        asker.join(0.2)
        assert (told, asker.is_alive()) == ([], True)

    application.store = Slow(application.store, meanwhile)  # type: ignore[assignment]
    order(application, [write_submission(signed)])
    asker.join()
    (outcome,) = told
    assert isinstance(outcome, Refused)
    assert outcome.reason == "replayed"


def test_however_blocks_come_the_app_hash_is_the_same(tmp_path: Path, pen: Pen) -> None:
    """By the embedded engine; proposed, voted on and finalised; only finalised, after a restart each; from the log."""
    key = SoftwareKey(PrivateKey.generate())
    chain = MeterChain(key, NOW_S * 1_000)
    result = AttestationResult(key.public_key, b"", PROVIDER.public, b"", NOW_S)
    enrolment = Enrolment(write_attestation_result(result, LEDGER, GENESIS.ledger_id))
    boot, lost, later = Record(chain.boot()), Record(chain.usage(1_000)), Record(chain.usage(1_000))
    settlement = Batch((pen.sign(offer(price_ubc=50), PROVIDER), pen.sign(buy(50, epoch=2), ALICE)))
    blocks: list[tuple[int, list[Submission]]] = [
        (0, [pen.sign(Create(one.public), one) for one in (ALICE, BOB, PROVIDER)]),
        (0, [pen.sign(Deposit(ALICE.public, 1_000), EXCHANGE), pen.sign(offer(), PROVIDER)]),
        (1, [pen.sign(buy(), ALICE), pen.sign(buy(200, consumers=[BOB.public, CAROL.public]), ALICE)]),
        (5, [enrolment, boot, later]),
        (6, [settlement]),
        (20, [later, pen.sign(Transfer(BOB.public, 1), ALICE)]),
        (5 + GAP_PATIENCE_S, [later, lost, pen.sign(Transfer(BOB.public, 3), ALICE)]),
    ]
    engine = open_ledger(tmp_path / "engine.db", GENESIS)
    voted = open_application(tmp_path / "voted.db", GENESIS)
    for second, submissions in blocks:
        run_everywhere(engine, voted, tmp_path / "restarted.db", NOW_S + second, submissions)
    kinds = [item.kind for item in engine.store.items()]
    assert (kinds.count(4), kinds.count(2)) == (1, 3)
    assert replay(engine.store) == engine.head
    engine.store.close()
    voted.store.close()


@pytest.mark.parametrize("seed", range(3))
def test_random_workloads_lead_to_one_app_hash_in_every_database(
    tmp_path: Path, place: Place, pen: Pen, seed: int
) -> None:
    """With restarts at random between blocks, and with refused submissions among the others."""
    chance = random.Random(seed)
    engine, other = open_ledger(tmp_path / "engine.db", GENESIS), open_application(place, GENESIS)
    height = 0
    for number in range(40):
        submissions = first_block(pen) if number == 0 else random_block(pen, chance)
        time_s = NOW_S + 3 * number
        engine.commit(submissions, time_s)
        if engine.head.height > height:
            order(other, [write_submission(one) for one in submissions], time_s)
            height = engine.head.height
        assert other.app_hash == engine.head.app_hash
        if chance.randrange(5) == 0:
            other.store.close()
            other = open_application(place, GENESIS)
    assert len(list(other.store.items())) > 40
    assert list(other.store.items()) == list(engine.store.items())
    assert sorted(other.store.state()) == sorted(engine.store.state())
    assert replay(other.store) == other.head == engine.head
    clubs = [one for one in engine.application.state.entries.values() if isinstance(one, Club)]
    assert {sum(club.balances) + sum(club.owed) for club in clubs} == {1_800}
    assert any(len(set(club.balances)) > 1 for club in clubs), "somebody has spent"
    for store in (engine.store, other.store):
        store.close()


def first_block(pen: Pen) -> list[Submission]:
    people = [pen.sign(Create(key.public), key) for key in (ALICE, BOB, PROVIDER)]
    club = pen.sign(found_club(0, [ALICE, BOB, PROVIDER]), PROVIDER)
    return [*people, pen.sign(Deposit(ALICE.public, 5_000), EXCHANGE), pen.sign(offer(), PROVIDER), club]


def found_club(number: int, members: Sequence[PrivateKey]) -> FoundClub:
    return FoundClub(number, 18_000, 600, b"".join(key.public.octets for key in members))


def random_block(pen: Pen, chance: random.Random) -> list[Submission]:
    """Some of it good and some not, as it comes."""
    made: list[Submission] = []
    for _ in range(chance.randrange(1, 9)):
        buyer, other = chance.sample([ALICE, BOB, CAROL], 2)
        actions: list[tuple[Action, PrivateKey]] = [
            (Transfer(other.public, chance.randrange(0, 300)), buyer),
            (Deposit(buyer.public, chance.randrange(1, 500)), chance.choice([EXCHANGE, ALICE])),
            (offer(price_ubc=chance.randrange(3), max_allocations=chance.randrange(20)), PROVIDER),
            (buy(chance.randrange(3), epoch=chance.randrange(1, 4)), buyer),
            (buy(chance.randrange(4), epoch=chance.randrange(1, 4), consumers=[other.public]), buyer),
            (Create(CAROL.public), CAROL),
            (found_club(chance.randrange(3), chance.sample([ALICE, BOB, CAROL, PROVIDER], 3)), PROVIDER),
            (SpendTokens(PROVIDER.public, chance.randrange(3), chance.randrange(400)), buyer),
        ]
        made.append(pen.sign(*chance.choice(actions), valid_s=chance.choice([500, 500, -1])))
    if chance.randrange(4) == 0:
        pair = tuple(pen.sign(Transfer(BOB.public, chance.randrange(2)), ALICE) for _ in range(2))
        made.append(Batch(pair))
    return [*made, chance.choice(made)]


def run_everywhere(
    engine: Engine, voted: Application, restarted: Path, time_s: int, submissions: list[Submission]
) -> None:
    outcomes = engine.commit(submissions, time_s)
    encoded = [write_submission(one) for one in submissions]
    kept = voted.prepare(encoded, time_s, ROOM)
    assert voted.process(kept, time_s)
    order(voted, kept, time_s)
    other = open_application(restarted, GENESIS)
    finalised = order(other, encoded, time_s)
    assert [isinstance(one, Executed) for one in finalised.outcomes] == [
        isinstance(one, Executed) for one in outcomes
    ]
    assert other.app_hash == voted.app_hash == engine.head.app_hash
    other.store.close()


def test_what_the_log_remembers_is_no_part_of_an_outcome_but_is_told(
    application: Application, pen: Pen
) -> None:
    """A replica that began with a snapshot decides the same; a gateway that has the log says more."""
    signed = pen.sign(Transfer(BOB.public, 1), ALICE)
    order(application, [write_submission(signed)])
    height = application.height
    (late,) = order(application, [write_submission(signed)], NOW_S + 501).outcomes
    assert isinstance(late, Refused)
    assert late.reason == "expired"
    told = application.recall(signed, late)
    assert isinstance(told, Refused)
    assert (told.reason, told.subject) == ("replayed", signed.transaction_id)
    assert f"in block {height}" in told.detail


def test_unreadable_bytes_are_named_by_their_hash(application: Application) -> None:
    (outcome,) = order(application, [b"noise"]).outcomes
    assert isinstance(outcome, Refused)
    assert (outcome.subject, outcome.reason) == (hashlib.sha256(b"noise").digest(), "unreadable")
