"""An auction's id covers every term, and an offer that settles has the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import BAND, CONSUMER, MESSAGES, OPERATOR, PROVIDER, QOS, UTC_S
from wire.auction_terms import (
    MAX_SLOTS,
    MAX_UNITS,
    AuctionKind,
    AuctionMark,
    AuctionTerms,
    read_sold,
    say_sold,
)
from wire.band import Band
from wire.errors import DecodeError

TERMS = AuctionTerms(PROVIDER.public, AuctionMark(AuctionKind.VICKREY, UTC_S, 5), BAND, 40, 1_200, QOS)


def test_every_term_counts() -> None:
    mark = TERMS.mark
    others = [
        replace(TERMS, provider=CONSUMER.public),
        replace(TERMS, mark=replace(mark, kind=AuctionKind.PROPSHARE)),
        replace(TERMS, mark=replace(mark, clearing_s=UTC_S + 1)),
        replace(TERMS, mark=replace(mark, min_price_ubc=4)),
        replace(TERMS, band=Band(BAND.from_frequency_khz, BAND.to_frequency_khz, BAND.bandwidth_khz - 1)),
        replace(TERMS, max_allocations=41),
        replace(TERMS, allocation_duration_s=1_199),
        replace(TERMS, qos=replace(QOS, floor_up_bps=QOS.floor_up_bps - 1)),
    ]
    ids = {one.auction_id(OPERATOR.public) for one in [TERMS, *others]} | {TERMS.auction_id(CONSUMER.public)}
    assert len(ids) == len(others) + 2


def test_the_offer_that_settles_has_the_id_that_the_bid_names() -> None:
    offer, bid = MESSAGES["settling_offer"].example.action, MESSAGES["bid"].example.action
    assert offer.auction_id(PROVIDER.public) == bid.auction
    assert offer.auction_id(CONSUMER.public) != bid.auction
    assert replace(offer, auction=None).auction_id(PROVIDER.public) == b""
    assert replace(offer, ruling=None).auction_id(PROVIDER.public) == b""


SESSION = replace(TERMS, mark=AuctionMark(AuctionKind.SESSION, UTC_S, 5, (3, 3, 6)))


def test_the_forecast_counts_and_an_auction_without_one_has_the_id_that_it_had() -> None:
    others = [(3, 3), (3, 3, 6, 6), (3, 3, 7), (0,)]
    marks = [SESSION.mark, *(replace(SESSION.mark, forecast=forecast) for forecast in others)]
    assert len({replace(SESSION, mark=mark).auction_id(OPERATOR.public) for mark in marks}) == len(marks)
    before = "e6bdb2519af4d66e"
    assert TERMS.auction_id(OPERATOR.public).hex().startswith(before)


@pytest.mark.parametrize(
    ("kind", "forecast", "why"),
    [
        (AuctionKind.SESSION, (), "a session auction has a forecast"),
        (AuctionKind.VICKREY, (3,), "no other has one"),
        (AuctionKind.PROPSHARE, (3,), "no other has one"),
        (AuctionKind.SESSION, (1,) * (MAX_SLOTS + 1), "a forecast of 61 slots, at most 60"),
        (AuctionKind.SESSION, (1, MAX_UNITS + 1), "forecast is 251, outside 0..250"),
        (AuctionKind.SESSION, (-1,), "forecast is -1"),
    ],
)
def test_a_forecast_that_cannot_be(kind: AuctionKind, forecast: tuple[int, ...], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        AuctionMark(kind, UTC_S, 5, forecast)


@pytest.mark.parametrize(
    ("mark", "least_ubc"),
    [(SESSION.mark, 5 * 3 * 2), (TERMS.mark, 5), (replace(TERMS.mark, kind=AuctionKind.PROPSHARE), 5)],
)
def test_the_minimum_of_a_session_is_for_each_unit_in_each_slot(mark: AuctionMark, least_ubc: int) -> None:
    assert mark.least_ubc(units=3, slots=2) == least_ubc


@pytest.mark.parametrize("units", [0, 1, 250, 2**32 - 1])
def test_what_is_sold_already_is_read_from_the_sentence(units: int) -> None:
    assert read_sold(say_sold(units)) == units


@pytest.mark.parametrize(
    "other", ["", "units are sold", "sold out", "-1 units are sold for when these would be used"]
)
def test_another_sentence_says_no_number(other: str) -> None:
    assert read_sold(other) is None
