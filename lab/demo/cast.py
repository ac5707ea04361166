"""Who plays in the demo, what is for sale, and for how long: every number of the story in one place.

Units: IP bits per second, micro-bandcoin, seconds.
"""

from dataclasses import dataclass

from wire.band import Band
from wire.qos import Qos

AIR_BPS = 60_000_000
"""What the shared segment carries in each direction."""
DOWNLINK_CAPACITY_BPS = 30_000_000
UPLINK_CAPACITY_BPS = 18_000_000
"""What the access point sells of it: below what the air carries when five stations push at once (60 / 5 = 12
Mbit/s each).
"""
FLOOD_BPS = 60_000_000
"""What the freeloader pushes in each direction, all the time."""

UNIT = Qos(floor_down_bps=1_000_000, ceil_down_bps=2_000_000, floor_up_bps=500_000, ceil_up_bps=1_000_000)
UNIT_PRICE_UBC = 20_000
BAND = Band(from_frequency_khz=5_170_000, to_frequency_khz=5_250_000, bandwidth_khz=80_000)
MAX_ALLOCATIONS = 30
DURATION_S = 40
PERIOD_S = 60
"""The ledger's slot of time for reservations; nobody reserves here."""

REPORT_INTERVAL_S = 5
ANCHOR_INTERVAL_S = 20
DEPOSIT_UBC = 5_000_000


@dataclass(frozen=True, slots=True)
class Role:
    """One station: `number` gives its namespace and addresses, the wish what it buys (0: nothing)."""

    number: int
    name: str
    story: str
    wish_down_bps: int = 0
    wish_up_bps: int = 0


ADA = Role(1, "ada", "buys 8 Mbit/s down and 4 up", 8_000_000, 4_000_000)
BEN = Role(2, "ben", "buys 16 Mbit/s down and 8 up", 16_000_000, 8_000_000)
FINN = Role(3, "finn", "never pays, and pushes as hard as he can in both directions")
MALLORY = Role(
    4, "mallory", "cheats first, then buys 1 Mbit/s and goes on after his time", 1_000_000, 500_000
)
EVE = Role(5, "eve", "borrows mallory's MAC address")
CAST = (ADA, BEN, FINN, MALLORY, EVE)
BUYERS = (ADA, BEN)
"""Whose sessions are held against their promise."""
PAYING = (ADA, BEN, MALLORY)
