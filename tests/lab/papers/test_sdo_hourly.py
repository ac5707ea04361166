"""Shapes of the hourly game, at two seeds."""

from __future__ import annotations

from lab.papers.exhibit import Effort, Verdict
from lab.papers.sdo_hourly import findings


def test_the_shapes_come_out_and_the_printed_forms_do_not() -> None:
    found = findings(Effort(1, quick=True))
    assert found["003/proposition-4"].verdict is Verdict.REFUTED
    there, offer, wifi = (row[2] for row in found["003/proposition-4"].tables[0].rows)
    assert (there, offer != 0, wifi != 0) == (0, True, True)
    for _, viterbi, refined, printed, _ in found["003/algorithm-1"].tables[0].rows:
        assert isinstance(viterbi, float)
        assert isinstance(refined, float)
        assert isinstance(printed, float)
        assert 0.9 <= viterbi <= refined + 1e-9 <= 1 + 1e-6
        assert printed <= refined
    hours = found["003/figure-3.4"].plots[0].series[0].points
    assert hours[0][1] <= 1
    assert hours[-1][1] == 18
    assert {found[f"003/figure-3.{n}"].verdict for n in (3, 4, 5)} == {Verdict.SHAPE}
