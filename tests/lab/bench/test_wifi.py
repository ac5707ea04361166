"""What was measured in the guest becomes figures with the goals that were set."""

from __future__ import annotations

from typing import Any

from lab.bench.wifi import figures

MEASURED: dict[str, Any] = {
    "joins": {"psk": [0.05, 0.06, 0.07], "tls": [0.3, 0.31, 0.32], "ttls": [0.2, 0.21, 0.22]},
    "journeys": {
        "looked": [5.0, 5.5],
        "seen": [0.9, 1.0],
        "psk_looked": [4.0, 4.1],
        "psk_seen": [0.05, 0.06],
    },
    "offer_changes": {"delivery": [0.03, 0.04, 0.09], "receipt": [0.05, 0.06, 0.11]},
    "flood": {
        "bogus purchases sent": 9000,
        "growth of the daemon": 1.5,
        "the customer's rate before": 1.95,
        "the customer's rate in the flood": 1.9,
    },
    "frames": 700,
    "complaints": [],
}


def test_the_goal_of_a_journey_follows_from_the_passphrase_beside_it() -> None:
    first = figures(MEASURED)[0]
    assert first.value == 1.0
    assert first.goal == 1.5 * 0.06 + 1
    assert first.ok
    slow = {**MEASURED, "journeys": {**MEASURED["journeys"], "seen": [0.9, 1.2]}}
    assert not figures(slow)[0].ok


def test_a_good_run_reaches_every_goal_and_a_complaint_misses_one() -> None:
    assert all(figure.ok for figure in figures(MEASURED))
    complained = figures({**MEASURED, "complaints": ["frame 7: malformed"]})
    assert [figure.what for figure in complained if not figure.ok] == ["complaints of tshark about them"]


def test_ways_to_join_stand_side_by_side() -> None:
    by_name = {figure.what: figure for figure in figures(MEASURED)}
    against = by_name["join by EAP-TLS, p50"].against
    assert against is not None
    assert round(against.value) == 60
    assert round(by_name["join by EAP-TTLS with a password, p50"].value) == 210
