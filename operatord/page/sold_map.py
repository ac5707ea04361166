"""Sold against delivered, by boxes and hours: from sums to bars. Pure.

Sold is what floors promise: the rate of each grant over its time, used or not. Delivered is what signed reports say was
carried, and missing what was wanted within the floors and did not come. More may be delivered than was sold, as floors
are not ceilings, and less, as nobody has to use what he bought: only what is missing is owed.
Units: bytes, up and down together; UTC seconds.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from operatord.page.recorded import HOUR_S, Carried

HOURS = 24
HEIGHT = 56
"""Of a row of bars, in its own units; each hour has ten across."""


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of one row. Heights are of HEIGHT."""

    from_s: int
    sold_bytes: int
    delivered_bytes: int
    missing_bytes: int
    x: int
    sold_height: int
    delivered_height: int
    missing_height: int


@dataclass(frozen=True, slots=True)
class MapRow:
    """The boxes of one provider. `most_bytes` is what the tallest bar stands for."""

    name: str
    hours: tuple[Hour, ...]
    most_bytes: int
    sold_bytes: int
    delivered_bytes: int
    missing_bytes: int
    disputed_bytes: int
    """Said by reports that do not hold, and counted nowhere."""


def draw_map(
    names: Mapping[str, str],
    promised: Mapping[tuple[str, int], int],
    carried: Mapping[tuple[str, int], Carried],
    now_s: int,
) -> list[MapRow]:
    """A row for each provider id in `names`; the hour that runs is the last. `promised`: bits, by id and hour."""
    first_s = first_hour(now_s)
    return [_draw_row(provider_id, name, promised, carried, first_s) for provider_id, name in names.items()]


def first_hour(now_s: int) -> int:
    """When the oldest hour of the map began."""
    return now_s // HOUR_S * HOUR_S - (HOURS - 1) * HOUR_S


def _draw_row(
    provider_id: str,
    name: str,
    promised: Mapping[tuple[str, int], int],
    carried: Mapping[tuple[str, int], Carried],
    first_s: int,
) -> MapRow:
    times = [first_s + number * HOUR_S for number in range(HOURS)]
    sold = [promised.get((provider_id, hour_s), 0) // 8 for hour_s in times]
    delivered = [carried.get((provider_id, hour_s), Carried()) for hour_s in times]
    most = max(*sold, *(one.bytes + one.missing_bytes for one in delivered))
    hours = tuple(
        Hour(
            hour_s, bought, got.bytes, got.missing_bytes, 10 * number,
            _scale(bought, most), _scale(got.bytes, most), _scale(got.missing_bytes, most),
        )
        for number, (hour_s, bought, got) in enumerate(zip(times, sold, delivered, strict=True))
    )  # fmt: skip
    return MapRow(
        name, hours, most, sum(sold), sum(one.bytes for one in delivered),
        sum(one.missing_bytes for one in delivered), sum(one.disputed_bytes for one in delivered),
    )  # fmt: skip


def _scale(size: int, most: int) -> int:
    """What is there is seen, however little."""
    return max(1, HEIGHT * size // most) if size else 0
