"""The benchmark of the cellular path, small: each figure of the goals is there, and says what it is beside."""

from __future__ import annotations

from lab.bench.cellular import (
    floors,
    import_cost,
    requests,
    resident_mb,
    waste,
    worse_links,
)
from lab.bench.result import Figure


def quiet(_: str) -> None:
    pass


def by_start(figures: list[Figure], start: str) -> Figure:
    (found,) = (each for each in figures if each.what.startswith(start))
    return found


def test_floors_are_kept_beside_a_cell_without_slices() -> None:
    seen = list(floors(quiet, seconds=3, aside_s=2, seeds=(1,)))
    kept = by_start(seen, "seconds in which a sold floor was kept")
    assert kept.goal == 99
    for what in ("of 10 buyers", "of them those who paid", "kept seconds of each buyer who asked"):
        beside = by_start(seen, what).against
        assert beside is not None
        assert beside.name == "the loop is told which UE is whose"
    each = by_start(seen, "kept seconds of each buyer who asked")
    assert 3 < each.value < 100
    wrong = [
        figure for figure in seen if "somebody else" in figure.what or figure.what.startswith("such seconds")
    ]
    assert [figure.goal for figure in wrong] == [0, 0, 0]
    assert by_start(seen, "kept beside sixteen UEs").goal == 99
    assert len({figure.what for figure in seen}) == len(seen)
    assert kept.against is not None
    assert kept.against.value < kept.value
    assert by_start(seen, "resource blocks in use").value > 98


def test_a_worse_link_is_made_up_for() -> None:
    seen = list(worse_links(quiet, seeds=(1,)))
    assert [figure.ok for figure in seen] == [True, True]
    for figure in seen:
        assert figure.against is not None
        assert figure.against.value > 2, "a share that stays as it was is not enough"


def test_requests_are_answered_and_confirmed() -> None:
    seen = list(requests(quiet, count=50))
    assert {figure.unit for figure in seen} == {"ms", "s"}
    assert 0 < by_start(seen, "a gNB that restarted").value < 20
    assert 0 < by_start(seen, "slice change: request to answer, p50").value < 1_000
    effect = by_start(seen, "slice change: request to confirmed effect")
    assert 1 < effect.value < 1_000, "no sooner than the gNB reports, no later than a second"


def test_the_weight_is_beside_that_of_pycrate() -> None:
    assert 5 < resident_mb("json") < 60
    cell, gnb, nas, everything, daemon = import_cost(quiet)
    assert everything.against is not None
    assert (
        0
        < gnb.value
        < cell.value
        < nas.value
        < everything.value
        < everything.against.value
        < 10 * daemon.value
    )


def test_waste_is_beside_no_admission() -> None:
    seen = list(waste(quiet, seconds=20, seeds=(1,)))
    assert [figure.unit for figure in seen] == [
        *["%", "points", *["%", "%", "sessions"] * 2] * 2,
        "%",
        "%",
        "sessions",
    ]
    assert all(figure.against is not None for figure in seen if figure.unit != "points")
    assert [figure.goal is None for figure in seen] == [index in (0, 8) for index in range(19)]
    distance = seen[1]
    assert (distance.ok, distance.value) == (False, 47), (
        "nobody fails so soon, and the row says that it is no rerun"
    )
