"""What a run found is judged against what was promised, and survives its own JSON."""

import json
from dataclasses import replace

import pytest

from lab.result import (
    Attack,
    Check,
    Figure,
    Reports,
    format_result,
    keeps_floor,
    meter_error,
    parse_result,
    problems,
    promised_bps,
)
from tests.lab.sample_result import RECORD, RESULT, SESSION
from wire.errors import DecodeError


def test_a_run_that_kept_its_promises_is_ok():
    assert problems(RESULT) == []
    assert RESULT.ok


def test_the_json_has_what_scripts_rely_on():
    document = json.loads(format_result(RESULT))
    assert document["ok"] is True
    session = document["sessions"][0]
    for name in ("grant", "floor_bps", "ceil_bps", "delivered_bps", "metered_bytes", "wire_bytes"):
        assert name in session
    assert document["reports"]["count"] == document["reports"]["verified"] == 1
    assert document["reports"]["unmetered_s"] == 0.0
    assert {"name", "stopped", "by"} <= document["attacks"][0].keys()
    assert document["ledger"]["conserved"] is True
    assert document["ledger"]["app_hash"] == "cc" * 32


def test_the_json_reads_back_as_the_same_value():
    assert parse_result(format_result(RESULT)) == RESULT


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"sessions": ()}, "Nobody bought anything."),
        (
            {"sessions": (replace(SESSION, delivered_bps=4_899_999),)},
            "Ada (downlink) got 4,899,999 bit/s of 5,000,000",
        ),
        ({"sessions": (replace(SESSION, delivered_bps=8_160_001),)}, "above the ceiling of 8,000,000"),
        ({"sessions": (replace(SESSION, metered_bytes=1_001_001),)}, "the meter is off by +0.100%"),
        ({"sessions": (replace(SESSION, metered_bytes=998_999),)}, "the meter is off by -0.100%"),
        ({"sessions": (replace(SESSION, wire_bytes=0),)}, "the meter is off by +100.000%"),
        ({"reports": replace(RESULT.reports, verified=0)}, "0 of 1 metering records verified."),
        ({"reports": Reports(0, 0, 0.0)}, "0 of 0 metering records verified."),
        (
            {"unpaid": (replace(RESULT.unpaid[0], delivered_bytes=1),)},
            "Frank, who paid nothing, received or sent 1 bytes.",
        ),
        ({"attacks": (Attack("replay", stopped=False, by=""),)}, "Not stopped: replay."),
        ({"ledger": replace(RESULT.ledger, conserved=False)}, "Money was made or lost."),
        ({"figures": (Figure("journey", 1.2, "s", 1.0, "lower"),)}, "journey: 1.2 s, goal 1."),
        ({"figures": (Figure("rate", 9, "Mbit/s", 10),)}, "rate: 9 Mbit/s, goal 10."),
    ],
)
def test_each_broken_promise_is_one_sentence(change, sentence):
    broken = replace(RESULT, **change)
    assert len(problems(broken)) == 1
    assert sentence in problems(broken)[0]
    assert not broken.ok
    assert json.loads(format_result(broken))["ok"] is False


def test_who_asks_for_less_than_the_floor_is_promised_no_more():
    modest = replace(SESSION, asked_bps=1_000_000, delivered_bps=990_000)
    assert promised_bps(modest) == 1_000_000
    assert keeps_floor(modest)


def test_a_session_that_nobody_used_is_metered_exactly():
    assert meter_error(replace(SESSION, metered_bytes=0, wire_bytes=0)) == 0.0


def test_a_figure_without_a_goal_cannot_miss_it():
    assert Figure("sessions", 3, "").ok


def test_a_record_holds_when_every_check_does():
    assert RECORD.holds
    assert not replace(RECORD, checks=(*RECORD.checks, Check("chain", False, "broken"))).holds


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda _document: "{", "result.json"),
        (lambda _document: "[]", "result: expected an object"),
        (lambda document: document | {"more": 1}, "result: unknown field 'more'"),
        (lambda _document: {"sessions": []}, "result: .*missing"),
        (lambda document: document | {"sessions": 7}, "result.sessions: expected"),
        (
            lambda document: document | {"sessions": [{**document["sessions"][0], "floor_bps": "5"}]},
            r"sessions\[0\].floor_bps",
        ),
        (
            lambda document: document | {"sessions": [{**document["sessions"][0], "direction": "left"}]},
            "direction",
        ),
        (
            lambda document: document | {"sessions": [{**document["sessions"][0], "asked_bps": "x"}]},
            "asked_bps",
        ),
        (lambda document: document | {"run": {**document["run"], "lasted_s": True}}, "run.lasted_s"),
    ],
)
def test_a_file_that_is_not_a_result_is_refused_with_the_place(spoil, complaint):
    spoiled = spoil(json.loads(format_result(RESULT)))
    with pytest.raises(DecodeError, match=complaint):
        parse_result(spoiled if isinstance(spoiled, str) else json.dumps(spoiled))
