"""Balances of a moment ago are those that a whole log says, and what is not remembered is not said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.clearing.balance_history import AsOf, BalanceHistory

A, B = b"a", b"b"


def test_the_last_block_before_a_time() -> None:
    history = BalanceHistory(5, 100)
    history.note(6, 103, {A: 10})
    history.note(8, 103, {A: 20, B: 0})
    history.note(9, 107, {A: 25})
    assert history.last_before(100) is None
    assert history.last_before(101) == history.last_before(103) == AsOf(5, {A: 10, B: 0})
    assert history.last_before(104) == history.last_before(107) == AsOf(8, {A: 25})
    assert history.last_before(108) == AsOf(9, {})


def test_what_is_old_is_forgotten() -> None:
    history = BalanceHistory(0, 0, kept=2)
    for height in range(1, 6):
        history.note(height, height, {A: height, B: height})
    assert history.last_before(5) == AsOf(4, {A: 5, B: 5})
    assert history.last_before(4) is None
    history.note(6, 6, {A: 1, B: 2, b"c": 3})
    assert history.last_before(6) is None
    assert history.last_before(7) == AsOf(6, {})


@given(st.lists(st.tuples(st.integers(0, 3), st.dictionaries(st.sampled_from([A, B]), st.integers(0, 9)))))
def test_the_same_as_whoever_keeps_every_state(blocks: list[tuple[int, dict[bytes, int]]]) -> None:
    state, time_s = {A: 0, B: 0}, 50
    states = [(0, time_s, dict(state))]
    history = BalanceHistory(0, time_s)
    for height, (later_s, changes) in enumerate(blocks, 1):
        time_s += later_s
        history.note(height, time_s, {key: state[key] for key in changes})
        state |= changes
        states.append((height, time_s, dict(state)))
    for until_s in range(49, time_s + 3):
        known = [(height, had) for height, at_s, had in states if at_s < until_s]
        found = history.last_before(until_s)
        assert (None if found is None else (found.height, state | dict(found.differ_ubc))) == (
            known[-1] if known else None
        )
