"""What a quote costs: expected, at the worst, in doubt, and the way there."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from market.agent.quotes import (
    Metered,
    Need,
    PostedPrice,
    Quote,
    Step,
    at_risk_ubc,
    doubt_ubc,
    expected_ubc,
    had_cost_ubc,
    signed_ubc,
    switching_ubc,
    way_s,
    worst_ubc,
)
from wire.qos import Qos
from wire.tariff import Tariff

NEED = Need("video", 600, minute_ubc=10_000, expected_bytes=100_000_000, away_minute_ubc=60_000)
"""Ten minutes and 100 MB, worth 0.1 BC."""
TARIFF = Tariff(3_000, 200, 60, Qos(2_000_000, 4_000_000, 0, 4_000_000), IPv4Address("192.0.2.1"))
"""60 MB in a minute at the most, which cost 0.012 BC more than the minute."""
PLENTY = 10**9


@pytest.mark.parametrize(
    ("terms", "expected", "worst"),
    [
        (PostedPrice(5_000, 600), 5_000, 5_000),
        (PostedPrice(5_000, 599), 10_000, 10_000),
        (PostedPrice(5_000, 300, bounded=False), 10_000, None),
        (Metered(TARIFF, PLENTY), 30_000 + 20_000, 30_000 + 120_000),
        (Metered(TARIFF, 70_000), 50_000, 70_000),
        (Metered(TARIFF, -5), 50_000, 0),
    ],
)
def test_expected_and_worst(terms, expected: int, worst: int | None) -> None:
    assert (expected_ubc(NEED, terms), worst_ubc(NEED, terms)) == (expected, worst)


def test_a_session_stops_at_what_it_may_cost() -> None:
    assert worst_ubc(replace(NEED, at_most_ubc=60_000), Metered(TARIFF, PLENTY)) == 60_000
    assert worst_ubc(replace(NEED, at_most_ubc=60_000), PostedPrice(70_000, 600)) == 70_000, (
        "nobody buys half of it"
    )


def test_what_has_to_be_signed_has_the_last_interval_paid_ahead() -> None:
    """Nine minutes' 90 MB, and 60 MB that the last one can carry."""
    assert signed_ubc(NEED, Metered(TARIFF, PLENTY)) == 30_000 + 30_000
    assert signed_ubc(replace(NEED, expected_bytes=0), Metered(TARIFF, PLENTY)) == 30_000 + 12_000
    assert signed_ubc(replace(NEED, expected_bytes=10**9), Metered(TARIFF, PLENTY)) == 30_000 + 200_000, (
        "as expected"
    )
    assert signed_ubc(NEED, PostedPrice(5_000, 599)) == 10_000


def test_the_way_there_costs_time_and_time_is_money() -> None:
    assert switching_ubc(NEED, ()) == 0
    assert switching_ubc(NEED, (Step.ATTACH,)) == 1_000
    assert switching_ubc(NEED, (Step.ATTACH, Step.CONTRACT)) == 1_750
    assert switching_ubc(NEED, (Step.LOAD_ESIM, Step.ATTACH, Step.CONTRACT)) == 4_250
    assert switching_ubc(replace(NEED, away_minute_ubc=1), (Step.ATTACH,)) == 1, "rounded up"
    assert [way_s(steps) for steps in ((), (Step.CONTRACT,), (Step.ATTACH, Step.CONTRACT))] == [0, 1, 2]


def test_doubt_is_what_failed_attempts_cost() -> None:
    """A grant is lost whole, of a tariff one increment; and each attempt is the way there once more."""
    assert (at_risk_ubc(PostedPrice(5_000, 600)), at_risk_ubc(Metered(TARIFF, PLENTY))) == (5_000, 15_000)
    sure = Quote("a", PostedPrice(5_000, 600), 0)
    assert doubt_ubc(NEED, sure) == 0
    assert doubt_ubc(NEED, replace(sure, served_ppm=500_000)) == 5_000
    assert doubt_ubc(NEED, replace(sure, served_ppm=500_000, steps=(Step.ATTACH,))) == 6_000
    assert doubt_ubc(NEED, replace(sure, served_ppm=0)) > 10**9


def test_what_was_had_counts_whole_grants_and_intervals() -> None:
    assert had_cost_ubc(PostedPrice(5_000, 300), 301, 7) == 10_000
    assert had_cost_ubc(Metered(TARIFF, PLENTY), 61, 1_000_000) == 6_200
    assert had_cost_ubc(PostedPrice(5_000, 300), 0, 7) == 0


def test_the_worth_is_rounded_down_and_nonsense_is_ours() -> None:
    assert replace(NEED, duration_s=61, minute_ubc=59).worth_ubc == 59
    with pytest.raises(AssertionError, match="0 s"):
        replace(NEED, duration_s=0)
    with pytest.raises(AssertionError, match="below 0"):
        replace(NEED, minute_ubc=-1)
    with pytest.raises(AssertionError, match="score"):
        Quote("a", PostedPrice(1, 1), 0, served_ppm=1_000_001)
    with pytest.raises(AssertionError, match="0 s"):
        PostedPrice(1, 0)
