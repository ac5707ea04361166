"""What a ledger shows of clubs is what the contract has."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from fastapi import FastAPI

from lab.serving import served
from ledger.client import LedgerReader
from ledger.clubs.acting import read_club
from ledger.clubs.entries import Club, club_key
from ledger.clubs.pages import ClubListPage, ClubPage, ClubProofPage, add_club_pages, add_club_proofs
from ledger.entries import read_entry, write_entry
from ledger.http import add_error_pages
from ledger.opening import open_application
from ledger.state import State
from ledger.submission import Executed, write_submission
from tests.ledger_world import ALICE, BOB, GENESIS, LEDGER, PROVIDER, START_S, World
from wire.block_header import read_signed_header, write_signed_header
from wire.club_actions import MAX_MEMBERS, FoundClub, SpendTokens
from wire.create import Create
from wire.errors import ShellError, VerificationError
from wire.keys import PrivateKey
from wire.state_proof import read_proof, verify_proof
from wire.transaction import Action, Transaction, sign_transaction

KEYS = b"".join(key.public.octets for key in (ALICE, BOB, PROVIDER))


@dataclass
class Shown:
    state: State
    lock: threading.Lock = field(default_factory=threading.Lock)


def test_a_proof_holds_against_the_signed_head_and_for_nothing_else(tmp_path: Path) -> None:
    application = open_application(tmp_path / "ledger.db", GENESIS)

    def order(action: Action, key: PrivateKey, nonce: int) -> None:
        transaction = Transaction(action, nonce.to_bytes(8, "big"), START_S + 500)
        signed = sign_transaction(transaction, key, GENESIS.ledger_id)
        finalised = application.finalise(application.height + 1, START_S, [write_submission(signed)])
        application.commit()
        assert isinstance(finalised.outcomes[0], Executed)

    for number, key in enumerate((ALICE, BOB, PROVIDER)):
        order(Create(key.public), key, number)
    order(FoundClub(3, 18_000, 600, KEYS), PROVIDER, 10)
    order(SpendTokens(PROVIDER.public, 3, 101), ALICE, 11)
    app = FastAPI()
    add_error_pages(app)
    add_club_proofs(app, application, lambda header: write_signed_header(header, LEDGER, GENESIS.ledger_id))
    with served(app) as url:
        reader = LedgerReader(url)
        there = reader.read(ClubProofPage, f"proofs/clubs/{PROVIDER.public}/3")
        absent = reader.read(ClubProofPage, f"proofs/clubs/{PROVIDER.public}/4")
    application.store.close()
    root = read_signed_header(base64.b64decode(there.header), LEDGER.public, GENESIS.ledger_id).state_root
    proof = read_proof(base64.b64decode(there.proof))
    entry = base64.b64decode(there.entry or "")
    key_of_club = club_key(PROVIDER.public.key_id, 3)
    assert there.key == key_of_club.hex()
    verify_proof(root, key_of_club, entry, proof)
    club = read_entry(key_of_club, entry)
    assert isinstance(club, Club)
    assert club.balances == (499, 650, 650)
    for claimed in (None, write_entry(replace(club, balances=(600, 600, 600), owed=(0, 0, 0)))):
        with pytest.raises(VerificationError):
            verify_proof(root, key_of_club, claimed, proof)
    assert absent.entry is None
    verify_proof(root, club_key(PROVIDER.public.key_id, 4), None, read_proof(base64.b64decode(absent.proof)))


def test_clubs_are_shown_as_they_are() -> None:
    world = World()
    for number in (255, 3):
        world.must(FoundClub(number, 18_000, 600, KEYS), PROVIDER)
    world.must(SpendTokens(PROVIDER.public, 3, 101), ALICE)
    app = FastAPI()
    add_error_pages(app)
    add_club_pages(app, Shown(world.state))
    with served(app) as url:
        reader = LedgerReader(url)
        page = reader.read(ClubPage, f"clubs/{PROVIDER.public}/3")
        listed = reader.read(ClubListPage, f"clubs/{PROVIDER.public}")
        nothing = reader.read(ClubListPage, f"clubs/{ALICE.public}")
        for where in (f"{PROVIDER.public}/4", f"{ALICE.public}/3"):
            with pytest.raises(LookupError):
                reader.read(ClubPage, f"clubs/{where}")
        for where in (f"{PROVIDER.public}/256", f"{PROVIDER.public}/-1", "x/1", "x"):
            with pytest.raises(ShellError):
                reader.read(ClubPage, f"clubs/{where}")
    assert (page.founder, page.number, page.quantum_khz_s, page.founding_tokens) == (
        str(PROVIDER.public), 3, 18_000, 600,
    )  # fmt: skip
    assert [(one.account, one.tokens, one.owed) for one in page.members] == [
        (str(ALICE.public), 499, 1),
        (str(BOB.public), 650, 0),
        (str(PROVIDER.public), 650, 0),
    ]
    key = club_key(PROVIDER.public.key_id, 3)
    assert read_entry(key, base64.b64decode(page.entry)) == read_club(world.state, PROVIDER.public, 3)
    assert [row.model_dump() for row in listed.clubs] == [
        {"number": number, "quantum_khz_s": 18_000, "member_count": 3} for number in (3, 255)
    ]
    assert (listed.after, nothing.clubs, nothing.after) == (None, [], None)


def test_a_list_shows_little_and_comes_in_pages() -> None:
    """Of a founder with all numbers, each with the largest club: 2.8 MB if it showed all there is."""
    world = World()
    members = [PrivateKey.from_secret(1_000 + number).public.octets for number in range(MAX_MEMBERS)]
    club = Club(PROVIDER.public.octets, 18_000, 600, b"".join(members), (600,) * 64, (0,) * 64)
    for number in range(256):
        world.state.entries[club_key(PROVIDER.public.key_id, number)] = club
    app = FastAPI()
    add_error_pages(app)
    add_club_pages(app, Shown(world.state))
    about = f"clubs/{PROVIDER.public}"
    with served(app) as url:
        reader = LedgerReader(url)
        first = reader.read(ClubListPage, about)
        second = reader.read(ClubListPage, about, after=first.after, limit=2)
        everything = list(reader.listed(ClubListPage, "clubs", about))
        for wrong in ({"limit": 101}, {"limit": 0}, {"after": 256}):
            with pytest.raises(ShellError):
                reader.read(ClubListPage, about, **wrong)
    assert (len(first.clubs), first.after) == (100, 99)
    assert len(first.model_dump_json()) < 100 * 80
    assert ([row.number for row in second.clubs], second.after) == ([100, 101], 101)
    assert [row.number for row in everything] == list(range(256))
