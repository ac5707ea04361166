"""A pause of a slot: whose data stops, and comes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ran_slicing.messages import read_message
from ran_slicing.metrics import CellReport, UeReport
from ran_slicing.probe import (
    AGAIN_NS,
    LONGEST_AGAIN_NS,
    LOOK_NS,
    Probe,
    Tried,
    begin,
    came_back,
    is_of_pause,
    stop,
    verdict,
)
from ran_slicing.snssai import Snssai
from tests.ran_slicing.metrics_examples import report, ue_entry

A = Snssai(1, 1)
X, Y, Z = 0x4601, 0x4602, 0x4603
MS = 1_000_000
FLOOR = 1_000_000


def ues(**each: tuple[int, int]) -> dict[int, UeReport]:
    """(blocks, waiting bytes) of each."""
    entries: list[dict[str, Any]] = [
        ue_entry(
            {"x": X, "y": Y, "z": Z}[name],
            dl_nof_ok=blocks,
            dl_nof_nok=0,
            dl_bs=waiting,
            dl_brate=1e4 * blocks,
        )
        for name, (blocks, waiting) in each.items()
    ]
    found = read_message(json.dumps(report(*entries)).encode())
    assert isinstance(found, CellReport)
    return {ue.rnti: ue for ue in found.cells[0].ues}


def paused(**before: tuple[int, int]) -> Probe:
    """Asked at 0, answered at 2 ms."""
    return begin(A, ues(**before), {Z}, 0)._replace(paused_ns=2 * MS)


def test_whoever_stopped_and_came_back_is_it() -> None:
    probe = paused(x=(60, 9_000), y=(50, 9_000), z=(60, 9_000))
    assert set(probe.served) == {X, Y}, "whose Z is, is known"
    probe = stop(probe, ues(x=(2, 20_000), y=(44, 9_000), z=(0, 20_000)), FLOOR, 102 * MS)
    assert probe.still == frozenset({X})
    assert came_back(probe, ues(x=(80, 9_000), y=(44, 9_000))) == {X}


@pytest.mark.parametrize(
    ("during", "after"),
    [
        ({"x": (0, 0), "y": (50, 9_000)}, {"x": (60, 9_000)}),
        ({"x": (40, 20_000), "y": (50, 9_000)}, {"x": (60, 9_000)}),
        ({"x": (0, 20_000), "y": (50, 9_000)}, {"x": (0, 20_000)}),
        ({"y": (50, 9_000)}, {"y": (50, 9_000)}),
    ],
    ids=["nothing waited", "went on", "did not come back", "has gone"],
)
def test_nobody_stopped(during: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> None:
    probe = stop(paused(x=(60, 9_000), y=(50, 9_000)), ues(**during), FLOOR, 102 * MS)
    assert came_back(probe, ues(**after)) == frozenset()


NOBODY = frozenset[int]()


@pytest.mark.parametrize(
    ("stopped", "before", "fitting", "found"),
    [
        ({X}, NOBODY, {X, Y}, X),
        ({X, Y}, NOBODY, {X}, X),
        ({X, Y}, NOBODY, {X, Y}, None),
        ({X}, NOBODY, NOBODY, None),
        ({X}, {X, Z}, NOBODY, X),
        ({X, Y}, {X, Z}, {Z}, X),
        ({X, Y}, {X, Y}, NOBODY, None),
        (NOBODY, {X}, {X}, None),
    ],
)
def test_it_is_the_only_one_whose_bytes_fit_or_who_stopped_twice(
    stopped: set[int], before: set[int], fitting: set[int], found: int | None
) -> None:
    assert verdict(frozenset(stopped), frozenset(before), frozenset(fitting), 2) == found


def test_where_others_fit_too_one_pause_shows_nothing() -> None:
    """One slot is in question, and two UEs fit it: one of them is nobody's, and may stand still by chance."""
    assert verdict(frozenset({X}), frozenset(), frozenset({X, Y}), 1) is None
    assert verdict(frozenset({X}), frozenset({X, Z}), frozenset({X, Y}), 1) == X


def test_who_gets_little_says_nothing() -> None:
    assert paused(x=(3, 9_000)).served == {}


def test_a_report_is_of_the_pause_if_nearly_all_of_its_time_was() -> None:
    probe = paused(x=(60, 9_000))
    assert is_of_pause(probe, 0, 100 * MS)
    assert not is_of_pause(probe._replace(paused_ns=30 * MS), 0, 100 * MS)
    assert is_of_pause(probe._replace(paused_ns=30 * MS), 100 * MS, 200 * MS)
    assert not is_of_pause(probe._replace(paused_ns=None), 0, 100 * MS)
    assert not is_of_pause(probe, 5 * MS, 5 * MS)


def test_each_pause_that_showed_nothing_is_a_reason_to_wait_longer() -> None:
    assert [Tried(count).due_ns // AGAIN_NS for count in range(5)] == [0, 1, 2, 4, 8]
    assert Tried(40, last_ns=7).due_ns == LONGEST_AGAIN_NS + 7


def test_a_slot_is_paused_three_times_a_minute_at_most_whatever_that_shows() -> None:
    tried = Tried()
    for second in (1, 2, 3):
        assert tried.due_ns <= second * 1_000 * MS
        tried = tried.ended(second * 1_000 * MS)
    assert tried.due_ns == 61_000 * MS


def test_who_was_lost_is_first_looked_for_in_the_cores_list() -> None:
    assert Tried(lost_ns=10_000 * MS).due_ns == 10_000 * MS + LOOK_NS
