"""Which evenings there are, and that a bad one is played again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from lab.admission.experiment import Played
from lab.admission.judge import KEEPERS
from lab.admission.plan import Plan
from lab.admission.scenarios import EVERYTHING, PAPERS, play_all, quick, summary
from tests.lab.admission.admission_world import at_once, played


def test_names_are_there_once_and_the_papers_are_a_part() -> None:
    names = [each.name for each in EVERYTHING]
    assert len(set(names)) == len(names)
    assert set(PAPERS) <= set(EVERYTHING)
    assert set(KEEPERS) <= set(names)


def test_a_quick_one_has_the_same_in_small() -> None:
    (small,) = quick(PAPERS[:1])
    assert (small.clients, small.queue_packets) == (12, 240)
    assert small.air_mbps / small.clients == PAPERS[0].air_mbps / PAPERS[0].clients


def test_what_the_machine_spoiled_is_played_once_more(tmp_path: Path) -> None:
    lateness = iter([20.0, 0.5, 20.0, 20.0])
    told: list[str] = []

    def player(plan: Plan, folder: Path, tell: Callable[[str], None]) -> Played:
        del folder, tell
        return played(plan, at_once, late_p99_ms=next(lateness))

    outcomes = play_all(quick(PAPERS[:2], minutes=8), 0.1, tmp_path, told.append, player)
    assert [bool(each.unfit) for each in outcomes] == [False, True]
    assert len(told) == 4
    assert summary(outcomes[1]).startswith("UNFIT (1 % of the packets left 20.0 ms late")
