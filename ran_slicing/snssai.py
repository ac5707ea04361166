"""S-NSSAI: the name of a network slice, and so of one slot of the cell.

In: numbers or text from configuration files, from the core, from people. Out: one value per slice, however it was
written. "No differentiator" is written as nothing, as null or as FFFFFF; here it is always None, so that two names of
one slice are equal.
Reference: 3GPP TS 23.003 clause 28.4.2, TS 29.571 clause 5.4.4.2 (`sd` is six hexadecimal digits).
"""

import re
from dataclasses import dataclass

MAX_SST = 255
NO_SD = 0xFFFFFF
"""The differentiator that means that there is none (TS 23.003 clause 28.4.2)."""


@dataclass(frozen=True, slots=True, order=True)
class Snssai:
    """Slice/service type, and a differentiator or None. Raises ValueError for what is outside its range."""

    sst: int
    sd: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.sst <= MAX_SST:
            raise ValueError(f"sst: {self.sst} is outside 0..{MAX_SST}")
        if self.sd == NO_SD:
            object.__setattr__(self, "sd", None)
        elif self.sd is not None and not 0 <= self.sd < NO_SD:
            raise ValueError(f"sd: {self.sd} is outside 0..{NO_SD}")

    def __str__(self) -> str:
        return format_snssai(self)


def parse_snssai(text: str) -> Snssai:
    """From `1-00000a`, or `1` where there is no differentiator. Raises ValueError."""
    match = re.fullmatch(r"\s*(\d{1,3})(?:-([0-9a-fA-F]{6}))?\s*", text)
    if match is None:
        raise ValueError(
            f"{text!r} is not an S-NSSAI such as 1-000001 (sst in decimal, sd in six hexadecimal digits)"
        )
    return Snssai(int(match[1]), parse_sd(match[2]) if match[2] else None)


def format_snssai(snssai: Snssai) -> str:
    """`1-00000a`, or `1`."""
    return str(snssai.sst) if snssai.sd is None else f"{snssai.sst}-{format_sd(snssai.sd)}"


def parse_sd(text: str) -> int:
    """From six hexadecimal digits, as the core writes a differentiator. Raises ValueError."""
    if re.fullmatch(r"[0-9a-fA-F]{6}", text) is None:
        raise ValueError(f"{text!r} is not six hexadecimal digits")
    return int(text, 16)


def format_sd(sd: int | None) -> str:
    """Six lower-case hexadecimal digits."""
    return f"{NO_SD if sd is None else sd:06x}"
