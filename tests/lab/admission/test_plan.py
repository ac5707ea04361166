"""From wishes to flows and to changes of the tree."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.admission.evening import CLIENTS, Kind, browsing
from lab.admission.plan import (
    EVERYBODY_ELSE,
    LEAD_S,
    PACKETS_PER_S,
    Plan,
    Role,
    Scenario,
    Scheduler,
    make_plan,
)

TIGHT = Scenario("tight", 20.0, 21.0, clients=20, refused_go_on=True)


@pytest.fixture(scope="module")
def tight() -> Plan:
    return make_plan(TIGHT, 0.5)


def test_flows_have_the_rates_of_their_wishes(tight: Plan) -> None:
    for lane in tight.lanes:
        if lane.wish is not None:
            assert lane.bps == pytest.approx(lane.wish.rate_mbps * 1e6, rel=1e-3)
            if lane.wish.kind is Kind.CONFERENCE:
                assert 1 / lane.flow.gap_s == pytest.approx(PACKETS_PER_S, rel=1e-3)
    assert [lane.flow.number for lane in tight.lanes] == list(range(len(tight.lanes)))
    assert len({lane.flow.address for lane in tight.lanes}) == len(tight.lanes)


def test_who_is_refused_goes_on_in_the_class_of_everybody_else_or_not_at_all(tight: Plan) -> None:
    refused = [lane for lane in tight.lanes if lane.role is Role.REFUSED]
    assert {lane.wish.number for lane in refused if lane.wish} == {
        wish.number for wish in tight.wishes
    } - tight.admitted
    assert refused
    assert {lane.station for lane in refused} == {EVERYBODY_ELSE}
    quiet = make_plan(replace(TIGHT, refused_go_on=False), 0.5)
    assert not [lane for lane in quiet.lanes if lane.role is Role.REFUSED]


def test_floors_never_exceed_the_capacity(tight: Plan) -> None:
    there: dict[int, int] = {}
    for change in tight.changes:
        if change.shape is None:
            del there[change.station]
        else:
            there[change.station] = change.shape.down_floor_bps
        lead = sum(lane.bps for lane in tight.lanes if lane.role is Role.SESSION
                   and change.at_s - 0.4 < lane.flow.end_s <= change.at_s + LEAD_S)  # fmt: skip
        assert sum(there.values()) <= TIGHT.capacity_mbps * 1e6 + lead + 1, "but for classes about to go"
    assert there == {EVERYBODY_ELSE: round(browsing(20) * 1e6)}


def test_a_class_is_there_before_its_first_packet_and_after_its_last(tight: Plan) -> None:
    for lane in tight.lanes:
        if lane.role is Role.SESSION:
            before = [c for c in tight.changes if c.station == lane.station and c.at_s <= lane.flow.begin_s]
            until = [c for c in tight.changes if c.station == lane.station and c.at_s <= lane.flow.end_s]
            assert before[-1].shape is not None
            assert until[-1].shape is not None


def test_one_queue_has_no_tree_and_turns_have_no_floors() -> None:
    assert make_plan(replace(TIGHT, scheduler=Scheduler.FIFO), 0.5).changes == ()
    turns = make_plan(replace(TIGHT, scheduler=Scheduler.TURNS), 0.5)
    assert {change.shape.down_floor_bps for change in turns.changes if change.shape} == {0}
    assert len({lane.station for lane in turns.lanes if lane.role is Role.BROWSING}) == 20
    grouped = make_plan(replace(TIGHT, scheduler=Scheduler.GROUPED), 0.5)
    assert {change.shape.down_floor_bps for change in grouped.changes if change.shape} == {0}
    assert {lane.station for lane in grouped.lanes if lane.role is Role.BROWSING} == {EVERYBODY_ELSE}
    free = make_plan(Scenario("free", 30.0, 31.0, admission=False), 0.5)
    assert len(free.admitted) == CLIENTS * 5
