"""`apd status` for people: words and units, whatever a box has; nothing of Python, nothing that moves a cursor."""

import re

from apd.status import describe
from apd.status_text import format_status
from tests.apd.air_world import air_box, serve
from tests.apd.playbook import run_session, sells, start_box
from tests.apd.world import STATION


def facts_of(text: str) -> dict[str, str]:
    pairs = [re.split(r" {2,}", line, maxsplit=1) for line in text.splitlines()]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2}


def test_a_box_that_sells():
    box = sells(start_box())
    run_session(box)
    status = describe(box.state, box.now)
    text = format_status(status)
    facts = facts_of(text)
    assert facts[status["interface"]] == "selling; 1 customer is served"
    assert facts["price"] == "0.25 BC for 10 min"
    assert facts["enrolled"] == "yes"
    assert facts["earned"].startswith(("0 BC by 0 purchases since 20", "0.25 BC by 1 purchases since 20"))
    (line,) = [line for line in text.splitlines() if str(STATION) in line]
    assert "  active " in line
    assert "at least 2 Mbit/s down" in line
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", line)


def test_nothing_of_python_is_shown():
    for box in (start_box(enrolled=False), sells(start_box()), air_box()):
        text = format_status(describe(box.state, box.now))
        assert not re.search(r"\bTrue\b|\bFalse\b|\bNone\b|[{}]|\['", text)


def test_what_is_wrong_is_said_with_its_word():
    box = start_box(enrolled=False)
    text = format_status(describe(box.state, box.now))
    assert "needs you" in text
    assert "\nledger_away: The ledger is out of reach" in text


def test_what_has_no_words_here_has_its_name():
    box = air_box()
    serve(box)
    facts = facts_of(format_status(describe(box.state, box.now)))
    assert facts["air.hostapd_connected"] in ("yes", "no")
    assert "airtime.budget_ppm" in facts


def test_a_name_moves_no_cursor():
    box = air_box()
    status = describe(box.state, box.now)
    status["air"]["ssid"] = "caf\u00e9\x1b[2Jenrolled\n"
    text = format_status(status)
    assert "caf\u00e9?[2Jenrolled?" in text
    assert "\x1b" not in text
