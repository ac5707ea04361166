"""Opening a ledger: the same state again, and a word for every kind of damage."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.chain_state import read_chain_state, write_chain_state
from ledger.database import open_store
from ledger.engine import Engine
from ledger.entries import AccountEnd, account_end_key, chain_key
from ledger.entries import MeterChain as ChainEnd
from ledger.granting import read_sale, write_sale
from ledger.opening import genesis_header, open_ledger, replay
from ledger.submission import Enrolment, Executed, Record, Refused
from tests.ledger_world import ALICE, BOB, EXCHANGE, GENESIS, LEDGER, PERIOD_S, PROVIDER, START_S, buy, offer
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.block_header import read_header, write_header
from wire.create import Create
from wire.errors import ShellError, VerificationError
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer
from wire.post_offer import Reservation
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction

NOW = START_S // PERIOD_S


def sign(action: Action, key: PrivateKey, valid_s: int = 500) -> SignedTransaction:
    return sign_transaction(Transaction(action, os.urandom(8), START_S + valid_s), key, GENESIS.ledger_id)


def live(database: Path) -> Engine:
    """A ledger with something of everything."""
    engine = open_ledger(database, GENESIS)
    meter = SoftwareKey(PrivateKey.generate())
    chain = MeterChain(meter, START_S * 1_000)
    enrolment = AttestationResult(meter.public_key, b"", PROVIDER.public, b"", START_S)
    blocks = [
        [sign(Create(key.public), key) for key in (ALICE, BOB, PROVIDER)],
        [sign(Deposit(ALICE.public, 10_000), EXCHANGE), sign(Transfer(BOB.public, 1), ALICE)],
        [sign(offer(reservations={NOW + 1: Reservation(80, 5)}), PROVIDER), sign(buy(), ALICE)],
        [sign(buy(80, period=NOW + 1, period_to=NOW + 1), ALICE)],
        [Enrolment(write_attestation_result(enrolment, LEDGER, GENESIS.ledger_id)), Record(chain.boot())],
        [Record(chain.usage(1_000)), sign(buy(200, consumers=[ALICE.public, BOB.public]), ALICE)],
    ]
    for second, submissions in enumerate(blocks):
        outcomes = engine.commit(submissions, START_S + second)  # type: ignore[arg-type]
        assert all(isinstance(outcome, Executed) for outcome in outcomes), outcomes
    return engine


def test_retired_keys_are_retired_again(tmp_path: Path) -> None:
    engine = live(tmp_path / "ledger.db")
    for number in (90, 91, 92):
        key = PrivateKey.from_secret(number).public
        result = AttestationResult(key, b"", PROVIDER.public, b"", START_S + 10)
        (outcome,) = engine.commit(
            [Enrolment(write_attestation_result(result, LEDGER, GENESIS.ledger_id))], START_S + 10
        )
        assert isinstance(outcome, Executed)
    assert replay(engine.store) == engine.head
    again = open_ledger(tmp_path / "ledger.db", GENESIS)
    last = PrivateKey.from_secret(92).public.key_id
    assert (
        again.application.metering.live == engine.application.metering.live == {PROVIDER.public.octets: last}
    )
    ends = {key: entry for key, entry in again.state.entries.items() if isinstance(entry, ChainEnd)}
    assert len(ends) == 4
    assert [key for key, end in ends.items() if not end.retired_s] == [chain_key(last)]
    for opened in (engine, again):
        opened.store.close()


def test_an_ended_account_is_ended_again(tmp_path: Path) -> None:
    """Also where its key was another account's meter, so that its last word is no enrolment of its own."""
    engine = live(tmp_path / "ledger.db")
    meters = [(PROVIDER, BOB), (PrivateKey.from_secret(90), BOB), (PROVIDER, PROVIDER)]
    words = [
        Enrolment(
            write_attestation_result(
                AttestationResult(key.public, b"", provider.public, b"", START_S + 10),
                LEDGER,
                GENESIS.ledger_id,
            )
        )
        for key, provider in meters
    ]
    for word in words:
        (outcome,) = engine.commit([word], START_S + 10)
        assert isinstance(outcome, Executed)
    assert replay(engine.store) == engine.head
    again = open_ledger(tmp_path / "ledger.db", GENESIS)
    assert again.state.get(account_end_key(PROVIDER.public)) == AccountEnd(START_S + 10)
    for opened in (engine, again):
        (refused,) = opened.commit([words[-1]], START_S + 11)
        assert isinstance(refused, Refused)
        assert refused.reason == "account_ended"
        (refused,) = opened.commit([sign(offer(), PROVIDER)], START_S + 11)
        assert isinstance(refused, Refused)
        assert refused.reason == "account_ended"
        opened.store.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    engine = live(tmp_path / "ledger.db")
    engine.store.close()
    return tmp_path / "ledger.db"


