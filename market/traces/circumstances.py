"""What no usage trace says and the thesis draws: price sensitivity, taste for Wi-Fi, its presence, congestion, QoS.

Whole millionths, so that a seed gives the same values on every machine. The laws are those of 003 3.5; it gives none
for the QoS that a use wants (phi), which is uniform here, as congestion is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.traces.usage import Integers

MILLION = 1_000_000
RAYLEIGH = 0.25
WIFI_THRESHOLD = 0.5
"""A drawn availability below it is none: P(there is Wi-Fi) = e^-2 = 0.135."""
MOST_SENSITIVE = 999_000
"""a stays below 1; the law exceeds 1 for 3 in 10,000."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """Of users x hours `qos` (phi) and `wifi` (0 or 1); of hours `congestion` (theta); of users the rest.

    `sensitivity` is a, `wifi_taste` delta_W. All but `wifi` are millionths.
    """

    qos: Integers
    wifi: Integers
    congestion: Integers
    sensitivity: Integers
    wifi_taste: Integers

    def __post_init__(self) -> None:
        users, hours = self.qos.shape
        assert self.wifi.shape == (users, hours), "Wi-Fi is there or not for each user and hour"
        assert self.congestion.shape == (hours,), "congestion is that of an hour"
        assert self.sensitivity.shape == self.wifi_taste.shape == (users,), "each user has one"
        assert all(array.dtype == np.int64 for array in self.arrays()), "integers"
        assert all(array.min() >= 0 and array.max() <= MILLION for array in self.arrays()), "millionths"
        assert self.sensitivity.max() < MILLION, "a stays below 1"

    def arrays(self) -> tuple[Integers, ...]:
        """All of it, in the order of the fields."""
        return self.qos, self.wifi, self.congestion, self.sensitivity, self.wifi_taste


def draw_circumstances(users: int, hours: int, chance: np.random.SeedSequence) -> Circumstances:
    """One generator for each of the five."""
    qos, wifi, congestion, sensitivity, taste = map(np.random.default_rng, chance.spawn(5))
    return Circumstances(
        qos=_millionths(qos.random((users, hours))),
        wifi=(wifi.rayleigh(RAYLEIGH, (users, hours)) >= WIFI_THRESHOLD).astype(np.int64),
        congestion=_millionths(congestion.random(hours)),
        sensitivity=np.minimum(_millionths(sensitivity.rayleigh(RAYLEIGH, users)), MOST_SENSITIVE),
        wifi_taste=_millionths(taste.random(users)),
    )


def _millionths(values: npt.NDArray[np.float64]) -> Integers:
    return np.floor(values * MILLION).astype(np.int64)
