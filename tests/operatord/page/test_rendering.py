"""Templates: everything is escaped, and what nobody gave is an error."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from operatord.page.rendering import render, render_part


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
