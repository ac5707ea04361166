"""The page says first whether it held, and nothing from a result becomes markup."""

from __future__ import annotations

from typing import Any

from lab.wifi.page import format_page

DOCUMENT: dict[str, Any] = {
    "ok": False,
    "machine": "a <machine>",
    "began": "2026-01-01T00:00:00+00:00",
    "lasted_s": 123.4,
    "findings": [
        {
            "name": "one",
            "held": True,
            "seen": "good",
            "numbers": [{"what": "rate", "value": 1.0, "unit": "Mbit/s"}],
        },
        {"name": "two", "held": False, "seen": "NOT: <b>this</b>", "numbers": []},
    ],
    "capture": {"frames": 1234, "ours": 56, "complaints": ["frame 7: malformed"]},
}


def test_the_verdict_comes_first_and_everything_is_escaped() -> None:
    page = format_page(DOCUMENT)
    assert "It does not hold: buying Wi-Fi before joining it" in page
    assert "1 of 2 scenarios held" in page
    assert "NOT: &lt;b&gt;this&lt;/b&gt;" in page
    assert "a &lt;machine&gt;" in page
    assert "1,234 frames captured, 56 with elements of ours" in page
    assert "frame 7: malformed" in page


def test_a_good_run_says_so() -> None:
    assert "It holds: buying Wi-Fi" in format_page({**DOCUMENT, "ok": True})
