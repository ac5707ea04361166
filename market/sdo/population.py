"""Subscribers of the monthly model from a seed: light and heavy users about a mean sensitivity and session.

The thesis gives the means of a and xm and that there are 100 light and heavy users; the rest is `chosen.py`'s.
Reference: 003 3.3.3, Figures 3.1, 3.2, 3.6, 3.7. Synthetic, whatever is made of it.
"""

from __future__ import annotations

import numpy as np

from market.sdo.chosen import (
    FEE_COINS,
    HEAVY_SHARE,
    MOST_OVER_ALONE,
    OFFER_VALUE,
    OFFERS_A_MONTH,
    OVERAGE_COINS_A_GB,
    PLAN_VALUE_HEAVY,
    PLAN_VALUE_LIGHT,
    QUOTA_GB,
)
from market.sdo.monthly import Subscribers, level

SENSITIVITY_DEVIATION, SESSION_DEVIATION, VALUE_DEVIATION = 0.02, 0.03, 0.25
"""Deviations of a, of xm over its mean, and of log C1. Small for a and xm, because Figure 3.1(b) falls steeply."""

REFERENCE = 0.5
"""The a at which C1 was chosen."""


def draw_subscribers(
    seed: int, count: int = 100, alpha: float = 0.5, session_gb: float = 0.5, *, same_use: bool = False
) -> Subscribers:
    """`count` users; `alpha` and `session_gb` are means.

    C1 means something else at each a: at 0.5 a heavy user has 16 GB without offers, at 0.3 100. With `same_use` C1 is
    such that each user of any population would buy as much by the GB as at a of 0.5.
    """
    assert 0.1 <= alpha <= 0.9, "a mean of a away from its ends"
    chance = iter(np.random.SeedSequence(seed).spawn(4))
    sensitivity = (
        np.random.default_rng(next(chance)).normal(alpha, SENSITIVITY_DEVIATION, count).clip(0.01, 0.99)
    )
    session = session_gb * np.exp(np.random.default_rng(next(chance)).normal(0, SESSION_DEVIATION, count))
    heavy = np.random.default_rng(next(chance)).random(count) < HEAVY_SHARE
    scale = np.exp(np.random.default_rng(next(chance)).normal(0, VALUE_DEVIATION, count))
    value = np.where(heavy, PLAN_VALUE_HEAVY, PLAN_VALUE_LIGHT) * scale
    overage, quota = np.array(OVERAGE_COINS_A_GB), np.array(QUOTA_GB)
    if same_use:
        value = overage * np.power(level(value, overage, np.array(REFERENCE)), sensitivity)
    alone = np.maximum(quota, level(value, overage, sensitivity))
    return Subscribers(
        alpha=sensitivity,
        plan_value=value,
        offer_value=np.array(OFFER_VALUE),
        session_gb=session,
        quota_gb=quota,
        most_gb=alone * MOST_OVER_ALONE,
        overage_coins=overage,
        fee_coins=np.array(FEE_COINS),
        offers=np.array(OFFERS_A_MONTH),
        label=f"{count} subscribers, a {alpha}, {session_gb} GB, seed {seed} (synthetic)",
    )
