"""A usage trace as CSV: one line for each user, cycle and hour. What is read is checked and whole, or refused in words.

    user,cycle,hour,used_bytes
    anna,0,0,1250000

Cycles and hours count from 0 without gaps, every user has a line for each of them, in any order. The last cycle is the
one that is looked at. Reading takes text, and never says that a trace is synthetic; the caller knows the file.
"""

from __future__ import annotations

import csv
import io

import numpy as np

from market.traces.usage import MOST_BYTES, Usage
from wire.errors import DecodeError

COLUMNS = ("user", "cycle", "hour", "used_bytes")
MOST_LINES = 5_000_000
"""A thousand users for half a year of hours; 100 MB of text."""
MOST_NAME = 64

Row = tuple[str, int, int, int]


def read_usage_csv(text: str, source: str) -> Usage:
    """A trace out of CSV text; DecodeError says the line, counted from 1, the column and the reason."""
    rows = _rows(text, source)
    users = tuple(dict.fromkeys(user for user, _, _, _ in rows))
    cycles, hours = 1 + max(row[1] for row in rows), 1 + max(row[2] for row in rows)
    if cycles < 2:
        raise DecodeError(f"{source}: one cycle, but a history of at least one more is needed")
    if len(rows) != len(users) * cycles * hours:
        raise DecodeError(
            f"{source}: {len(rows)} lines, but {len(users)} users, {cycles} cycles and {hours} hours need "
            f"{len(users) * cycles * hours}: no hour may be missing; an hour without use has 0 bytes"
        )
    number = {user: k for k, user in enumerate(users)}
    used = np.zeros((cycles, len(users), hours), dtype=np.int64)
    for user, cycle, hour, count in rows:
        used[cycle, number[user], hour] = count
    return Usage(users, used, source, synthetic=False)


def write_usage_csv(usage: Usage) -> str:
    """The text that `read_usage_csv` reads the same arrays from."""
    lines = [",".join(COLUMNS)]
    for cycle, of_cycle in enumerate(usage.used_bytes.tolist()):
        for user, of_user in zip(usage.users, of_cycle, strict=True):
            lines += [f"{user},{cycle},{hour},{count}" for hour, count in enumerate(of_user)]
    return "\n".join(lines) + "\n"


def _rows(text: str, source: str) -> list[Row]:
    reader = csv.reader(io.StringIO(text), strict=True)
    rows: list[Row] = []
    seen: set[tuple[str, int, int]] = set()
    try:
        if tuple(next(reader, [])) != COLUMNS:
            raise DecodeError(f"{source}: line 1: the header is not {','.join(COLUMNS)}")
        for fields in reader:
            row = _row(fields, f"{source}: line {reader.line_num}")
            if row[:3] in seen:
                raise DecodeError(
                    f"{source}: line {reader.line_num}: a second line for that user, cycle and hour"
                )
            seen.add(row[:3])
            rows.append(row)
            if len(rows) > MOST_LINES:
                raise DecodeError(f"{source}: more than {MOST_LINES} lines")
    except csv.Error as error:
        raise DecodeError(f"{source}: line {reader.line_num}: {error}") from None
    if not rows:
        raise DecodeError(f"{source}: no line after the header")
    return rows


def _row(fields: list[str], where: str) -> Row:
    if len(fields) != len(COLUMNS):
        raise DecodeError(f"{where}: {len(fields)} fields, expected {len(COLUMNS)}")
    user = fields[0]
    if not user or len(user) > MOST_NAME or not user.isprintable() or set(user) & set(',"'):
        raise DecodeError(
            f"{where}: user: 1 to {MOST_NAME} printable characters without comma and quotation mark"
        )
    cycle, hour, count = (
        _whole(field, most, f"{where}: {column}")
        for field, most, column in zip(
            fields[1:], (MOST_LINES, MOST_LINES, MOST_BYTES), COLUMNS[1:], strict=True
        )
    )
    return user, cycle, hour, count


def _whole(field: str, most: int, where: str) -> int:
    """ASCII digits up to `most`; no sign, no space, no exponent."""
    if not (field.isascii() and field.isdigit() and len(field) <= 20):
        raise DecodeError(f"{where}: {field[:30]!r} is not a whole number")
    if int(field) > most:
        raise DecodeError(f"{where}: {field} is more than {most}")
    return int(field)
