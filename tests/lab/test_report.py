"""The page is whole in itself, and hostile words in a result stay words."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

from lab.report import format_page, main, write_report
from tests.lab.sample_result import RESULT

VOID = {"meta", "br", "img", "input", "link", "hr"}


class Outline(HTMLParser):
    """Whether every element is closed in order, and which elements and addresses there are."""

    def __init__(self):
        super().__init__()
        self.open, self.seen, self.addresses = [], [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def outline(page):
    parser = Outline()
    parser.feed(page)
    parser.close()
    assert parser.open == []
    return parser


def test_the_page_is_well_formed_and_needs_nothing_from_elsewhere():
    page = format_page(RESULT)
    seen = outline(page)
    assert all(address.startswith("../../docs/") for address in seen.addresses)
    assert "link" not in seen.seen
    assert "@import" not in page
    assert re.findall(r"url\(", page) == []
    assert set(re.findall(r"https?://[^\"' ]*", page)) <= {
        "http://www.w3.org/2000/svg"
    }  # a name, not an address
    assert seen.seen.count("table") >= 4
    assert seen.seen.count("h1") == 1


def test_words_of_a_result_are_never_markup():
    evil = '<script>alert("x")</script>'
    session = replace(RESULT.sessions[0], buyer=evil, grant=evil)
    attack = replace(RESULT.attacks[0], name=evil, by=evil, tried=evil, evidence=evil)
    unpaid = replace(RESULT.unpaid[0], name=evil, story=evil)
    record = replace(
        RESULT.reports.records[0],
        digest=evil,
        checks=(replace(RESULT.reports.records[0].checks[0], name=evil, detail=evil),),
    )
    account = replace(RESULT.ledger.accounts[0], name=evil, role=evil, account=evil)
    page = format_page(
        replace(
            RESULT,
            sessions=(session,),
            attacks=(attack,),
            unpaid=(unpaid,),
            reports=replace(
                RESULT.reports,
                records=(record,),
                signed_by=evil,
                gaps=(replace(RESULT.reports.gaps[0], reason=evil),),
            ),
            ledger=replace(RESULT.ledger, accounts=(account,), app_hash=evil),
            run=replace(RESULT.run, began=evil, command=evil, machine=evil, version=evil, remarks=(evil,)),
            figures=(replace(RESULT.figures[0], what=evil, unit=evil),),
            moments=(replace(RESULT.moments[0], who=evil, what=evil),),
        )
    )
    assert outline(page).seen.count("script") == 1
    assert "<script>alert" not in page


def test_both_files_are_written_and_the_page_can_be_drawn_again(tmp_path, capsys):
    data, page = write_report(RESULT, tmp_path / "demo")
    assert json.loads(data.read_text())["ok"] is True
    drawn = page.read_text()
    page.unlink()
    assert main([str(data)]) == 0
    assert page.read_text() == drawn
    assert capsys.readouterr().out == f"{page}\n"
    assert main([str(data), str(tmp_path / "other.html")]) == 0
    assert (tmp_path / "other.html").read_text() == drawn


def test_wrong_arguments_show_the_usage(capsys):
    assert main([]) == 2
    assert "python -m lab.report" in capsys.readouterr().err
