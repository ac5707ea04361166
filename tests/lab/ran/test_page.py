"""What is drawn of a few points; the whole page is tried where a run is made, in test_lab_run.py."""

from __future__ import annotations

from lab.ran.full_cell import Floor
from lab.ran.page import _every_half_second, _unrest
from lab.ran.scenarios import Point


def points(shares: list[int]) -> tuple[Point, ...]:
    return tuple(
        Point(0.1 * index, 1e6 + index, share, share + 1, 12.0) for index, share in enumerate(shares)
    )


def test_half_seconds_are_means_of_five_reports() -> None:
    seen = _every_half_second(points([3, 3, 3, 3, 4, 5, 5, 5, 5, 5]))
    assert [point.rate_bps for point in seen] == [1e6 + 2, 1e6 + 7]
    assert [point.min_prb for point in seen] == [4, 5]


def test_a_share_that_moves_is_more_restless() -> None:
    still, moving = (
        Floor(1, 1_000_000, (1e6,), points(shares), 20.0, joined_s=0.1, owed=False)
        for shares in ([4, 4, 4], [2, 4, 3])
    )
    assert _unrest(still) == 0 < _unrest(moving)
