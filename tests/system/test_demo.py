"""The demo as a stranger runs it: the command, its exit status, its files, and what an interruption leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

INTERRUPTED = 130


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of one whole run."""
    out = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [sys.executable, "-m", "lab.demo", "--out", str(out)],
        capture_output=True,
        text=True,
        timeout=170,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out


def test_result_has_what_scripts_rely_on(played: Path) -> None:
    result = json.loads((played / "result.json").read_text())
    assert result["ok"] is True
    for session in result["sessions"]:
        assert session["floor_bps"] * 0.98 <= session["delivered_bps"] <= session["ceil_bps"] * 1.02
        assert abs(session["metered_bytes"] - session["wire_bytes"]) <= session["wire_bytes"] * 0.001
        assert len(bytes.fromhex(session["grant"])) == 16
    assert {session["buyer"] for session in result["sessions"]} == {"ada", "ben"}
    assert result["reports"]["verified"] == result["reports"]["count"] >= 10
    assert result["reports"]["unmetered_s"] == 0
    assert result["ledger"]["conserved"] is True
    assert len(bytes.fromhex(result["ledger"]["app_hash"])) == 32


def test_every_attack_but_the_borrowed_address_is_stopped(played: Path) -> None:
    attacks = json.loads((played / "result.json").read_text())["attacks"]
    assert len(attacks) == 8
    assert [attack["name"] for attack in attacks if not attack["stopped"]] == [
        "borrows a paying station's MAC address"
    ]


def test_report_needs_nothing_from_outside(played: Path) -> None:
    page = (played / "report.html").read_text()
    assert "<svg" in page
    assert "src=" not in page
    assert "@import" not in page


def test_interruption_leaves_nothing_behind(tmp_path: Path) -> None:
    """Ctrl-C while the stage is set: no namespace and no process of it stays."""
    words = [sys.executable, "-m", "lab.demo", "--out", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        assert "stage is set" in demo.stdout.readline()
        demo.send_signal(signal.SIGINT)
        demo.stdout.read()
        assert demo.wait(30) == INTERRUPTED
    assert subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout == ""
    assert _left_over() == []


def _left_over() -> list[str]:
    """Commands of the demo's own programs that still run. A child that was just reaped may be on its way out."""
    ends = time.monotonic() + 5
    while (found := _programs()) and time.monotonic() < ends:
        os.sched_yield()
    return found


def _programs() -> list[str]:
    lines = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if any(name in line for name in ("mosquitto -c", "swtpm socket", "-m ledger", "-m apd", "iperf3 ")):
            lines.append(line)
    return lines
