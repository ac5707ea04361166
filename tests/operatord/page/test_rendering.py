"""Templates: everything is escaped, and what nobody gave is an error."""

from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from operatord.page.rendering import render


def test_a_page_stands_without_anybody() -> None:
    page = render("base.html", person=None, token="", place="")
    assert '<html lang="en">' in page
    assert "Log out" not in page


def test_what_was_not_given_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("base.html", token="", place="")
