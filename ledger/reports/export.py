"""Rows and sums as CSV and JSON, a piece at a time. Pure: rows in, texts out.

CSV is that of RFC 4180: commas, CRLF, quotes doubled, one heading line. Spreadsheets take a cell that begins with = + -
@ for a formula, and one of digits for a number that they then round: such a text gets an apostrophe in front, which
they hide. Numbers are whole, with their unit in the heading. JSON is one object; of what is long
`rows` comes last, so that a reader with little memory can take it row by row, and behind it the verdict on each file,
which is known by then.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ledger.reports.rows import Row
from ledger.reports.sum_up import SUM_FIELDS, Sum

ROW_COLUMNS = (
    "provider", "box", "sequence", "grant", "consumer", "sold_by", "from_utc_ms", "to_utc_ms", "down_bytes", "up_bytes",
    "down_offered_bytes", "up_offered_bytes", "down_shortfall_bytes", "up_shortfall_bytes", "attested", "verdict",
    "why",
)  # fmt: skip
FORM = 1
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets begin a formula with, in the full width of Asian keyboards too; and our own apostrophe."""
_NUMBER = re.compile(r"[0-9]+(e[0-9]*)?", re.IGNORECASE)
"""Hexadecimal ids that a spreadsheet would read as a number: 1234567890123456, or 12e4567890123456."""


def row_values(row: Row) -> dict[str, str | int]:
    """By the names of ROW_COLUMNS."""
    return dict(
        zip(
            ROW_COLUMNS,
            (
                row.provider_id.hex(),
                row.key_id.hex(),
                row.sequence,
                row.grant_id.hex(),
                row.consumer.hex(),
                row.seller.hex(),
                row.from_utc_ms,
                row.to_utc_ms,
                row.down_bytes,
                row.up_bytes,
                row.down_offered_bytes,
                row.up_offered_bytes,
                row.down_shortfall_bytes,
                row.up_shortfall_bytes,
                row.attested,
                row.standing.value,
                row.why,
            ),
            strict=True,
        )
    )


def csv_rows(rows: Iterable[Row]) -> Iterator[str]:
    """Lines with their ends, the heading first."""
    yield csv_line(ROW_COLUMNS)
    for row in rows:
        yield csv_line(row_values(row).values())


def json_rows(
    rows: Iterable[Row], about: dict[str, Any], close: Callable[[], dict[str, Any]]
) -> Iterator[str]:
    """Pieces of one object: form, `about`, the rows, and then what `close` says once all rows are written."""
    head = json.dumps({"airgrant rows": FORM, **about}, ensure_ascii=False)
    yield f'{head[:-1]}, "rows": ['
    between = "\n"
    for row in rows:
        yield between + json.dumps(row_values(row), ensure_ascii=False)
        between = ",\n"
    yield f"\n], {json.dumps(close(), ensure_ascii=False)[1:]}\n"


def csv_sums(sums: dict[str, Sum], by: str) -> Iterator[str]:
    yield csv_line((by, *SUM_FIELDS))
    for name, one in sums.items():
        yield csv_line((name, *sum_values(one).values()))


def sum_values(one: Sum) -> dict[str, int]:
    return {name: getattr(one, name) for name in SUM_FIELDS}


def csv_line(values: Iterable[str | int]) -> str:
    return ",".join(map(_cell, values)) + "\r\n"


def _cell(value: str | int) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = guard(value)
    if any(sign in text for sign in '",\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text


def guard(text: str) -> str:
    """A text that a spreadsheet takes for a text. One apostrophe less is what it was."""
    if text.startswith(_FORMULA) or _NUMBER.fullmatch(text):
        return "'" + text
    return text
