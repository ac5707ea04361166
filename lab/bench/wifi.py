"""The Wi-Fi path on virtual radios in the guest kernel: buying beside joining, ways to join, offers, a flood.

What is measured is in lab/wifi/measure.py, which runs in the guest; here its numbers become figures. The guest is
emulated on most machines, so everything in it is ten to twenty times slower than on a box: compare, do not quote.
"""

import json
import statistics
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lab.bench.result import RESULTS, Against, Figure
from lab.percentile import percentile
from wire.errors import ShellError

ROOT = Path(__file__).resolve().parents[2]
OFFER_GOAL_MS = 50
GROWTH_GOAL_MB = 8
FACTOR, SLACK_S = 1.5, 1.0
"""Buying may take so much longer than joining with a passphrase."""


def run(progress: Callable[[str], None]) -> list[Figure]:
    """The figures of this benchmark. Raises ShellError where there can be no guest."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    measured = RESULTS / "wifi-measured.json"
    measured.unlink(missing_ok=True)
    words: list[str | Path] = [
        ROOT / "lab" / "guest.sh",
        ".venv/bin/python",
        "-m",
        "lab.wifi.measure",
        measured,
    ]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT) as guest:
        assert guest.stdout is not None
        last = ""
        for line in guest.stdout:
            last = line.strip() or last
            progress(last)
    if guest.returncode or not measured.exists():
        raise ShellError("lab/guest.sh", f"exit status {guest.returncode}; last: {last}")
    return figures(json.loads(measured.read_text()))


def figures(measured: Mapping[str, Any]) -> list[Figure]:
    """From what was measured."""
    joins, travelled, flood = measured["joins"], measured["journeys"], measured["flood"]
    made = [
        _journey("from the offer seen", travelled["seen"], travelled["psk_seen"]),
        _journey("from the first look around", travelled["looked"], travelled["psk_looked"]),
        Figure("join by passphrase, p50", 1_000 * statistics.median(joins["psk"]), "ms", None, "lower"),
    ]
    by_passphrase = Against("by passphrase", 1_000 * statistics.median(joins["psk"]))
    for way, name in (("tls", "EAP-TLS"), ("ttls", "EAP-TTLS with a password")):
        value = 1_000 * statistics.median(joins[way])
        made.append(Figure(f"join by {name}, p50", value, "ms", None, "lower", by_passphrase))
    for since, name, goal in (
        ("delivery", "new offer at the box to the ANQP answer that has it", OFFER_GOAL_MS),
        ("receipt", "the same, from the ledger's receipt", None),
    ):
        changes_ms = [1_000 * value for value in measured["offer_changes"][since]]
        made.append(Figure(f"{name}, p50", statistics.median(changes_ms), "ms", goal, "lower"))
        made.append(Figure(f"{name}, slowest", max(changes_ms), "ms", None, "lower"))
    made.append(Figure("frames with elements of ours, seen by tshark", measured["frames"], "frames", 1))
    made.append(Figure("complaints of tshark about them", len(measured["complaints"]), "frames", 0, "lower"))
    made.append(Figure("bogus purchases of a flood", flood["bogus purchases sent"], "frames"))
    made.append(
        Figure("growth of apd in the flood", flood["growth of the daemon"], "MB", GROWTH_GOAL_MB, "lower")
    )
    quiet = Against("before the flood", flood["the customer's rate before"])
    rate = flood["the customer's rate in the flood"]
    made.append(Figure("a customer's rate in the flood", rate, "Mbit/s", 0.95 * quiet.value, "higher", quiet))
    return made


def _journey(name: str, ours_s: list[float], psk_s: list[float]) -> Figure:
    beside = percentile(psk_s, 0.95)
    return Figure(
        f"bought, joined by EAP-TLS and shaped, {name}, p95",
        percentile(ours_s, 0.95),
        "s",
        FACTOR * beside + SLACK_S,
        "lower",
        Against("the same station by passphrase", beside),
    )
