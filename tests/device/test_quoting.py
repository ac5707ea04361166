"""Quotes out of ways: terms, until when they hold, whose they are, and what the way there takes."""

from __future__ import annotations

from dataclasses import replace

from device.metered_choice import Manner, Plan
from device.quoting import paid_for_s, quote_of, waits_for_use
from device.state import HeldGrant, Signed
from market.agent.quotes import Metered, PostedPrice, Step
from market.reliability import Score
from tests.device.test_metered_choice import ANNOUNCEMENT, NETWORK, OFFER, SELLER, TARIFF, WANT
from tests.wire.examples import LEDGER, MESSAGES
from wire.allocate import Allocate
from wire.grant import Grant
from wire.usage_terms import UsageTerms


def test_a_grant_and_a_tariff() -> None:
    bought = quote_of(Plan(Manner.GRANT, SELLER, 10_000, Score(900_000)))
    assert bought.terms == PostedPrice(OFFER.price_ubc, OFFER.allocation_duration_s)
    assert bought.steps == (Step.ATTACH, Step.CONTRACT)
    assert bought.valid_until_s == min(OFFER.expires_s, NETWORK.expires_s)
    assert (bought.seller, bought.place) == (str(NETWORK.operator)[:10], str(OFFER.bssid))
    assert bought.served_ppm == 900_000
    paid = quote_of(Plan(Manner.METERED, SELLER, 10_000, left_ubc=7))
    assert (paid.terms, paid.steps) == (Metered(TARIFF, 7), (Step.ATTACH,))
    assert paid.valid_until_s == NETWORK.expires_s


def test_on_a_cable_nobody_attaches_and_the_seller_is_the_provider() -> None:
    cable = quote_of(Plan(Manner.GRANT, replace(SELLER, network=None), 10_000))
    assert cable.steps == (Step.CONTRACT,)
    assert cable.seller == str(SELLER.announcement.provider)[:10]
    assert cable.valid_until_s == OFFER.expires_s


OF_USE = replace(OFFER, qos=replace(OFFER.qos, usage=UsageTerms(0, 1_000, 10**6, 3_000)))
GRANT: Grant = replace(
    MESSAGES["grant"].example, provider_id=ANNOUNCEMENT.provider.provider_id, qos=OFFER.qos,
    starts_s=1_000, duration_s=600,
)  # fmt: skip
BOUGHT = Plan(Manner.GRANT, SELLER, 10_000)


def test_what_is_billed_by_its_use_has_no_bound() -> None:
    terms = quote_of(Plan(Manner.GRANT, replace(SELLER, offer=OF_USE), 10_000)).terms
    assert terms == PostedPrice(OFFER.price_ubc, OFFER.allocation_duration_s, bounded=False)


def test_a_grant_whose_use_is_billed_is_not_one_that_was_paid_for() -> None:
    held = [HeldGrant(replace(GRANT, qos=OF_USE.qos), b"")]
    assert paid_for_s(BOUGHT, held, WANT, 1_100) == 0
    assert paid_for_s(BOUGHT, [*held, HeldGrant(GRANT, b"")], WANT, 1_100) == 500


def test_where_an_answer_may_bring_such_a_grant_there_is_no_bound() -> None:
    """And whatever else was paid for there: the answer is asked for first."""
    allocate = Allocate(SELLER.announcement.provider, 1, OFFER.band, 1, 1)
    sent = Signed(b"", b"", 1_000, allocate, OF_USE)
    assert waits_for_use(BOUGHT, [sent], 1_599)
    assert not waits_for_use(BOUGHT, [sent], 1_600), "it is over"
    assert not waits_for_use(BOUGHT, [replace(sent, offer=OFFER)], 1_100)
    assert not waits_for_use(
        BOUGHT, [replace(sent, allocate=replace(allocate, provider=LEDGER.public))], 1_100
    )
    assert not waits_for_use(Plan(Manner.METERED, SELLER, 10_000), [sent], 1_100)
    assert quote_of(BOUGHT, 500, bounded=False).terms == PostedPrice(0, 500, bounded=False)


def test_what_was_paid_for_costs_nothing_while_it_lasts() -> None:
    bought, metered = BOUGHT, Plan(Manner.METERED, SELLER, 10_000)
    held = [HeldGrant(GRANT, b"")]
    assert paid_for_s(bought, held, WANT, 1_100) == 500
    quote = quote_of(bought, 500)
    assert (quote.terms, quote.steps) == (PostedPrice(0, 500), (Step.ATTACH,))
    assert paid_for_s(metered, held, WANT, 1_100) == 0
    assert paid_for_s(bought, held, WANT, 1_600) == 0, "it is over"
    assert paid_for_s(bought, held, replace(WANT, floor_down_bps=10**9), 1_100) == 0
    assert paid_for_s(bought, [HeldGrant(replace(GRANT, provider_id=bytes(8)), b"")], WANT, 1_100) == 0
    assert paid_for_s(bought, [], WANT, 1_100) == 0
