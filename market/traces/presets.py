"""Synthetic users by name and seed: the presets, their generator, and the manifest that goes with each result.

A user has a scale (log-normal over users), weights over the hours (a base, lunch and evening, times a gamma of his
own), and each cycle a total of its own about that scale (gamma with the preset's deviation). One generator for each
component, so that one more component changes none of the others. What comes out is whole bytes and whole millionths.
Reference: 003 3.5 for quotas, users, Rayleigh and uniform draws; the rest is ours (docs/markets.md). Units: bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from market.traces.circumstances import Circumstances, draw_circumstances
from market.traces.usage import Integers, Usage, digest

Floats = npt.NDArray[np.float64]

HOURS = 24
USERS = 20
HISTORY_CYCLES = 30

OVERAGE_PAPER_BYTES = 50_000_000
"""dO of the quota of 50 MB: an overage buys the quota once more, as plans of $10 a GB did."""

OVERAGE_TIGHT_BYTES = 2_000_000
"""dO of the quota of 2 MB: the same."""

OVERAGE_MID_BYTES = 10_000_000
"""dO of the quota of 1.5 MB: Figure 3.5(b) has $200 = 20 overages for 20 users, so one overage has to last the day."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A population and the plan that it has. `load` is mean use of a cycle over the quota; `spread` the log-normal's.

    `noise` is the deviation of a user's cycle over its mean. `why` says what the values were chosen for, or that they
    were not.
    """

    name: str
    quota_bytes: int
    overage_bytes: int
    load: float
    spread: float
    noise: float
    why: str


_ROWS = (
    Preset(
        "paper-50MB", 50_000_000, OVERAGE_PAPER_BYTES, 0.7, 0.2, 0.8, "calibrated so that 3 is the best price"
    ),
    Preset("tight-2MB", 2_000_000, OVERAGE_TIGHT_BYTES, 17.5, 0.2, 0.8, "the users of paper-50MB on 2 MB"),
    Preset(
        "mid-1.5MB", 1_500_000, OVERAGE_MID_BYTES, 5.0, 0.4, 0.8, "calibrated to an overage a user unoffered"
    ),
    Preset("light", 50_000_000, OVERAGE_PAPER_BYTES, 0.5, 0.4, 0.4, "few come near the quota"),
    Preset("heavy-tail", 50_000_000, OVERAGE_PAPER_BYTES, 0.7, 1.2, 0.8, "few users make most of the use"),
)
PRESETS = {preset.name: preset for preset in _ROWS}


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a result was made of: enough to make it again, or to see that it was not."""

    preset: str
    seed: int
    numpy_version: str
    sha256: str

    @property
    def label(self) -> str:
        """As `Usage.label`."""
        return f"{self.preset}, seed {self.seed} (synthetic)"


@dataclass(frozen=True, slots=True)
class Drawn:
    """A preset's users for a seed."""

    preset: Preset
    usage: Usage
    circumstances: Circumstances
    manifest: Manifest


def draw(name: str, seed: int, users: int = USERS, hours: int = HOURS, cycles: int = HISTORY_CYCLES) -> Drawn:
    """The population of that preset (KeyError if there is none) and seed, with `cycles` of history and one more."""
    return draw_preset(PRESETS[name], seed, users, hours, cycles)


def draw_preset(
    preset: Preset, seed: int, users: int = USERS, hours: int = HOURS, cycles: int = HISTORY_CYCLES
) -> Drawn:
    """The same of a preset of one's own, for instance one with another spread, to see what depends on it."""
    scale, weight, total, around = np.random.SeedSequence(seed).spawn(4)
    mean_bytes = preset.load * preset.quota_bytes * _scales(preset, users, scale)
    shape = _shapes(users, hours, weight)
    totals = _totals(preset, cycles + 1, users, total)
    used = (totals * mean_bytes)[:, :, None] * shape
    names = tuple(f"{preset.name}-{number}" for number in range(users))
    usage = Usage(names, np.floor(used).astype(np.int64), f"{preset.name}, seed {seed}", synthetic=True)
    circumstances = draw_circumstances(users, hours, around)
    sha256 = digest(usage.used_bytes, *circumstances.arrays())
    return Drawn(preset, usage, circumstances, Manifest(preset.name, seed, np.__version__, sha256))


def _scales(preset: Preset, users: int, chance: np.random.SeedSequence) -> Floats:
    """Log-normal with mean 1."""
    drawn = np.random.default_rng(chance).normal(-(preset.spread**2) / 2, preset.spread, users)
    return np.asarray(np.exp(drawn))


def _shapes(users: int, hours: int, chance: np.random.SeedSequence) -> Floats:
    """Shares of a cycle, users x hours: days with a lunch and an evening bump, each user's hours his own."""
    clock = np.arange(hours) % 24
    day = 0.4 + np.exp(-(((clock - 13) / 2.0) ** 2)) + 1.5 * np.exp(-(((clock - 20) / 2.5) ** 2))
    day = np.where((clock >= 1) & (clock <= 5), 0.1, day)
    weights = day * np.random.default_rng(chance).gamma(2.0, 0.5, (users, hours))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _totals(preset: Preset, cycles: int, users: int, chance: np.random.SeedSequence) -> Integers | Floats:
    """A factor with mean 1 and deviation `noise` for each cycle and user."""
    shape = 1 / preset.noise**2
    return np.random.default_rng(chance).gamma(shape, 1 / shape, (cycles, users))
