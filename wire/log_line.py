"""One line of a daemon's log: JSON, of the same form from a box, an operator and a ledger (docs/logs.md).

    {"utc_ms": 1790000000000, "what": "session_active", "text": "02:... gets 2 Mbit/s down, grant 0f3e..."}

`what` is a fixed word to search for, `text` a sentence; what is told of a grant names it there by its 32 digits, so
that one search through everybody's lines tells what became of it. Line ends within a text are escaped.
"""

import json

TOLD = "told"
"""The word for what has none of its own."""


def format_log_line(utc_ms: int, what: str, text: str) -> str:
    """With its line end."""
    return json.dumps({"utc_ms": utc_ms, "what": what, "text": text}) + "\n"
