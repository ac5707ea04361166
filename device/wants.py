"""What an application wants, in words: `2M/500k for 20m`. Pure.

    RATE[/RATE] for TIME      the rate towards it, the rate from it (else none is promised), and for how long

Units as everywhere (wire/units.py).
"""

import re

from device.metered_choice import Want
from wire.units import parse_duration, parse_rate


def parse_want(text: str) -> Want:
    """Raises ValueError with what is wrong."""
    match = re.fullmatch(r"\s*([^/]+?)\s*(?:/\s*([^/]+?)\s*)?\bfor\b\s*(.+)", text)
    if match is None:
        raise ValueError(f"{text!r} is not a rate and a time such as 2M for 20m, or 2M/500k for 20m")
    down, up, time = match.groups()
    duration_s = parse_duration(time)
    if not duration_s:
        raise ValueError(f"{text!r} is over before it begins")
    return Want(parse_rate(down), parse_rate(up) if up else 0, duration_s)
