"""The owner's page: right of a box that sells and of one that does not, whole under its policy, telling on nobody."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

from apd import status_page as page_of
from apd.status import describe
from apd.status_page import MAX_SESSIONS, status_page, style_policy
from tests.apd.air_world import air_box, serve
from tests.apd.playbook import run_session, sells, start_box
from tests.apd.world import CONSUMER, STATION

TEMPLATE = Path(page_of.__file__).with_suffix(".html").read_text()


class Seen(HTMLParser):
    """Tags as they open, and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text += data


def selling():
    box = sells(start_box())
    run_session(box)
    return describe(box.state, box.now)


def test_a_box_that_sells():
    status = selling()
    seen = Seen(status_page(TEMPLATE, status))
    assert "selling; 1 customer is served" in seen.text
    assert "0.25 BC for 10 min" in seen.text
    assert status["sessions"][0]["grant"][:8] in seen.text
    assert "2 Mbit/s" in seen.text, "what was sold"


def test_it_tells_neither_accounts_nor_addresses():
    page = status_page(TEMPLATE, selling())
    assert str(CONSUMER.public) not in page
    assert str(STATION) not in page.lower()
    assert selling()["sessions"][0]["grant"] not in page, "a whole grant can be looked up on the ledger"


def test_a_box_that_does_not_sell_says_why():
    box = start_box(enrolled=False)
    page = status_page(TEMPLATE, describe(box.state, box.now))
    assert "needs you" in page
    assert 'class="stops">The ledger is out of reach' in page
    assert "Nobody has bought." in page


def test_a_radio_of_a_strange_name_is_text():
    box = air_box()
    serve(box)
    status = describe(box.state, box.now)
    status["air"]["ssid"] = "<script>alert(1)</script>"
    seen = Seen(status_page(TEMPLATE, status))
    assert "script" not in seen.tags
    assert "<script>alert(1)</script>" in seen.text


def test_a_crowd_is_cut_aloud():
    status = selling()
    status["sessions"] = status["sessions"] * (MAX_SESSIONS + 5)
    page = status_page(TEMPLATE, status)
    assert page.count('<th scope="row">') == MAX_SESSIONS
    assert "and 5 more" in page


def test_the_policy_allows_the_pages_own_style_and_no_other():
    page = status_page(TEMPLATE, selling())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in style_policy(TEMPLATE), "also after the page was filled in"
    assert not re.search(r"style=|<script|<img|<link", page)
