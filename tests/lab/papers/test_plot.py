"""A chart is well-formed, stays on its paper, and tells theirs from ours."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from lab.papers.exhibit import Plot, Series
from lab.papers.plot import draw, format_number, styles_of
from tests.lab.papers.paper_world import PLOT

CONSTANT = Plot("Flat", "x", "y", (Series("ours", ((0.0, 3.0), (1.0, 3.0))),))
NEGATIVE = Plot("Below", "x", "y", (Series("ours", ((0.0, -3.0), (1.0, 4.0))),))


@pytest.mark.parametrize("width", [330, 510, 1050])
@pytest.mark.parametrize("plot", [PLOT, replace(PLOT, log_y=True), CONSTANT, NEGATIVE])
def test_a_chart_stays_on_its_paper(plot: Plot, width: int) -> None:
    root = ET.fromstring(draw(plot, width))
    for element in root.iter():
        for name in ("x1", "x2", "cx"):
            assert -1 <= float(element.get(name, 0)) <= width + 1
        for place in (element.get("points") or "").split():
            x, y = (float(part) for part in place.split(","))
            assert 0 <= x <= width
            assert 0 <= y <= float(root.attrib["height"])
    assert plot.title in root.attrib["aria-label"]


def test_more_is_higher_and_further_right() -> None:
    root = ET.fromstring(draw(PLOT, 510))
    line = next(each for each in root.iter() if each.get("class") == "line delivered")
    places = [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
    assert places == sorted(places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    assert places[1][0] - places[0][0] == pytest.approx(places[2][0] - places[1][0], abs=0.2), (
        "a logarithmic axis"
    )


def test_the_pointer_finds_every_value() -> None:
    root = ET.fromstring(draw(PLOT, 510))
    hover = json.loads(root.attrib["data-hover"])
    assert [each["text"] for each in hover] == ["price: 1", "price: 10", "price: 100"]
    assert hover[1]["values"] == [["ours", "", "3"], ["the text", "", "4"]]


def test_theirs_has_a_style_of_its_own() -> None:
    assert styles_of(PLOT) == ["delivered", "offered"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.00012, "1.2e-04"), (0.037, "0.037"), (123.456, "123.5"), (12_500, "12,500"), (3_140_000, "3.14 M"),
     (-2e9, "-2 G")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert format_number(value) == text
