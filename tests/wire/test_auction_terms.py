"""An auction's id covers every term, and an offer that settles has the same."""

from __future__ import annotations

from dataclasses import replace

from tests.wire.examples import BAND, CONSUMER, MESSAGES, OPERATOR, PROVIDER, QOS, UTC_S
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.band import Band

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
