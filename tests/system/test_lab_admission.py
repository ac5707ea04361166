"""`make lab-admission` as a stranger runs it, small: real packets through the real shaper, its page and its data."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
EVENINGS = ("g-crowd", "50-floors", "30-others-floors", "30-others-turns")
UNFIT = 3


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Of a run with a dozen clients. A machine that does not keep time says so, in status and data."""
    out: Path = tmp_path_factory.mktemp("lab-admission")
    words = [sys.executable, "-m", "lab.admission", "--quick", "--out", str(out)]
    words += [word for name in EVENINGS for word in ("--only", name)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=280, check=False)
    page: dict[str, Any] = json.loads((out / "result.json").read_text())
    assert done.returncode == (UNFIT if page["not_judged"] else 0), done.stdout + done.stderr
    assert "A crowd of sessions" in (out / "report.html").read_text()
    return page


@pytest.fixture(autouse=True)
def _programs(needs) -> None:
    needs("nft", "ip", "tc", "ethtool")


def test_every_packet_left_and_none_came_that_did_not(result: dict[str, Any]) -> None:
    assert [one["scenario"]["name"] for one in result["evenings"]] == list(EVENINGS)
    for evening in result["evenings"]:
        assert evening["wishes"] == evening["refused"] + len(evening["sessions"])
        assert all(0 <= one["received"] <= one["sent"] for one in evening["sessions"])
        assert sum(one["received"] for one in evening["sessions"]) > 0
        assert evening["busiest_mbps"] <= 1.3 * evening["scenario"]["air_mbps"], (
            "a minute is a fifth of a second"
        )


def test_the_tree_changed_as_sessions_came_and_went(result: dict[str, Any]) -> None:
    crowd, floors, others, turns = result["evenings"]
    assert crowd["changes"] == 0, "one queue has no tree"
    assert floors["changes"] > len(floors["sessions"])
    assert turns["changes"] > others["changes"], "in turns everybody has a class"


def test_floors_keep_what_turns_do_not_where_the_machine_kept_time(result: dict[str, Any]) -> None:
    crowd, floors, others, turns = result["evenings"]
    fit = [not one["unfit"] for one in (crowd, floors, others, turns)]
    assert all(one["unfit"] or one["late_p99_ms"] <= 5 for one in result["evenings"])
    if fit[1] and fit[0]:
        assert floors["wasted_share"] < crowd["wasted_share"]
    if fit[2] and fit[3]:
        assert others["satisfied"] > turns["satisfied"]
