"""A full cell in a few seconds: floors hold, each second counts where it happened, and without slices none would."""

from __future__ import annotations

import pytest

from lab.ran.closed_loop import ClosedLoop
from lab.ran.full_cell import FULL, LOBBY, ORDINARY, Floor, FullCell, Scene, _Story, full_cell
from lab.ran.scenarios import KEPT, REPORT_S

REPORTS = round(1 / REPORT_S)
ONE = Scene(ues=4, buyers=1, weak=0, alike=True)


@pytest.fixture(scope="module")
def seen() -> FullCell:
    return full_cell(2, seconds=4)


def play_until_served(scene: Scene, seed: int = 1) -> tuple[_Story, ClosedLoop]:
    story = _Story(seed, scene)
    loop = story.open(told=False)
    for _ in range(600):
        if any(buyer.phase == "served" for buyer in story.buyers):
            break
        story._step(loop, REPORT_S)
    return story, loop


def test_floors_hold_in_a_full_cell_and_best_effort_gets_the_rest(seen: FullCell) -> None:
    assert seen.asked == 10
    assert 6 <= len(seen.floors) == 10 - seen.refused
    assert seen.windows > 4 * len(seen.floors)
    assert seen.kept_share > 0.95
    assert seen.used_share > 0.99
    assert sum(seen.others_bps) / len(seen.others_bps) > 0.1 * seen.capacity_bps
    assert len(seen.sold_bps) == len(seen.others_bps) == 4


def test_seconds_of_a_floor_begin_in_the_report_in_which_it_is_in_force(seen: FullCell) -> None:
    for floor in seen.floors:
        rates = [point.rate_bps for point in floor.points]
        whole = len(floor.window_bps) - floor.owed
        assert whole == len(rates) // REPORTS
        for index, window_bps in enumerate(floor.window_bps[:whole]):
            second = rates[REPORTS * index : REPORTS * (index + 1)]
            assert window_bps == pytest.approx(sum(second) / REPORTS)
    last_s = {round(floor.points[-1].at_s, 3) for floor in seen.floors if not floor.owed}
    assert len(last_s) == 1, "all are looked at to the end"


def test_lists_come_at_another_moment_with_each_seed() -> None:
    begins = []
    for seed in (1, 2, 3):
        story, _ = play_until_served(ONE, seed)
        begins.append(round(story.buyers[0].since_s % 5, 3))
    assert len(set(begins)) == 3


def test_a_floor_that_is_ended_is_owed_and_the_second_of_its_end_is_missed() -> None:
    story, loop = play_until_served(ONE)
    (buyer,) = story.buyers
    story._step(loop, REPORT_S)
    assert (buyer.phase, buyer.reports, buyer.window_bps) == ("served", 2, [])
    loop.refused[buyer.who] = "it does not fit"
    for _ in range(3 * REPORTS):
        story._step(loop, REPORT_S)
    assert (buyer.phase, buyer.owed, buyer.refused) == ("guest", True, False)
    assert len(buyer.window_bps) == 1, "no second of a guest counts"
    ended = Floor(1, 1_000_000, (1e6, 1e6), (), 20.0, joined_s=None, owed=True)
    assert ended.kept == 1, "not the one in which it was ended, whatever came"
    assert not Floor(1, 1_000_000, (1e6,), (), 20.0, joined_s=None, owed=True).began_well


def test_who_paid_and_is_ended_before_his_floor_is_in_force_is_owed_it_too() -> None:
    story = _Story(1, ONE)
    loop = story.open(told=False)
    (buyer,) = story.buyers
    while buyer.phase != "registered":
        story._step(loop, REPORT_S)
    loop.refused[buyer.who] = "it does not fit"
    story._step(loop, REPORT_S)
    assert (buyer.owed, buyer.window_bps, buyer.points) == (True, [0.0], [])


