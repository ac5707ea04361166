"""Every trap of the remote control, one test each: what is answered, what is logged, what becomes of the slices."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.ran.cell_model import FDD, Carrier, Cell
from lab.ran.remote_commands import Answer, answer

STAMP = "2026-01-01T00:00:00.000"
OK = {"cmd": "rrm_policy_ratio_set", "timestamp": STAMP}
Policies = dict[str, Any]


def new_cell(slots: int = 2, carrier: Carrier | None = None) -> Cell:
    cell = Cell(carrier or Carrier(), 1)
    for sd in range(1, slots + 1):
        cell.add_slice((1, sd), 0, cell.carrier.prbs)
    return cell


def ask(cell: Cell, frame: object, *, metrics: bool = True) -> Answer:
    text = frame if isinstance(frame, str) else json.dumps(frame)
    return answer(text, cell, "00101", STAMP, metrics=metrics)


def policies(*sds: int | None, **more: Any) -> Policies:
    members = [{"plmn": "00101", "sst": 1} | ({} if sd is None else {"sd": sd}) for sd in sds]
    return {"resourceType": "PRB", "rRMPolicyMemberList": members, **more}


def set_ratio(cell: Cell, wanted: object) -> Answer:
    return ask(cell, {"cmd": "rrm_policy_ratio_set", "policies": wanted})


def shares(cell: Cell) -> list[tuple[int, int]]:
    return [(each.min_prb, each.max_prb) for each in cell.slices[1:]]


def error(made: Answer) -> str:
    return str(json.loads(made.text)["error"])


def test_a_change_is_floored_to_whole_prbs() -> None:
    cell = new_cell()
    made = set_ratio(cell, policies(1, min_prb_policy_ratio=31, max_prb_policy_ratio=60, dedicated_ratio=0))
    assert json.loads(made.text) == OK
    assert made.log == ()
    assert shares(cell) == [(15, 30), (0, 51)]


def test_a_percent_may_be_no_step_at_all() -> None:
    cell = new_cell()
    steps = []
    for ratio in range(5):
        set_ratio(cell, policies(1, min_prb_policy_ratio=ratio, max_prb_policy_ratio=100))
        steps.append(shares(cell)[0][0])
    assert steps == [0, 0, 1, 1, 2]


def test_an_unknown_slice_is_answered_with_success() -> None:
    cell = new_cell()
    for wanted in (
        policies(99, min_prb_policy_ratio=10, max_prb_policy_ratio=20),
        policies(None, max_prb_policy_ratio=5),
    ):
        made = set_ratio(cell, wanted)
        assert json.loads(made.text) == OK
        assert "No RRM policy member found" in made.log[0]
    foreign = policies(1, max_prb_policy_ratio=5)
    foreign["rRMPolicyMemberList"][0]["plmn"] = "99999"
    assert "No RRM policy member found" in set_ratio(cell, foreign).log[0]
    assert shares(cell) == [(0, 51), (0, 51)]


def test_a_minimum_above_the_maximum_is_answered_with_success_and_skipped() -> None:
    cell = new_cell()
    made = set_ratio(cell, policies(1, min_prb_policy_ratio=50, max_prb_policy_ratio=20))
    assert json.loads(made.text) == OK
    assert "Skipping update" in made.log[0]
    assert shares(cell)[0] == (0, 51)


def test_above_only_after_rounding_counts() -> None:
    """3 % and 2 % are one PRB each of 51: the pair is accepted though its minimum is above its maximum."""
    cell = new_cell()
    set_ratio(cell, policies(1, min_prb_policy_ratio=3, max_prb_policy_ratio=2))
    assert shares(cell)[0] == (1, 1)


def test_what_is_missing_means_nothing_or_everything() -> None:
    cell = new_cell()
    set_ratio(cell, policies(1, min_prb_policy_ratio=40, max_prb_policy_ratio=50))
    set_ratio(cell, policies(1, max_prb_policy_ratio=50))
    assert shares(cell)[0] == (0, 25)
    set_ratio(cell, policies(1, min_prb_policy_ratio=40))
    assert shares(cell)[0] == (20, 51)


def test_a_request_with_neither_ratio_does_nothing() -> None:
    cell = new_cell()
    set_ratio(cell, policies(1, min_prb_policy_ratio=40, max_prb_policy_ratio=50))
    assert json.loads(set_ratio(cell, policies(1, dedicated_ratio=10)).text) == OK
    assert shares(cell)[0] == (20, 25)


def test_the_dedicated_ratio_is_dropped_and_any_change_takes_that_of_the_file_away() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_slice((1, 1), 10, 51, dedicated_prb=5)
    same = policies(1, min_prb_policy_ratio=20, max_prb_policy_ratio=100, dedicated_ratio=20)
    set_ratio(cell, same)
    assert cell.slices[1].dedicated_prb == 5, "the same values are no change"
    set_ratio(cell, policies(1, min_prb_policy_ratio=22, max_prb_policy_ratio=100, dedicated_ratio=20))
    assert (cell.slices[1].min_prb, cell.slices[1].dedicated_prb) == (11, 0)


def test_the_same_again_changes_nothing() -> None:
    cell = new_cell()
    wanted = policies(1, 2, min_prb_policy_ratio=10, max_prb_policy_ratio=20)
    first, again = set_ratio(cell, wanted), set_ratio(cell, wanted)
    assert first == again
    assert shares(cell) == [(5, 10), (5, 10)]


def test_a_maximum_of_nothing_blocks_a_slice() -> None:
    cell = new_cell()
    set_ratio(cell, policies(1, min_prb_policy_ratio=0, max_prb_policy_ratio=0))
    assert shares(cell)[0] == (0, 0)


def test_the_seventeenth_change_of_a_request_is_dropped() -> None:
    cell = new_cell(20)
    made = set_ratio(cell, policies(*range(1, 21), min_prb_policy_ratio=2, max_prb_policy_ratio=20))
    assert json.loads(made.text) == OK
    assert "list is full" in made.log[-1]
    assert shares(cell) == [(1, 10)] * 16 + [(0, 51)] * 4
    again = set_ratio(cell, policies(*range(1, 21), min_prb_policy_ratio=2, max_prb_policy_ratio=20))
    assert again.log == (), "what was changed before does not count"
    assert shares(cell) == [(1, 10)] * 20


def test_above_a_hundred_prbs_a_percent_is_more_than_one() -> None:
    cell = new_cell(1, FDD)
    set_ratio(cell, policies(1, min_prb_policy_ratio=1, max_prb_policy_ratio=51))
    assert shares(cell) == [(1, 54)]


def test_no_differentiator_is_written_in_two_ways() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_slice((1, None), 0, 51)
    for ratio, sd in ((10, None), (20, 0xFFFFFF)):
        set_ratio(cell, policies(sd, max_prb_policy_ratio=ratio))
        assert cell.slices[1].max_prb == ratio * 51 // 100


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ([policies(1)], "'resourceType' object is missing"),
        ({"resourceType": 5}, "'resourceType' object value type should be a string"),
        ({"resourceType": "DRB"}, "Only 'resourceType' PRB value is supported"),
        ({"resourceType": "PRB"}, "'rRMPolicyMemberList' object is missing"),
        ({"resourceType": "PRB", "rRMPolicyMemberList": {}}, "should be an array"),
        ({"resourceType": "PRB", "rRMPolicyMemberList": [{}]}, "'plmn' object is missing"),
        ({"resourceType": "PRB", "rRMPolicyMemberList": [{"plmn": "x"}]}, "Invalid PLMN"),
        ({"resourceType": "PRB", "rRMPolicyMemberList": [{"plmn": "00101"}]}, "'sst' object is missing"),
        (
            {"resourceType": "PRB", "rRMPolicyMemberList": [{"plmn": "00101", "sst": True}]},
            "should be an integer",
        ),
        (policies(1 << 24), "Invalid slice differentiator"),
        (policies(1, min_prb_policy_ratio=101), "out of range, received '101'"),
        (policies(1, min_prb_policy_ratio=-1), "out of range, received '4294967295'"),
        (policies(1, max_prb_policy_ratio=50.0), "should be an integer"),
        (policies(1, dedicated_ratio=101), "'dedicated_ratio' value out of range"),
    ],
)
def test_what_is_refused_is_refused_in_words(wanted: object, words: str) -> None:
    cell = new_cell()
    made = set_ratio(cell, wanted)
    assert words in error(made)
    assert json.loads(made.text)["cmd"] == "rrm_policy_ratio_set"
    assert shares(cell) == [(0, 51), (0, 51)]


def test_the_eight_bits_of_a_slice_type_are_cut() -> None:
    cell = new_cell()
    wanted = policies(1, max_prb_policy_ratio=10)
    wanted["rRMPolicyMemberList"][0]["sst"] = 257
    set_ratio(cell, wanted)
    assert shares(cell)[0] == (0, 5)


def test_frames_that_are_no_commands() -> None:
    cell = new_cell()
    assert "parse error" in error(ask(cell, "{"))
    assert "'cmd' object is missing" in error(ask(cell, {}))
    assert "'cmd' object is missing" in error(ask(cell, []))
    assert "should be a string" in error(ask(cell, {"cmd": 1}))
    made = ask(cell, {"cmd": "reboot"})
    assert json.loads(made.text) == {
        "error": "Unknown command type: reboot",
        "cmd": "reboot",
        "timestamp": STAMP,
    }
    assert "'policies' object is missing" in error(ask(cell, {"cmd": "rrm_policy_ratio_set"}))


def test_metrics_are_a_command_only_where_the_file_turns_them_on() -> None:
    cell = new_cell()
    assert ask(cell, {"cmd": "metrics_subscribe"}).subscribes is True
    assert ask(cell, {"cmd": "metrics_unsubscribe"}).subscribes is False
    assert "Unknown command type" in error(ask(cell, {"cmd": "metrics_subscribe"}, metrics=False))


def test_priority_and_policy_cannot_be_changed_and_nobody_says_so() -> None:
    cell = Cell(Carrier(), 1)
    cell.add_slice((1, 1), 0, 51, priority=7)
    made = set_ratio(cell, policies(1, max_prb_policy_ratio=50, priority=200, policy={"rr_sched": {}}))
    assert json.loads(made.text) == OK
    assert (cell.slices[1].max_prb, cell.slices[1].priority) == (25, 7)


FIELDS = [
    *("cmd", "policies", "resourceType", "rRMPolicyMemberList", "plmn", "sst", "sd", "cells", "nci"),
    *("min_prb_policy_ratio", "max_prb_policy_ratio", "dedicated_ratio", "ssb_block_power_dbm"),
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(FIELDS),
            inner | st.sampled_from(["rrm_policy_ratio_set", "ssb_set", "PRB", "00101"]),
            max_size=6,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_comes_is_answered(frame: object) -> None:
    made = ask(new_cell(), frame)
    assert {"timestamp"} < json.loads(made.text).keys() <= {"timestamp", "cmd", "error"}


@pytest.mark.parametrize("frame", ["[" * 8_000, '{"a":' * 3_000, "", "nul", "\ud800"])
def test_what_is_no_json_is_answered(frame: str) -> None:
    assert "error" in json.loads(ask(new_cell(), frame).text)


def test_quit_is_one_frame_away() -> None:
    assert ask(new_cell(), {"cmd": "quit"}).quits


def test_the_power_of_the_synchronisation_block_has_its_range() -> None:
    cell = new_cell()
    good = {"plmn": "00101", "nci": 6_733_824, "ssb_block_power_dbm": -16}
    assert json.loads(ask(cell, {"cmd": "ssb_set", "cells": [good]}).text)["cmd"] == "ssb_set"
    assert "out of range" in error(
        ask(cell, {"cmd": "ssb_set", "cells": [good | {"ssb_block_power_dbm": 51}]})
    )
    assert "any cell entries" in error(ask(cell, {"cmd": "ssb_set", "cells": []}))
