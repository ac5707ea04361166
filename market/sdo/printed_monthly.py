"""What chapter 3 prints about the monthly model, for who wants to see where it fails. Nothing else uses it.

Reference: 003 Lemma 1, Table 3.2, Corollaries 1 and 2; S1, S2.
"""

from __future__ import annotations

import numpy as np

from market.sdo.monthly import Floats, Subscribers, Usage, level


def table_3_2(users: Subscribers, price_coins: Floats) -> Usage:
    """Table 3.2: the rows by price, the columns by whether overage is used without offers."""
    light = users.quota_gb >= level(users.plan_value, users.overage_coins, users.alpha)
    gain = (users.session_worth() - price_coins) / users.session_gb
    takes = gain > 0
    alone = level(users.plan_value, users.overage_coins, users.alpha)
    with_offers = level(users.plan_value, users.overage_coins + np.maximum(gain, 0), users.alpha)  # d'
    plan = np.where(light, users.quota_gb, np.where(takes, with_offers, alone))
    share = np.minimum((users.most_gb - plan) / (users.offers * users.session_gb), 1)
    return Usage(np.asarray(plan), np.where(takes, share, 0.0))


def corollary_2_gb(price_coins: float, alpha: float) -> float:
    """The session size at which Corollary 2 says that plan use is smallest: the exponent misplaced, C2 left out."""
    return float(price_coins * (1 / alpha - 1) ** (1 / (1 - alpha)))


def corollary_2_mended_gb(price_coins: float, alpha: float, offer_value: float) -> float:
    """Where it is smallest: (rho (1/a - 1) / C2)^(1/(1-a))."""
    return float((price_coins * (1 / alpha - 1) / offer_value) ** (1 / (1 - alpha)))
