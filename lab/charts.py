"""Small charts as SVG text: nothing but rectangles, lines and letters, coloured by the page's style sheet.

Every function takes values and a width in pixels and returns one <svg> element that scales down but is drawn
for that width (the page holds a wide and a narrow drawing of each, so letters keep their size). Colours are
classes, so light and dark mode are the page's business. Each chart has a title and a description for those
who do not see it; the page adds the same numbers as a table. Nothing here knows what is shown.

Units: pixels for places, whatever the caller says for values.
"""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html import escape

LEFT, RIGHT, TOP, BOTTOM = 52, 14, 14, 28
"""Room around the plot for the letters of the axes."""

NARROW_PX = 400
"""Below this width names go above their rows."""

LETTER_PX = 6.6
"""Average advance of a letter at 12 px in a system font; for deciding what fits."""

TICK_STEPS = (1, 2, 2.5, 5, 10)
"""A tick's step is one of these times a power of ten."""

Text = Callable[[float], str]
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    """One series: its legend, its class in the style sheet, its points, and how a value reads in the tooltip."""

    name: str
    style: str
    points: tuple[Point, ...]
    text: Text = "{:g}".format


@dataclass(frozen=True, slots=True)
class Band:
    """A horizontal band between two values, from one x to another."""

    style: str
    from_x: float
    to_x: float
    low: float
    high: float
    low_label: str = ""
    high_label: str = ""


@dataclass(frozen=True, slots=True)
class Era:
    """A stretch of the x axis that deserves a shade and a word at its top."""

    from_x: float
    to_x: float
    label: str


@dataclass(frozen=True, slots=True)
class Frame:
    """Where values lie on the paper."""

    width: float
    height: float
    x_low: float
    x_high: float
    y_low: float
    y_high: float
    left: float = LEFT
    right: float = RIGHT
    top: float = TOP
    bottom: float = BOTTOM
    logarithmic_x: bool = False
    logarithmic_y: bool = False

    def x(self, value: float) -> float:
        """Pixels from the left; what lies outside of the axis is drawn at its end."""
        low, high, at = self.x_low, self.x_high, min(max(value, self.x_low), self.x_high)
        if self.logarithmic_x:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return self.left + (at - low) / (high - low) * (self.width - self.left - self.right)

    def y(self, value: float) -> float:
        low, high, at = self.y_low, self.y_high, value
        if self.logarithmic_y:
            low, high, at = math.log10(low), math.log10(high), math.log10(max(value, low))
        share = (at - low) / (high - low)
        return self.height - self.bottom - share * (self.height - self.top - self.bottom)


@dataclass(frozen=True, slots=True)
class Words:
    """What a chart says: the title and description for those who do not see it, and how its axes read."""

    title: str
    description: str
    x_text: Text
    y_text: Text
    eras: tuple[Era, ...] = field(default=())


