"""Quotes out of ways: terms, until when they hold, whose they are, and what the way there takes."""

from __future__ import annotations

from dataclasses import replace

from device.metered_choice import Manner, Plan
from device.quoting import paid_for_s, quote_of
from device.state import HeldGrant
from market.agent.quotes import Metered, PostedPrice, Step
from market.reliability import Score
from tests.device.test_metered_choice import ANNOUNCEMENT, NETWORK, OFFER, SELLER, TARIFF, WANT
from tests.wire.examples import MESSAGES
from wire.grant import Grant
from wire.usage_terms import UsageTerms


def test_a_grant_and_a_tariff() -> None:
    bought = quote_of(Plan(Manner.GRANT, SELLER, 10_000, Score(900_000)))
    assert bought.terms == PostedPrice(OFFER.price_ubc, OFFER.allocation_duration_s, 0)
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


def test_the_most_that_use_may_cost_afterwards_counts() -> None:
    usage = UsageTerms(0, 1_000, 10**6, 3_000)
    later = replace(SELLER, offer=replace(OFFER, qos=replace(OFFER.qos, usage=usage)))
    terms = quote_of(Plan(Manner.GRANT, later, 10_000)).terms
    assert isinstance(terms, PostedPrice)
    assert terms.later_ubc == usage.most_ubc > 0


def test_what_was_paid_for_costs_nothing_while_it_lasts() -> None:
    grant: Grant = replace(
        MESSAGES["grant"].example, provider_id=ANNOUNCEMENT.provider.provider_id, qos=OFFER.qos,
        starts_s=1_000, duration_s=600,
    )  # fmt: skip
    bought, metered = Plan(Manner.GRANT, SELLER, 10_000), Plan(Manner.METERED, SELLER, 10_000)
    held = [HeldGrant(grant, b"")]
    assert paid_for_s(bought, held, WANT, 1_100) == 500
    quote = quote_of(bought, 500)
    assert (quote.terms, quote.steps) == (PostedPrice(0, 500), (Step.ATTACH,))
    assert paid_for_s(metered, held, WANT, 1_100) == 0
    assert paid_for_s(bought, held, WANT, 1_600) == 0, "it is over"
    assert paid_for_s(bought, held, replace(WANT, floor_down_bps=10**9), 1_100) == 0
    assert paid_for_s(bought, [HeldGrant(replace(grant, provider_id=bytes(8)), b"")], WANT, 1_100) == 0
    assert paid_for_s(bought, [], WANT, 1_100) == 0
