"""Every value of the learners that the thesis leaves open, what we chose, and why; and those that it states."""

from __future__ import annotations

COST_KB = 35.0
"""C, as stated: how much use a coin counts for. In KB; in bytes, the unit of the print, no price counts (S9)."""

INVALID_REWARD = -10_000.0
"""As stated. In KB it is more than any hour's use here; in bytes it is a hundredth of one (S9)."""

REWARD_SCALE = 1e-4
"""What rewards are multiplied by, so that Adam's steps fit them. The thesis has 1e-5 to 1e-7 of rewards in bytes, which
is 1e-2 to 1e-4 of rewards in KB. At 1e-3 learning takes four times as long."""

BATCH = 32
"""Samples of a step of Adam: the default of Keras, since the thesis says epochs and no batches."""

TABLE_RATE = 0.1
"""How far a table's entry goes towards what was seen; ten visits are remembered."""

PARTS_LEFT = 8
"""Into how many parts a table divides what is left of the quota."""

PROOF_CYCLES = 20
"""How many cycles an agent has to have been better in its imagination before it may act."""

NOISE_BYTES = 50_000
"""Deviation of an hour's use: the middle of the 1 to 100 KB for which the thesis says what comes out."""

HISTORY_CYCLES = 30
"""Cycles of the world that the users' habits are fitted to before it begins, as in the traces."""
