"""Rows added up by day, consumer, box or grant. Pure: rows in, one sum for each group out.

Only rows that hold are added to what is proved. What breaks its chain or claims too much is added up beside it, as
disputed, and of forged rows there is only a count: nothing vouches for their numbers. Memory grows with the groups.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from datetime import UTC, datetime

from ledger.reports.rows import Row, Standing

DAY_MS = 86_400_000


@dataclass(slots=True)
class Sum:
    """Of one group. Bytes are IP bytes; the shortfall is what floors promised, was wanted and did not arrive."""

    rows: int = 0
    down_bytes: int = 0
    up_bytes: int = 0
    down_shortfall_bytes: int = 0
    up_shortfall_bytes: int = 0
    unattested_rows: int = 0
    """Of `rows`: those that a software key signed."""
    disputed_rows: int = 0
    disputed_bytes: int = 0
    forged_rows: int = 0

    def add(self, row: Row) -> None:
        if row.standing is Standing.HOLDS:
            self.rows += 1
            self.down_bytes += row.down_bytes
            self.up_bytes += row.up_bytes
            self.down_shortfall_bytes += row.down_shortfall_bytes
            self.up_shortfall_bytes += row.up_shortfall_bytes
            self.unattested_rows += not row.attested
        elif row.standing is Standing.FORGED:
            self.forged_rows += 1
        else:
            self.disputed_rows += 1
            self.disputed_bytes += row.down_bytes + row.up_bytes

    def plus(self, other: "Sum") -> "Sum":
        return Sum(*(getattr(self, name) + getattr(other, name) for name in SUM_FIELDS))


SUM_FIELDS = tuple(one.name for one in fields(Sum))


def _day(row: Row) -> str:
    """The UTC day in which the report begins."""
    return format_day(row.from_utc_ms // DAY_MS)


def _consumer(row: Row) -> str:
    if row.consumer:
        return row.consumer.hex()
    return "pass" if row.is_pass else "unknown"


GROUPS: dict[str, Callable[[Row], str]] = {
    "day": _day,
    "consumer": _consumer,
    "box": lambda row: row.key_id.hex(),
    "grant": lambda row: row.grant_id.hex(),
}
"""What rows can be added up by, and the name of a row's group. Of a consumer that is not known: what the row is."""


def add_rows(sums: dict[str, Sum], rows: Iterable[Row], by: str) -> None:
    """Changes `sums`."""
    name_of = GROUPS[by]
    for row in rows:
        name = name_of(row)
        found = sums.get(name)
        if found is None:
            found = sums[name] = Sum()
        found.add(row)


def join_sums(parts: Iterable[dict[str, Sum]]) -> dict[str, Sum]:
    """Of several files, by name, in the order of the names."""
    joined: dict[str, Sum] = {}
    for part in parts:
        for name, one in part.items():
            joined[name] = joined.get(name, Sum()).plus(one)
    return dict(sorted(joined.items()))


def total_of(sums: dict[str, Sum]) -> Sum:
    total = Sum()
    for one in sums.values():
        total = total.plus(one)
    return total


def format_day(day: int) -> str:
    """Days since 1970 as a date; a number that no calendar has stays a number."""
    try:
        return f"{datetime.fromtimestamp(day * DAY_MS // 1_000, UTC):%Y-%m-%d}"
    except (ValueError, OverflowError, OSError):
        return f"day {day}"
