"""A finding's chart as SVG: lines or dots, intervals as shades or whiskers, either axis linear or logarithmic.

What theirs states is dashed and grey, ours are coloured in order. The names of what is drawn stand in a legend beside
the chart (`legend_of`), the numbers in its data file, and under the pointer. Frame, ticks and colours are those of
lab.charts and the report's style sheet.   Units: pixels for places.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from html import escape

from lab.charts import Frame, ticks
from lab.papers.exhibit import Plot, Series

COLOURS = ("delivered", "second", "third", "fourth", "fifth", "sixth")
THEIRS = "offered"
HEIGHT_PX = 250
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 22, 44


def draw(plot: Plot, width: int) -> str:
    """One <svg> element, drawn for this width."""
    frame = _frame(plot, width)
    styled = list(zip(plot.series, styles_of(plot), strict=True))
    parts = [
        *_y_axis(frame, plot),
        *_x_axis(frame, plot),
        *(_mark(frame, at, label) for at, label in plot.marks),
        *(_interval(frame, series, style) for series, style in styled),
        *(_series(frame, series, style) for series, style in styled),
    ]
    label = escape(f"{plot.title}. {plot.y_label} over {plot.x_label}.")
    edges = f'data-top="{TOP}" data-bottom="{HEIGHT_PX - BOTTOM}"'
    return (
        f'<svg class="chart" viewBox="0 0 {width} {HEIGHT_PX}" width="{width}" height="{HEIGHT_PX}" role="img" '
        f'aria-label="{label}" data-hover="{_hover(frame, plot)}" {edges}>{"".join(parts)}</svg>'
    )


def styles_of(plot: Plot) -> list[str]:
    """The class of each series: what theirs says has one for itself."""
    fresh = iter(COLOURS * 4)
    return [THEIRS if series.is_theirs else next(fresh) for series in plot.series]


def format_number(value: float) -> str:
    """A number as axes and tooltips show it: 12,500, 3.1 M, 0.037."""
    size = abs(value)
    for unit, name in ((1e9, " G"), (1e6, " M")):
        if size >= unit:
            return f"{value / unit:.3g}{name}"
    if size >= 1e4:
        return f"{value:,.0f}"
    return f"{value:.4g}" if size >= 1e-3 or not size else f"{value:.1e}"


def _frame(plot: Plot, width: int) -> Frame:
    xs = [x for series in plot.series for x, _ in series.points] + [at for at, _ in plot.marks]
    ys = [
        *(y for series in plot.series for _, y in series.points),
        *(y for series in plot.series for y in (*series.low, *series.high)),
    ]
    assert xs, f"{plot.title}: nothing to draw"
    x_low, x_high = _range(xs, logarithmic=plot.log_x, margin=0.0)
    y_low, y_high = _range(ys, logarithmic=plot.log_y, margin=0.07)
    if not plot.log_y and min(ys) >= 0:
        y_low = 0.0
    return Frame(
        width,
        HEIGHT_PX,
        x_low,
        x_high,
        y_low if plot.y_low is None else plot.y_low,
        y_high if plot.y_high is None else plot.y_high,
        left=LEFT,
        right=RIGHT,
        top=TOP,
        bottom=BOTTOM,
        logarithmic_x=plot.log_x,
        logarithmic_y=plot.log_y,
    )


def _range(values: Sequence[float], *, logarithmic: bool, margin: float) -> tuple[float, float]:
    """From the least to the most, with room above; never empty."""
    if logarithmic:
        positive = [value for value in values if value > 0]
        assert positive, "a logarithmic axis without a positive value"
        low, high = min(positive), max(positive)
        return (low / 1.5, high * 1.5) if low == high or margin else (low, high)
    low, high = min(values), max(values)
    if low == high:
        return low - (abs(low) or 1.0) * 0.5, high + (abs(high) or 1.0) * 0.5
    return low - margin * (high - low), high + margin * (high - low)


def _y_axis(frame: Frame, plot: Plot) -> Iterable[str]:
    end = frame.width - RIGHT
    for value in _places(frame.y_low, frame.y_high, 5, logarithmic=plot.log_y):
        y = frame.y(value)
        yield _rule(LEFT, y, end, y, "grid")
        yield _words("tick", LEFT - 8, y + 4, "end", format_number(value))
    yield _rule(LEFT, HEIGHT_PX - BOTTOM, end, HEIGHT_PX - BOTTOM, "axis")
    yield _words("note", 2, 12, "start", plot.y_label)


def _x_axis(frame: Frame, plot: Plot) -> Iterable[str]:
    count = max(3, int(frame.width // 90))
    for value in _places(frame.x_low, frame.x_high, count, logarithmic=plot.log_x):
        yield _words("tick", frame.x(value), HEIGHT_PX - BOTTOM + 17, "middle", format_number(value))
    middle = LEFT + (frame.width - LEFT - RIGHT) / 2
    yield _words("note", middle, HEIGHT_PX - 6, "middle", plot.x_label)


def _places(low: float, high: float, count: int, *, logarithmic: bool) -> list[float]:
    """Where ticks stand: powers of ten, every second or third of them where there are many."""
    if not logarithmic:
        return ticks(low, high, count)
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, -(-(last - first + 1) // (count + 1)))
    powers = [10.0**power for power in range(first, last + 1, step)]
    return powers if len(powers) > 1 else [low, high]


def _mark(frame: Frame, at: float, label: str) -> str:
    x = frame.x(at)
    anchor, shift = ("end", -5) if x > frame.width * 0.7 else ("start", 5)
    line = _rule(x, TOP, x, HEIGHT_PX - BOTTOM, "mark")
    return line + _words("note", x + shift, TOP + 10, anchor, label)


def _interval(frame: Frame, series: Series, style: str) -> str:
    """A shade behind a line, a whisker through each single dot."""
    if not series.low:
        return ""
    xs = [frame.x(x) for x, _ in series.points]
    lows, highs = ([frame.y(y) for y in side] for side in (series.low, series.high))
    if series.dots:
        return "".join(
            _rule(x, low, x, high, f"whisker {style}") for x, low, high in zip(xs, lows, highs, strict=True)
        )
    there = [f"{x:.1f},{y:.1f}" for x, y in zip(xs, highs, strict=True)]
    back = [f"{x:.1f},{y:.1f}" for x, y in zip(reversed(xs), reversed(lows), strict=True)]
    return f'<polygon class="shade {style}" points="{" ".join(there + back)}"/>'


def _series(frame: Frame, series: Series, style: str) -> str:
    top = TOP - 2
    places = [(frame.x(x), max(top, frame.y(y))) for x, y in series.points]
    if series.dots or len(places) == 1:
        return "".join(f'<circle class="spot {style}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>' for x, y in places)
    return f'<polyline class="line {style}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in places)}"/>'


def _hover(frame: Frame, plot: Plot) -> str:
    """For each x of any series, what the series say there: what report_page.html's script shows."""
    xs = sorted({x for series in plot.series for x, _ in series.points})
    step = -(-len(xs) // 300)
    values = [(series.name, dict(series.points)) for series in plot.series]
    at = [
        {
            "x": round(frame.x(x), 1),
            "text": f"{plot.x_label}: {format_number(x)}",
            "values": [[name, "", format_number(points[x])] for name, points in values if x in points],
        }
        for x in xs[::step]
    ]
    return escape(json.dumps(at, separators=(",", ":")))


def _rule(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>'


def _words(style: str, x: float, y: float, anchor: str, words: str) -> str:
    return f'<text class="{style}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(words)}</text>'
