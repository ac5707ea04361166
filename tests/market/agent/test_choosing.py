"""Playbooks: need, quotes and budget in; a choice, its reason, and what became of every alternative out."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from market.agent.choosing import (
    Choice,
    Decision,
    Outlook,
    PlanTerms,
    decide,
    minute_cost_ubc,
    worth_of_waiting_ubc,
)
from market.agent.quotes import Metered, Need, PostedPrice, Quote, Step
from tests.market.agent.seeded_market import OPERATORS, Policy, market, net_ubc
from wire.qos import Qos
from wire.tariff import Tariff
from wire.units import U63_MAX

NEED = Need("video", 600, minute_ubc=10_000, away_minute_ubc=60_000)
"""Worth 0.1 BC; a second without a network costs 0.001 BC."""
GRANT = Quote("north", PostedPrice(50_000, 600), valid_until_s=100)
BY_THE_MINUTE = Tariff(4_000, 0, 60, Qos(0, 1_000, 0, 1_000), IPv4Address("192.0.2.1"))
TARIFF = Quote("south", Metered(BY_THE_MINUTE, 10**9), valid_until_s=100)
PLENTY = 10**9


def choose(*quotes: Quote, room_ubc: int = PLENTY, need: Need = NEED, now_s: int = 0, **more) -> Decision:
    return decide(need, quotes, room_ubc, now_s, **more)


def test_the_cheaper_of_a_grant_and_a_tariff() -> None:
    decision = choose(GRANT, TARIFF)
    assert (decision.choice, decision.taken and decision.taken.quote) == (Choice.METERED, TARIFF)
    assert decision.why == "worth 0.06 BC more than it costs, the best of 2 ways"
    cheap = replace(GRANT, terms=PostedPrice(30_000, 600))
    assert choose(cheap, TARIFF).choice is Choice.BUY


def test_of_equal_ones_the_grant_whatever_the_order() -> None:
    even = replace(GRANT, terms=PostedPrice(40_000, 600))
    for quotes in ((even, TARIFF), (TARIFF, even)):
        assert choose(*quotes).choice is Choice.BUY


def test_a_cheaper_seller_that_is_farther_away_is_not_cheaper() -> None:
    far = replace(TARIFF, seller="east", terms=Metered(replace(BY_THE_MINUTE, per_minute_ubc=3_900), PLENTY),
                  steps=(Step.LOAD_ESIM, Step.ATTACH))  # fmt: skip
    decision = choose(far, TARIFF)
    assert decision.taken is not None
    assert decision.taken.quote.seller == "south"
    assert decision.why.endswith("east asks 0.039 BC, and the way there costs more than it saves")


def test_who_serves_one_in_ten_has_to_be_cheap() -> None:
    doubtful = replace(GRANT, seller="east", terms=PostedPrice(10_000, 600), served_ppm=100_000)
    decision = choose(doubtful, GRANT)
    assert decision.taken is not None
    assert decision.taken.quote.seller == "north"
    assert decision.why.endswith("east asks 0.01 BC, and serves 10 of 100")


@pytest.mark.parametrize(
    ("quote", "more", "refused"),
    [
        (GRANT, {"now_s": 100}, "quote_expired"),
        (replace(GRANT, steps=(Step.ATTACH, Step.CONTRACT)), {"now_s": 98}, "quote_expired"),
        (replace(GRANT, terms=PostedPrice(1, 600, bounded=False)), {}, "bound_unknown"),
        (replace(GRANT, terms=PostedPrice(U63_MAX, 599)), {}, "not_an_amount"),
        (GRANT, {"need": replace(NEED, at_most_ubc=49_999)}, "over_at_most"),
        (TARIFF, {"need": replace(NEED, at_most_ubc=39_999)}, "over_at_most"),
        (replace(TARIFF, terms=Metered(BY_THE_MINUTE, 39_999)), {}, "deposit_used"),
        (GRANT, {"room_ubc": 49_999}, "over_envelope"),
        (TARIFF, {"room_ubc": 0}, "over_envelope"),
    ],
)
def test_what_is_refused_says_why_and_is_kept(quote: Quote, more: dict, refused: str) -> None:
    decision = choose(quote, **more)
    assert (decision.choice, decision.taken) == (Choice.PLAN, None)
    assert [one.refused for one in decision.alternatives] == [refused]
    assert decision.why == f"{quote.seller}: {refused}"
    assert minute_cost_ubc(NEED, decision) is None


def test_the_room_counts_at_the_worst_not_as_expected() -> None:
    """By the megabyte: expected 1 MB, at the ceilings 60 in a minute."""
    by_volume = Tariff(0, 100, 60, Qos(0, 4_000_000, 0, 4_000_000), IPv4Address("192.0.2.1"))
    quote = replace(TARIFF, terms=Metered(by_volume, PLENTY))
    need = replace(NEED, expected_bytes=1_000_000)
    assert choose(quote, need=need, room_ubc=59_999).why == "south: over_envelope"
    assert choose(quote, need=need, room_ubc=60_000).choice is Choice.METERED
    bounded = replace(need, at_most_ubc=6_090)
    assert choose(quote, need=bounded, room_ubc=6_090).choice is Choice.METERED
    assert choose(quote, need=replace(need, at_most_ubc=6_089), room_ubc=7_000).why == "south: over_at_most"


def test_the_plan_where_nothing_gains_more() -> None:
    assert choose().why == "nobody sells what is wanted"
    dear = replace(GRANT, terms=PostedPrice(100_000, 600))
    assert choose(dear).choice is Choice.PLAN, "it costs what it is worth"
    throttled = PlanTerms(worth_ppm=700_000)
    decision = choose(GRANT, plan=throttled)
    assert (decision.choice, decision.plan_ubc) == (Choice.PLAN, 70_000)
    assert decision.why == "north is the best, and gains 0.05 BC, where without it one has 0.07 BC"
    overage = PlanTerms(worth_ppm=1_000_000, per_megabyte_ubc=1_000)
    assert choose(GRANT, plan=overage, need=replace(NEED, expected_bytes=60_000_000)).choice is Choice.BUY


def test_who_can_wait_waits_for_what_was_seen_and_takes_anything_good_at_the_end() -> None:
    seen = (5_000, 5_000, 5_000, 5_000, 1_000)
    waiting = choose(GRANT, outlook=Outlook(seen, looks_left=5))
    assert waiting.choice is Choice.WAIT
    assert waiting.why == "north gains 0.05 BC, and waiting is expected to gain 0.076892 BC"
    assert choose(GRANT, outlook=Outlook(seen, looks_left=0)).choice is Choice.BUY
    cheap = replace(GRANT, terms=PostedPrice(10_000, 600))
    assert choose(cheap, outlook=Outlook(seen, looks_left=5)).choice is Choice.BUY
    assert choose(GRANT, outlook=Outlook(seen[-4:], looks_left=5)).choice is Choice.BUY, "too little was seen"
    assert choose(outlook=Outlook((), looks_left=1)).choice is Choice.WAIT, "somebody may come"


def test_a_plan_is_not_put_off_for_what_nobody_expects() -> None:
    """Nor for what is expected to be dearer than it; who has none loses nothing by waiting."""
    dear, plan = replace(GRANT, terms=PostedPrice(100_000, 600)), PlanTerms(worth_ppm=500_000)
    looks, dear_looks = Outlook((), looks_left=5), Outlook((9_000,) * 5, looks_left=5)
    cheap_looks = Outlook((1_000,) * 5, looks_left=5)
    for quotes in ((dear,), ()):
        assert choose(*quotes, plan=plan, outlook=looks).choice is Choice.PLAN
        assert choose(*quotes, plan=plan, outlook=dear_looks).choice is Choice.PLAN
        assert choose(*quotes, plan=plan, outlook=cheap_looks).choice is Choice.WAIT
        assert choose(*quotes, outlook=looks).choice is Choice.WAIT


def test_waiting_is_worth_more_the_longer_one_can_and_never_less_than_the_plan() -> None:
    seen = (9_000, 12_000, None, 3_000, 7_000)
    worths = [worth_of_waiting_ubc(NEED, Outlook(seen, looks), 500) for looks in range(20)]
    assert worths[0] == 500
    assert worths == sorted(worths)
    assert worths[-1] <= 70_000
    assert worth_of_waiting_ubc(NEED, Outlook(seen, 10**9), 500) <= 70_000


def test_what_a_look_saw_is_remembered_as_a_cost_for_a_minute() -> None:
    assert minute_cost_ubc(NEED, choose(GRANT, TARIFF)) == 4_000
    assert minute_cost_ubc(NEED, choose(replace(GRANT, steps=(Step.ATTACH,)))) == 5_100


# ---- Against who stays with one operator


def aware(need: Need, quotes) -> Quote | None:
    taken = decide(need, quotes, 10**12, 0).taken
    return None if taken is None else taken.quote


def loyal_to(name: str) -> Policy:
    return lambda need, quotes: aware(need, [quote for quote in quotes if quote.seller == name])


def cheapest(need: Need, quotes) -> Quote | None:
    """Of those that ask less than it is worth."""
    asked = [quote for quote in quotes if quote.terms.price_ubc < need.worth_ubc]
    return min(asked, key=lambda quote: quote.terms.price_ubc, default=None)


LOYAL_PERMILLE, NAIVE_PERMILLE = 300, 5
"""How much more is gained in all, over 20 seeds, than by the operator that turns out the best of the three in the same
market, and by whoever takes the lowest price below the worth (measured: 342 and 10.7; against the latter it is more in
10 seeds and up to 2 % less in the others).
"""


def test_switching_aware_beats_the_best_single_operator_and_the_lowest_price() -> None:
    ours, loyal, naive = [], [], []
    for seed in range(20):
        scenes = market(seed)
        ours.append(net_ubc(scenes, aware))
        loyal.append(max(net_ubc(scenes, loyal_to(name)) for name in OPERATORS))
        naive.append(net_ubc(scenes, cheapest))
    assert sum(ours) * 1_000 >= sum(loyal) * (1_000 + LOYAL_PERMILLE)
    assert sum(ours) * 1_000 >= sum(naive) * (1_000 + NAIVE_PERMILLE)
    better = sum(one > other for one, other in zip(ours, loyal, strict=True))
    assert better >= 19, "where one operator is the cheapest all the time, looking elsewhere gains nothing"
    assert all(one * 100 >= other * 99 for one, other in zip(ours, loyal, strict=True))
