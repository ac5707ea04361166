"""Admitted sessions and others in a cell."""

from __future__ import annotations

import pytest

from lab.admission.cell_crowd import SCHEDULERS, TURNS, FlowGot, Wanted, divide, draw, run_cell
from lab.ran.session_waste import APPLICATIONS, FAIR, MAX_CI

CALL, VIDEO, MUSIC = APPLICATIONS
NEAR_DB, FAR_DB = 26.0, 10.0


def test_the_first_that_fit_are_let_in_and_nobody_is_forgotten() -> None:
    wanted = draw(2, 20)
    admitted, others = divide(wanted, 3_000_000, 5)
    assert sum(each.rate_bps for each in admitted) <= 3_000_000
    assert len(admitted) <= 5
    assert sorted([*admitted, *others], key=wanted.index) == wanted
    assert admitted[0] == wanted[0]
    assert draw(2, 20) == wanted


@pytest.mark.parametrize("fairness", SCHEDULERS.values())
def test_alone_everybody_near_has_his_rate_and_no_player_switches(fairness: float) -> None:
    wanted = [Wanted(CALL, 500_000, NEAR_DB), Wanted(VIDEO, 750_000, NEAR_DB), Wanted(MUSIC, 64_000, NEAR_DB)]
    got = run_cell(1, fairness, wanted, [], 3.0)
    assert [each.satisfied for each in got] == [True, True, True]
    assert got[1].switches == 0
    assert got[0].below_40_share == pytest.approx(1.0, abs=0.05)


def test_others_take_what_the_admitted_leave() -> None:
    crowd = [Wanted(VIDEO, 1_000_000, FAR_DB)] * 12
    got = run_cell(3, FAIR, [Wanted(CALL, 300_000, NEAR_DB)], crowd, 12.0)
    assert got[0].admitted
    assert got[0].satisfied
    assert sum(each.satisfied for each in got[1:]) < 6
    assert sum(each.switches for each in got[1:]) > 0, "players go down when a chunk comes late"


def test_turns_do_not_look_at_the_channel_and_the_best_link_first_does() -> None:
    crowd = [Wanted(VIDEO, 1_000_000, NEAR_DB)] * 6 + [Wanted(VIDEO, 1_000_000, FAR_DB)] * 12

    def far_share(fairness: float) -> float:
        got: list[FlowGot] = run_cell(4, fairness, [], crowd, 8.0)
        return sum(each.mean_bps for each in got[6:]) / sum(each.mean_bps for each in got)

    assert far_share(MAX_CI) < far_share(FAIR) <= far_share(TURNS) + 0.02
    assert far_share(TURNS) > 0.4
