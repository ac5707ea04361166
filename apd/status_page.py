"""The page of [web] on which an owner sees, from the sofa, whether his box sells: no script, nothing from elsewhere.

Pure: from apd/status.py's describe() and the file status_page.html to HTML. Of customers it shows what they bought and
got, and the beginning of the grant's name, by which `apd status` tells the rest: neither accounts nor addresses of
stations, as whoever is at home may look (decision 0046). Everything that was not written by us is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from apd.health import Ailment, judge
from apd.status_text import box_facts, judge_in_words, offer_facts
from wire.units import format_instant, format_rate, format_size

MAX_SESSIONS = 100
"""Rows; a box with more has an operator with a page of his own."""
_COLUMNS = (
    "grant",
    "state",
    "#ends in",
    "#down, at least",
    "#up, at least",
    "#got down",
    "#got up",
    "#missing",
)


def status_page(template: str, status: Mapping[str, Any]) -> str:
    """HTML, whole; `template` is the content of status_page.html."""
    ailments = judge(status)
    good, verdict = judge_in_words(status, ailments)
    return Template(template).substitute(
        interface=escape(status["interface"]),
        tone="good" if good else "bad",
        verdict=escape(verdict),
        ailments=_list(ailments),
        offer=_facts(offer_facts(status)),
        sessions=_sessions(status),
        box=_facts(box_facts(status)),
        now=escape(format_instant(status["utc_ms"] // 1_000)),
    )


def style_policy(template: str) -> str:
    """The Content-Security-Policy under which the page is whole: its own style, by its hash, and nothing else."""
    style = template.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    nothing = "; ".join(
        f"{what} 'none'" for what in ("default-src", "base-uri", "form-action", "frame-ancestors")
    )
    return f"{nothing}; style-src 'sha256-{digest}'"


def _list(ailments: Sequence[Ailment]) -> str:
    items = "".join(f'<li class="{one.severity.name.lower()}">{escape(one.text)}</li>' for one in ailments)
    return f"<ul>{items}</ul>" if items else ""


def _sessions(status: Mapping[str, Any]) -> str:
    sessions = sorted(status["sessions"], key=lambda one: (one["phase"] != "active", one["ends_s"]))
    rows = [_row(one, status["utc_ms"] // 1_000) for one in sessions[:MAX_SESSIONS]]
    if not rows:
        return '<p class="none">Nobody has bought.</p>'
    head = "".join(
        f'<th scope="col"{" class=number" if name.startswith("#") else ""}>{name.lstrip("#")}</th>'
        for name in _COLUMNS
    )
    more = len(sessions) - len(rows)
    rest = f"<p>and {more:,} more: apd status</p>" if more > 0 else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>{rest}"


def _row(session: Mapping[str, Any], now_s: int) -> str:
    missing = session["down_shortfall_bytes"] + session["up_shortfall_bytes"]
    numbers: Iterable[str] = (
        _ends_in(session["ends_s"] - now_s),
        format_rate(session["floor_down_bps"]),
        format_rate(session["floor_up_bps"]),
        format_size(session["down_bytes"]),
        format_size(session["up_bytes"]),
        format_size(missing) if missing else "nothing",
    )
    cells = "".join(f'<td class="number">{escape(text)}</td>' for text in numbers)
    name = f'<th scope="row"><code>{escape(session["grant"][:8])}</code></th>'
    return f"<tr>{name}<td>{escape(session['phase'])}</td>{cells}</tr>"


def _ends_in(left_s: int) -> str:
    if left_s < 120:
        return f"{max(0, left_s)} s"
    hours, minutes = divmod(left_s // 60, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _facts(rows: Iterable[tuple[str, str]]) -> str:
    return "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
