"""The dynamics of token sharing: what is conserved, where it rests, how soon, and who is locked out of what."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import pytest

from market.tokens.game import (
    Game,
    Moment,
    ahead,
    at_random,
    converged_s,
    divide,
    fill,
    gap,
    mean_use,
    play,
    random_split,
    saturated,
    spend,
    theory_s,
)
from market.tokens.quantum import PAPER_BAND_KHZ, PAPER_TOKENS, PRESETS

STOCK_S = {name: PRESETS[name].lasts_ms(PAPER_TOKENS, PAPER_BAND_KHZ) / 1_000 for name in PRESETS}


@pytest.mark.parametrize("operators", [2, 3, 5, 9])
@pytest.mark.parametrize("preset", PRESETS)
def test_it_converges_in_the_time_of_the_theory(preset: str, operators: int) -> None:
    """To 1 % of the fair part, from 75 % above it: 4.3 tau, 1.3 s with blocks and over two minutes with carriers."""
    stock_s = STOCK_S[preset]
    game = Game(operators, stock_s, stock_s / 500)
    moments = play(game, 3_000, saturated(operators), ahead(operators, 0.75))
    taken_s = converged_s(moments, 0.01)
    assert taken_s == pytest.approx(theory_s(game, 0.75, 0.01), rel=0.01)
    assert taken_s == pytest.approx(4.3 * game.tau_s, rel=0.1)
    assert gap(moments[0]) == pytest.approx(0.75)
    if operators == 2:
        assert taken_s == pytest.approx({"rb": 1.3, "carrier": 129.5}[preset], rel=0.01)


def test_tokens_are_conserved_and_balances_mirror_each_other() -> None:
    game = Game(2, 0.6, 0.002)
    moments = play(game, 5_000, at_random(2, random.Random(1).random), ahead(2, 0.9))
    assert max(abs(sum(moment.balances) - 1) for moment in moments) < 1e-9
    assert min(min(moment.balances) for moment in moments) >= 0
    assert max(sum(moment.used) for moment in moments) <= 1 + 1e-12


def test_the_fair_part_is_the_only_point_of_rest() -> None:
    """The drift of a balance is (S - n s_k) / (n - 1)."""
    game = Game(4, 10.0, 0.1)
    balances = (0.4, 0.3, 0.2, 0.1)
    used, charged = divide(game, balances, (1.0,) * 4)
    assert used == charged == pytest.approx(balances)
    after = spend(game, balances, charged)
    for now, then, use in zip(after, balances, used, strict=True):
        assert (now - then) * game.stock_s / game.step_s == pytest.approx((1 - 4 * use) / 3)
    fair = (0.25,) * 4
    assert spend(game, fair, divide(game, fair, (1.0,) * 4)[1]) == pytest.approx(fair)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_they_want_they_use_the_same_in_the_long_run(seed: int) -> None:
    """Balances are bounded, so nobody spends more than the others for long: whoever wants more."""
    chance = random.Random(seed).random

    def wanted(_: int) -> Sequence[float]:
        return (0.5 + chance() / 2, chance() / 2 + 0.4)

    means = mean_use(play(Game(2, 6.0, 0.1), 20_000, wanted))
    assert means[0] == pytest.approx(means[1], abs=0.005)


def test_without_tokens_somebody_starves_every_few_seconds() -> None:
    splits = random_split(2, 1_000, random.Random(2).random)
    assert all(sum(split) == pytest.approx(1) for split in splits)
    assert sum(min(split) < 0.05 for split in splits) == pytest.approx(100, abs=30)
    spread = sqrt(sum((split[0] - 0.5) ** 2 for split in splits) / 1_000)
    assert spread == pytest.approx(1 / sqrt(12), rel=0.05)
    settled = play(Game(2, 0.6, 0.01), 1_000, saturated(2), ahead(2, 0.75))[-1]
    assert gap(settled) < 1e-9 < spread


def test_what_nobody_with_tokens_wants_is_free_and_the_rest_is_charged() -> None:
    game = Game(2, 60.0, 0.5, free_when_idle=True)
    used, charged = divide(game, (0.0, 1.0), (1.0, 0.3))
    assert used == pytest.approx((0.7, 0.3))
    assert charged == pytest.approx((0.0, 0.3))
    after = spend(game, (0.0, 1.0), charged)
    assert after[0] > 0
    full = play(game, 3_000, saturated(2), ahead(2, 0.75))
    assert gap(full[-1]) < 1e-9  # and in a saturated band nothing is changed by it


def test_nobody_uses_more_than_it_can_pay_for() -> None:
    """A last step that is longer than the tokens last is served in part."""
    moments = play(Game(2, 60.0, 8.0), 6, lambda _: (1.0, 0.0))
    assert [moment.used[0] for moment in moments] == pytest.approx([1, 1, 1, 0.75, 0, 0])
    assert min(moment.balances[0] for moment in moments) >= 0


@pytest.mark.parametrize(
    ("weights", "limits", "room", "given"),
    [
        ((1, 1), (1, 1), 1, (0.5, 0.5)),
        ((3, 1), (1, 1), 1, (0.75, 0.25)),
        ((3, 1), (0.5, 1), 1, (0.5, 0.5)),
        ((3, 1), (0.5, 0.2), 1, (0.5, 0.2)),
        ((1, 0), (0.4, 1), 1, (0.4, 0)),
        ((0, 0), (1, 1), 1, (0, 0)),
        ((1, 1, 1), (1, 0.1, 1), 1, (0.45, 0.1, 0.45)),
        ((1, 1), (1, 1), 0, (0, 0)),
    ],
)
def test_filling(
    weights: Sequence[float], limits: Sequence[float], room: float, given: Sequence[float]
) -> None:
    assert fill(weights, limits, room) == pytest.approx(list(given))


def test_whether_it_has_converged() -> None:
    moments = play(Game(2, 60.0, 1.0), 30, saturated(2), ahead(2, 0.75))
    assert converged_s(moments, 0.01) is None
    assert converged_s([], 0.01) is None
    uneven, even = Moment(0.0, (0.6, 0.4), (0.6, 0.4)), Moment(1.0, (0.5, 0.5), (0.5, 0.5))
    assert converged_s([replace(even, time_s=-1.0), uneven, even], 0.01) == 1.0
    assert converged_s([even, replace(even, time_s=2.0), uneven], 0.01) is None
    with pytest.raises(AssertionError, match="steps of"):
        Game(2, 1.0, 2.0)
    with pytest.raises(AssertionError, match="balances of 2"):
        play(Game(2, 1.0, 1.0), 1, saturated(2), (1, 0, 0))
