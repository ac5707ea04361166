"""The page of the lab of auctions: whole, readable without style, and honest about what is broken."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

from lab.auction.page import Drawn, Lane, Moment, format_page, format_result
from lab.auction.verdict import judge
from tests.lab.auction.test_verdict import BOOKS

DRAWN = Drawn(
    tuple(Lane(name, ((-5.0, 0.0), (0.0, 3e6), (20.0, 0.0))) for name in ("ada", "ben", "<finn>")),
    (Moment(-9.0, "ada bids 0.09 BC"), Moment(1.8, "<script>")),
)


def test_the_page_shows_who_had_what() -> None:
    page = format_page(BOOKS, judge(BOOKS), DRAWN)
    assert "Every promise held." in page
    assert "ada: 3 units, 0.04 BC" in page
    assert "outbid: more than 0.05 BC would have won" in page
    assert "nothing_left: told before anything was signed" in page
    assert page.count("<svg") == 1 + len(DRAWN.lanes)


def test_what_is_drawn_is_well_formed_and_the_blocks_do_not_cover_each_other() -> None:
    page = format_page(BOOKS, judge(BOOKS), DRAWN)
    grid = ET.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])
    blocks = [one for one in grid.iter("rect") if one.get("class") != "free"]
    assert [one.get("class") for one in blocks] == ["ada", "ben", "cem"]
    spans = [tuple(float(one.get(name, "")) for name in ("x", "y", "width", "height")) for one in blocks]
    for place, (x, y, wide, high) in enumerate(spans):
        assert x >= 0 <= y
        for left, top, width, height in spans[place + 1 :]:
            apart = x + wide <= left or left + width <= x or y + high <= top or top + height <= y
            assert apart, spans


def test_a_broken_promise_is_named_at_the_top() -> None:
    books = replace(BOOKS, issued_ubc=1)
    page = format_page(books, judge(books), DRAWN)
    assert "1 promises are broken." in page
    assert '<span class="broken">broken</span>' in page


def test_strangers_words_are_escaped() -> None:
    page = format_page(BOOKS, judge(BOOKS), DRAWN)
    assert "<script>" not in page
    assert "&lt;finn&gt;" in page


def test_result_for_scripts() -> None:
    value = json.loads(format_result(BOOKS, judge(BOOKS), DRAWN))
    assert value["ok"] is True
    assert [one["due"]["won"] for one in value["bids"]] == [True, True, False, False, True, False, False]
    assert all(one["of_floor_ppm"] >= 1_000_000 for one in value["served"])


def test_a_run_in_which_nobody_won_is_still_a_page() -> None:
    books = replace(BOOKS, bids=tuple(replace(one, won=False) for one in BOOKS.bids), served=())
    assert "promises are broken" in format_page(books, judge(books), DRAWN)
