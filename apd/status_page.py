"""The page of [web] on which an owner sees, from the sofa, whether his box sells: no script, nothing from elsewhere.

Pure: from apd/status.py's describe() and the file status_page.html to HTML. Of customers it shows what they bought and
got, and the beginning of the grant's name, by which `apd status` tells the rest: neither accounts nor addresses of
stations, as whoever is at home may look (decision 0046). Everything that was not written by us is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from string import Template
from typing import Any

from apd.health import Ailment, Severity, judge
from wire.units import format_duration, format_instant, format_money, format_rate, format_size

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
    good, verdict = _verdict(status, ailments)
    return Template(template).substitute(
        interface=escape(status["interface"]),
        tone="good" if good else "bad",
        verdict=escape(verdict),
        ailments=_list(ailments),
        offer=_facts(_offer(status)),
        sessions=_sessions(status),
        box=_facts(_box(status)),
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


def _verdict(status: Mapping[str, Any], ailments: Sequence[Ailment]) -> tuple[bool, str]:
    if any(one.severity is Severity.STOPS for one in ailments):
        return False, "needs you"
    served = sum(1 for one in status["sessions"] if one["phase"] == "active")
    if not served:
        return True, "selling"
    return True, f"selling; {served} {'customer is' if served == 1 else 'customers are'} served"


def _list(ailments: Sequence[Ailment]) -> str:
    items = "".join(f'<li class="{one.severity.name.lower()}">{escape(one.text)}</li>' for one in ailments)
    return f"<ul>{items}</ul>" if items else ""


def _offer(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    offer = status["offer"]
    if offer is None:
        yield "now", "nothing"
        return
    yield "price", f"{format_money(offer['price_ubc'])} for {format_duration(offer['allocation_duration_s'])}"
    yield "left", f"{offer['allocations_left']:,}"
    if "auction" in status:
        yield "auction", status["auction"]["phase"]


def _box(status: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    yield "ledger", "connected" if status["ledger_connected"] else "out of reach"
    yield (
        "reports",
        f"{'signed by a TPM' if status['attested'] else 'unattested'}, {status['records']['made']:,} made",
    )
    yield "without a receipt", f"{status['records']['unacknowledged']:,}"
    if status["refunds"]:
        yield "refunds owed", f"{len(status['refunds']):,}"
    if "air" in status:
        air = status["air"]
        yield "network", air["ssid"]
        yield "stations", f"{air['stations_associated']:,} associated, {air['stations_served']:,} served"
    if "airtime" in status:
        airtime = status["airtime"]
        yield (
            "airtime sold",
            f"{airtime['sold_ppm'] / 10_000:.1f} % of {airtime['budget_ppm'] / 10_000:.1f} %",
        )


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
