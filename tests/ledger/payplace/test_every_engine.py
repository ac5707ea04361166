"""What the adversary does to PayPlace, on every engine of the ledger: one order of transactions, one app hash."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import pytest

from ledger.opening import open_application, open_ledger, replay
from ledger.store import Place
from ledger.submission import Executed, Submission, write_submission
from tests.ledger_world import GENESIS
from tests.payplace_adversary import ACCOUNTS, Adversary
from tests.payplace_contract import PythonContract
from wire.money_actions import Transfer
from wire.payplace_actions import PayplaceCode, write_payplace_action
from wire.transaction import Transaction, sign_transaction

ROUNDS = 25
ROOM = 4_000_000


def adversarial_blocks(seed: int) -> list[tuple[int, list[Submission]]]:
    """All that an adversary sent, executed or not, with transfers among it, cut into blocks at random."""
    chance, contract = random.Random(seed), PythonContract(ACCOUNTS)
    adversary = Adversary(contract, random.Random(seed))
    for _ in range(ROUNDS):
        adversary.round()
    blocks: list[tuple[int, list[Submission]]] = []
    for time_s, group in groupby(contract.log, lambda one: one[0]):
        submissions: list[Submission] = [signed for _, signed in group]
        payer, payee = chance.sample(contract.keys, 2)
        transfer = Transaction(Transfer(payee.public, chance.randrange(9)), chance.randbytes(8), time_s + 5)
        submissions.append(sign_transaction(transfer, payer, GENESIS.ledger_id))
        while submissions:
            size = chance.randrange(1, 9)
            blocks.append((time_s, submissions[:size]))
            submissions = submissions[size:]
    return blocks


@pytest.mark.parametrize("seed", range(2))
def test_the_adversary_leads_to_one_app_hash_in_every_database(
    tmp_path: Path, place: Place, seed: int
) -> None:
    """By the embedded engine, and block by block as CometBFT drives it, with restarts at random between blocks."""
    chance = random.Random(seed)
    engine, other = open_ledger(tmp_path / "engine.db", GENESIS), open_application(place, GENESIS)
    kinds = set[str]()
    for time_s, submissions in adversarial_blocks(seed):
        height = engine.head.height
        outcomes = engine.commit(submissions, time_s)
        if engine.head.height > height:
            encoded = [write_submission(one) for one in submissions]
            finalised = other.finalise(other.height + 1, engine.head.time_s, encoded)
            other.commit()
            assert [type(one) for one in finalised.outcomes] == [type(one) for one in outcomes]
        assert other.app_hash == engine.head.app_hash
        kinds |= executed_kinds(submissions, outcomes)
        if chance.randrange(20) == 0:
            other.store.close()
            other = open_application(place, GENESIS)
    wanted = {"REGISTER_OPERATOR", "REGISTER_MERCHANT", "PAYPLACE_DEPOSIT", "MARK_MISSING", "NOTARISE"}
    assert wanted | {"WITHDRAW_PAYOUT"} <= kinds
    assert sorted(other.store.state()) == sorted(engine.store.state())
    assert replay(other.store) == other.head == engine.head
    for store in (engine.store, other.store):
        store.close()


def test_it_may_be_proposed_and_voted_on(tmp_path: Path) -> None:
    """As operators of a shared ledger do: whoever proposes leaves out what the rules refuse, and all vote for it."""
    engine = open_ledger(tmp_path / "engine.db", GENESIS)
    voted = open_application(tmp_path / "voted.db", GENESIS)
    for time_s, submissions in adversarial_blocks(2):
        height = engine.head.height
        outcomes = engine.commit(submissions, time_s)
        now_s = max(time_s, engine.head.time_s)
        kept = voted.prepare([write_submission(one) for one in submissions], now_s, ROOM)
        assert len(kept) == sum(isinstance(one, Executed) for one in outcomes)
        if engine.head.height > height:
            assert voted.process(kept, now_s)
            voted.finalise(voted.height + 1, now_s, kept)
            voted.commit()
        assert voted.app_hash == engine.head.app_hash
    for store in (engine.store, voted.store):
        store.close()


def executed_kinds(submissions: Sequence[Submission], outcomes: Sequence[object]) -> set[str]:
    kinds = set[str]()
    for one, outcome in zip(submissions, outcomes, strict=False):
        action = one.transaction.action  # type: ignore[union-attr]
        if (
            isinstance(outcome, Executed)
            and not isinstance(action, Transfer)
            and "payplace" in type(action).__module__
        ):
            code: PayplaceCode = write_payplace_action(action)[0]  # type: ignore[arg-type]
            kinds.add(code.name)
    return kinds
