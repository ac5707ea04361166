"""Sold against delivered by the hour: promises cut at hours and at now, and bars that are seen."""

from __future__ import annotations

from operatord.page.recorded import Carried
from operatord.page.sold_map import HEIGHT, HOURS, draw_map, first_hour

NOW_S = 1_800_000_000 // 3_600 * 3_600 + 1_800
HOUR_S = 3_600
LAST = NOW_S // HOUR_S * HOUR_S


def test_what_was_promised_stands_in_its_hour():
    promised = {("p", LAST - HOUR_S): 600 * 8_000, ("p", LAST): 1_800 * 8_000, ("q", LAST): 8}
    (row,) = draw_map({"p": "roof"}, promised, {}, NOW_S)
    assert [hour.sold_bytes for hour in row.hours[-2:]] == [600_000, 1_800_000]
    assert row.sold_bytes == 2_400_000
    assert [hour.sold_height for hour in row.hours[-2:]] == [HEIGHT * 600 // 1_800, HEIGHT]


def test_what_was_before_the_day_is_not_counted():
    first_s = first_hour(NOW_S)
    promised = {("p", first_s - HOUR_S): 800, ("p", first_s): 480}
    (row,) = draw_map({"p": "roof"}, promised, {}, NOW_S)
    assert (row.sold_bytes, len(row.hours), row.hours[0].from_s) == (60, HOURS, first_s)


def test_what_is_little_is_seen_and_what_is_disputed_is_not_drawn():
    carried = {("p", LAST): Carried(1_000_000, 1, 5), ("q", LAST): Carried(1, 0, 0)}
    one, other = draw_map({"p": "roof", "q": "yard"}, {}, carried, NOW_S)
    assert (one.hours[-1].missing_height, one.disputed_bytes, one.delivered_bytes) == (1, 5, 1_000_000)
    assert other.hours[-1].delivered_height == HEIGHT


def test_nothing_is_no_bar():
    (row,) = draw_map({"p": "roof"}, {}, {}, NOW_S)
    assert {(hour.sold_height, hour.delivered_height, hour.missing_height) for hour in row.hours} == {
        (0, 0, 0)
    }
