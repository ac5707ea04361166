"""A line of a log: what was told comes back, and nobody can begin a second line with what he is called."""

import json

import pytest

from wire.log_line import format_log_line


@pytest.mark.parametrize("text", ["", "grant 00", 'a "name"\nready', "\r\x1b[2J", "München \u2028", "\ud800"])
def test_one_line_whatever_is_told(text: str):
    line = format_log_line(5, "revoked", text)
    assert line.endswith("}\n")
    assert len(line.splitlines()) == 1
    assert line.isascii(), "a terminal shows it as it is"
    assert json.loads(line) == {"utc_ms": 5, "what": "revoked", "text": text}
