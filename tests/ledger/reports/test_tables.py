"""What a person reads of outcomes and sums."""

from __future__ import annotations

import io

from rich.console import Console

from ledger.reports.outcome import Outcome
from ledger.reports.rows import Span
from ledger.reports.sum_up import Sum
from ledger.reports.tables import outcome_lines, sum_table
from tests.ledger.reports.test_outcome import fold
from tests.ledger.test_bundle import records


def shown(*lines: object) -> str:
    out = io.StringIO()
    console = Console(file=out, width=200)
    for line in lines:
        console.print(line)
    return out.getvalue()


def test_what_does_not_hold_is_said_with_its_meaning_and_the_first_case() -> None:
    text = shown(*outcome_lines([fold(*records()), fold(records()[0], records()[2])], bytes(32)))
    assert "1 of 2 files hold; trusted was what sha256 0000" in text
    assert "sequence: fails 1 times. Records are missing, or the box went back to an old state." in text
    assert "record 3, genuine, but the chain has a hole here" in text
    assert "unmetered 15.000 s in 2 times" in text


def test_a_file_that_is_older_than_the_time_asked_about_is_said_so() -> None:
    text = shown(*outcome_lines([fold(*records(), span=Span(0, 10**12))], bytes(32)))
    assert "✗ box.report: all 3 records hold" in text
    assert "1 of 1 files are older than the time that was asked about" in text
    assert "older than" not in shown(*outcome_lines([fold(*records())], bytes(32)))


def test_records_that_are_withheld_are_said_so() -> None:
    text = shown(*outcome_lines([fold(*records()[:2])], bytes(32)))
    assert "what is shown may hold, and is not all" in text


def test_a_strangers_name_is_no_markup() -> None:
    assert "[red]x" in shown(*outcome_lines([Outcome("[red]x", error="[bold]y")], bytes(32)))


def test_sums_have_a_total() -> None:
    text = shown(
        sum_table({"a": Sum(1, 2_000), "b": Sum(2, 3_000, disputed_rows=1, disputed_bytes=7)}, "box")
    )
    assert [line.split()[1] for line in text.splitlines() if "total" in line] != []
    assert "5 kB" in text
    assert "1 (7 B)" in text