def line_chart(
    lines: Sequence[Line],
    bands: Sequence[Band],
    words: Words,
    *,
    width: int,
    height: int,
    y_high: float,
    x_range: tuple[float, float] | None = None,
) -> str:
    """Lines over time with bands behind them; what exceeds `y_high` is cut at the frame's edge."""
    xs = [x for line in lines for x, _ in line.points] or [0.0, 1.0]
    low, high = x_range or (min(xs), max(xs))
    frame = Frame(width, height, low, max(high, low + 1e-9), 0.0, y_high)
    parts = [
        *_grid(frame, words, x_count=max(3, width // 110), y_count=4),
        *(_era(frame, era) for era in words.eras),
        *(_band(frame, band) for band in bands),
        *(_path(frame, line) for line in lines),
        *(_band_labels(frame, band) for band in bands),
        *(_era_label(frame, era) for era in words.eras),
    ]
    return _svg(frame, words, parts, hover=_hover(frame, lines, words.x_text))


def distribution_chart(
    samples: Sequence[tuple[str, str, Sequence[float]]],
    words: Words,
    *,
    width: int,
    height: int,
    limit: tuple[float, str] | None = None,
) -> str:
    """Shares of samples below a value (a cumulative distribution) over a logarithmic axis; (name, style,
    values).
    """
    everything = [value for _, _, values in samples for value in values] or [1.0]
    least = max(min(everything), 0.01)
    most = max([*everything, limit[0] if limit else 0.0, least * 10]) * 1.3
    frame = Frame(width, height, least / 1.2, most, 0.0, 1.0, logarithmic_x=True)
    lines = [Line(name, style, _cumulative(values)) for name, style, values in samples if values]
    parts = [
        *_grid(frame, words, x_count=0, y_count=4),
        *_logarithmic_ticks(frame, words.x_text),
        *([_mark(frame, *limit)] if limit else []),
        *(_path(frame, line) for line in lines),
    ]
    return _svg(frame, words, parts)


def deviation_chart(rows: Sequence[tuple[str, float]], tolerance: float, words: Words, *, width: int) -> str:
    """One dot for each row on an axis around zero, with the tolerated range as a band; rows are (name,
    deviation).
    """
    reach = max([tolerance, *(abs(value) for _, value in rows)]) * 1.35
    left = _room_for([name for name, _ in rows], width)
    frame = Frame(width, 44 + 34 * len(rows), -reach, reach, 0.0, 1.0, left=left, right=20.0)
    bottom = frame.height - frame.bottom
    tolerated = _rect(frame.x(-tolerance), frame.top, frame.x(tolerance), bottom, "band")
    ticks = [
        _letters("tick", frame.x(at), bottom + 18, "middle", words.x_text(at))
        for at in (-tolerance, 0.0, tolerance)
    ]
    zero = _line(frame.x(0), frame.top, frame.x(0), bottom, "axis")
    parts = [tolerated, zero, *ticks]
    for index, (name, value) in enumerate(rows):
        y = frame.top + 17 + 34 * index
        holds = "" if abs(value) <= tolerance else " bad"
        shift, anchor = (-10, "end") if value > reach * 0.5 else (10, "start")
        parts += [
            _letters("name", left - 10, y + 4, "end", name),
            f'<circle class="dot{holds}" cx="{_n(frame.x(value))}" cy="{_n(y)}" r="5"/>',
            _letters("value", frame.x(value) + shift, y + 4, anchor, words.y_text(value)),
        ]
    return _svg(frame, words, parts)


def change_chart(rows: Sequence[tuple[str, float]], words: Words, *, width: int) -> str:
    """One bar for each row to the left (less) or to the right (more) of zero; rows are (name, change)."""
    stacked = width < NARROW_PX  # no room beside the bars: names stand above them
    step, names_px = (44, 0.0) if stacked else (32, _room_for([name for name, _ in rows], width))
    widths = [(value, 14 + LETTER_PX * 1.1 * len(words.x_text(value))) for _, value in rows]
    room_left = max([px for value, px in widths if value < 0], default=4.0)
    room_right = max([px for value, px in widths if value >= 0], default=4.0)
    values = [value for _, value in rows]
    left, height = names_px + room_left, 16 + step * len(rows)
    low, high = min([0.0, *values]), max([1e-9, *values])
    frame = Frame(width, height, low, high, 0.0, 1.0, left=left, right=room_right, bottom=4, top=8)
    parts = [_line(frame.x(0), frame.top, frame.x(0), frame.height - 4, "axis")]
    for index, (name, value) in enumerate(rows):
        y = frame.top + 6 + step * index + (16 if stacked else 0)
        style = "gain" if value > 0 else "loss"
        end, anchor = (frame.x(value) + 6, "start") if value >= 0 else (frame.x(value) - 6, "end")
        name_x, name_y, name_anchor = (2.0, y - 5, "start") if stacked else (names_px - 6, y + 14, "end")
        parts += [
            _letters("name", name_x, name_y, name_anchor, name),
            _rect(*sorted_pair(frame.x(0), frame.x(value), y, y + 20), f"bar {style}"),
            _letters("value", end, y + 14, anchor, words.x_text(value)),
        ]
    return _svg(frame, words, parts)


def coverage_strip(
    spans: Sequence[tuple[float, float, str]],
    points: Sequence[tuple[float, str]],
    words: Words,
    *,
    width: int,
) -> str:
    """Times that something covers, as (from, to, style), with marked instants (at, style) above; a strip on
    an axis.
    """
    high = max([1.0, *(to for _, to, _ in spans)])
    frame = Frame(width, 78, min([0.0, *(at for at, _, _ in spans)]), high, 0.0, 1.0, left=10.0)
    bottom = frame.height - frame.bottom
    parts = [
        *(
            _rect(
                frame.x(begin) + 0.75,
                frame.top + 12,
                max(frame.x(end) - 0.75, frame.x(begin) + 1.5),
                bottom,
                style,
            )
            for begin, end, style in spans
        ),
        *(
            f'<circle class="{style}" cx="{_n(frame.x(at))}" cy="{_n(frame.top)}" r="4"/>'
            for at, style in points
        ),
        *_x_ticks(frame, words.x_text, max(3, width // 110)),
    ]
    return _svg(frame, words, parts)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Round values between two others, about `count` of them."""
    if high <= low or count < 1:
        return [low]
    rough = (high - low) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(each * power for each in TICK_STEPS if each * power >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [index * step for index in range(first, last + 1)]


def sorted_pair(x1: float, x2: float, y1: float, y2: float) -> tuple[float, float, float, float]:
    """Two corners as left, top, right, bottom."""
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _cumulative(values: Sequence[float]) -> tuple[Point, ...]:
    """A staircase through the sorted values, thinned to what a screen can show."""
    ordered = sorted(values)
    step = max(1, len(ordered) // 400)
    chosen = [*range(0, len(ordered), step), len(ordered) - 1]
    return tuple((ordered[index], (index + 1) / len(ordered)) for index in chosen)


def _room_for(names: Sequence[str], width: int) -> float:
    return min(max([40.0, *(len(name) * LETTER_PX + 14 for name in names)]), width * 0.42)


def _grid(frame: Frame, words: Words, *, x_count: int, y_count: int) -> list[str]:
    """Horizontal hairlines with their values, and the x axis."""
    parts = []
    for value in ticks(frame.y_low, frame.y_high, y_count):
        y = frame.y(value)
        parts += [
            _line(frame.left, y, frame.width - frame.right, y, "axis" if value == frame.y_low else "grid"),
            _letters("tick", frame.left - 8, y + 4, "end", words.y_text(value)),
        ]
    return parts + _x_ticks(frame, words.x_text, x_count)


def _x_ticks(frame: Frame, text: Text, count: int) -> list[str]:
    if not count:
        return []
    y = frame.height - frame.bottom + 18
    return [
        _letters("tick", frame.x(value), y, "middle", text(value))
        for value in ticks(frame.x_low, frame.x_high, count)
    ]


def _logarithmic_ticks(frame: Frame, text: Text) -> list[str]:
    y = frame.height - frame.bottom
    powers = range(math.ceil(math.log10(frame.x_low)), math.floor(math.log10(frame.x_high)) + 1)
    return [
        part
        for value in (10.0**power for power in powers)
        for part in (
            _line(frame.x(value), frame.top, frame.x(value), y, "grid"),
            _letters("tick", frame.x(value), y + 18, "middle", text(value)),
        )
    ]


def _band(frame: Frame, band: Band) -> str:
    return _rect(
        frame.x(band.from_x), frame.y(band.high), frame.x(band.to_x), frame.y(band.low), band.style
    ) + "".join(
        _line(frame.x(band.from_x), frame.y(value), frame.x(band.to_x), frame.y(value), f"{band.style}-edge")
        for value in (band.low, band.high)
    )


def _band_labels(frame: Frame, band: Band) -> str:
    """Above the band and below it, where the lines inside do not cross them."""
    x = frame.x(band.from_x) + 8
    places = ((band.high_label, frame.y(band.high) - 6), (band.low_label, frame.y(band.low) + 15))
    return "".join(_letters("note", x, y, "start", label) for label, y in places if label)


def _era(frame: Frame, era: Era) -> str:
    return _rect(frame.x(era.from_x), frame.top, frame.x(era.to_x), frame.height - frame.bottom, "era")


def _era_label(frame: Frame, era: Era) -> str:
    middle = (frame.x(era.from_x) + frame.x(era.to_x)) / 2
    return _letters("note", middle, frame.height - frame.bottom - 8, "middle", era.label)


def _mark(frame: Frame, at: float, label: str) -> str:
    x = frame.x(at)
    end = x + len(label) * LETTER_PX + 6 > frame.width - frame.right
    anchor, shift = ("end", -5) if end else ("start", 5)
    line = _line(x, frame.top, x, frame.height - frame.bottom, "mark")
    return line + _letters("note", x + shift, frame.height - frame.bottom - 8, anchor, label)


def _path(frame: Frame, line: Line) -> str:
    if not line.points:
        return ""
    top = frame.top - 2  # what leaves the frame runs along its edge
    places = " ".join(f"{_n(frame.x(x))},{_n(max(top, frame.y(y)))}" for x, y in line.points)
    return f'<polyline class="line {line.style}" points="{places}"/>'


def _rect(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return (
        f'<rect class="{style}" x="{_n(x1)}" y="{_n(y1)}" width="{_n(max(0.0, x2 - x1))}" '
        f'height="{_n(max(0.0, y2 - y1))}" rx="2"/>'
    )


def _letters(style: str, x: float, y: float, anchor: str, words: str) -> str:
    return f'<text class="{style}" x="{_n(x)}" y="{_n(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<line class="{style}" x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}"/>'


def _hover(frame: Frame, lines: Sequence[Line], x_text: Text) -> str:
    """What the page's script needs to name the values under the pointer; "" where there is nothing to name."""
    if not any(line.points for line in lines):
        return ""
    longest = max(lines, key=lambda line: len(line.points))
    at = [
        {
            "x": round(frame.x(x), 1),
            "text": x_text(x),
            "values": [
                [line.name, line.style, text] for line in lines if (text := _value_at(line, x)) is not None
            ],
        }
        for x, _ in longest.points
    ]
    return escape(json.dumps(at, separators=(",", ":")))


def _value_at(line: Line, x: float) -> str | None:
    """The text of the point nearest to x, None when the line has none within a second."""
    if not line.points:
        return None
    near, value = min(line.points, key=lambda point: abs(point[0] - x))
    return line.text(value) if abs(near - x) <= 1.0 else None


def _svg(frame: Frame, words: Words, parts: Sequence[str], *, hover: str = "") -> str:
    width, height = _n(frame.width), _n(frame.height)
    edges = f'data-top="{_n(frame.top)}" data-bottom="{_n(frame.height - frame.bottom)}"'
    extra = f' data-hover="{hover}" {edges}' if hover else ""
    label = escape(f"{words.title}. {words.description}")
    return (
        f'<svg class="chart" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{label}"{extra}>{"".join(parts)}</svg>'
    )


def _n(number: float) -> str:
    """A coordinate with a tenth of a pixel, without a needless zero."""
    return f"{number:.1f}".removesuffix(".0")
