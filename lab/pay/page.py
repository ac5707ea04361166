"""What `make lab-pay` leaves: result.json for scripts, and a page for people that needs nothing from outside.

Pure: what was seen comes in, text goes out.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from html import escape

from lab.pay.cast import INCREMENT_UBC
from lab.pay.story import Event
from lab.pay.verdict import Books, Party
from lab.playing import Finding

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Who lost what</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }}
td.n, th.n {{ text-align: right; font-variant-numeric: tabular-nums; }}
.held {{ color: #17692f; }} .broken {{ color: #b3261e; font-weight: bold; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6e6e6; background: #161616; }}
  .held {{ color: #6fcf8f; }} .broken {{ color: #ff8a80; }} }}
</style></head><body>
<h1>Who lost what</h1>
<p>Three devices paid as they went, at two access points of two operators. Bea stopped paying and went on using; the
yard stopped serving and went on taking payments; the operator south lied about its second block. {verdict}</p>
<p>All amounts are micro-bandcoin. An increment, what one interval costs, is {increment}. Ledger, broker, operators,
boxes, merchants and what pays in the devices are the real programs. What is not here is the radio: a cable and a fake
of hostapd's control socket stand for it, and the lab for FreeRADIUS.</p>
<h2>The account</h2>{parties}
<h2>Promises</h2>{promises}
<h2>Visits</h2>{visits}
<h2>Deposits</h2>{channels}
<h2>What happened</h2>{events}
</body></html>
"""


def format_result(
    books: Books, parties: Sequence[Party], findings: Sequence[Finding], events: Sequence[Event]
) -> str:
    """JSON: `ok`, and everything that the page shows."""
    value = {
        "ok": all(finding.ok for finding in findings),
        "increment_ubc": INCREMENT_UBC,
        "parties": [asdict(one) | {"ok": one.ok} for one in parties],
        "promises": [asdict(one) for one in findings],
        "books": asdict(books),
        "visits": [
            asdict(one)
            | {
                "had_ubc": one.had_ubc,
                "device_lost_ubc": one.device_lost_ubc,
                "point_lost_ubc": one.point_lost_ubc,
            }
            for one in books.visits
        ],
        "events": [{"at_s": at_s, "text": text} for at_s, text in _since_first(events)],
    }
    return json.dumps(value, indent=2) + "\n"


def format_page(
    books: Books, parties: Sequence[Party], findings: Sequence[Finding], events: Sequence[Event]
) -> str:
    broken = sum(not finding.ok for finding in findings)
    return _PAGE.format(
        verdict=f"<strong>{broken} promises are broken.</strong>" if broken else "Every promise held.",
        increment=INCREMENT_UBC,
        parties=_table(
            ("", "who", "is", "owed", "got", "lost", "at most", "the rule that bounds it"),
            (
                (
                    _mark(one), one.name, one.role, one.owed_ubc, one.got_ubc, one.lost_ubc, one.bound_ubc,
                    one.rule,
                )
                for one in parties
            ),
        ),
        promises=_table(
            ("", "promise", "seen"), ((_mark(one), one.promise, one.seen) for one in findings)
        ),
        visits=_table(
            ("device", "at", "had (s)", "which costs", "paid", "device lost", "unpaid", "device says", "box says"),
            (
                (
                    one.device, one.point, f"{one.had_ms / 1_000:.1f}", one.had_ubc, one.paid_ubc,
                    one.device_lost_ubc, one.point_lost_ubc, one.device_said, one.point_said,
                )
                for one in books.visits
            ),
        ),
        channels=_table(
            ("device", "with", "deposited", "signed", "taken", "still there"),
            (
                (
                    one.device, one.operator, one.deposited_ubc, one.signed_ubc, one.withdrawn_ubc,
                    one.deposited_ubc - one.withdrawn_ubc,
                )
                for one in books.channels
            ),
        ),
        events=_table(("s", "what"), ((f"{at_s:.1f}", text) for at_s, text in _since_first(events))),
    )  # fmt: skip


class _Markup(str):
    """A cell that is markup already."""

    __slots__ = ()


def _mark(one: Party | Finding) -> _Markup:
    word = "held" if one.ok else "broken"
    return _Markup(f'<span class="{word}">{word}</span>')


def _since_first(events: Sequence[Event]) -> list[tuple[float, str]]:
    return [(round(event.at_s - events[0].at_s, 1), event.text) for event in events]


def _table(heads: Sequence[str], rows: Iterable[Sequence[str | int]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(_cell(cell) for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(cell: str | int) -> str:
    if isinstance(cell, _Markup):
        return f"<td>{cell}</td>"
    return f'<td class="n">{cell}</td>' if isinstance(cell, int) else f"<td>{escape(cell)}</td>"
