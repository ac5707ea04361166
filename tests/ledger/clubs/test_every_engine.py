"""Random spendings, on every engine of the ledger: one order of transactions, one app hash, no token made or lost."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from ledger.clubs.entries import Club
from ledger.opening import open_application, open_ledger, replay
from ledger.store import Place
from ledger.submission import Batch, Executed, Submission, write_submission
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, START_S
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.keys import PrivateKey
from wire.transaction import Action, SignedTransaction, Transaction, sign_transaction

PEOPLE = [ALICE, BOB, CAROL, PROVIDER]
ROOM = 1_000_000


class Pen:
    """Signs transactions, each a new one."""

    def __init__(self) -> None:
        self.count = 0

    def sign(self, action: Action, key: PrivateKey) -> SignedTransaction:
        self.count += 1
        transaction = Transaction(action, self.count.to_bytes(8, "big"), START_S + 5_000)
        return sign_transaction(transaction, key, GENESIS.ledger_id)


def blocks(pen: Pen, chance: random.Random) -> list[list[Submission]]:
    """Clubs that come and go nowhere, spendings of too much and too little, and some in batches."""
    made: list[list[Submission]] = [[pen.sign(Create(key.public), key) for key in PEOPLE]]
    for _ in range(25):
        block: list[Submission] = []
        for _ in range(chance.randrange(1, 8)):
            founder, spender = chance.sample(PEOPLE, 2)
            members = chance.sample(PEOPLE, chance.randrange(1, 5))
            keys = b"".join(member.public.octets for member in members)
            number = chance.randrange(2)
            spend = SpendTokens(founder.public, number, chance.randrange(70))
            pair = Batch((pen.sign(spend, spender), pen.sign(spend, founder)))
            some: list[Submission] = [pen.sign(FoundClub(number, 180, 100, keys), founder), pair]
            block.append(chance.choice([*some, pen.sign(spend, spender), pen.sign(spend, spender)]))
        made.append(block)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_clubs_lead_to_one_app_hash_in_every_database(tmp_path: Path, place: Place, seed: int) -> None:
    """By the embedded engine, as CometBFT drives it with proposals and votes, and with restarts between blocks."""
    chance = random.Random(seed)
    engine, other = open_ledger(tmp_path / "engine.db", GENESIS), open_application(place, GENESIS)
    executed = 0
    for number, submissions in enumerate(blocks(Pen(), chance)):
        height, time_s = engine.head.height, START_S + number
        outcomes = engine.commit(submissions, time_s)
        executed += sum(isinstance(one, Executed) for one in outcomes)
        if engine.head.height > height:
            kept = other.prepare([write_submission(one) for one in submissions], engine.head.time_s, ROOM)
            assert other.process(kept, engine.head.time_s)
            other.finalise(other.height + 1, engine.head.time_s, kept)
            other.commit()
        assert other.app_hash == engine.head.app_hash
        if chance.randrange(8) == 0:
            other.store.close()
            other = open_application(place, GENESIS)
    clubs = [one for one in other.state.entries.values() if isinstance(one, Club)]
    assert executed > 15
    assert len(clubs) > 1
    for club in clubs:
        assert sum(club.balances) + sum(club.owed) == club.tokens * len(club.balances)
    assert any(set(club.balances) != {club.tokens} for club in clubs)
    assert any(sum(club.owed) for club in clubs), "something did not divide"
    assert sorted(other.store.state()) == sorted(engine.store.state())
    assert replay(other.store) == other.head == engine.head
    for store in (engine.store, other.store):
        store.close()
