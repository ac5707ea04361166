"""CSV that spreadsheets take as it is meant, and JSON."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.reports.export import ROW_COLUMNS, csv_line, csv_rows, csv_sums, guard, json_rows, row_values
from ledger.reports.sum_up import Sum
from tests.ledger.reports.test_sum_up import ROW


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        "'=1",
        "\uff1d1",
        "1234567890123456",
        "12e45",
        "12E45",
    ],
)
def test_what_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert guard(text) == "'" + text


@pytest.mark.parametrize("text", ["", "6f3d00000000c2e1", "holds", "2026-11-22", "totals: grant -1"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert guard(text) == text


@given(st.lists(st.text(), min_size=2))
def test_another_reader_of_csv_reads_what_was_written(texts: list[str]) -> None:
    (read,) = csv.reader(io.StringIO(csv_line(texts), newline=""), strict=True)
    assert read == [guard(text) for text in texts]
    assert not any(text.startswith(("=", "+", "-", "@")) for text in read)


def test_a_heading_comes_first_and_numbers_stay_numbers() -> None:
    evil = replace(ROW, why='=cmd|"/C calc"!A1, and more')
    heading, line = csv.reader(io.StringIO("".join(csv_rows([evil])), newline=""), strict=True)
    assert tuple(heading) == ROW_COLUMNS
    values = {name: value.removeprefix("'") for name, value in zip(heading, line, strict=True)}
    assert values | {"why": ""} == {name: str(value).lower() for name, value in row_values(ROW).items()}
    assert line[-1] == "'" + evil.why
    assert "".join(csv_rows([evil])).count("\r\n") == 2


@pytest.mark.parametrize("count", [0, 1, 3])
def test_json_is_one_object_with_rows_last(count: int) -> None:
    page = json.loads("".join(json_rows([ROW] * count, {"about": "x"}, lambda: {"files": [count]})))
    assert list(page) == ["airgrant rows", "about", "rows", "files"]
    assert page["rows"] == [row_values(ROW)] * count


def test_sums_have_a_line_for_each_group() -> None:
    lines = "".join(csv_sums({"a": Sum(1, 2), "=b": Sum()}, "box")).splitlines()
    assert lines[1:] == ["a,1,2,0,0,0,0,0,0,0", "'=b,0,0,0,0,0,0,0,0,0"]
