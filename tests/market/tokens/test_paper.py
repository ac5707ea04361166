"""Faults T1 to T3 of the token paper, named after their ids: the print fails, ours does not."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import pytest

from market.tokens.game import Game, mean_utility, play, saturated, theory_s
from market.tokens.paper import STATED_STOCK_S, STATED_TOKEN_KHZ, others_share, stock_s
from market.tokens.quantum import PAPER_BAND_KHZ, PAPER_TOKENS, PRESETS

STOCK_S = {name: PRESETS[name].lasts_ms(PAPER_TOKENS, PAPER_BAND_KHZ) / 1_000 for name in PRESETS}


def test_t1_the_papers_numbers_contradict_each_other() -> None:
    rb = PRESETS["rb"]
    assert rb.khz_s == STATED_TOKEN_KHZ
    assert stock_s(rb) == pytest.approx(0.6)
    assert pytest.approx(100 * stock_s(rb)) == STATED_STOCK_S
    assert stock_s(PRESETS["carrier"]) == STATED_STOCK_S
    few_s, minutes_s = (theory_s(Game(2, STOCK_S[name], 0.01), 0.75, 0.01) for name in ("rb", "carrier"))
    assert few_s < 3
    assert minutes_s > 120  # so "a few seconds" and "one minute" do not hold together


def test_t2_equal_parts_are_a_strict_best_answer_only_with_concave_utility() -> None:
    """Two rows with the same mean: what a band in turns is worth, and half of it always."""
    steady, turns = [0.5] * 100, [0.9, 0.1] * 50
    assert mean_utility(lambda part: part, turns) == pytest.approx(mean_utility(lambda part: part, steady))
    for concave in (sqrt, lambda part: log(1 + 10 * part)):
        assert mean_utility(concave, turns) < mean_utility(concave, steady) - 0.01

    def by_turns(number: int) -> Sequence[float]:
        return (0.9, 0.1) if number % 2 else (0.1, 0.9)

    game = Game(2, 60.0, 0.1)
    played = [moment.used[0] for moment in play(game, 1_000, by_turns)]
    kept = [moment.used[0] for moment in play(game, 1_000, saturated(2))]
    assert sum(played) == pytest.approx(sum(kept))  # paid for out of the same tokens
    assert mean_utility(sqrt, played) < mean_utility(sqrt, kept)
    with pytest.raises(ZeroDivisionError):
        others_share(1, 1)
    with pytest.raises(AssertionError, match="nobody to share with"):
        Game(1, 60.0, 0.1)


def test_t3_whoever_is_alone_is_locked_out_of_an_idle_band_unless_idle_use_is_free() -> None:
    def only_a(_: int) -> Sequence[float]:
        return (1.0, 0.0)

    printed = play(Game(2, 60.0, 0.5), 240, only_a)
    locked_s = next(moment.time_s for moment in printed if moment.used[0] == 0)
    assert locked_s == pytest.approx(30, abs=1)
    assert printed[-1].used == (0, 0)
    assert printed[-1].balances == pytest.approx((0, 1))
    conserving = play(Game(2, 60.0, 0.5, free_when_idle=True), 240, only_a)
    assert all(moment.used == (1, 0) for moment in conserving)
    assert conserving[-1].balances == (0.5, 0.5)
