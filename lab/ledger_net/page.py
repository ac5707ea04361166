"""What `make lab-ledger` leaves: result.json for scripts, and a page for people that needs nothing from outside.

Pure: what was seen comes in, text goes out.
"""

import json
from collections.abc import Iterable, Sequence
from html import escape

from lab.ledger_net.story import Chapter
from lab.ledger_net.verdict import Copy
from lab.playing import Finding

_PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>A ledger of four operators</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1a1a1a; background: #fff; }}
table {{ border-collapse: collapse; width: 100%; margin: 1rem 0 2rem; display: block; overflow-x: auto; }}
th, td {{ text-align: left; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884; vertical-align: top; }}
code {{ font-size: .85em; }}
.held {{ color: #17692f; }} .broken {{ color: #b3261e; font-weight: bold; }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6e6e6; background: #161616; }}
  .held {{ color: #6fcf8f; }} .broken {{ color: #ff8a80; }} }}
</style></head><body>
<h1>A ledger of four operators</h1>
<p>Alice, Bob, Carol and Dave share one ledger: four validators of CometBFT, four ledgers, four clearing houses, four
brokers. Eve joins them without a vote. {verdict}</p>
<h2>Promises</h2>{promises}
<h2>What happened</h2>{chapters}
<h2>Their ledgers in the end</h2>{copies}
</body></html>
"""


def format_result(chapters: Sequence[Chapter], copies: Sequence[Copy], findings: Sequence[Finding]) -> str:
    """JSON: `ok`, and everything that the page shows."""
    value = {
        "ok": all(finding.ok for finding in findings),
        "promises": [{"promise": one.promise, "ok": one.ok, "seen": one.seen} for one in findings],
        "chapters": [
            {"title": one.title, "outcome": one.outcome, "purchases": one.purchases} for one in chapters
        ],
        "operators": [
            {
                "name": one.name,
                "height": one.height,
                "app_hash": one.app_hash.hex(),
                "transactions": len(one.transactions),
            }
            for one in copies
        ],
    }
    return json.dumps(value, indent=2) + "\n"


def format_page(chapters: Sequence[Chapter], copies: Sequence[Copy], findings: Sequence[Finding]) -> str:
    broken = sum(not finding.ok for finding in findings)
    return _PAGE.format(
        verdict=f"<strong>{broken} promises are broken.</strong>" if broken else "Every promise held.",
        promises=_table(
            ("", "promise", "seen"),
            (
                (
                    f'<span class="{"held" if one.ok else "broken"}">{"held" if one.ok else "broken"}</span>',
                    escape(one.promise),
                    escape(one.seen),
                )
                for one in findings
            ),
        ),
        chapters=_table(
            ("what was done", "what came of it", "purchases"),
            ((escape(one.title), escape(one.outcome), str(one.purchases)) for one in chapters),
        ),
        copies=_table(
            ("operator", "last block", "transactions", "app hash"),
            (
                (
                    escape(one.name),
                    str(one.height),
                    str(len(one.transactions)),
                    f"<code>{one.app_hash.hex()}</code>",
                )
                for one in copies
            ),
        ),
    )


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
