"""What a ledger shows of clubs is what the contract has."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI

from ledger.client import LedgerReader
from ledger.clubs.acting import read_club
from ledger.clubs.entries import club_key
from ledger.clubs.pages import ClubListPage, ClubPage, add_club_pages
from ledger.entries import read_entry
from ledger.http import _add_errors
from ledger.state import State
from tests.ledger_world import ALICE, BOB, PROVIDER, World
from tests.operatord.payplace.serving import served
from wire.club_actions import FoundClub, SpendTokens
from wire.errors import ShellError

KEYS = b"".join(key.public.octets for key in (ALICE, BOB, PROVIDER))


@dataclass
class Shown:
    state: State
    lock: threading.Lock = field(default_factory=threading.Lock)


def test_clubs_are_shown_as_they_are() -> None:
    world = World()
    for number in (255, 3):
        world.must(FoundClub(number, 18_000, 600, KEYS), PROVIDER)
    world.must(SpendTokens(PROVIDER.public, 3, 101), ALICE)
    app = FastAPI()
    _add_errors(app)
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
    assert [(one.account, one.tokens) for one in page.members] == [
        (str(ALICE.public), 499),
        (str(BOB.public), 651),
        (str(PROVIDER.public), 650),
    ]
    assert page.next_odd == str(PROVIDER.public)
    key = club_key(PROVIDER.public.key_id, 3)
    assert read_entry(key, base64.b64decode(page.entry)) == read_club(world.state, PROVIDER.public, 3)
    assert [club.number for club in listed.clubs] == [3, 255]
    assert listed.clubs[0] == page
    assert nothing.clubs == []
