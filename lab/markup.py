"""Pieces of the report's markup, and numbers as its axes and tiles show them (the rest is in wire.units).

The functions that make markup take markup, except where a docstring says plain words; `text` turns plain
words into markup, and everything that comes from a result passes through it. The classes are those of
report_page.html.
"""

from collections.abc import Callable, Iterable, Sequence
from html import escape

from lab.percentile import percentile as nearest_rank
from wire.units import format_money

WIDE_PX, WHOLE_PX, NARROW_PX = 510, 1050, 330
"""Drawing widths of a chart: half a section, a whole section, a telephone."""


def format_change(ubc: float) -> str:
    """A change of money (micro-bandcoin) with its sign, a true minus."""
    return ("+" if ubc > 0 else "") + format_money(round(ubc)).replace("-", "−")


def percentile(values: Sequence[float], share: float) -> float:
    """As lab.percentile has it; 0 of nothing, which a chart has to show somehow."""
    return nearest_rank(values, share) if values else 0.0


def text(words: str) -> str:
    """Plain words as markup."""
    return escape(words)


def bullets(items: Iterable[str], style: str) -> str:
    """A list with a class; the items are markup."""
    return f'<ul class="{style}">{"".join(f"<li>{item}</li>" for item in items)}</ul>'


def legend(*entries: tuple[str, str]) -> str:
    """What the colours of a chart mean: (classes of the swatch, plain words)."""
    return bullets((f'<i class="{style}"></i>{text(words)}' for style, words in entries), "legend")


def section(heading: str, lead: str, content: str, more: tuple[str, str] | None = None) -> str:
    """A section; `more` is a summary and what it opens."""
    details = f"<details><summary>{more[0]}</summary>{more[1]}</details>" if more else ""
    opening = f"<p>{lead}</p>" if lead else ""
    return f"<section><h2>{heading}</h2>{opening}{content}{details}</section>"


def figure(name: str, sub: str, draw: Callable[[int], str], wide_px: int, *, whole: bool = False) -> str:
    """A chart drawn twice, with its name and a remark in plain words; the style sheet shows the one that
    fits.
    """
    caption = f'<figcaption><h3>{text(name)}</h3><span class="sub">{text(sub)}</span></figcaption>'
    drawings = f'<div class="wide">{draw(wide_px)}</div><div class="narrow">{draw(NARROW_PX)}</div>'
    return f"<figure{' class=whole' if whole else ''}>{caption}{drawings}</figure>"


def table(
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    numeric: Sequence[int] = (),
    total: Sequence[str] | None = None,
) -> str:
    """A table that scrolls on a narrow screen; `numeric` columns are set to the right, `total` is its foot."""
    style = [' class="num"' if index in numeric else "" for index in range(len(head))]

    def line(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}{kind}>{cell}</{tag}>' for cell, kind in zip(cells, style, strict=True))}</tr>"

    title = f"<caption>{caption}</caption>" if caption else ""
    foot = f"<tfoot>{line(total, 'td')}</tfoot>" if total else ""
    body = "".join(line(row, "td") for row in rows)
    parts = f"{title}<thead>{line(head, 'th')}</thead><tbody>{body}</tbody>{foot}"
    return f'<div class="scroll"><table>{parts}</table></div>'


def format_seconds(value: float) -> str:
    """A moment on an axis."""
    return f"{value:g} s"


def format_milliseconds(value: float) -> str:
    """A latency on an axis."""
    return f"{value:g} ms"


def format_axis_rate(value: float) -> str:
    """Mbit/s without the unit where the axis has room for nothing more than "12.5 M"."""
    return f"{value / 1e6:g} M" if value else "0"