def test_a_new_ledger_begins_with_its_genesis(tmp_path: Path) -> None:
    engine = open_ledger(tmp_path / "ledger.db", GENESIS)
    assert engine.head == genesis_header(GENESIS, engine.application.tree.root)
    assert replay(engine.store) == engine.head
    engine.store.close()


def test_everything_is_as_it_was(tmp_path: Path) -> None:
    engine = live(tmp_path / "ledger.db")
    again = open_ledger(tmp_path / "ledger.db", GENESIS)
    assert again.head == engine.head
    assert again.state.entries == engine.state.entries
    assert (again.application.metering.chains, again.application.metering.enrolments) == (
        engine.application.metering.chains,
        engine.application.metering.enrolments,
    )
    assert (again.application.tree.root, again.application.next_number) == (
        engine.application.tree.root,
        engine.application.next_number,
    )
    assert list(again.state.keys_due(START_S + 10**6)) == list(engine.state.keys_due(START_S + 10**6))
    for one in (engine, again):
        one.store.close()


def test_what_was_executed_cannot_be_replayed_after_a_restart(tmp_path: Path) -> None:
    engine = open_ledger(tmp_path / "ledger.db", GENESIS)
    signed = sign(Create(ALICE.public), ALICE)
    engine.commit([signed], START_S)
    engine.store.close()
    engine = open_ledger(tmp_path / "ledger.db", GENESIS)
    (outcome,) = engine.commit([signed], START_S)
    assert isinstance(outcome, Refused)
    assert outcome.reason == "replayed"
    engine.store.close()


def test_the_log_alone_leads_to_the_same_app_hash(database: Path) -> None:
    store = open_store(database)
    head = replay(store)
    assert head.height == 6
    store.close()


def test_another_ledger_s_file_is_refused(database: Path) -> None:
    with pytest.raises(VerificationError, match="is the ledger"):
        open_ledger(database, replace(GENESIS, period_s=61))


def damage(statement: str) -> Callable[[Path], None]:
    """Somebody with the file and no scruples: the triggers are dropped first."""

    def run(database: Path) -> None:
        with sqlite3.connect(database) as other:
            for trigger in ("blocks_stay", "blocks_last", "items_stay", "items_last"):
                other.execute(f"DROP TRIGGER {trigger}")
            assert other.execute(statement).rowcount > 0
        other.close()

    return run


def bend_header(height: int, **changes: object) -> Callable[[Path], None]:
    """A header that says something else, well formed."""

    def run(database: Path) -> None:
        with sqlite3.connect(database) as other:
            other.execute("DROP TRIGGER blocks_stay")
            (encoded,) = other.execute("SELECT header FROM blocks WHERE height = ?", (height,)).fetchone()
            bent = write_header(replace(read_header(encoded), **changes))  # type: ignore[arg-type]
            other.execute("UPDATE blocks SET header = ? WHERE height = ?", (bent, height))
        other.close()

    return run


def bend_sale(**changes: object) -> Callable[[Path], None]:
    """Somebody who wants more than he bought."""

    def run(database: Path) -> None:
        with sqlite3.connect(database) as other:
            other.execute("DROP TRIGGER items_stay")
            query = "SELECT number, result FROM items WHERE result != x'' ORDER BY number"
            number, result = other.execute(query).fetchone()
            bent = write_sale(replace(read_sale(result), **changes))  # type: ignore[arg-type]
            other.execute("UPDATE items SET result = ? WHERE number = ?", (bent, number))
        other.close()

    return run


