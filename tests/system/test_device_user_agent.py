"""The user's agent buys from the real access point daemon on the real kernel: within its budget, and once, whatever
kills it; and it pays the real operatord as it goes, out of a deposit on the real ledger.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from device.agent_cli import agent
from device.agent_files import load_book
from device.choice import PinnedLedger
from device.connect_cli import deposits
from device.fake_wpa import FakeSupplicant
from device.wallet import Wallet, pin_ledger
from lab.box import INTERFACE, BoxSite, box_site
from lab.processes import Child
from ledger.payplace import deposit_cli
from tests.device.wpa_world import INTERFACE as AIR_INTERFACE
from tests.device.wpa_world import WpaWorld, serving
from tests.system.test_apd_daemon import PROGRAMS, QUICK, is_let_in
from tests.system.test_device_connect import INCREMENT_UBC, Air, Town, said, shop, town

__all__ = ["town"]  # a fixture
pytestmark = pytest.mark.system
ROOT = Path(__file__).parents[2]
PRICE_UBC = 1_000
"""Of the unit that the box sells, for ten minutes."""
SETTINGS = """
[budget]
cycle = "0.01"
day = "0.0015"
[applications.video]
rate = "1M/500k"
time = "3s"
minute = "1"
"""
"""One unit fits into a day, and two do not."""


@dataclass
class Site:
    box: BoxSite
    wallet: Path

    def start(self, *words: str) -> Child:
        """`airgrant agent`, beside the station."""
        way = [] if words[0] in {"receipt", "budget"} else ["--interface", INTERFACE, "--over", "lobby"]
        command: list[str | Path] = [
            sys.executable, ROOT / "airgrant.py", "agent", *words, "--wallet", self.wallet, *way, "--json",
        ]  # fmt: skip
        return self.box.household.start("agent", command, namespace=self.box.station)

    def said(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Its exit status, and what it answers."""
        child = self.start(*words)
        status = child.wait(60)
        (line,) = (line for line in child.said.splitlines() if line.startswith("{"))
        return status, json.loads(line)

    def settled_ubc(self) -> list[int]:
        return [one.paid_ubc for one in load_book(self.wallet).book.settled]


@pytest.fixture
def site(tmp_path: Path, needs: Callable[..., None]) -> Iterator[Site]:
    needs(*PROGRAMS)
    with box_site(tmp_path, settings=QUICK) as box:
        box.ledger.accounts.append(box.consumer.public)
        path = tmp_path / "wallet.pem"
        path.touch(mode=0o600)
        path.write_bytes(box.consumer.to_pem())
        pin_ledger(Wallet(path, box.consumer), PinnedLedger(box.ledger.key.public, box.ledger.ledger_id))
        path.with_suffix(".agent.toml").write_text(SETTINGS)
        box.start()
        box.wait_until_it_sells()
        yield Site(box, path)


def test_it_asks_buys_is_let_in_settles_and_says_what_else_it_would_have_cost(site: Site) -> None:
    status, page = site.said("ask", "video")
    assert (status, page["choice"], page["alternatives"][0]["worst_ubc"]) == (0, "buy", PRICE_UBC)
    assert site.box.ledger.sold == {}, "nobody bought"
    child = site.start("run", "video", "for", "6s")
    child.wait_for(lambda: is_let_in(site.box), "the kernel serves its station", 30)
    assert child.wait(60) == 0
    assert not is_let_in(site.box), "it has left"
    assert len(site.box.ledger.sold) == 1
    assert site.settled_ubc() == [PRICE_UBC]
    status, page = site.said("receipt")
    assert (status, page["paid_ubc"]) == (0, PRICE_UBC)
    assert page["counterfactuals"][0]["would_ubc"] == PRICE_UBC
    assert site.said("budget")[1]["envelopes"][0]["used_ubc"] == PRICE_UBC


def test_killed_in_mid_session_it_comes_back_with_what_it_paid_for_and_buys_nothing_more(site: Site) -> None:
    """What is left of the day pays for no second unit, and none is bought."""
    child = site.start("run", "video", "for", "5m")
    child.wait_for(lambda: is_let_in(site.box), "the kernel serves its station", 30)
    child.kill()
    (left,) = load_book(site.wallet).book.open
    assert left.most_ubc == PRICE_UBC
    status, page = site.said("run", "video")
    assert (status, page["paid_ubc"], page["reason"]) == (0, 0, "time_is_up")
    assert site.settled_ubc() == [PRICE_UBC, 0]
    assert len(site.box.ledger.sold) == 1


def test_what_does_not_fit_into_the_day_is_not_bought(site: Site) -> None:
    site.wallet.with_suffix(".agent.toml").write_text(SETTINGS.replace('day = "0.0015"', 'day = "0.0009"'))
    status, page = site.said("run", "video")
    assert (status, page["reason"], page["stays"]) == (1, "not_bought", [])
    assert page["detail"].endswith("over_envelope")
    assert site.box.ledger.sold == {}


def test_it_pays_the_real_operator_as_it_goes_and_its_books_agree(
    town: Town, capsys: pytest.CaptureFixture[str], eventually: Callable[..., None]
) -> None:
    operator, url = str(town.operator.key.public), town.operator.ledger.reader.url
    assert deposit_cli.main([f"{operator}=0.5", *town.submitting]) == 0
    assert deposits(["--wallet", str(town.wallet), operator, "--ledger", url, "--json"]) == 0
    eventually(lambda: town.operator.status()["channels"] == 1, "operatord has heard of it", 20)
    capsys.readouterr()
    town.wallet.with_suffix(".agent.toml").write_text(
        SETTINGS.replace("0.0015", "0.01").replace("1M/500k", "1M")
    )
    air = Air(url=town.operator.url)
    air.add(shop(town))
    with tempfile.TemporaryDirectory() as folder:
        world = WpaWorld(Path(folder), FakeSupplicant(air))
        with serving(world):
            way = ["--interface", AIR_INTERFACE, "--over", "air", "--control", folder]
            wallet = ["--wallet", str(town.wallet), "--json"]
            assert agent(["run", "video", "for", "5s", *wallet, *way]) == 0
            ran = said(capsys)
    assert [(one["manner"], one["reason"]) for one in ran["stays"]] == [("metered", "time_is_up")]
    assert ran["paid_ubc"] == 3 * INCREMENT_UBC == town.operator.status()["paid_ubc"]
    assert agent(["receipt", *wallet]) == 0
    receipt = said(capsys)
    assert receipt["paid_ubc"] == ran["paid_ubc"]
    assert [one["worst_ubc"] for one in receipt["sessions"]] == [3 * INCREMENT_UBC]
    would = {one["name"]: one["would_ubc"] for one in receipt["counterfactuals"]}
    assert would["always a grant"] == 10**9, "which nobody could pay"
