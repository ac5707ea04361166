"""What the token paper says in numbers, as printed: for comparison only (T1, T2).

Reference: token sharing (002), II D and III.
"""

from __future__ import annotations

from market.tokens.quantum import PAPER_BAND_KHZ, PAPER_TOKENS, Quantum

STATED_STOCK_S = 60.0
"""T1: "1800 tokens, which is equal to the entire spectrum utilization during one minute"."""
STATED_TOKEN_KHZ = 180
"""T1: "value of one token will be equal to 180 kHz/s"."""


def stock_s(quantum: Quantum) -> float:
    """For how long the paper's tokens buy its band where a token is this: 0.6 s and not 60 if it is 180 kHz x s."""
    return PAPER_TOKENS * quantum.khz_s / PAPER_BAND_KHZ


def others_share(spent: float, operators: int) -> float:
    """T2: what each other operator gets; of one operator alone it is a division by zero."""
    return spent / (operators - 1)
