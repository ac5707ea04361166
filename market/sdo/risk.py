"""How a user's cumulative use is expected to run, X(t) ~ a t^b about which it strays, learned and renewed.

Habits are fitted to the mean cumulative curve: at the end of the cycle a t^b is its mean, since risk is asked of that
hour alone (3.16), and b is the best by least squares for the hours before. A cycle that strays is noticed by the
probability of straying as far or farther, which is in [0, 1] and has no unit. The print compares a density with a
threshold, updates when it is *above* (3.24), and takes weights out of that density (3.25), which may exceed 1.
Reference: 003 3.4.1, 3.4.3, (3.16), (3.17), (3.22) to (3.25); S4. Units: bytes, hours. Floats: a model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import chdtrc, log_ndtr

from market.sdo.chosen import SHRINKAGE, SURPRISE

Floats = npt.NDArray[np.float64]
Numbers = npt.NDArray[np.int64] | npt.NDArray[np.float64]

LEAST_BYTES = 1.0
"""A deviation is at least this: somebody whose cycles are all alike still divides by it."""

FAR = 1e4
"""Deviations beyond which the normal law's hazard is the distance itself, to 1 in 10^8, and its logarithms cancel."""

LEAST_B, MOST_B, ROUNDS = 0.05, 6.0, 60


@dataclass(frozen=True, slots=True)
class Habits:
    """a and b of each user, and the deviation of his cumulative use at each hour (users x hours), in bytes."""

    a: Floats
    b: Floats
    sigma_bytes: Floats

    def expected_bytes(self, hours: int) -> Floats:
        """A t^b after `hours`."""
        return np.asarray(self.a * np.power(float(hours), self.b))


def fit_habits(history_bytes: Numbers) -> Habits:
    """Habits out of cycles x users x hours, all weighing alike."""
    cumulative = np.cumsum(history_bytes, axis=2, dtype=np.float64)
    a, b = _fit(cumulative.mean(axis=0))
    curve = _curve(a, b, cumulative.shape[2])
    sigma = np.sqrt(np.mean((cumulative - curve) ** 2, axis=0))
    return Habits(a, b, np.maximum(sigma, LEAST_BYTES))


def chance_of(history_bytes: Numbers, observed_bytes: Numbers) -> Floats:
    """For each user, the probability of a cycle that strays at least as far as `observed_bytes` (users x hours so far).

    Straying is measured by the history's covariance about the fitted curve.
    """
    so_far = observed_bytes.shape[1]
    habits = fit_habits(history_bytes)
    curve = _curve(habits.a, habits.b, history_bytes.shape[2])[:, :so_far]
    seen = np.cumsum(history_bytes, axis=2, dtype=np.float64)[:, :, :so_far] - curve
    now = np.cumsum(observed_bytes, axis=1, dtype=np.float64) - curve
    covariance = np.einsum("cui,cuj->uij", seen, seen) / len(seen)
    spread = np.maximum(np.einsum("uii->ui", covariance), LEAST_BYTES)
    diagonal = spread[:, :, None] * np.eye(so_far)
    shrunk = (1 - SHRINKAGE) * covariance + SHRINKAGE * diagonal
    distance = np.einsum("ui,ui->u", now, np.linalg.solve(shrunk, now[:, :, None])[:, :, 0])
    return np.asarray(chdtrc(float(so_far), distance))


def renew_habits(habits: Habits, history_bytes: Numbers, observed_bytes: Numbers) -> tuple[Habits, Floats]:
    """Habits with those users re-estimated whose cycle so far is as unlikely as SURPRISE, and each user's probability.

    (3.25): the cycle of now weighs 1 - P, the history P in all. It is taken to go on in proportion to the history.
    Deviations stay those of the history.
    """
    chance = chance_of(history_bytes, observed_bytes)
    past = np.cumsum(history_bytes, axis=2, dtype=np.float64).mean(axis=0)
    now = np.cumsum(observed_bytes, axis=1, dtype=np.float64)
    so_far = now.shape[1]
    known = past[:, so_far - 1 : so_far]
    factor = np.where(known > 0, now[:, -1:] / np.maximum(known, LEAST_BYTES), 1.0)
    whole = np.concatenate([now, now[:, -1:] + factor * (past[:, so_far:] - known)], axis=1)
    a, b = _fit(chance[:, None] * past + (1 - chance[:, None]) * whole)
    strays = chance <= SURPRISE
    return Habits(np.where(strays, a, habits.a), np.where(strays, b, habits.b), habits.sigma_bytes), chance


def risk(mean: Floats, sigma: Floats, quota: Numbers, used: Numbers) -> Floats:
    """R of (3.16): P(X > quota | X >= used); 1 where more is used already."""
    return np.asarray(
        np.exp(np.minimum(log_ndtr((mean - quota) / sigma) - log_ndtr((mean - used) / sigma), 0.0))
    )


def expected_total(mean: Floats, sigma: Floats, used: Numbers) -> Floats:
    """E[X | X >= used]."""
    z = (used - mean) / sigma
    near = np.clip(z, None, FAR)
    hazard = np.exp(-(near**2) / 2 - log_ndtr(-near)) / np.sqrt(2 * np.pi)
    return np.asarray(np.maximum(mean + sigma * np.where(z > FAR, z, hazard), used))


def _curve(a: Floats, b: Floats, hours: int) -> Floats:
    clock = np.arange(1, hours + 1, dtype=np.float64)
    return np.asarray(a[:, None] * np.power(clock, b[:, None]))


def _fit(mean_curve: Floats) -> tuple[Floats, Floats]:
    """The a and b of each user's cumulative curve (users x hours): b by golden section, all users at once."""
    hours = mean_curve.shape[1]
    part = np.arange(1, hours + 1, dtype=np.float64) / hours
    total = mean_curve[:, -1:]

    def loss(b: Floats) -> Floats:
        return np.asarray(((mean_curve - total * np.power(part, b[:, None])) ** 2).sum(axis=1))

    low, high = (np.full(len(mean_curve), limit) for limit in (LEAST_B, MOST_B))
    golden = (np.sqrt(5.0) - 1) / 2
    for _ in range(ROUNDS):
        left, right = high - golden * (high - low), low + golden * (high - low)
        better = loss(left) <= loss(right)
        low, high = np.where(better, low, left), np.where(better, right, high)
    b = (low + high) / 2
    return total[:, 0] / np.power(float(hours), b), b
