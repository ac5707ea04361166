"""What a token is: so much bandwidth for so long. A parameter, since the paper's numbers do not agree (T1).

It has 1,800 tokens, 540 MHz and one minute, and says that a token is "180 kHz/s": but 1,800 tokens of 180 kHz for one
second are the whole band for 0.6 s, and for a minute of it a token has to be 18 MHz for one second, a hundred times as
much. Both are here. Bandwidth times time is what is used up; it is not divided. Pure; integers, charges rounded up.
Reference: token sharing (002), II D, III.   Units: kHz, milliseconds, kHz x s.
"""

from __future__ import annotations

from dataclasses import dataclass

PAPER_TOKENS = 1_800
PAPER_BAND_KHZ = 540_000
MS_PER_S = 1_000


@dataclass(frozen=True, slots=True)
class Quantum:
    """One token is the use of `khz_s` kHz for one second."""

    khz_s: int

    def __post_init__(self) -> None:
        assert self.khz_s > 0, f"a token of {self.khz_s} kHz x s"

    def charge(self, khz: int, duration_ms: int) -> int:
        """Tokens for this use; a begun token is a whole one."""
        assert khz >= 0, f"{khz} kHz"
        assert duration_ms >= 0, f"{duration_ms} ms"
        return -(-khz * duration_ms // (self.khz_s * MS_PER_S))

    def lasts_ms(self, tokens: int, band_khz: int) -> int:
        """How long so many tokens buy the whole band, rounded down."""
        return tokens * self.khz_s * MS_PER_S // band_khz


CARRIER = Quantum(18_000)
"""An LTE carrier of 20 MHz (100 resource blocks of 180 kHz): the paper's tokens buy its band for a minute."""
RESOURCE_BLOCK = Quantum(180)
"""One resource block: the paper's tokens buy its band for 0.6 s."""
PRESETS: dict[str, Quantum] = {"carrier": CARRIER, "rb": RESOURCE_BLOCK}
