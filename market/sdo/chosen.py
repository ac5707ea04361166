"""Every value of the discount-offer models that the thesis leaves open, what we chose, and why.

A result that depends on one of these is calibrated, not predicted. What the thesis states stands where it is used.
"""

from __future__ import annotations

# ---- The hourly game (003 3.4, 3.5)

OVERAGE_UBC = 10_000_000
"""p, as stated: $10 for an overage; a coin stands for a dollar."""

MEGABYTE = 1_000_000
"""The unit of x in the utilities is not given. In MB a use of an hour and p = 10 are of one size; in KB no price counts
beside a use, and in GB no use beside a price."""

REALISED = 0.3
"""H in [0, 1]: how much of an overage's data is worth what it is on average. At 1 every overage of 10 MB outweighs p,
and nobody avoids one; at 0 an overage is worth nothing, although it is used."""

THROTTLED_CONGESTION = 0.9
"""How congested 128 kbit/s feels: a page, no film. It costs nothing, as a large operator sold it in 2016."""

WIFI_CONGESTION = 0.5
"""theta_W, as stated."""

CLOSED_HOURS = (2, 3, 4, 5, 8, 18)
"""As stated: no offers in these hours of a day, which leaves 18."""

# ---- The ISP's update of what it knows of a user (3.22 - 3.25)

SURPRISE = 0.01
"""T_U: a user is re-estimated when a cycle that strays so far has at most this probability."""

SHRINKAGE = 0.2
"""How far the covariance of 30 cycles is drawn to its diagonal, so that 24 hours of it can be inverted."""

# ---- The monthly model (003 3.3)

OFFER_VALUE = 4.24
"""C2: the steep fall of subscribers at $6 with a = 0.5 and xm = 0.5 GB needs C2 xm^0.5/0.5 = 6."""

PLAN_VALUE_LIGHT, PLAN_VALUE_HEAVY = 8.0, 40.0
"""C1 of light and of heavy users: 0.64 and 16 GB without offers at p = 10 and a = 0.5, below and above the quota."""

HEAVY_SHARE = 0.5
"""How many are heavy: "a distribution of 100 light and heavy users"."""

QUOTA_GB = 2.0
"""d of the monthly model: a common plan of 2016."""

OVERAGE_COINS_A_GB = 10.0
"""p of the monthly model: $10 to $15 a GB then."""

FEE_COINS = 35.0
"""eta: what such a plan cost. It moves revenue and no choice."""

OFFERS_A_MONTH = 30.0
"""n: one a day."""

MOST_OVER_ALONE = 1.5
"""gamma: half as much again as is used without offers, and a month of sessions at most."""

SLOW_WORTH = 0.25
"""k: what a GB at 128 kbit/s is worth beside a quick one. Messages are as good, films are none."""

SLOW_GB = 5.2
"""Z: three hours a day of 128 kbit/s, for a month."""