def bend_chain(**changes: object) -> Callable[[Path], None]:
    """Somebody who wants a meter's records to be taken again."""

    def run(database: Path) -> None:
        with sqlite3.connect(database) as other:
            (state,) = other.execute("SELECT state FROM chains").fetchone()
            bent = write_chain_state(replace(read_chain_state(state), **changes))  # type: ignore[arg-type]
            other.execute("UPDATE chains SET state = ?", (bent,))
        other.close()

    return run


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (damage("UPDATE items SET encoded = x'00' WHERE number = 5"), "its items are not those"),
        (damage("DELETE FROM items WHERE height = 3"), "its items are not those"),
        (
            damage("DELETE FROM items WHERE number = (SELECT max(number) FROM items)"),
            "its items are not those",
        ),
        (
            damage("INSERT INTO items SELECT 99, 99, kind, x'99', 0, encoded, result FROM items LIMIT 1"),
            "beyond its last",
        ),
        (
            damage(
                "UPDATE blocks SET header = (SELECT header FROM blocks WHERE height = 2) WHERE height = 3"
            ),
            "block 2: does not follow",
        ),
        (damage("DELETE FROM blocks WHERE height = 2"), "does not follow"),
        (bend_header(2, state_root=bytes(32)), "block 3: does not follow"),
        (bend_header(6, previous=bytes(32)), "block 6: does not follow"),
        (bend_header(6, state_root=bytes(32)), "the state is not the one"),
        (bend_header(6, time_s=START_S - 1), "time goes back"),
        (bend_header(0, time_s=START_S - 1), "does not follow from the genesis"),
        (damage("UPDATE blocks SET header = x'80' WHERE height = 4"), "block header"),
        (damage("DELETE FROM state WHERE key = x'6d'"), "the state is not the one"),
        (damage("UPDATE state SET value = x'821a0000ffff00' WHERE key = x'6d'"), "shortest form"),
        (damage("UPDATE items SET valid_until_s = 0 WHERE number = 4"), "item 4: what stands beside it"),
        (damage("UPDATE items SET id = zeroblob(32) WHERE number = 4"), "item 4: what stands beside it"),
        (
            damage(
                "UPDATE items SET id = zeroblob(32) WHERE number = (SELECT max(number) FROM items WHERE kind = 2)"
            ),
            "what stands beside it",
        ),
        (damage("UPDATE items SET valid_until_s = 9 WHERE kind = 2"), "what stands beside it"),
        (damage("UPDATE items SET id = zeroblob(32) WHERE kind = 3"), "what stands beside it"),
        (
            damage("UPDATE items SET result = (SELECT max(result) FROM items) WHERE number = 1"),
            "stands beside it",
        ),
        (damage("UPDATE items SET result = x'' WHERE result != x''"), "sale|CBOR|cbor"),
        (bend_sale(duration_s=60_000), "block 3: its items do not say what was sold"),
        (bend_sale(allocations=7), "block 3: its items do not say what was sold"),
        (bend_sale(buyer=BOB.public), "names another buyer"),
        (bend_chain(sequence=1), "ends elsewhere than in the state"),
        (bend_chain(head=bytes(32)), "ends elsewhere than in the state"),
        (damage("DELETE FROM chains"), "the chains of meters"),
        (damage("DELETE FROM enrolments"), "the enrolments"),
        (damage("UPDATE enrolments SET key_id = zeroblob(8)"), "the enrolments"),
    ],
)
def test_damage_is_found_on_opening(database: Path, spoil: Callable[[Path], None], complaint: str) -> None:
    spoil(database)
    with pytest.raises(VerificationError, match=complaint):
        open_ledger(database, GENESIS)


def test_a_log_that_was_rewritten_consistently_does_not_replay(database: Path) -> None:
    """A forger who recomputes all hashes still lacks a signature: the items' own are checked."""
    damage("UPDATE items SET result = x'' WHERE result != x''")(database)
    store = open_store(database)
    with pytest.raises(VerificationError, match="something else was sold"):
        replay(store)
    store.close()


@pytest.mark.parametrize("bent", [{"state_root": bytes(32)}, {"sales_root": bytes(32)}, {"item_count": 77}])
def test_a_log_that_leads_elsewhere_does_not_replay(database: Path, bent: dict[str, object]) -> None:
    bend_header(6, **bent)(database)
    store = open_store(database)
    with pytest.raises(VerificationError, match="another state or items or sales root"):
        replay(store)
    store.close()


def test_there_is_nothing_to_replay_in_an_empty_file(tmp_path: Path) -> None:
    store = open_store(tmp_path / "ledger.db")
    with pytest.raises(VerificationError, match="holds no ledger"):
        replay(store)
    store.close()


def test_a_folder_that_is_not_there_is_the_world_s_fault(tmp_path: Path) -> None:
    with pytest.raises(ShellError):
        open_ledger(tmp_path / "absent" / "ledger.db", GENESIS)


def test_python_that_leaves_out_assertions_is_refused(database: Path) -> None:
    """A ledger that goes on where it is wrong decides otherwise than the others."""
    words = [sys.executable, "-O", "-m", "ledger", "verify", str(database)]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "run it without -O" in ended.stderr
