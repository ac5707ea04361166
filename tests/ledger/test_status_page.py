"""The status page: what it says in each standing, and that nothing of a stranger's becomes markup."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ledger.abci.network_page import NetworkPage, OperatorPage
from ledger.clearing.pages import summarise
from ledger.pages import LedgerPage, OfferPage, show_band, show_qos
from ledger.status_page import Logged, Standing, status_page
from tests.clearing_world import ClearingWorld
from tests.ledger_world import ALICE, BAND, EXCHANGE, LEDGER, PROVIDER, QOS
from wire.usage_terms import UsageTerms

METERED = replace(QOS, data_cap_bytes=5 * 10**9, usage=UsageTerms(2 * 10**9, 10**6, 500, 200_000))
LEDGER_PAGE = LedgerPage(
    ledger_id="ab" * 32,
    ledger_key=str(LEDGER.public),
    gateways=[str(LEDGER.public)],
    exchange=str(EXCHANGE.public),
    period_s=60,
    licensees=None,
    genesis="",
    height=12_345,
    time_s=1_795_326_082,
    app_hash="cd" * 32,
    head="",
    deposited_ubc=30_000_000,
    withdrawn_ubc=5_000_000,
)
ALONE = Standing(LEDGER_PAGE, None, [], False, [], [], {}, 1_795_326_090)


class Texts(HTMLParser):
    """The text of a page, and the elements that are open; raises if they do not nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.open, self.tags = "", list[str](), set[str]()
        self.feed(page)
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag not in {"meta", "link"}:
            self.open.append(tag)
        for name, value in attrs:
            assert name not in {"src", "srcset", "onclick"}, (name, value)
            assert name != "href" or str(value).startswith("/"), "nothing from elsewhere"

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def operator(name: str, *, connected: bool = True) -> OperatorPage:
    return OperatorPage(
        name=name, gateway="02", power=1, node="ef" * 20, address="192.0.2.1:26656", connected=connected
    )


def network(*operators: OperatorPage, decides: bool = True, catching_up: bool = False) -> NetworkPage:
    return NetworkPage(
        chain_id="c", name="alice", height=7, catching_up=catching_up, decides=decides, operators=[*operators]
    )


def test_a_ledger_alone_says_what_it_is_and_that_nothing_is_sold() -> None:
    text = Texts(status_page(ALONE)).text
    for expected in (
        "serving, on one machine", "12,345, 2026-11-22 05:41:22 UTC", "cd" * 32, "Nobody sells", "Nothing yet.",
    ):  # fmt: skip
        assert expected in text
    assert "Who shares it" not in text
    assert "Auctions" not in text
    assert "Bad input" not in text


@pytest.mark.parametrize(
    ("there", "verdict", "tone"),
    [
        (network(operator("alice"), operator("bob")), "deciding, with 2 of 2 operators connected", "good"),
        (
            network(operator("alice"), operator("bob", connected=False), decides=False),
            "too few operators",
            "bad",
        ),
        (network(operator("alice"), catching_up=True), "behind the others, catching up", "bad"),
        ("127.0.0.1:26657 does not answer", "its node is away: 127.0.0.1:26657 does not answer", "bad"),
    ],
)
def test_the_verdict_of_a_shared_ledger(there: NetworkPage | str, verdict: str, tone: str) -> None:
    page = status_page(replace(ALONE, network=there))
    assert verdict in Texts(page).text
    assert f'class="verdict {tone}"' in page


def test_offers_the_log_and_what_was_wrong_are_listed() -> None:
    offer = OfferPage(
        provider=str(PROVIDER.public), epoch=3, price_ubc=2_500, band=show_band(BAND), max_allocations=10,
        allocations_left=4, allocation_duration_s=600, qos=show_qos(METERED), volume_discount_multiplier_ppm=10**6,
        reservation_discount_multiplier_ppm=10**6, cleared=False, height=12,
    )  # fmt: skip
    buyer = str(EXCHANGE.public)
    newest = [Logged(9, 8, "allocate", buyer, 151, 2_500), Logged(8, 7, "evidence", "", 900)]
    standing = replace(ALONE, offers=[offer], more_offers=True, newest=newest, counters={"garbage": 3})
    page = status_page(standing)
    assert f'<a href="/v1/accounts/{buyer}"><code>{buyer[:12]}…' in page
    text = Texts(page).text
    assert "beyond 2 GB paid afterwards, at most 0.2 BC, ends at 5 GB" in text
    for expected in ("4 of 10", "10 min", "2 Mbit/s / 1 Mbit/s", "and more", "allocate", "garbage", "0.0025"):
        assert expected in text, expected


def test_auctions_that_are_not_over_are_listed_and_say_why_they_wait() -> None:
    world = ClearingWorld()
    listing = world.open(units=3)
    world.bid(listing, ALICE, 70)
    bare = replace(ALONE, auctions=[summarise(listing)])
    text = Texts(status_page(bare)).text
    for expected in ("Auctions", listing.auction_id.hex()[:12], "vickrey", str(PROVIDER.public)[:12], "UTC"):
        assert expected in text
    assert "waits" not in text
    listing.rejected = "sold_out", "1 units wanted, 0 left"
    page = status_page(replace(ALONE, auctions=[summarise(listing)]))
    assert f'href="/v1/auctions/{listing.auction_id.hex()}"' in page
    assert "waits: sold_out" in Texts(page).text


def test_a_stranger_s_words_stay_words() -> None:
    nasty = "<script>alert(1)</script>$verdict&amp;"
    standing = replace(
        ALONE, network=network(operator(nasty)), newest=[Logged(1, 1, nasty, nasty, 1)], counters={nasty: 1}
    )
    page = Texts(status_page(standing))
    assert "script" not in page.tags
    assert page.text.count(nasty) == 3
    assert f"{nasty[:12]}…" in page.text
