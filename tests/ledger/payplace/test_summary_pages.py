"""What the ledger says over HTTP of what publishers said: of those whom the asker trusts, and of nobody else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI

from lab.serving import served
from ledger.client import LedgerReader
from ledger.http import add_error_pages
from ledger.payplace.summary_pages import MAX_PUBLISHERS, UsageSummaryPage, add_summary_pages
from ledger.state import State
from tests.ledger_world import ALICE, BOB, CAROL, PROVIDER, START_S, World
from wire.errors import ShellError
from wire.payplace_summary import PublishSummary


@dataclass
class Shown:
    state: State
    lock: threading.Lock = field(default_factory=threading.Lock)


def test_only_the_word_of_those_who_are_named_counts() -> None:
    world = World()
    world.must(PublishSummary(PROVIDER.public, START_S - 60, START_S, 8, 8, 60, 1_000), ALICE)
    world.must(PublishSummary(PROVIDER.public, START_S - 60, START_S, 90, 0, 60, 2_000), BOB)
    app = FastAPI()
    add_error_pages(app)
    add_summary_pages(app, Shown(world.state))
    path = f"payplace/summaries/{PROVIDER.public}"
    with served(app) as url:
        reader = LedgerReader(url)
        mine = reader.read(UsageSummaryPage, f"{path}?publisher={ALICE.public}&publisher={CAROL.public}")
        both = reader.read(UsageSummaryPage, f"{path}?publisher={ALICE.public}&publisher={BOB.public}")
        nobody = reader.read(UsageSummaryPage, f"{path}?publisher={CAROL.public}")
        twice = reader.read(UsageSummaryPage, f"{path}?publisher={ALICE.public}&publisher={ALICE.public}")
        for query in (
            "",
            "?publisher=x",
            "?publisher=" + "&publisher=".join([str(BOB.public)] * (MAX_PUBLISHERS + 1)),
        ):
            with pytest.raises(ShellError, match="publisher"):
                reader.read(UsageSummaryPage, path + query)
    assert (mine.publishers, mine.sessions, mine.reliability_permille) == (1, 8, 900)
    assert (both.publishers, both.sessions, both.served_bytes, both.reliability_permille) == (
        2,
        98,
        3_000,
        90,
    )
    assert (nobody.publishers, nobody.reliability_permille) == (0, 500)
    assert twice == mine
