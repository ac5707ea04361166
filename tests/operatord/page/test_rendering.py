"""Templates: everything is escaped, and what nobody gave is an error."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from ledger.reports.rows import Standing
from operatord.page.judging import judge_standing
from operatord.page.rendering import render, render_part
from operatord.page.views import RecordView


def test_a_page_stands_without_anybody() -> None:
    page = render("base.html", person=None, token="", place="")
    assert '<html lang="en">' in page
    assert "Log out" not in page


def test_what_was_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("base.html", token="", place="")


def test_what_somebody_else_wrote_is_text():
    part = render_part("verdicts", verified="now", counts=[], complaints=["<script>alert(1)</script>"])
    assert "<script>" not in part
    assert "&lt;script&gt;" in part


@pytest.mark.parametrize("any_at_all", [True, False])
def test_both_tables_of_records_say_who_they_are_also_where_they_are_empty(any_at_all: bool) -> None:
    said = "Every record that was verified here holds." if any_at_all else "No record was verified here yet."
    assert render_part("disputed", records=[], any=any_at_all) == f'<p class="none">{said}</p>'
    assert render_part("latest", records=[]) == '<p class="none">No meter has reported yet.</p>'
    record = RecordView(
        "roof", "ab", 3, "report", "now", 2, "5 MB", "<b>", judge_standing(Standing.CLAIM), ""
    )
    latest = render_part("latest", records=[record])
    disputed = render_part("disputed", records=[record], any=True)
    assert 'aria-label="Latest records"' in latest
    assert 'aria-label="Records that do not hold"' in disputed
    assert latest.partition("</caption>")[2] == disputed.partition("</caption>")[2]
    assert "&lt;b&gt;" in latest
