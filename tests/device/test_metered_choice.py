"""A grant or paying as it goes: the cheaper, and never where one was cheated."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from ipaddress import IPv4Address

from device.choice import Candidate
from device.metered_choice import Manner, Plan, Want, metered_price_ubc, plan
from market.reliability import Score
from nas_tunnel.lobby import Announcement
from tests.wire.examples import LEDGER, MESSAGES, OPERATOR, PROVIDER
from wire.ids import MacAddress
from wire.network import Network
from wire.offer import Offer
from wire.qos import Qos
from wire.tariff import Tariff

QOS = Qos(2_000_000, 20_000_000, 500_000, 5_000_000)
TARIFF = Tariff(1_000, 0, 10, QOS, IPv4Address("192.0.2.1"))
OFFER: Offer = replace(MESSAGES["offer"].example, price_ubc=5_000, allocation_duration_s=600, qos=QOS)
NETWORK: Network = replace(MESSAGES["network"].example, tariff=TARIFF)
ANNOUNCEMENT = Announcement(b"", PROVIDER.public, LEDGER.public, bytes(32), bytes(16), 0)
SELLER = Candidate(ANNOUNCEMENT, OFFER, "ap", 1, NETWORK)
WANT = Want(2_000_000, 500_000, 1_200)
"""2 Mbit/s for 20 minutes."""
FUNDED = {OPERATOR.public.provider_id: 10**9}


def ways(want: Want = WANT, *sellers: Candidate, **more: dict[bytes, int]) -> list[Plan]:
    return plan(want, sellers or (SELLER,), more.get("funded", FUNDED), {}, {})


def test_two_grants_of_ten_minutes_or_twenty_minutes() -> None:
    assert [(one.manner, one.price_ubc) for one in ways()] == [
        (Manner.GRANT, 10_000),
        (Manner.METERED, 20_000),
    ]
    dear = replace(SELLER, offer=replace(OFFER, price_ubc=10_001))
    assert [one.manner for one in ways(WANT, dear)] == [Manner.METERED, Manner.GRANT]


def test_a_tariff_knows_what_is_left_in_its_channel() -> None:
    assert [one.left_ubc for one in ways(funded={OPERATOR.public.provider_id: 20_001})] == [0, 20_001]


def test_of_equal_ones_the_grant() -> None:
    even = replace(SELLER, offer=replace(OFFER, price_ubc=10_000))
    assert [one.manner for one in ways(WANT, even)] == [Manner.GRANT, Manner.METERED]


def test_megabytes_are_what_one_expects_else_all_that_the_rate_carries() -> None:
    by_volume = replace(TARIFF, per_minute_ubc=0, per_megabyte_ubc=100)
    assert metered_price_ubc(WANT, by_volume) == 37_500
    assert metered_price_ubc(replace(WANT, expected_bytes=10_000_000), by_volume) == 1_000


def test_without_money_in_the_channel_or_the_rate_in_the_tariff_there_are_grants_only() -> None:
    assert [one.manner for one in ways(WANT, funded={OPERATOR.public.provider_id: 19_999})] == [Manner.GRANT]
    slow = replace(SELLER, network=replace(NETWORK, tariff=replace(TARIFF, qos=Qos(1, 2, 1, 2))))
    assert [one.manner for one in ways(WANT, slow)] == [Manner.GRANT]
    assert [one.manner for one in ways(WANT, replace(SELLER, network=None))] == [Manner.GRANT]


def test_a_limit_is_kept() -> None:
    assert [one.manner for one in ways(replace(WANT, max_price_ubc=15_000))] == [Manner.GRANT]
    assert ways(replace(WANT, max_price_ubc=9_999)) == []


def test_who_did_not_serve_comes_last_and_who_is_unreliable_is_dearer() -> None:
    there = MacAddress.parse("02:00:00:00:00:77")
    other = replace(SELLER, offer=replace(OFFER, bssid=there, price_ubc=6_000), network=None)
    first = plan(WANT, (SELLER, other), {}, {}, {})
    assert [one.candidate for one in first] == [SELLER, other]
    cheated = plan(WANT, (SELLER, other), {}, {OFFER.bssid: 1}, {})
    assert [one.candidate for one in cheated] == [other, SELLER]
    third = replace(other, announcement=replace(ANNOUNCEMENT, provider=LEDGER.public))
    better = plan(WANT, (SELLER, third), {}, {}, {LEDGER.public.provider_id: Score(900_000)})
    assert [one.candidate for one in better] == [third, SELLER]
    assert [one.weighed_ubc for one in better] == [Fraction(12_000 * 10, 9), 20_000]
