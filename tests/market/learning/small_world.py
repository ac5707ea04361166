"""A world of two users and four hours that one can work out by hand."""

from __future__ import annotations

import numpy as np

from market.learning.world import World
from market.sdo.game import Game, Plan
from market.sdo.monthly import UBC

MB = 1_000_000


def small_world(*, throttles: bool = False, unit_bytes: int = 1_000, noise_bytes: int = 0) -> World:
    """Two users want 1 MB in each of four hours, on 2 MB; an overage of 1 MB costs 10, an offer in hours 1 and 3 costs
    5. Nothing is congested. The second has Wi-Fi in hour 2, which he likes half as much, and is half insensitive.
    """
    wifi = np.zeros((2, 4), dtype=np.bool_)
    wifi[1, 2] = True
    game = Game(
        plan=Plan(2 * MB, MB, 10 * UBC, throttles=throttles),
        demand_bytes=np.full((2, 4), MB, dtype=np.int64),
        qos=np.full((2, 4), 0.5),
        wifi=wifi,
        congestion=np.zeros(4),
        sensitivity=np.array([0.0, 0.5]),
        wifi_taste=np.array([0.5, 0.5]),
        mean_bytes=np.array([4e6, 4e6]),
        sigma_bytes=np.array([1e5, 1e5]),
        open_hours=(1, 3),
        label="by hand (synthetic)",
    )
    return World(
        game, 5 * UBC, (False, True, False, True), noise_bytes=noise_bytes, reward_unit_bytes=unit_bytes
    )
