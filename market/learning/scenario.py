"""Worlds by name and seed: whose users, which plan, which price, how cycles differ. Synthetic.

A world's day is what a preset's users do on average; the operator makes its schedule for that day once, by Viterbi, for
overage-averse users at the scenario's price, as 3.6.1 has it. What those users think of risk is fitted to cycles of the
world itself. Each seed is other users.
Reference: 003 3.6.2.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from market.learning.chosen import HISTORY_CYCLES, NOISE_BYTES
from market.learning.rules import as_felt
from market.learning.world import World, draw_day, quiet_day
from market.sdo.game import preset_game
from market.sdo.monthly import UBC
from market.sdo.risk import fit_habits
from market.sdo.schedule import viterbi
from market.traces.presets import draw


@dataclass(frozen=True, slots=True)
class Scenario:
    """`preset` says who the users are; quota, overage and price what they are sold."""

    preset: str
    quota_bytes: int
    overage_bytes: int
    price_ubc: int
    noise_bytes: int = NOISE_BYTES
    redraws: bool = False
    throttles: bool = False


QUOTA_2MB = Scenario("tight-2MB", 2_000_000, 10_000_000, 5 * UBC)
"""Users of 35 MB a day on 2 MB, an overage of 10 MB, offers at 5: each user has three or four overages to avoid, and
18 offers that cost more than they save. Every other value is varied beside it (docs/markets.md)."""


def build(scenario: Scenario, seed: int, users: int, hours: int = 24) -> World:
    """The world of that scenario and seed."""
    cycles = HISTORY_CYCLES if hours <= 24 else 3
    drawn = draw(scenario.preset, seed, users=users, hours=hours, cycles=cycles)
    game = preset_game(drawn, scenario.quota_bytes, scenario.overage_bytes, throttles=scenario.throttles)
    mean = np.floor(drawn.usage.history_bytes.mean(axis=0)).astype(np.int64)
    game = dataclasses.replace(game, demand_bytes=mean)
    world = World(game, scenario.price_ubc, (False,) * hours, scenario.noise_bytes, redraws=scenario.redraws)
    chance = np.random.default_rng(np.random.SeedSequence(seed).spawn(5)[4])
    past = [draw_day(world, chance).demand_bytes for _ in range(HISTORY_CYCLES)]
    habits = fit_habits(np.stack(past))
    known = dataclasses.replace(
        game, mean_bytes=habits.expected_bytes(hours), sigma_bytes=habits.sigma_bytes[:, -1]
    )
    world = dataclasses.replace(world, game=known)
    found = viterbi(as_felt(world, quiet_day(world)), scenario.price_ubc)
    return dataclasses.replace(world, schedule=found.schedule)
