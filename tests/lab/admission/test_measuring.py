"""From entries to what sessions got."""

from __future__ import annotations

import pytest

from lab.admission.evening import Kind
from lab.admission.measuring import Outcome, measure
from lab.admission.plan import Lane, Plan, Role, Scenario, Scheduler, make_plan
from tests.lab.admission.admission_world import at_once, never, played

SMALL = Scenario("small", 6.0, 6.3, clients=6, refused_go_on=True, minutes=30)


@pytest.fixture(scope="module")
def plan() -> Plan:
    return make_plan(SMALL, 0.1)


def test_what_comes_at_once_satisfies_everybody(plan: Plan) -> None:
    outcome = measure(played(plan, at_once))
    assert outcome.satisfied == outcome.admitted == len(plan.admitted)
    assert (outcome.wasted_share, outcome.browsing_kept_share, outcome.others_got_share) == (0.0, 1.0, 1.0)
    assert outcome.latency_ms == pytest.approx(1.0, abs=1e-3)
    assert (outcome.below_40_share, outcome.jitter_below_20_share) == (1.0, 1.0)
    assert outcome.unfit == ()


def test_a_session_that_loses_too_much_has_failed_and_what_it_got_is_wasted(plan: Plan) -> None:
    lost = next(lane for lane in plan.lanes if lane.role is Role.SESSION)

    def drops(lane: Lane, number: int) -> float | None:
        return None if lane is lost and number % 10 == 9 else 0.001

    outcome = measure(played(plan, drops))
    assert outcome.satisfied == outcome.admitted - 1
    (failed,) = [each for each in outcome.sessions if not each.satisfied]
    assert lost.wish is not None
    assert failed.number == lost.wish.number
    got = sum(each.received for each in outcome.sessions)
    assert 0 < outcome.wasted_share == pytest.approx(failed.received / got, rel=0.05)
    assert failed.mean_mbps == pytest.approx(0.9 * failed.rate_mbps, rel=0.05)


def test_real_time_fails_by_its_distances_though_nothing_is_lost(plan: Plan) -> None:
    held = next(
        lane
        for lane in plan.lanes
        if lane.role is Role.SESSION and lane.wish and lane.wish.kind is Kind.CONFERENCE
    )

    def slows(lane: Lane, number: int) -> float | None:
        return 0.001 + (0.04 * number if lane is held else 0.0)

    outcome = measure(played(plan, slows))
    (failed,) = [each for each in outcome.sessions if not each.satisfied]
    assert failed.received == failed.sent
    assert failed.below_40_share == 0.0
    assert outcome.latency_worst_ms == pytest.approx(failed.latency_ms)


def test_nothing_at_all_is_an_answer_too(plan: Plan) -> None:
    outcome = measure(played(plan, never))
    assert (outcome.satisfied, outcome.latency_ms, outcome.wasted_share) == (0, None, 0.0)
    assert outcome.distances == ()


def test_a_late_sender_makes_a_run_unfit_and_no_verdict(plan: Plan) -> None:
    late: Outcome = measure(played(plan, at_once, late_p99_ms=12.0))
    assert late.unfit == ("1 % of the packets left 12.0 ms late or more (at most 5)",)
    full = measure(played(plan, at_once, overflowed=3))
    assert full.unfit == ("the receiver had no room for 3 packets",)


def test_minutes_add_up_to_what_came(plan: Plan) -> None:
    outcome = measure(played(plan, at_once))
    bits = sum(lane.flow.packets * lane.flow.ip_bytes * 8 for lane in plan.lanes)
    assert sum(each.delivered_mbps for each in outcome.by_minute) * 0.1 * 1e6 == pytest.approx(bits, rel=0.05)
    assert Scheduler.FLOORS is outcome.scenario.scheduler
