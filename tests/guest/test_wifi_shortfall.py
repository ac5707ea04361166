"""A radio that loses half of its frames: what was sold does not arrive, is signed, and is paid back. All parts real."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.namespaces import run
from lab.traffic import ping_once
from lab.wifi.stage import UNIT, UNIT_PRICE_UBC, WifiStage, set_wifi_stage
from lab.world import WORLD_V4
from wire.refund import refund_ubc

ROOT = Path(__file__).resolve().parents[2]
DEBUG = Path("/sys/kernel/debug")
UNITS = 2
LOSE = 'while :; do echo 2 > "$1"; sleep 0.4; echo 1 > "$1"; sleep 0.3; done'
"""A radio of another group neither hears nor acknowledges; short enough for neither side to give the other up."""
MISSING_BYTES = 150_000


@pytest.fixture(scope="module")
def stage() -> Iterator[WifiStage]:
    logs = ROOT / "build" / "tests" / "wifi-shortfall-logs"
    if not DEBUG.is_mount():
        run(["mount", "-t", "debugfs", "none", str(DEBUG)])
    with set_wifi_stage(
        logs, lambda text: print(text, file=sys.stderr), boxes=1, stations=1, duration_s=90
    ) as made:
        yield made


def verified(stage: WifiStage) -> dict[str, Any]:
    """What anybody is told who asks."""
    words = [sys.executable, "-m", "airgrant", "report", "verify", "--ledger", stage.bank.url, "--json"]
    child = stage.household.start("auditor", words, namespace=stage.air.operator)
    assert child.wait(90) == 0, child.tail()
    (chain,) = json.loads(child.said[child.said.index("{") :])["chains"]
    found: dict[str, Any] = chain
    return found


def test_what_the_radio_lost_is_signed_and_paid_back(stage: WifiStage) -> None:
    box, station = stage.access_point(), stage.air.station(1)
    group = DEBUG / "ieee80211" / station.radio.phy / "hwsim" / "group"
    (wallet,) = stage.open_accounts("ada")

    def mine() -> dict[str, Any]:
        (session,) = box.status()["sessions"]
        found: dict[str, Any] = session
        return found

    with stage.buy(1, wallet, UNITS) as session:
        station.take_addresses()
        assert ping_once(station.namespace, str(WORLD_V4.ip)) > 0
        rate = str(UNITS * UNIT.floor_down_bps * 3 // 2)
        flood = [sys.executable, str(ROOT / "lab" / "flood.py"), str(station.v4.ip), "9", rate]
        sender = stage.household.start("flood", flood, namespace=stage.air.world)
        box.apd.wait_for(lambda: mine()["demanded_down_bps"], "an interval with demand", 30)
        assert mine()["down_shortfall_bytes"] == 0, "a radio that works"
        before_bps = mine()["demanded_down_bps"]
        loser = stage.household.start("loser", ["sh", "-c", LOSE, "sh", str(group)])
        box.apd.wait_for(lambda: mine()["down_shortfall_bytes"] > MISSING_BYTES, "a shortfall", 40)
        loser.stop()
        group.write_text("1")
        sender.stop()
        told = mine()
        print(json.dumps(box.status()["airtime"]), json.dumps(told))
        assert told["demanded_down_bps"] < before_bps
        grant = session.grant
    box.apd.wait_for(lambda: any(note["what"] == "refunded" for note in box.notes()), "the refund", 150)
    chain = verified(stage)
    use = chain["usage"][grant.grant_id.hex()]
    assert use["down_shortfall_bytes"] > MISSING_BYTES
    owed_ubc = refund_ubc(
        UNITS * UNIT_PRICE_UBC,
        grant.total_qos,
        grant.duration_s,
        use["down_shortfall_bytes"],
        use["up_shortfall_bytes"],
    )
    print(use, chain["repayments"])
    assert owed_ubc > 0
    assert chain["repayments"] == [
        {"grant": grant.grant_id.hex(), "owed_ubc": owed_ubc, "paid_ubc": owed_ubc, "ok": True}
    ]
