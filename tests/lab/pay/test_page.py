"""What the lab of payments leaves on the disk."""

from __future__ import annotations

import json
from dataclasses import replace

from lab.pay.page import format_page, format_result
from lab.pay.story import Event
from lab.pay.verdict import account, judge
from tests.lab.pay.test_verdict import BOOKS

EVENTS = [Event(100.0, "it begins"), Event(103.5, "bea <pays> no more")]


def test_a_script_reads_everything() -> None:
    parties = account(BOOKS)
    page = json.loads(format_result(BOOKS, parties, judge(BOOKS, parties), EVENTS))
    assert page["ok"] is True
    assert {one["name"]: one["lost_ubc"] for one in page["parties"]}["ben"] == 8_550
    assert page["visits"][1]["point_lost_ubc"] == 767
    assert page["books"]["issued_ubc"] == 300_000
    assert page["events"] == [{"at_s": 0.0, "text": "it begins"}, {"at_s": 3.5, "text": "bea <pays> no more"}]


def test_a_person_reads_what_broke() -> None:
    parties = account(BOOKS)
    whole = format_page(BOOKS, parties, judge(BOOKS, parties), EVENTS)
    assert "Every promise held." in whole
    assert "bea &lt;pays&gt; no more" in whole
    assert "http" not in whole, "nothing is fetched"
    books = replace(BOOKS, issued_ubc=1)
    broken = format_page(books, parties, judge(books, parties), EVENTS)
    assert "1 promises are broken" in broken
    assert '<span class="broken">broken</span>' in broken
