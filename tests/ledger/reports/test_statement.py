"""The printed statement: well-formed, alone, escaped, and it says what the sums and outcomes say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

from ledger.reports.outcome import Outcome
from ledger.reports.statement import GROUPS, MOST_LINES, statement
from ledger.reports.sum_up import Sum, add_rows
from ledger.reports.words import CHECKS
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


def row_of(shown: Page, check: str) -> str:
    """What the table of checks says of one, up to the next."""
    names = [*CHECKS, "Volumes"]
    names.remove("accounting")
    at = shown.said.index(CHECKS[check].asks) + len(CHECKS[check].asks)
    until = shown.said.find(f" {names[names.index(check) + 1]} ", at)
    return shown.said[at:until].strip()


def test_what_nobody_asked_is_not_said_to_hold() -> None:
    shown = page(*records())
    assert row_of(shown, "revoked") == "not asked: the trust file names no key as revoked"
    assert row_of(shown, "maker") == "not asked"
    assert row_of(shown, "anchor") == row_of(shown, "boot record") == "there is no TPM"
    assert row_of(shown, "sequence") == "yes, 3 times"
    assert row_of(shown, "complete") == "yes"
    of_a_tpm = replace(fold(*records()), in_tpm=True, revoked_named=3)
    shown = Page(statement([of_a_tpm], {by: {} for by in GROUPS}, bytes(32)))
    assert row_of(shown, "anchor") == row_of(shown, "clock") == "not asked"
    assert row_of(shown, "revoked") == "3 keys named as revoked, none of them here"
    shown = Page(statement([replace(of_a_tpm, revoked_asked=True)], {by: {} for by in GROUPS}, bytes(32)))
    assert row_of(shown, "revoked") == "yes, of 1 box"


def test_a_tpm_in_each_box_is_said_only_where_there_are_rows_and_tpms() -> None:
    whole, sums = fold(*records()), {by: {"x": Sum(rows=2)} for by in GROUPS}
    in_tpm, said = replace(whole, in_tpm=True), "A TPM in each box vouches for every row"
    assert said in statement([in_tpm], sums, bytes(32))
    for outcomes, groups in (([in_tpm], {by: {} for by in GROUPS}), ([in_tpm, whole], sums)):
        assert said not in statement(outcomes, groups, bytes(32))
    assert "No row is in this period." in statement([in_tpm], {by: {} for by in GROUPS}, bytes(32))


def test_the_date_of_the_chains_end_stands_with_the_verdict_and_the_files() -> None:
    shown = page(*records())
    assert "Everything that can be checked holds, proved up to 1970-01-01 16:40:20 UTC" in shown.said
    outcome = fold(*records())
    assert f"up to record 3 {outcome.end_head} , block 7 of 1970-01-01 16:40:20 UTC" in shown.said


def test_disputed_and_forged_rows_stand_apart() -> None:
    sums = {"box": {}, "day": {"1970-01-01": Sum(1, disputed_rows=20, forged_rows=300)}, "consumer": {}}
    said = Page(statement([fold(*records())], sums, bytes(32))).said
    assert "disputed forged 1970-01-01" in said
    assert " 20 300 " in said


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


def test_good_news_say_what_nobody_metered() -> None:
    """Everything holds, and of a month nothing is known."""
    outcome, sums = fold(*records()), {by: {"x": Sum(1)} for by in GROUPS}
    month = replace(outcome, unmetered_ms=30 * 86_400_000 - 5_000)
    for one, groups in ((month, sums), (month, {by: {} for by in GROUPS})):
        said = Page(statement([one], groups, bytes(32))).said
        assert "Nothing is known of 30 d that nobody metered." in said
    for unmetered_ms, shown in (
        (50 * 3_600_000 + 1, "2 d 3 h"), (100_000_000, "27 h 47 min"), (3_661_000, "61 min 1 s"), (90_001, "91 s"),
    ):  # fmt: skip
        said = statement([replace(outcome, unmetered_ms=unmetered_ms)], sums, bytes(32))
        assert f"Nothing is known of {shown} that" in said
    assert "nobody metered" not in statement([replace(outcome, unmetered_ms=0)], sums, bytes(32))
