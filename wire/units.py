"""Units: instants, and how quantities are read from and written for people.

In code a quantity is an integer whose name ends in its unit: `_bps` bits per second, `_bytes`, `_s`, `_ms`, `_ns`,
`_khz`, `_ubc` micro-bandcoin (1 bandcoin = 1,000,000 ubc), `_ppm` parts per million. No float is ever money.
"""

import re
from datetime import UTC, datetime

from wire.frozen import dataclass

UBC_PER_BANDCOIN = 1_000_000
PPM = 1_000_000
NS_PER_S = 1_000_000_000
U32_MAX = 2**32 - 1
U63_MAX = 2**63 - 1
"""Largest amount anywhere: what SQLite and PostgreSQL store in one integer column."""
U64_MAX = 2**64 - 1

_YEAR_10000_S = 253_402_300_800

_RATE_BPS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}
_SIZE_BYTES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_DURATION_S = {"": 1, "s": 1, "m": 60, "min": 60, "h": 3_600, "d": 86_400}


@dataclass(frozen=True, slots=True)
class Now:
    """One instant on both clocks: monotonic for timers, UTC for contracts and signatures."""

    mono_ns: int
    utc_ms: int

    @property
    def utc_s(self) -> int:
        return self.utc_ms // 1_000


def parse_rate(text: str) -> int:
    """Bits per second from `2Mbit/s`, `500k`, `1500000`; decimal prefixes. Raises ValueError."""
    return _scaled(text, r"(?:bit/s|bps|bit)?", _RATE_BPS, "a rate such as 2Mbit/s")


def format_rate(rate_bps: int) -> str:
    return _format_scaled(rate_bps, (("Gbit/s", 10**9), ("Mbit/s", 10**6), ("kbit/s", 10**3)), "bit/s")


def parse_size(text: str) -> int:
    """Bytes from `250MB`, `1g`, `4096`; decimal prefixes. Raises ValueError."""
    return _scaled(text, r"b?", _SIZE_BYTES, "a size such as 250MB")


def format_size(size_bytes: int) -> str:
    return _format_scaled(size_bytes, (("TB", 10**12), ("GB", 10**9), ("MB", 10**6), ("kB", 10**3)), "B")


def parse_duration(text: str) -> int:
    """Seconds from `90`, `90s`, `20m`, `2h`, `1d`. Raises ValueError."""
    match = re.fullmatch(r"\s*(\d{1,9})\s*([a-z]*)\s*", text.lower())
    if match is None or match[2] not in _DURATION_S:
        raise ValueError(f"{text!r} is not a duration such as 90s, 20m or 2h")
    return int(match[1]) * _DURATION_S[match[2]]


def format_duration(duration_s: int) -> str:
    for unit, unit_s in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if duration_s >= unit_s and duration_s % unit_s == 0:
            return f"{duration_s // unit_s} {unit}"
    return f"{duration_s} s"


def format_instant(utc_s: int) -> str:
    """To a person: `2026-11-22 10:18:30 UTC`; of a number that is no date in our calendar the number."""
    if not 0 <= utc_s < _YEAR_10000_S:
        return f"{utc_s} s after 1970"
    return f"{datetime.fromtimestamp(utc_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def parse_money(text: str) -> int:
    """Micro-bandcoin from a decimal number of bandcoins with at most six decimals: `1.5`. Raises ValueError."""
    match = re.fullmatch(r"\s*(\d{1,13})(?:\.(\d{1,6}))?\s*(?:bc)?\s*", text.lower())
    amount_ubc = int(match[1] + (match[2] or "").ljust(6, "0")) if match else -1
    if not 0 <= amount_ubc <= U63_MAX:
        raise ValueError(f"{text!r} is not an amount of bandcoins such as 1.5 (at most six decimals)")
    return amount_ubc


def format_money(amount_ubc: int) -> str:
    whole, fraction = divmod(abs(amount_ubc), UBC_PER_BANDCOIN)
    decimals = f"{fraction:06d}".rstrip("0")
    sign = "-" if amount_ubc < 0 else ""
    return f"{sign}{whole}{'.' + decimals if decimals else ''} BC"


def _scaled(text: str, suffix: str, scale: dict[str, int], wanted: str) -> int:
    match = re.fullmatch(rf"\s*(\d{{1,12}})(?:\.(\d{{1,9}}))?\s*([kmgt]?){suffix}\s*", text.lower())
    if match is None or match[3] not in scale:
        raise ValueError(f"{text!r} is not {wanted}")
    decimals = match[2] or ""
    denominator: int = 10 ** len(decimals)
    digits, remainder = divmod(int(match[1] + decimals) * scale[match[3]], denominator)
    if remainder:
        raise ValueError(f"{text!r} is finer than one unit")
    return digits


def _format_scaled(value: int, scale: tuple[tuple[str, int], ...], unit: str) -> str:
    for name, size in scale:
        if abs(value) >= size:
            return f"{value / size:.4g} {name}"
    return f"{value} {unit}"