def test_a_no_before_the_payment_is_a_refusal_and_nothing_else() -> None:
    story = _Story(1, Scene(weak=10))
    crowded = story.play(1, REPORT_S, told=False)
    refused = [buyer for buyer in story.buyers if buyer.refused]
    ended = [buyer for buyer in story.buyers if buyer.owed]
    assert len(refused) == crowded.refused >= 1
    assert len(refused) + len(ended) >= 3, "ten at the edge do not fit"
    assert not any(buyer.window_bps or buyer.points or buyer.owed for buyer in refused)
    assert [floor.who for floor in crowded.floors if floor.owed] == [buyer.who for buyer in ended]
    assert all(buyer.window_bps for buyer in ended)


def test_all_are_found_and_nobody_is_taken_for_another(seen: FullCell) -> None:
    assert seen.wrong_s == 0
    assert all(floor.joined_s is not None and floor.joined_s < 10 for floor in seen.floors if not floor.owed)


def test_somebody_elses_ue_in_a_slot_is_seen() -> None:
    story, loop = play_until_served(ONE)
    (buyer,) = story.buyers
    for _ in range(50):
        story._step(loop, REPORT_S)
    slot = loop.state.joined.slot_of[buyer.rnti]
    stranger = next(rnti for rnti in story.cell.ues if rnti != buyer.rnti)
    before = story.wrong
    joined = loop.state.joined._replace(slot_of={stranger: slot})
    loop.state = loop.state._replace(joined=joined)
    story._judge(loop)
    assert story.wrong == before + 1
    buyer.phase = "bought"
    loop.state = loop.state._replace(joined=joined._replace(slot_of={buyer.rnti: slot}))
    story._judge(loop)
    assert (story.wrong, story.early) == (before + 1, 1), "his own, and still in the lobby"


def test_if_all_come_in_one_moment_links_are_not_known_and_some_are_owed_it() -> None:
    seen = full_cell(2, Scene(together=True), seconds=8)
    assert seen.wrong_s == 0
    assert any(floor.is_weak and floor.owed for floor in seen.floors), (
        "its link was not known when it was sold"
    )
    assert sum(floor.pauses for floor in seen.floors) > 0, "bytes alone do not tell all of them apart"


def test_a_loop_that_is_told_needs_no_time() -> None:
    seen = full_cell(2, seconds=2, told=True)
    assert all(floor.joined_s is not None and floor.joined_s <= 1.0 for floor in seen.floors)
    assert sum(floor.pauses for floor in seen.floors) == 0


def test_without_slices_the_same_floors_do_not_hold() -> None:
    seen = full_cell(1, Scene(sliced=False), seconds=4)
    assert seen.refused == 0
    assert seen.kept_share < 0.8


def test_a_ue_that_comes_back_has_another_rnti_and_its_seconds_go_on() -> None:
    story, loop = play_until_served(Scene(ues=4, buyers=1, weak=0, alike=True, returns_s=2.0))
    (buyer,) = story.buyers
    rntis = set()
    for _ in range(6 * REPORTS):
        story._step(loop, REPORT_S)
        rntis.add(buyer.rnti)
        assert buyer.rnti in story.cell.ues
    assert len(rntis) >= 3
    assert sum(rate >= KEPT * buyer.floor_bps for rate in buyer.window_bps) >= 3, "bytes of both RNTIs count"


def test_buyers_download_in_the_lobby() -> None:
    story = _Story(1, LOBBY)
    loop = story.open(told=False)
    first = min(story.buyers, key=lambda each: each.comes_s)
    while first.phase != "in the lobby" or story.cell.now_s < first.comes_s + 1.5:
        story._step(loop, REPORT_S)
    assert story.cell.ues[first.rnti].tally.delivered_bits > 100_000
    assert FULL.lobby_bps == 0


def test_in_an_ordinary_load_everybody_gets_about_what_a_buyer_is_sent() -> None:
    seen = full_cell(1, ORDINARY, seconds=4)
    others = ORDINARY.ues - ORDINARY.buyers
    each_bps = sum(seen.others_bps) / len(seen.others_bps) / others
    assert 0.8 < each_bps / 1_250_000 < 1.6
