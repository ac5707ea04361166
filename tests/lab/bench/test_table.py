"""Tables for people: numbers, goals, comparisons, and a page that is renewed in place."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from lab.bench.result import Against, Figure, Result
from lab.bench.table import (
    format_against,
    format_goal,
    format_number,
    format_verdict,
    markdown_table,
    replace_between_markers,
    terminal_table,
)

GOOD = Figure("signed offer", 158, "bytes", 160, "lower", Against("JSON", 474))
POOR = Figure("single, durable", 2900, "1/s", 3000)
RESULT = Result("wire", "a machine", "make bench NAME=wire", (GOOD, POOR))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.1234, "0.123"), (99.87, "99.9"), (158, "158"), (1234.5, "1,234"), (60000, "60,000")],
)
def test_numbers(value: float, text: str) -> None:
    assert format_number(value) == text


def test_goals_and_verdicts() -> None:
    assert (format_goal(GOOD), format_verdict(GOOD)) == ("≤ 160", "ok")
    assert (format_goal(POOR), format_verdict(POOR)) == ("≥ 3,000", "below goal")
    assert (format_goal(Figure("x", 1, "u")), format_verdict(Figure("x", 1, "u"))) == ("", "")


@pytest.mark.parametrize(
    ("rival", "text"),
    [(200, "200 (y): 2x worse"), (50, "50 (y): 2x better"), (101, "101 (y): about equal"), (0, "0 (y)")],
)
def test_comparisons(rival: float, text: str) -> None:
    assert format_against(Figure("x", 100, "1/s", against=Against("y", rival))) == text


def test_the_terminal_shows_what_falls_short() -> None:
    console = Console(width=140, record=True, file=io.StringIO())
    console.print(terminal_table(RESULT))
    lines = [line for line in console.export_text().splitlines() if "single, durable" in line]
    assert len(lines) == 1
    assert "2,900" in lines[0]
    assert "below goal" in lines[0]


def test_brackets_are_no_markup() -> None:
    said = io.StringIO()
    figure = Figure("with a section [cell]", 1, "MB", against=Against("[air]", 2))
    Console(file=said, width=200).print(terminal_table(Result("one", "a machine", "make bench", (figure,))))
    assert "[cell]" in said.getvalue()
    assert "[air]" in said.getvalue()


def test_markdown() -> None:
    assert markdown_table(RESULT).splitlines() == [
        "`make bench NAME=wire` on a machine:",
        "",
        "| figure | value | goal | | beside it, in the same run |",
        "|---|---:|---:|---|---|",
        "| signed offer | 158 bytes | ≤ 160 | ok | 474 (JSON): 3x better |",
        "| single, durable | 2,900 1/s | ≥ 3,000 | **below goal** |  |",
    ]


def test_a_page_is_renewed_between_its_markers_only() -> None:
    page = "# P\n\nbefore\n<!-- bench:wire -->\nold\n<!-- /bench:wire -->\nafter\n"
    assert replace_between_markers(page, "wire", "new \\1") == page.replace("old", "new \\1")


def test_a_page_without_the_markers_gets_a_section() -> None:
    page = replace_between_markers("# P\n", "wire", "new")
    assert page == "# P\n\n## wire\n\n<!-- bench:wire -->\nnew\n<!-- /bench:wire -->\n"
    assert replace_between_markers(page, "wire", "new") == page
