"""The engine: blocks, what it acknowledges, and what is left of it after a kill at any instant."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.archive import Archive
from ledger.engine import Engine
from ledger.entries import Account, account_key
from ledger.opening import open_ledger, replay
from ledger.recording import GAP_PATIENCE_S
from ledger.state import read_account
from ledger.submission import Batch, Enrolment, Executed, Outcome, Record, Refused, received_id
from ledger.taking import INTERNAL_FAULT
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, GENESIS, LEDGER, PROVIDER, START_S, buy, offer
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.block_header import read_header
from wire.create import Create
from wire.errors import ShellError
from wire.evidence import read_evidence
from wire.keys import PrivateKey
from wire.meter_record import UsageRow, record_hash
from wire.money_actions import Deposit, Transfer
from wire.post_offer import AuctionShare
from wire.transaction import Action, SignedTransaction, Transaction, read_transaction, sign_transaction
from wire.units import U63_MAX

ROOT = Path(__file__).resolve().parents[2]
NOW_S = START_S + 100


def sign(action: Action, key: PrivateKey, valid_s: int = 500) -> SignedTransaction:
    sign.count += 1  # type: ignore[attr-defined]
    nonce = sign.count.to_bytes(8, "big")  # type: ignore[attr-defined]
    return sign_transaction(Transaction(action, nonce, NOW_S + valid_s), key, GENESIS.ledger_id)


sign.count = 0  # type: ignore[attr-defined]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """A ledger with Alice, who has 1,000 ubc, Bob, and a provider who sells."""
    opened = open_ledger(tmp_path / "ledger.db", GENESIS)
    for key in (ALICE, BOB, PROVIDER):
        must(opened, sign(Create(key.public), key))
    must(opened, sign(Deposit(ALICE.public, 1_000), EXCHANGE))
    must(opened, sign(offer(), PROVIDER))
    yield opened
    opened.store.close()


def must(engine: Engine, *submissions: object, now_s: int = NOW_S) -> list[Executed]:
    outcomes = engine.commit(submissions, now_s)  # type: ignore[arg-type]
    assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes
    return outcomes  # type: ignore[return-value]


def balance(engine: Engine, key: PrivateKey) -> int:
    account = read_account(engine.state, key.public)
    assert account is not None
    return account.balance_ubc


def reason(outcome: Outcome) -> str:
    return outcome.reason if isinstance(outcome, Refused) else ""


# ---- Blocks


def test_what_arrives_together_is_one_block_in_its_order(engine: Engine) -> None:
    height = engine.head.height
    outcomes = engine.commit(
        [
            sign(Create(CAROL.public), CAROL),
            sign(Transfer(CAROL.public, 10), ALICE),
            sign(Transfer(BOB.public, 10), CAROL),
        ],
        NOW_S,
    )
    assert [outcome.height for outcome in outcomes] == [height + 1] * 3
    assert (balance(engine, BOB), balance(engine, CAROL)) == (10, 0)


def test_a_rejection_is_no_part_of_a_block_and_alone_makes_none(engine: Engine) -> None:
    head = engine.head
    (outcome,) = engine.commit([sign(Transfer(BOB.public, 1_001), ALICE)], NOW_S)
    assert reason(outcome) == "insufficient_funds"
    assert engine.head == head
    good, bad = sign(Transfer(BOB.public, 1), ALICE), sign(Transfer(BOB.public, 0), ALICE)
    outcomes = engine.commit([bad, good], NOW_S)
    assert [reason(outcome) for outcome in outcomes] == ["amount_not_positive", ""]
    assert engine.head.item_count == 1


def test_a_block_is_closed_when_it_is_enough(engine: Engine, poison: SignedTransaction) -> None:
    """What is left comes back to the caller; at least one is taken, and a fault changes nothing of that."""
    good = [sign(Transfer(BOB.public, 1), ALICE) for _ in range(6)]
    taken = 0

    def enough() -> bool:
        nonlocal taken
        taken += 1
        return taken >= 3

    height = engine.head.height
    outcomes = engine.commit(good, NOW_S, enough)
    assert [outcome.subject for outcome in outcomes] == [signed.transaction_id for signed in good[:3]]
    assert (engine.head.height, engine.head.item_count) == (height + 1, 3)
    (outcome,) = engine.commit(good[3:], NOW_S, lambda: True)
    assert outcome.subject == good[3].transaction_id
    outcomes = engine.commit([good[4], poison, good[5]], NOW_S, lambda: True)
    assert [reason(outcome) for outcome in outcomes] == [""]
    outcomes = engine.commit([poison, good[5]], NOW_S, lambda: True)
    assert [reason(outcome) for outcome in outcomes] == [INTERNAL_FAULT]


def test_time_never_goes_back(engine: Engine) -> None:
    must(engine, sign(Transfer(BOB.public, 1), ALICE), now_s=NOW_S + 50)
    (outcome,) = must(engine, sign(Transfer(BOB.public, 2), ALICE), now_s=NOW_S)
    assert outcome.utc_s == engine.head.time_s == NOW_S + 50


def test_the_same_transaction_twice_in_one_block_runs_once(engine: Engine) -> None:
    signed = sign(Transfer(BOB.public, 1), ALICE)
    outcomes = engine.commit([signed, signed], NOW_S)
    assert [reason(outcome) for outcome in outcomes] == ["", "replayed"]
    assert balance(engine, BOB) == 1


def test_a_batch_is_all_or_none_also_beside_others(engine: Engine) -> None:
    settlement = sign(offer(consumers={ALICE.public: AuctionShare(1, 150)}), PROVIDER)
    bad = Batch((settlement, sign(buy(149, epoch=2), ALICE)))
    other = sign(Transfer(BOB.public, 1), ALICE)
    outcomes = engine.commit([bad, other], NOW_S)
    assert [reason(outcome) for outcome in outcomes] == ["price_differs", ""]
    (outcome,) = must(engine, Batch((settlement, sign(buy(400, epoch=2), ALICE))))
    assert len(outcome.applied) == 2
    assert (balance(engine, ALICE), balance(engine, PROVIDER)) == (1_000 - 1 - 150, 150)


def test_a_purchase_brings_its_grant_and_is_found_by_everybody(engine: Engine) -> None:
    (outcome,) = must(engine, sign(buy(consumers=[BOB.public, CAROL.public], price_ubc=200), ALICE))
    assert [grant.consumer for grant in outcome.grants] == [BOB.public, CAROL.public]
    assert [engine.application.past.find_grant(grant.grant_id) for grant in outcome.grants] == list(
        outcome.grants
    )
    archive = Archive(engine.store.place, GENESIS)
    item = archive.item(outcome.subject)
    assert item is not None
    for key in (ALICE, BOB, CAROL, PROVIDER):
        assert item in archive.items_after(0, 100, key.public.octets)
    assert archive.time_of(item) == NOW_S
    archive.close()


def test_a_disk_that_fails_leaves_memory_and_file_in_agreement(engine: Engine) -> None:
    head, picture = engine.head, dict(engine.state.entries)
    saboteur = sqlite3.connect(engine.store.place, isolation_level=None)
    saboteur.execute("CREATE TRIGGER full BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'disk full'); END")
    with pytest.raises(ShellError, match="disk full"):
        engine.commit([sign(Transfer(BOB.public, 1), ALICE)], NOW_S)
    assert (engine.head, engine.state.entries, engine.application.tree.root) == (
        head,
        picture,
        head.state_root,
    )
    saboteur.execute("DROP TRIGGER full")
    saboteur.close()
    must(engine, sign(Transfer(BOB.public, 1), ALICE))
    assert replay(engine.store) == engine.head


# ---- Meter records


@pytest.fixture
def meter(engine: Engine) -> MeterChain:
    """A chain of an enrolled software key."""
    key = SoftwareKey(PrivateKey.generate())
    result = AttestationResult(key.public_key, b"", PROVIDER.public, b"", NOW_S)
    must(engine, Enrolment(write_attestation_result(result, LEDGER, GENESIS.ledger_id)))
    return MeterChain(key, NOW_S * 1_000)


def test_a_record_gets_the_same_place_whenever_it_comes(engine: Engine, meter: MeterChain) -> None:
    record = Record(meter.boot())
    (first,) = must(engine, record)
    assert must(engine, record, record, now_s=NOW_S + 99) == [first, first]
    assert first.subject == record_hash(read_evidence(record.evidence).record)


def test_the_end_of_every_chain_is_in_the_app_hash(engine: Engine, meter: MeterChain) -> None:
    before = engine.head.app_hash
    must(engine, Record(meter.boot()))
    assert engine.head.app_hash != before


def test_a_report_may_come_in_the_block_of_its_grant(engine: Engine, meter: MeterChain) -> None:
    must(engine, Record(meter.boot()))
    signed = sign(buy(), ALICE)
    (bought,) = must(engine, signed)
    (grant,) = bought.grants
    must(engine, Record(meter.usage(1_000, UsageRow(grant.grant_id, 1, 1, 1, 1))))


def test_a_gap_is_waited_for_and_then_taken(engine: Engine, meter: MeterChain) -> None:
    boot, lost, later = meter.boot(), meter.usage(1_000), meter.usage(1_000)
    must(engine, Record(boot))
    (outcome,) = engine.commit([Record(later)], NOW_S)
    assert reason(outcome) == "sequence_gap"
    (outcome,) = engine.commit([Record(later)], NOW_S + GAP_PATIENCE_S - 1)
    assert reason(outcome) == "sequence_gap"
    must(engine, Record(later), now_s=NOW_S + GAP_PATIENCE_S)
    must(engine, Record(lost), now_s=NOW_S + GAP_PATIENCE_S)  # late, genuine, and evidence all the same


def test_nobody_enrols_a_key_twice_and_garbage_is_no_enrolment(engine: Engine, meter: MeterChain) -> None:
    key = meter.signer.public_key  # type: ignore[union-attr]
    stolen = AttestationResult(key, b"", ALICE.public, b"", NOW_S)
    (outcome,) = engine.commit(
        [Enrolment(write_attestation_result(stolen, LEDGER, GENESIS.ledger_id))], NOW_S
    )
    assert reason(outcome) == "already_enrolled"
    garbage = Enrolment(write_attestation_result(stolen, ALICE, GENESIS.ledger_id))
    assert reason(*engine.commit([garbage], NOW_S)) == "bad_signature"


def test_impossible_byte_counts_are_evidence_and_nothing_else(engine: Engine, meter: MeterChain) -> None:
    (bought,) = must(engine, sign(buy(), ALICE))
    lie = UsageRow(bought.grants[0].grant_id, U63_MAX, U63_MAX, U63_MAX, U63_MAX)
    must(
        engine,
        *(Record(record) for record in (meter.boot(), meter.usage(1_000, lie), meter.usage(1_000, lie))),
    )
    must(engine, Record(meter.usage(1_000, lie)), sign(Transfer(BOB.public, 1), ALICE))
    assert replay(engine.store) == engine.head


# ---- What nobody foresaw


@pytest.fixture
def poison(engine: Engine) -> SignedTransaction:
    """A transfer that fails inside of us, halfway: Carol is given a balance that the deposits do not allow."""
    must(engine, sign(Create(CAROL.public), CAROL))
    engine.state.entries[account_key(CAROL.public.key_id)] = Account(CAROL.public.octets, U63_MAX)
    return sign(Transfer(CAROL.public, 1), ALICE)


def test_an_unforeseen_failure_refuses_one_submission_and_no_other(
    engine: Engine, poison: SignedTransaction
) -> None:
    told: list[str] = []
    engine.application.tell_fault = told.append
    good = [sign(Transfer(BOB.public, 1), ALICE) for _ in range(10)]
    together = [*good[:4], poison, *good[4:7], poison, *good[7:]]
    outcomes = engine.commit(together, NOW_S)
    faults = [at for at, outcome in enumerate(outcomes) if reason(outcome) == INTERNAL_FAULT]
    assert faults == [4, 8]
    assert [outcome.subject for at, outcome in enumerate(outcomes) if at not in faults] == [
        signed.transaction_id for signed in good
    ]
    assert (balance(engine, ALICE), balance(engine, BOB)) == (990, 10)
    assert len(told) == 2
    assert "AssertionError: balance of" in told[0]
    must(engine, sign(Transfer(BOB.public, 1), ALICE))


def test_a_fault_is_no_word_about_the_transaction(engine: Engine, poison: SignedTransaction) -> None:
    (outcome,) = engine.commit([poison], NOW_S)
    assert outcome.subject == received_id(poison) != poison.transaction_id


# ---- What a receipt may say of a transaction


def test_a_bad_signature_is_said_of_the_bytes_and_never_of_the_transaction(engine: Engine) -> None:
    """A stranger who sends an overheard purchase with a broken signature gets no paper against it."""
    signed = sign(buy(), ALICE)
    other = sign(buy(), ALICE).envelope.signature
    encoded = signed.envelope.encoded[:-64] + other
    broken = read_transaction(encoded, GENESIS.ledger_id)
    assert broken.transaction_id == signed.transaction_id
    (refused,) = engine.commit([broken], NOW_S)
    assert reason(refused) == "bad_signature"
    assert refused.subject == hashlib.sha256(encoded).digest() != signed.transaction_id
    refused, executed = engine.commit([broken, signed], NOW_S)
    assert (refused.subject, reason(refused)) == (hashlib.sha256(encoded).digest(), "bad_signature")
    assert (executed.subject, reason(executed)) == (signed.transaction_id, "")


def test_a_late_copy_of_what_ran_is_replayed_and_not_expired(engine: Engine) -> None:
    signed, missed = sign(buy(), ALICE), sign(buy(), ALICE)
    (first,) = must(engine, signed)
    long_after_s = NOW_S + 10 * 86_400
    must(engine, sign_transaction(
        Transaction(Transfer(BOB.public, 1), bytes(8), long_after_s), ALICE, GENESIS.ledger_id
    ), now_s=long_after_s)  # fmt: skip
    again, late = engine.commit([signed, missed], long_after_s)
    assert (again.subject, reason(again)) == (first.subject, "replayed")
    assert isinstance(again, Refused)
    assert f"in block {first.height}" in again.detail
    assert reason(late) == "expired"


# ---- Kill


@pytest.mark.timeout(300)
def test_a_kill_at_any_instant_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """Ten lives of a busy process, each ended by SIGKILL at a random instant."""
    database, chance = tmp_path / "ledger.db", random.Random(7)
    acknowledged: set[str] = set()
    hashes: list[str] = []
    for life in range(10):
        lines = one_life(database, life, chance.uniform(0.05, 0.5))
        for line in lines:
            app_hash, *ids = line.split()
            hashes.append(app_hash)
            acknowledged.update(ids)
        engine = open_ledger(database, GENESIS)
        stored = {item.id.hex() for item in engine.store.items()}
        assert acknowledged <= stored, f"life {life}: acknowledged transactions are lost"
        assert set(hashes) <= {read_header(header).app_hash.hex() for header in engine.store.headers()}
        assert replay(engine.store) == engine.head
        engine.store.close()
    assert len(acknowledged) > 500


def one_life(database: Path, seed: int, seconds: float) -> list[str]:
    """Starts the victim, kills it some time after its first word, and returns its whole lines."""
    command = [sys.executable, "-m", "tests.ledger_victim", str(database), str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as victim:
        assert victim.stdout is not None
        first = victim.stdout.readline()
        try:
            victim.wait(seconds)
        except subprocess.TimeoutExpired:
            victim.kill()
        rest = victim.stdout.read()
    return [line for line in (first + rest).splitlines(keepends=True) if line.endswith("\n")]
