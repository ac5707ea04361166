"""A browser for tests: Debian's Chromium by Playwright, and what is looked at of every page, whoever made it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

FAULTS = (Path(__file__).parent / "faults.js").read_text()
"""What keeps somebody from reading a page (WCAG 2.2 AA, as far as a program sees it): text without contrast, fields
without a label, tables without heads, headings out of order.
"""


@contextmanager
def tab(
    browser: Browser, url: str, token: str = "", cookie: str = "airgrant", **options: Any
) -> Iterator[Page]:
    """A page of its own, logged in by this token; it fails for what a console complains of or what is loaded from
    elsewhere.
    """
    context = browser.new_context(**options)
    if token:
        context.add_cookies([{"name": cookie, "value": token, "url": url}])
    complaints: list[str] = []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: None if asked.url.startswith(url) else complaints.append(asked.url))
    try:
        yield page
        assert not complaints, complaints
    finally:
        context.close()
