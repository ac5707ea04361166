"""Reports added up one by one: volumes, and between what bounds a session lasted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from operatord.reconciling import Metered
from operatord.tally import Tally, add_report
from tests.operatord.world import grant
from wire.meter_record import UsageReport, UsageRow

GRANT = grant().permit_id


def add_reports(reports: Sequence[UsageReport]) -> dict[bytes, Metered]:
    tallies: dict[bytes, Tally] = {}
    for one in reports:
        tallies |= add_report(tallies, one)
    return {grant_id: tally.metered() for grant_id, tally in tallies.items()}


def report(at: int, *grants: bytes, length_ms: int = 60_000) -> UsageReport:
    rows = tuple(UsageRow(one, 10, 1, 0, 0) for one in grants)
    return UsageReport(at + 1, bytes(32), at * length_ms, (at + 1) * length_ms, rows)


def test_the_meter_s_duration_lies_between_the_inner_intervals_and_all() -> None:
    sums = add_reports([report(0, GRANT), report(1, GRANT), report(2, GRANT), report(3, GRANT)])
    assert sums[GRANT] == Metered(4, 40, 120_000, 240_000)


def test_a_gap_ends_one_run_and_begins_another() -> None:
    sums = add_reports([report(0, GRANT), report(1), report(2, GRANT), report(3, GRANT), report(4, GRANT)])
    assert (sums[GRANT].least_ms, sums[GRANT].most_ms) == (60_000, 240_000)


def test_one_interval_in_two_reports_is_one_interval() -> None:
    """250 rows fill a report; the rest of the same interval goes into the next."""
    other = grant(number=9).permit_id
    sums = add_reports(
        [report(0, GRANT), replace(report(0, other), sequence=2), replace(report(0, GRANT), sequence=3)]
    )
    assert (sums[GRANT].most_ms, sums[GRANT].down_bytes) == (60_000, 20)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 100)), max_size=12))
def test_the_bounds_are_those_of_the_intervals_between_gaps(spans: list[tuple[int, int]]) -> None:
    """Against the plain definition: of each run all intervals are possible, and all but the outer two certain."""
    runs: list[list[int]] = []
    tally, at_ms = Tally(), 1_000
    for gap_ms, length_ms in spans:
        if gap_ms or not runs:
            runs.append([])
        runs[-1].append(length_ms)
        at_ms += gap_ms
        tally = tally.with_row(UsageRow(GRANT, 1, 0, 0, 0), at_ms, at_ms + length_ms)
        at_ms += length_ms
    metered = tally.metered()
    assert metered.most_ms == sum(map(sum, runs))
    assert metered.least_ms == sum(sum(run[1:-1]) for run in runs)
    assert metered.down_bytes == len(spans)
