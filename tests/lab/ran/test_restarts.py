"""A gNB that came back with nothing has it all again, and soon."""

from __future__ import annotations

from lab.ran.gnb_file import new_state, slots_of
from lab.ran.gnb_process import FIRST_RNTI, new_cell
from lab.ran.restarts import restarts


def test_a_gnb_that_forgets_is_told_again() -> None:
    first, second, *_ = slots_of(20)
    seen = restarts(
        new_state(slots_of(20)),
        lambda: new_cell(20, 2, still=True),
        [(first, FIRST_RNTI, 2_000_000), (second, FIRST_RNTI + 1, 1_000_000)],
        [0.0, 0.3],
    )
    assert [each.forgotten for each in seen] == [True, True]
    assert all(each.back_s < 5 for each in seen)
