"""What is told of access points, and what a score is made of."""

from __future__ import annotations

from dataclasses import replace

from ledger.payplace.entries import UsageSummary
from ledger.payplace.summaries import reliability_permille
from ledger.payplace.views import read_summary
from tests.ledger_world import ALICE, BOB, PROVIDER, START_S, World
from wire.payplace_summary import PublishSummary
from wire.units import U63_MAX

HOUR = PublishSummary(PROVIDER.public, START_S - 3_600, START_S, 10, 9, 1_200, 5_000_000)


def test_totals_are_kept_by_publisher() -> None:
    world = World()
    world.must(HOUR, ALICE)
    world.must(replace(HOUR, completed=0), BOB)
    world.wait(60).must(replace(HOUR, from_s=START_S, until_s=START_S + 60), ALICE)
    assert read_summary(world.state, PROVIDER.public, ALICE.public) == UsageSummary(
        START_S + 60, 20, 18, 2_400, 10_000_000
    )
    assert read_summary(world.state, PROVIDER.public, BOB.public) == UsageSummary(
        START_S, 10, 0, 1_200, 5_000_000
    )


def test_a_total_stops_at_the_largest_number() -> None:
    world = World()
    world.must(replace(HOUR, served_bytes=U63_MAX), ALICE)
    world.wait(60).must(replace(HOUR, from_s=START_S, until_s=START_S + 60), ALICE)
    summary = read_summary(world.state, PROVIDER.public, ALICE.public)
    assert summary is not None
    assert summary.served_bytes == U63_MAX


def test_a_score_grows_with_what_is_known() -> None:
    def score(sessions: int, completed: int) -> int:
        return reliability_permille([UsageSummary(0, sessions, completed, 0, 0)])

    assert reliability_permille([]) == 500
    assert (score(1, 1), score(8, 8), score(998, 998)) == (666, 900, 999)
    assert score(8, 0) == 100
    assert reliability_permille([UsageSummary(0, 4, 4, 0, 0), UsageSummary(0, 4, 0, 0, 0)]) == 500
