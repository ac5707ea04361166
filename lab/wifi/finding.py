"""What a scenario of the Wi-Fi lab found: whether it held, in words, and the numbers that it measured."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Measured:
    """A number with its unit and what it is."""

    what: str
    value: float
    unit: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One promise: what was tried, whether it held, and what was seen."""

    name: str
    held: bool
    seen: str
    numbers: tuple[Measured, ...] = field(default=())


def judge(name: str, claims: dict[str, bool], seen: str = "", *numbers: Measured) -> Finding:
    """A finding that holds if every claim does; what does not hold is named."""
    broken = [claim for claim, holds in claims.items() if not holds]
    text = "; ".join([*(f"NOT: {claim}" for claim in broken), *([seen] if seen else [])])
    return Finding(name, not broken, text or "; ".join(claims), numbers)
