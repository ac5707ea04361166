"""Charts are well-formed, stay on their paper, and put values where they belong."""

import json
import re
import xml.etree.ElementTree as ET
from html import unescape
from typing import Any

import pytest

from lab.charts import (
    Band,
    Era,
    Frame,
    Line,
    Words,
    change_chart,
    coverage_strip,
    deviation_chart,
    distribution_chart,
    line_chart,
    sorted_pair,
    ticks,
)

WORDS = Words("Title <&>", "Words & more", "{:g} s".format, "{:g}".format, (Era(1.0, 2.0, "busy"),))
LINE = Line("delivered", "delivered", ((0.0, 1.0), (1.0, 5.0), (2.0, 50.0)), "{:g} Mbit/s".format)
BAND = Band("band", 0.5, 1.5, 2.0, 4.0, "floor", "ceiling")

CHARTS = {
    "lines": lambda width: line_chart([LINE], [BAND], WORDS, width=width, height=200, y_high=10.0),
    "no lines": lambda width: line_chart([], [], WORDS, width=width, height=200, y_high=10.0),
    "distribution": lambda width: distribution_chart(
        [("Ada", "delivered", [1.0, 5.0, 20.0])], WORDS, width=width, height=200, limit=(60.0, "60 ms")
    ),
    "empty distribution": lambda width: distribution_chart([], WORDS, width=width, height=200),
    "deviation": lambda width: deviation_chart([("Ada", 0.0001), ("Bob", 0.9)], 0.001, WORDS, width=width),
    "change": lambda width: change_chart([("Ada", -5.0), ("Box with a long name", 5.0)], WORDS, width=width),
    "change of nothing": lambda width: change_chart([("Ada", 0.0)], WORDS, width=width),
    "coverage": lambda width: coverage_strip(
        [(0.0, 5.0, "covered"), (5.0, 6.0, "gap")], [(0.0, "boot")], WORDS, width=width
    ),
}


@pytest.mark.parametrize("width", [330, 510, 1050])
@pytest.mark.parametrize("chart", CHARTS)
def test_a_chart_is_well_formed_named_and_within_its_paper(chart, width):
    root = ET.fromstring(CHARTS[chart](width))
    assert root.get("role") == "img"
    assert root.get("aria-label") == "Title <&>. Words & more"
    height = float(root.attrib["height"])
    for element in root.iter():
        for name in ("x", "x1", "x2", "cx"):
            assert -1 <= float(element.get(name, 0)) <= width + 1, element.attrib
        for name in ("y", "y1", "y2", "cy"):
            assert -1 <= float(element.get(name, 0)) <= height + 1, element.attrib
        for place in (element.get("points") or "").split():
            x, y = (float(part) for part in place.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= height


def test_nothing_is_loaded_from_elsewhere():
    for chart in CHARTS.values():
        assert "http" not in chart(510)


def test_values_lie_where_the_axes_say():
    frame = Frame(100, 100, 0.0, 10.0, 0.0, 10.0, left=10, right=10, top=10, bottom=10)
    assert (frame.x(0), frame.x(10), frame.y(0), frame.y(10)) == (10, 90, 90, 10)
    assert frame.y(5) == frame.x(5) == 50


def test_a_logarithmic_axis_gives_each_power_the_same_room():
    frame = Frame(130, 100, 1.0, 1000.0, 0.0, 1.0, left=20, right=20, logarithmic_x=True)
    assert [round(frame.x(10.0**power)) for power in range(4)] == [20, 50, 80, 110]


@pytest.mark.parametrize(
    ("low", "high", "count", "expected"),
    [
        (0, 10, 4, [0, 2.5, 5, 7.5, 10]),
        (0, 72, 4, [0, 20, 40, 60]),
        (0, 9.4e6, 4, [0, 2.5e6, 5e6, 7.5e6]),
        (3, 3, 4, [3]),
        (0, 1, 0, [0]),
    ],
)
def test_ticks_are_round(low, high, count, expected):
    assert ticks(low, high, count) == pytest.approx(expected)


def hover_of(drawn: str) -> list[dict[str, Any]]:
    """What the page's script is told about each value."""
    (written,) = re.findall(r'data-hover="([^"]*)"', drawn)
    points: list[dict[str, Any]] = json.loads(unescape(written))
    return points


def test_the_pointer_finds_the_words_of_each_value():
    drawn = line_chart([LINE], [], WORDS, width=510, height=200, y_high=10.0)
    hover = hover_of(drawn)
    assert hover[1]["text"] == "1 s"
    assert hover[1]["values"] == [["delivered", "delivered", "5 Mbit/s"]]


def test_a_line_with_no_value_near_the_pointer_is_not_named():
    late = Line("late", "second", ((2.0, 1.0),))
    drawn = line_chart([LINE, late], [], WORDS, width=510, height=200, y_high=10.0)
    hover = hover_of(drawn)
    assert [len(point["values"]) for point in hover] == [1, 2, 2]


def test_names_stand_above_their_bars_where_there_is_no_room_beside():
    beside, above = (change_chart([("Ada", -5.0), ("Box", 5.0)], WORDS, width=width) for width in (510, 330))
    assert 'text-anchor="end">Ada' in beside
    assert 'text-anchor="start">Ada' in above


def test_corners_in_any_order():
    assert sorted_pair(5, 1, 8, 2) == (1, 2, 5, 8)
