"""The cycle as an environment: the library's own check, and that it is the world's arithmetic and nothing else."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from market.envs.discount_offers import DiscountOffers, discount_offers, for_days
from market.learning.chosen import INVALID_REWARD
from market.sdo.choice import Choice
from market.traces.presets import PRESETS

HOURS = (24, 720)
ROOT = Path(__file__).parents[3]
NEEDS = re.compile(r"^\s*(?:from|import) (?:market\.envs|gymnasium|pettingzoo)\b", re.MULTILINE)


@pytest.mark.parametrize("hours", HOURS)
@pytest.mark.parametrize("throttles", [False, True])
def test_gymnasium_has_nothing_to_say_against_it(hours: int, throttles: bool) -> None:
    check_env(discount_offers(hours=hours, users=2, throttles=throttles), skip_render_check=True)


@pytest.mark.parametrize("hours", HOURS)
def test_a_cycle_ends_by_itself_and_its_money_adds_up(hours: int) -> None:
    env = discount_offers(hours=hours, users=3, noise_bytes=50_000)
    seen, info = env.reset(seed=4)
    spent, ends = 0, list[tuple[bool, bool]]()
    while not ends or ends[-1] == (False, False):
        assert env.observation_space.contains(seen)
        action = env.action_space.sample(info["action_mask"])
        seen, reward, terminated, truncated, info = env.step(action)
        assert reward > INVALID_REWARD, "what the mask allows is valid"
        spent += info["spent_ubc"]
        ends.append((terminated, truncated))
    assert len(ends) == hours == info["hour"]
    assert ends[-1] == (True, False)
    assert info["spent_cycle_ubc"] == spent > 0
    assert isinstance(spent, int)
    assert not info["action_mask"].any(), "nothing is chosen after the end"
    with pytest.raises(AssertionError, match="reset"):
        env.step(np.int64(0))


def test_a_cut_horizon_is_truncated_and_one_as_long_as_the_cycle_is_its_end() -> None:
    assert ends_of(discount_offers(users=2, horizon=5)) == [(False, False)] * 4 + [(False, True)]
    assert ends_of(discount_offers(users=2, horizon=24))[-1] == (True, False)


def test_what_is_not_there_costs_and_does_nothing() -> None:
    env = discount_offers(users=2)
    _, info = env.reset(seed=1)
    while info["action_mask"][Choice.OFFER]:
        _, _, _, _, info = env.step(np.int64(Choice.PLAN))
    used = info["used_bytes"]
    _, reward, _, _, info = env.step(np.int64(Choice.OFFER))
    assert reward == INVALID_REWARD
    assert (info["spent_ubc"], info["used_bytes"]) == (0, used)


@pytest.mark.parametrize("action", [-1, -3, 3, 1.0])
def test_what_is_no_choice_is_refused(action: float) -> None:
    """A negative number would be numpy's way of counting from the end: -1 was Wi-Fi."""
    env = discount_offers(users=2)
    env.reset(seed=1)
    with pytest.raises(AssertionError, match="action"):
        env.step(action)  # type: ignore[arg-type]
    _, info = env.reset(seed=1)
    assert info["hour"] == 0


def test_nothing_is_played_before_the_first_reset() -> None:
    with pytest.raises(AssertionError, match="reset first"):
        discount_offers(users=2).step(np.int64(Choice.PLAN))


def test_only_the_plan_uses_quota_and_an_overage_adds_to_it() -> None:
    env = discount_offers("tight-2MB", users=2)
    _, info = env.reset(seed=2)
    while not info["spent_cycle_ubc"]:
        assert info["quota_bytes"] == 2_000_000
        then = info["used_bytes"] + info["demand_bytes"]
        _, _, _, _, info = env.step(np.int64(Choice.PLAN))
        assert info["used_bytes"] == then
    assert info["spent_ubc"] % 10_000_000 == 0
    assert info["quota_bytes"] == 2_000_000 + info["spent_ubc"] // 10_000_000 * 2_000_000
    assert info["quota_bytes"] >= info["used_bytes"]


def test_a_seed_is_a_cycle_and_the_next_reset_another() -> None:
    env = discount_offers(users=2, noise_bytes=100_000)
    first, _ = env.reset(seed=9)
    other, _ = env.reset()
    again, _ = env.reset(seed=9)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_month_has_thirty_days_of_quota() -> None:
    month = for_days(PRESETS["paper-50MB"], 720)
    assert (month.quota_bytes, month.load) == (1_500_000_000, 0.7)
    with pytest.raises(AssertionError, match="whole days"):
        for_days(PRESETS["paper-50MB"], 25)
    with pytest.raises(AssertionError, match="no day"):
        for_days(PRESETS["paper-50MB"], 0)


@pytest.mark.parametrize("wrong", [{"user": 2, "users": 2}, {"horizon": 0}, {"horizon": 25}])
def test_what_cannot_be_played(wrong: dict[str, int]) -> None:
    with pytest.raises(AssertionError):
        discount_offers(**wrong)  # type: ignore[arg-type]


def test_the_example_of_the_docs_runs_as_it_stands() -> None:
    section = (ROOT / "docs/markets.md").read_text(encoding="utf-8").split("## Environments for learning")[1]
    example = section.split("```python")[1].split("```")[0]
    assert 10 <= len(example.strip().splitlines()) <= 25
    run = subprocess.run(
        [sys.executable, "-c", example], cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )
    assert run.returncode == 0, run.stderr
    assert "coins a cycle" in run.stdout


def test_nobody_needs_the_libraries_but_who_imports_this_package() -> None:
    packages = (
        "wire",
        "ledger",
        "apd",
        "device",
        "operatord",
        "nas_tunnel",
        "tc_shaper",
        "ran_slicing",
        "market",
    )
    others = [path for each in packages for path in (ROOT / each).rglob("*.py") if path.parent.name != "envs"]
    assert len(others) > 300
    for path in others:
        assert not NEEDS.search(path.read_text(encoding="utf-8")), path


def ends_of(env: DiscountOffers) -> list[tuple[bool, bool]]:
    env.reset(seed=0)
    ends = [(False, False)]
    while ends[-1] == (False, False):
        _, _, terminated, truncated, _ = env.step(np.int64(Choice.PLAN))
        ends.append((terminated, truncated))
    return ends[1:]
