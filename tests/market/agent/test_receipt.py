"""The receipt of a cycle: totals, and what else it would have cost, like held against like."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

from market.agent.quotes import Metered, PostedPrice
from market.agent.receipt import (
    GRANTS,
    HINDSIGHT,
    METERED,
    Alternative,
    Counterfactual,
    Had,
    Total,
    receipt_of,
)
from wire.qos import Qos
from wire.tariff import Tariff

NORTH = Alternative("north", PostedPrice(5_000, 600))
SOUTH = Alternative("south", Metered(Tariff(300, 10, 60, Qos(0, 1, 0, 1), IPv4Address("192.0.2.1")), 0))
"""Ten minutes and 20 MB come to 3,200."""
FIRST = Had(
    1, 10, "video", "north", "grant", 5_000, 5_000, 5_000, 600, 20_000_000, "time_is_up", (NORTH, SOUTH)
)
SECOND = replace(
    FIRST, number=2, at_s=20, seller="south", manner="metered", paid_ubc=3_300, alternatives=(SOUTH,)
)


def test_totals_of_each_application_and_of_all() -> None:
    receipt = receipt_of([replace(SECOND, application="mail"), FIRST])
    assert receipt.paid_ubc == 8_300
    assert receipt.totals == (
        Total("video", 1, 5_000, 600, 20_000_000),
        Total("mail", 1, 3_300, 600, 20_000_000),
    )
    assert [one.number for one in receipt.sessions] == [1, 2]


def test_an_alternative_is_compared_in_the_sessions_in_which_it_was_there() -> None:
    assert receipt_of([FIRST, SECOND]).counterfactuals == (
        Counterfactual(HINDSIGHT, 2, 6_400, 8_300),
        Counterfactual(GRANTS, 1, 5_000, 5_000),
        Counterfactual(METERED, 2, 6_400, 8_300),
        Counterfactual("north alone", 1, 5_000, 5_000),
        Counterfactual("south alone", 2, 6_400, 8_300),
    )
    assert receipt_of([FIRST, SECOND]).counterfactuals[0].saved_ubc == -1_900


def test_what_could_not_be_had_is_no_alternative_but_ones_own_limits_do_not_count() -> None:
    for refused, sessions in [("", 1), ("over_envelope", 1), ("quote_expired", 0), ("bound_unknown", 0)]:
        one = replace(FIRST, alternatives=(replace(SOUTH, refused=refused),))
        assert sum(other.name == METERED for other in receipt_of([one]).counterfactuals) == sessions


def test_where_nothing_was_had_nothing_is_compared() -> None:
    receipt = receipt_of([replace(FIRST, seconds=0, paid_ubc=9)])
    assert (receipt.paid_ubc, receipt.counterfactuals) == (9, ())
    assert receipt_of([]).totals == ()
