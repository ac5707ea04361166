"""`make lab-ledger` as a stranger runs it: four operators, real CometBFT, every trouble; its exit status and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.bench.ledger_net import Sizes, measure
from tests.played_lab import play_lab

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]


def test_figures_are_measured_on_a_network_of_four(go_program: Callable[[str], Path]) -> None:
    """Small, and for their shape: how fast it is, `make bench NAME=ledger` says."""
    go_program("cometbft")
    told: list[str] = []
    figures = measure(told.append, Sizes(rounds=1, singles=40, idle=3, bulks=2, consumers=500, winners=30))
    units = ["s", "s", "transactions/s", "allocations/s", "s", "s"]
    assert [figure.unit for figure in figures] == units
    assert all(figure.value > 0 for figure in figures)
    assert told[0] == "cables between four operators"


@pytest.fixture(scope="module")
def played(go_program: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole run."""
    go_program("cometbft")
    out = tmp_path_factory.mktemp("lab-ledger")
    play_lab("lab.ledger_net", out, timeout_s=390)
    return out


def test_every_promise_held(played: Path) -> None:
    result = json.loads((played / "result.json").read_text())
    assert result["ok"] is True
    assert [one["promise"] for one in result["promises"] if not one["ok"]] == []
    assert len(result["promises"]) == 8


def test_all_ledgers_are_the_same(played: Path) -> None:
    operators = json.loads((played / "result.json").read_text())["operators"]
    assert [one["name"] for one in operators] == ["alice", "bob", "carol", "dave", "eve"]
    assert len({(one["height"], one["app_hash"], one["transactions"]) for one in operators}) == 1
    assert operators[0]["transactions"] > 1_000


def test_each_trouble_was_played(played: Path) -> None:
    titles = " ".join(one["title"] for one in json.loads((played / "result.json").read_text())["chapters"])
    for trouble in (
        "auction",
        "killed",
        "cut off",
        "state sync",
        "at once",
        "the same purchases",
        "behind its back",
    ):
        assert trouble in titles
    said = (played / "logs" / "eve-comet.log").read_text()
    assert "Snapshot restored" in said


def test_the_page_needs_nothing_from_outside(played: Path) -> None:
    page = (played / "report.html").read_text()
    assert "Every promise held." in page
    assert "src=" not in page
    assert "@import" not in page
