"""The printed statement: well-formed, alone, escaped, and it says what the sums and outcomes say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from ledger.reports.outcome import Outcome
from ledger.reports.statement import GROUPS, MOST_LINES, statement
from ledger.reports.sum_up import Sum, add_rows
from tests.ledger.reports.test_outcome import fold
from tests.ledger.reports.test_rows import judge
from tests.ledger.test_bundle import KEY, records
from tests.ledger_world import ALICE

VOID = {"meta", "br"}
KEY_ID = KEY.public_key.key_id.hex()


class Page(HTMLParser):
    """Fails where an element is not closed; keeps what is seen and what is fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.fetched += [str(value) for name, value in attrs if name in ("src", "href", "action")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(" ".join(data.split()))

    @property
    def said(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.words))


def page(*said: bytes) -> Page:
    outcome = replace(fold(*said), key_id=KEY_ID, provider="02" * 33, ledger_id="7d" * 32)
    sums: dict[str, dict[str, Sum]] = {by: {} for by in GROUPS}
    for one in judge(*said):
        for by in GROUPS:
            add_rows(sums[by], one.rows, by)
    return Page(statement([outcome], sums, bytes(32)))


def test_what_holds_is_said_with_its_sums() -> None:
    shown = page(*records())
    assert "Everything that can be checked holds" in shown.said
    assert "A TPM vouches for 0 of 3 rows; the others are signed by software keys." in shown.said
    assert "3,000 bytes" in shown.said
    assert "there is no TPM" in shown.said
    assert str(ALICE.public)[:20] in shown.said
    assert "does not hold" not in shown.said
    assert shown.fetched == []


def test_what_does_not_hold_is_said_in_words() -> None:
    shown = page(records()[0], records()[2])
    assert "This report does not hold" in shown.said
    assert "Is it number one more than the record before? No." in shown.said
    assert "record 3 (genuine, but the chain has a hole here" in shown.said
    assert "no report covers it" in shown.said
    assert "the whole chain" not in shown.said


def test_an_unreadable_record_and_a_file_without_any() -> None:
    assert "a record without a number" in page(*records(), b"junk").said
    empty: dict[str, dict[str, Sum]] = {by: {} for by in GROUPS}
    said = Page(statement([Outcome("box.report", error="is cut")], empty, bytes(32))).said
    assert "no time that anything vouches for" in said
    assert "cannot be verified: is cut" in said


def test_names_of_strangers_are_escaped() -> None:
    evil = "<script>alert(1)</script>"
    outcome = Outcome(evil, key_id=evil, provider=evil, ledger_id=evil, maker_text=evil, error=evil)
    text = statement([outcome], {by: {evil: Sum(1)} for by in GROUPS}, bytes(32))
    assert "<script" not in text
    Page(text)


def test_long_tables_end_in_a_sum() -> None:
    many = {f"{number:066x}": Sum(1, 10) for number in range(MOST_LINES + 5)}
    shown = Page(statement([Outcome("x")], {"box": {}, "day": {}, "consumer": many}, bytes(32)))
    assert "5 more" in shown.said
    assert shown.said.count("…") == MOST_LINES
