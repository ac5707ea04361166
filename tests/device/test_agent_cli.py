"""`airgrant agent`: run, ask, receipt and budget, for people and for scripts, and what is wrong with a line."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from device.agent_cli import agent
from device.agent_files import keep_book, only_agent
from device.agent_pages import Kept
from device.console import DONE, INTERRUPTED, NO, USAGE, WORLD
from device.deposits import keep_deposits
from market.agent.envelopes import Book
from tests.device.metered_seller import DEPOSIT_UBC, INCREMENT_UBC, Seller
from tests.device.test_user_agent import SETTINGS, Shop, shop
from tests.device.wpa_world import INTERFACE, WpaWorld, running


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as made:
        yield made


@pytest.fixture
def store(world: WpaWorld, tmp_path: Path) -> Iterator[Shop]:
    """A shop with a cheap tariff, a dear one, and the settings beside the wallet."""
    made = shop(world, tmp_path, Seller(world, 1, 60_000, price_ubc=9_000), Seller(world, 2, 120_000))
    made.wallet.path.with_suffix(".agent.toml").write_text(SETTINGS)
    with ExitStack() as open_ones:
        for one in made.sellers:
            open_ones.enter_context(one.open())
        keep_deposits(made.wallet.path, {one.key.public: DEPOSIT_UBC for one in made.sellers})
        yield made


def words(made: Shop, command: str, *more: str) -> list[str]:
    way = ["--interface", INTERFACE, "--over", "air", "--control", str(made.world.folder)]
    return [command, *more, "--wallet", str(made.wallet.path), *(way if command in {"run", "ask"} else [])]


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(capsys.readouterr().out)
    return page


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert agent(["--help"]) == DONE
    assert "examples:\n  airgrant agent ask " in capsys.readouterr().out
    assert agent([]) == USAGE
    assert agent(["buy"]) == USAGE
    assert "buy is none of run, ask, receipt, budget" in capsys.readouterr().err
    for command in ("run", "ask", "receipt", "budget"):
        assert agent([command, "--help"]) == DONE
        assert f"usage: airgrant agent {command}" in capsys.readouterr().out


def test_what_it_would_do_and_why(store: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    assert agent(words(store, "ask", "video", "--json")) == DONE
    page = said(capsys)
    assert (page["ok"], page["choice"], page["taken"]) == (True, "metered", 0)
    assert [one["expected_ubc"] for one in page["alternatives"]] == [2_000, 4_000, 9_000, 10**9]
    assert page["alternatives"][0]["worst_ubc"] == 2_000
    assert [one["refused"] for one in page["alternatives"]] == ["", "", "", "over_envelope"]
    assert agent(words(store, "ask", "video", "for", "3s")) == DONE
    told = " ".join(capsys.readouterr().out.split())
    assert (
        "access point how price at worst gain › 02:00:00:00:00:01 as it goes 0.003 BC 0.003 BC 0.146 BC"
        in told
    )
    assert "3 s of video is worth 0.15 BC" in told
    assert (
        f"paying as it goes at {store.sellers[0].bssid}: worth 0.146 BC more than it costs, the best of 4"
        in told
    )


def test_it_runs_and_the_receipt_says_what_else_it_would_have_cost(
    store: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent(words(store, "run", "video", "--json")) == DONE
    page = said(capsys)
    assert (page["ok"], page["reason"], page["paid_ubc"]) == (True, "time_is_up", 2_000)
    assert page["envelopes"][0] == {
        "name": "everything today", "cap_ubc": 1_500_000, "used_ubc": 2_000, "left_ubc": 1_498_000,
    }  # fmt: skip
    assert agent(words(store, "receipt", "--json")) == DONE
    receipt = said(capsys)
    assert (receipt["paid_ubc"], receipt["damaged_lines"]) == (2_000, 0)
    would = {one["name"]: one["would_ubc"] for one in receipt["counterfactuals"]}
    assert would["always a grant"] == 9_000
    assert would["the cheapest, in hindsight"] == 2_000 or receipt["sessions"][0]["seconds"] != 2
    assert agent(words(store, "receipt")) == DONE
    told = " ".join(capsys.readouterr().out.split())
    assert "video: 0.002 BC in 1 session" in told
    assert "always a grant 1 0.009 BC 0.002 BC 0.007 BC" in told
    assert agent(words(store, "budget")) == DONE
    assert "everything in this cycle 4 BC 0.002 BC 3.998 BC" in " ".join(capsys.readouterr().out.split())


def test_a_person_sees_why_nothing_was_bought(store: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    path = store.wallet.path.with_suffix(".agent.toml")
    path.write_text(SETTINGS.replace('minute = "3"', 'minute = "0.01"'))
    assert agent(words(store, "run", "video")) == NO
    told = " ".join(capsys.readouterr().err.split())
    assert "staying with the plan" in told
    assert "no: device says not_bought" in told
    assert agent(words(store, "ask", "video", "--json")) == NO
    assert agent(words(store, "receipt")) == NO
    assert "nothing was bought" in capsys.readouterr().out


def test_ctrl_c_leaves_settles_and_shows_what_was_had(
    world: WpaWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = Seller(world, 1, 60_000, heard=lambda: os.kill(os.getpid(), signal.SIGINT))
    made = shop(world, tmp_path, seller)
    made.wallet.path.with_suffix(".agent.toml").write_text(SETTINGS)
    with seller.open():
        keep_deposits(made.wallet.path, {seller.key.public: DEPOSIT_UBC})
        assert agent(words(made, "run", "video", "for", "1m", "--json")) == INTERRUPTED
    page = said(capsys)
    assert (page["reason"], page["paid_ubc"]) == ("interrupted", INCREMENT_UBC)
    assert made.book.open == ()


def test_a_clock_that_went_back_is_told(store: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    keep_book(store.wallet.path, Kept(Book(int(time.time()) + 900_000)))
    assert agent(words(store, "budget", "--json")) == DONE
    assert 899_000 < said(capsys)["clock_behind_s"] <= 900_000
    assert agent(words(store, "budget")) == DONE
    assert "no new day begins before it has caught up" in " ".join(capsys.readouterr().out.split())


def test_the_budget_that_is_used_up(store: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    store.wallet.path.with_suffix(".agent.toml").write_text(
        SETTINGS.replace('"4"', '"0"').replace('day = "1.5"', "")
    )
    assert agent(words(store, "budget", "--json")) == NO
    assert said(capsys)["envelopes"] == [
        {"name": "everything in this cycle", "cap_ubc": 0, "used_ubc": 0, "left_ubc": 0}
    ]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (["run", "chess"], "'chess' is none of the applications: video"),
        (["run", "video", "2m"], "is not an application and a time"),
        (["run", "video", "for", "soon"], "'soon' is not a duration"),
        (["ask", "video", "for", "0s"], "over before it begins"),
        (["receipt", "--cycle", "mine"], "'mine' is neither this, last nor a number"),
        (["budget", "--settings", "/nowhere.toml"], "/nowhere.toml: No such file"),
    ],
)
def test_it_says_what_is_wrong_with_a_line(
    line: list[str], text: str, store: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert agent([*words(store, *line), "--json"]) == USAGE
    page = said(capsys)
    assert page["reason"] == "configuration"
    assert text in page["detail"]


def test_another_agent_and_a_damaged_book_are_named(store: Shop, capsys: pytest.CaptureFixture[str]) -> None:
    with only_agent(store.wallet.path):
        assert agent(words(store, "run", "video", "--json")) == WORLD
    assert "another agent works" in said(capsys)["detail"]
    (store.wallet.path.with_suffix(".kept") / "agent.json").write_text("{")
    assert agent(words(store, "budget", "--json")) == USAGE
    assert "take it away" in said(capsys)["detail"]
    assert agent(words(store, "receipt", "--cycle", "last", "--json")) == USAGE
