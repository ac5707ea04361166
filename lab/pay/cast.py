"""Who plays, and the numbers of the play. Pure.

    ada, bea, cem     devices, with money at both operators
    roof, yard        access points: Ann's, of the operator north, and Ben's, of the operator south

Periods and windows are seconds where they are an hour and minutes outside; prices are the same everywhere, so that an
increment is one number. Money in micro-bandcoin (ubc).
"""

from wire.ids import MacAddress
from wire.payplace_registration import Times

DEVICES = ("ada", "bea", "cem")
OPERATORS = ("north", "south")
POINTS = {"roof": "north", "yard": "south"}
"""Access point -> its operator."""
OWNERS = {"roof": "ann", "yard": "ben"}
BSSIDS = {"roof": MacAddress.parse("02:00:00:00:01:00"), "yard": MacAddress.parse("02:00:00:00:02:00")}

INTERVAL_S = 3
PER_MINUTE_UBC = 20_000
INCREMENT_UBC = PER_MINUTE_UBC * INTERVAL_S // 60
COMMISSION_PPM = 50_000
PURSE_UBC = 100_000
"""What each device buys of the exchange, and deposits: half at each operator."""
FLOOR_BPS, CEIL_BPS = 1_000_000, 5_000_000

TIMES = Times(period_s=32, window_s=14, finality_s=1, challenge_s=46)
COLLECT_S = 11
"""Of the window, signatures are waited for."""

PAYS_FIRST = 4
"""Intervals that Ada and Bea pay at the roof: then Ada goes, and Bea pays no more and stays."""
PAYS_AT_LEAST = 2
"""Further intervals of everybody who goes on, after the first block: what is at stake when the second one lies."""
