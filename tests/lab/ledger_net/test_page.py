"""The page and the JSON of `make lab-ledger`: what was seen is said, also when it is bad."""

from __future__ import annotations

import json

from lab.ledger_net.page import format_page, format_result
from lab.ledger_net.story import Chapter
from lab.ledger_net.verdict import Copy
from lab.playing import Finding

CHAPTERS = [Chapter("dave <is> killed", "nothing lost", 12)]
COPIES = [Copy("alice", {3: bytes(32), 9: b"\x11" * 32}, frozenset({b"a", b"b"}), "11" * 32, 7, 5)]
GOOD, BAD = (
    Finding("one app hash", ok=True, seen="9 blocks"),
    Finding("nothing lost", ok=False, seen="lost 2 & more"),
)


def test_the_result_is_for_scripts() -> None:
    result = json.loads(format_result(CHAPTERS, COPIES, [GOOD, BAD]))
    assert result["ok"] is False
    assert result["operators"] == [
        {"name": "alice", "height": 9, "app_hash": "11" * 32, "transactions": 2},
    ]
    assert result["chapters"][0]["purchases"] == 12
    assert json.loads(format_result(CHAPTERS, COPIES, [GOOD]))["ok"] is True


def test_a_broken_promise_is_seen_at_once() -> None:
    page = format_page(CHAPTERS, COPIES, [GOOD, BAD])
    assert "1 promises are broken." in page
    assert '<span class="broken">broken</span>' in page
    assert "lost 2 &amp; more" in page
    assert "dave &lt;is&gt; killed" in page
    assert "Every promise held." in format_page(CHAPTERS, COPIES, [GOOD])
