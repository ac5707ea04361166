"""One user's billing cycle with discount offers, hour by hour, as a Gymnasium environment.

It gives `market/learning`'s world the form that libraries expect, and decides nothing of its own. An action is a
`Choice` (plan, offer, Wi-Fi, slowed down where the plan does that). What there is to choose is `action_mask` in info;
choosing something else has the reward that (3.26) has for it, and no other effect. The end of the cycle is
`terminated`, a horizon before it `truncated`. Chance is `np_random` alone. What is no `Choice`, and a step before the
first reset, are refused (AssertionError).
Reference: 003 3.6.1, (3.26); S9.   Units: observations between 0 and 1, rewards in KB; money and bytes in info, whole.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from market.learning.world import FEATURES, Day, World, begin, draw_day, observe, only, outcomes, quota_bytes
from market.sdo.game import preset_game
from market.sdo.monthly import UBC
from market.sdo.schedule import viterbi
from market.traces.presets import PRESETS, Preset, draw_preset

Observation = npt.NDArray[np.float32]
Info = dict[str, Any]

PRICE_UBC = 3 * UBC
"""The best price of `paper-50MB`, unless another is asked for."""


class DiscountOffers(gymnasium.Env[Observation, np.int64]):
    """`world` of one user (`market.learning.world.only`). `horizon` hours are played, all of the cycle if None.

    Info: `action_mask` (int8, by action), `spent_ubc` in this step and `spent_cycle_ubc` so far, `demand_bytes` of the
    hour that is asked about, `used_bytes` on the plan, `quota_bytes` by now, and `hour`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  # Gymnasium's own form

    def __init__(self, world: World, horizon: int | None = None) -> None:
        assert world.users == 1, f"an environment is one user's, and the world has {world.users}"
        assert horizon is None or 0 < horizon <= world.hours, f"a horizon of {horizon} in {world.hours} hours"
        self._world = world
        self._horizon = horizon or world.hours
        self.observation_space = spaces.Box(0.0, 1.0, (FEATURES,), np.float32)
        self.action_space = spaces.Discrete(world.choices)
        self._day: Day | None = None
        self._used = begin(world)
        self._hour = self._spent_ubc = 0

    def reset(self, *, seed: int | None = None, options: Info | None = None) -> tuple[Observation, Info]:
        """A new cycle. There are no options."""
        super().reset(seed=seed, options=options)
        self._day, self._used = draw_day(self._world, self.np_random), begin(self._world)
        self._hour = self._spent_ubc = 0
        return self._observation(self._day), self._info(self._day, 0)

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, Info]:
        """One hour."""
        assert self._day is not None, "no cycle has begun: reset first"
        assert self._hour < self._horizon, "the cycle is over: reset"
        assert self.action_space.contains(action), f"action {action!r} of {self.action_space}"
        found = outcomes(self._world, self._day, self._hour, self._used)
        reward, paid_ubc = float(found.reward[0, action]), int(found.spent_ubc[0, action])
        self._used = found.used[:, action]
        self._spent_ubc += paid_ubc
        self._hour += 1
        over = self._hour == self._world.hours
        return (
            self._observation(self._day),
            reward,
            over,
            not over and self._hour == self._horizon,
            self._info(self._day, paid_ubc),
        )

    def _observation(self, day: Day) -> Observation:
        return np.asarray(observe(self._world, day, self._hour, self._used)[0].clip(0, 1))

    def _info(self, day: Day, paid_ubc: int) -> Info:
        is_over = self._hour == self._world.hours
        mask = np.zeros(self._world.choices, dtype=np.int8)
        demand = 0
        if not is_over:
            mask[:] = outcomes(self._world, day, self._hour, self._used).valid[0]
            demand = int(day.demand_bytes[0, self._hour])
        return {
            "action_mask": mask,
            "spent_ubc": paid_ubc,
            "spent_cycle_ubc": self._spent_ubc,
            "demand_bytes": demand,
            "used_bytes": int(self._used[0]),
            "quota_bytes": int(quota_bytes(self._world, self._used)[0]),
            "hour": self._hour,
        }


def for_days(preset: Preset, hours: int) -> Preset:
    """The same users and plan for a cycle of so many hours: a month's quota is 30 times a day's."""
    days, rest = divmod(hours, 24)
    assert days > 0, f"{hours} hours are no day"
    assert not rest, f"{hours} hours are not whole days"
    return replace(preset, quota_bytes=days * preset.quota_bytes, overage_bytes=days * preset.overage_bytes)


def discount_offers(
    preset: str = "tight-2MB",
    seed: int = 0,
    *,
    user: int = 0,
    users: int = 20,
    hours: int = 24,
    price_ubc: int = PRICE_UBC,
    noise_bytes: int = 0,
    redraws: bool = True,
    throttles: bool = False,
    horizon: int | None = None,
) -> DiscountOffers:
    """One user of a preset's population (KeyError if there is none), to whom an operator offers by Viterbi's schedule.

    `hours` is 24 or 720, or any whole days: use, quota and overage are those of the preset for each of them. The
    schedule is made once, for the trace that is known; cycles differ by `noise_bytes` and `redraws`.
    """
    assert 0 <= user < users, f"user {user} of {users}"
    game = preset_game(draw_preset(for_days(PRESETS[preset], hours), seed, users, hours), throttles=throttles)
    schedule = viterbi(game, price_ubc).schedule
    world = World(game, price_ubc, schedule, noise_bytes=noise_bytes, redraws=redraws)
    return DiscountOffers(only(world, slice(user, user + 1)), horizon)
