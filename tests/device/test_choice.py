"""Which offer is bought: units, rank, and what never becomes a candidate."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.choice import (
    ANYTHING,
    MAX_REGISTRATION_AGE_S,
    Candidate,
    PinnedLedger,
    Unsuitable,
    Wish,
    cheapest,
    count_units,
    weigh,
    weigh_on_the_air,
)
from device.fake_access_point import FakeAccessPoint
from market.reliability import Score
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.network import Network
from wire.qos import MAX_RATE_BPS, Qos
from wire.registration import Registration, write_registration
from wire.usage_terms import UsageTerms

UTC_S = 1_700_000_000
WISH = Wish(floor_down_bps=2_000_000, floor_up_bps=500_000)
OF_USE = Qos(2_000_000, 20_000_000, 500_000, 5_000_000, usage=UsageTerms(10**9, 10**6, 500, 200_000))
BUYER, PROVIDER, LEDGER = (PrivateKey.from_secret(secret) for secret in (7, 11, 13))


def seen(wish: Wish = WISH, pinned: PinnedLedger | None = None, **terms: object) -> Candidate | Unsuitable:
    fake = FakeAccessPoint(BUYER.public, lambda: UTC_S, provider=PROVIDER, ledger=LEDGER)
    for name, value in terms.items():
        setattr(fake, name, value)
    return weigh(fake.announcement(), "ap", wish, pinned, UTC_S)


def candidate(wish: Wish = WISH, **terms: Any) -> Candidate:
    found = seen(wish, **terms)
    assert isinstance(found, Candidate)
    return found


def reason(wish: Wish = WISH, pinned: PinnedLedger | None = None, **terms: object) -> str:
    found = seen(wish, pinned, **terms)
    assert isinstance(found, Unsuitable)
    assert found.detail
    return found.reason


def test_an_offer_that_meets_the_wish() -> None:
    found = candidate()
    assert (found.units, found.price_ubc, found.address) == (1, 1_000_000, "ap")


@pytest.mark.parametrize(
    ("down_bps", "up_bps", "units"),
    [
        (0, 0, 1),
        (1, 1, 1),
        (2_000_000, 500_000, 1),
        (2_000_001, 0, 2),
        (0, 500_001, 2),
        (10_000_000, 600_000, 5),
    ],
)
def test_as_many_units_as_reach_the_wish(down_bps: int, up_bps: int, units: int) -> None:
    found = candidate(Wish(down_bps, up_bps))
    assert found.units == units
    assert found.price_ubc == units * 1_000_000
    assert found.qos.floor_down_bps == units * 2_000_000


@given(st.integers(1, 10**12), st.integers(1, 10**12))
def test_units_reach_the_wish_and_one_less_does_not(floor_bps: int, wished_bps: int) -> None:
    units = count_units(floor_bps, wished_bps)
    assert units is not None
    assert units * floor_bps >= wished_bps > (units - 1) * floor_bps


def test_no_number_of_units_makes_a_guarantee_of_none() -> None:
    assert reason(qos=Qos(0, 20_000_000, 500_000, 5_000_000)) == "no_guarantee"
    assert reason(qos=Qos(2_000_000, 20_000_000, 0, 5_000_000)) == "no_guarantee"


def test_without_a_wish_an_offer_without_guarantee_will_do() -> None:
    assert candidate(Wish(0, 0), qos=Qos(0, 20_000_000, 0, 5_000_000)).units == 1


@pytest.mark.parametrize(("limit_ubc", "verdict"), [(999_999, "too_dear"), (1_000_000, ""), (None, "")])
def test_price_limit_is_for_the_whole_purchase(limit_ubc: int | None, verdict: str) -> None:
    found = seen(replace(WISH, max_price_ubc=limit_ubc))
    assert getattr(found, "reason", "") == verdict


@pytest.mark.parametrize(("limit_ubc", "verdict"), [(1_199_999, "too_dear"), (1_200_000, "")])
def test_the_limit_covers_what_use_may_cost_afterwards(limit_ubc: int, verdict: str) -> None:
    found = seen(replace(WISH, max_price_ubc=limit_ubc, max_use_ubc=200_000), qos=OF_USE)
    assert getattr(found, "reason", "") == verdict


@pytest.mark.parametrize(("agreed_ubc", "verdict"), [(0, "use_costs"), (199_999, "use_costs"), (200_000, "")])
def test_nobody_buys_on_usage_terms_without_having_agreed(agreed_ubc: int, verdict: str) -> None:
    found = seen(replace(WISH, max_use_ubc=agreed_ubc), qos=OF_USE)
    assert getattr(found, "reason", "") == verdict
    assert isinstance(seen(ANYTHING, qos=OF_USE), Candidate), "who lists offers sees it all the same"


def test_two_units_may_be_too_dear_where_one_is_not() -> None:
    assert reason(Wish(4_000_000, 0, max_price_ubc=1_999_999)) == "too_dear"


def test_too_short() -> None:
    assert reason(replace(WISH, min_duration_s=601)) == "too_short"
    assert candidate(replace(WISH, min_duration_s=600)).units == 1


def test_more_units_than_rates_can_add_up_to() -> None:
    assert reason(Wish(MAX_RATE_BPS, 0), qos=Qos(2_000_000, MAX_RATE_BPS, 1, 1)) == "too_slow"


def test_more_units_than_can_be_named() -> None:
    assert reason(Wish(MAX_RATE_BPS, 0), qos=Qos(1, 1, 1, 1)) == "too_slow"


def test_an_expired_offer_is_dropped() -> None:
    found = seen(offer_lifetime_s=0)
    assert isinstance(found, Unsuitable)
    assert (found.reason, found.dropped) == ("offer_expired", True)


def test_an_offer_of_somebody_else_is_dropped() -> None:
    fake = FakeAccessPoint(BUYER.public, lambda: UTC_S, provider=PROVIDER)
    announcement = replace(fake.announcement(), provider=LEDGER.public)
    found = weigh(announcement, "ap", WISH, None, UTC_S)
    assert isinstance(found, Unsuitable)
    assert (found.reason, found.dropped) == ("bad_offer", True)


def test_every_altered_byte_of_an_offer_is_dropped() -> None:
    announcement = FakeAccessPoint(BUYER.public, lambda: UTC_S, provider=PROVIDER).announcement()
    for position in range(len(announcement.offer)):
        altered = bytearray(announcement.offer)
        altered[position] ^= 1
        found = weigh(replace(announcement, offer=bytes(altered)), "ap", WISH, None, UTC_S)
        assert isinstance(found, Unsuitable)
        assert found.reason == "bad_offer"


def test_only_the_pinned_ledger() -> None:
    assert reason(pinned=PinnedLedger(LEDGER.public, bytes([1]) * 32)) == "foreign_ledger"
    assert reason(pinned=PinnedLedger(PROVIDER.public, bytes(32))) == "foreign_ledger"
    assert isinstance(seen(pinned=PinnedLedger(LEDGER.public, bytes(32))), Candidate)


def test_where_one_seller_is_wanted_nobody_else_suits() -> None:
    one = candidate()
    seller = (one.announcement.provider, one.offer.bssid)
    assert reason(replace(WISH, seller=(LEDGER.public, one.offer.bssid))) == "other_seller"
    assert reason(replace(WISH, seller=(seller[0], MacAddress(bytes(6))))) == "other_seller"
    assert isinstance(seen(replace(WISH, seller=seller)), Candidate)


def test_who_serves_half_as_often_is_twice_as_dear() -> None:
    good, bad = candidate(price_ubc=1_900_000), candidate(price_ubc=1_000_000)
    good, bad = replace(good, score=Score(800_000)), replace(bad, score=Score(400_000))
    assert cheapest((bad, good)) == good
    assert cheapest((replace(bad, score=Score(450_000)), good)).price_ubc == 1_000_000
    assert cheapest((replace(bad, score=Score(0)), good)) == good


def test_cheapest_per_guaranteed_bit_whatever_the_order() -> None:
    dear = candidate(price_ubc=1_000_000)
    fast = candidate(price_ubc=1_500_000, qos=Qos(4_000_000, 20_000_000, 1_000_000, 5_000_000))
    long = candidate(price_ubc=1_400_000, duration_s=1_200)
    for order in permutations((dear, fast, long)):
        assert cheapest(order) == long


def test_use_that_is_paid_afterwards_counts_at_the_most_that_it_can_cost() -> None:
    later, plain = candidate(ANYTHING, price_ubc=1_000_000, qos=OF_USE), candidate(price_ubc=1_100_000)
    assert cheapest((later, plain)) == plain
    assert (later.most_ubc, plain.most_ubc) == (1_200_000, 1_100_000)
    two = candidate(Wish(4_000_000, 0, max_use_ubc=400_000), price_ubc=1_000_000, qos=OF_USE)
    assert (two.price_ubc, two.most_ubc) == (2_000_000, 2_400_000)


def test_an_offer_without_guarantee_comes_last() -> None:
    wish = Wish(0, 0)
    free = candidate(wish, price_ubc=0, qos=Qos(0, 20_000_000, 0, 5_000_000))
    paid = candidate(wish, price_ubc=9_000_000)
    assert cheapest((free, paid)) == paid


def test_equal_offers_are_told_apart_by_key_not_by_chance() -> None:
    one, two = candidate(provider=PrivateKey.from_secret(21)), candidate(provider=PrivateKey.from_secret(22))
    assert cheapest((one, two)) == cheapest((two, one))


def test_cost_is_exact() -> None:
    """Two prices that a float could not tell apart."""
    qos = Qos(333_333_333, 333_333_333, 1, 1)
    wish = Wish(1, 1)
    one = candidate(wish, price_ubc=2**62, qos=qos)
    two = candidate(wish, price_ubc=2**62 + 1, qos=qos)
    assert float(one.cost[1]) == float(two.cost[1])
    assert isinstance(one.cost[1], Fraction)
    assert cheapest((two, one)) == one


@given(st.integers(0, 2**63 - 1))
def test_a_foreign_key_that_is_no_point_is_dropped(number: int) -> None:
    announcement = FakeAccessPoint(BUYER.public, lambda: UTC_S, provider=PROVIDER).announcement()
    key = PublicKey(b"\x02" + number.to_bytes(32, "big"))
    found = weigh(replace(announcement, provider=key), "ap", WISH, None, UTC_S)
    assert isinstance(found, Unsuitable)
    assert found.reason == "bad_offer"


# ---- On the air


def heard(bssid: MacAddress, shop: FakeAccessPoint, signal_dbm: int = -50) -> Candidate | Unsuitable:
    return weigh_on_the_air(shop.announcement(), bssid, signal_dbm, Wish(0, 0), None, UTC_S)


def test_of_equal_offers_the_loudest_and_of_equally_loud_ones_always_the_same() -> None:
    shop = FakeAccessPoint(BUYER.public, lambda: UTC_S, ssid=b"air")
    found = []
    for last, signal_dbm in ((1, -70), (2, -40), (3, -40)):
        bssid = MacAddress(bytes((2, 0, 0, 0, 0, last)))
        candidate = heard(bssid, replace(shop, bssid=bssid), signal_dbm)
        assert isinstance(candidate, Candidate)
        found.append(candidate)
    for order in permutations(found):
        assert cheapest(order) is found[1]


def test_the_signed_bytes_name_who_answered_and_how_to_join() -> None:
    shop = FakeAccessPoint(BUYER.public, lambda: UTC_S, ssid=b"air")
    good = heard(shop.bssid, shop)
    assert isinstance(good, Candidate)
    assert good.network is not None
    assert (good.address, good.network.ssid) == (str(shop.bssid), b"air")
    stolen = heard(MacAddress(b"\x02\0\0\0\0\x66"), shop)
    assert isinstance(stolen, Unsuitable)
    assert (stolen.reason, stolen.dropped) == ("foreign_bssid", True)
    wired = heard(shop.bssid, replace(shop, ssid=b""))
    assert isinstance(wired, Unsuitable)
    assert (wired.reason, wired.dropped) == ("no_network", False)


def test_a_network_of_another_provider_is_a_bad_one() -> None:
    shop = FakeAccessPoint(BUYER.public, lambda: UTC_S, ssid=b"air")
    other = replace(shop, provider=PrivateKey.generate())
    mixed = replace(shop.announcement(), network=other.announcement().network)
    seen = weigh(mixed, "ap", Wish(0, 0), None, UTC_S)
    assert isinstance(seen, Unsuitable)
    assert (seen.reason, seen.dropped) == ("bad_network", True)


# ---- Whose server it will be


def registered(signer: PrivateKey = LEDGER, ledger_id: bytes = bytes(32)) -> Callable[[Network], Network]:
    """The network with this one's word on its operator."""

    def alter(network: Network) -> Network:
        word = write_registration(Registration(network.operator, 1, UTC_S), signer, ledger_id)
        return replace(network, registration=word)

    return alter


def off_the_curve(network: Network) -> Network:
    return replace(network, operator=PublicKey(b"\x02" + bytes(31) + b"\x01"))


def test_an_operator_that_the_ledger_knows_is_good() -> None:
    found = candidate(ssid=b"air")
    assert found.network is not None
    assert found.network.registration
    assert isinstance(seen(pinned=PinnedLedger(LEDGER.public, bytes(32)), ssid=b"air"), Candidate)


@pytest.mark.parametrize(
    ("fault", "why", "dropped"),
    [
        ({"alter_registration": lambda _: None}, "nothing shows", False),
        ({"alter_registration": lambda word: replace(word, account=PROVIDER.public)}, "is on", True),
        (
            {"alter_registration": lambda word: replace(word, utc_s=UTC_S - MAX_REGISTRATION_AGE_S - 1)},
            "on the operator is 604801 s old",
            False,
        ),
        ({"alter_network": registered(PROVIDER)}, "signed by key id", True),
        ({"alter_network": registered(ledger_id=bytes([1]) * 32)}, "signature does not belong", True),
        ({"alter_network": lambda network: replace(network, registration=b"x")}, "envelope", True),
    ],
)
def test_an_operator_that_the_ledger_does_not_vouch_for_is_not_paid_for(
    fault: dict[str, Any], why: str, dropped: bool
) -> None:
    found = seen(ssid=b"air", **fault)
    assert isinstance(found, Unsuitable)
    assert (found.reason, found.dropped) == ("operator_unregistered", dropped)
    assert why in found.detail


@pytest.mark.parametrize("age_s", [MAX_REGISTRATION_AGE_S, 0, -3_600])
def test_a_word_of_seven_days_is_good_and_so_is_one_of_a_clock_ahead(age_s: int) -> None:
    candidate(ssid=b"air", alter_registration=lambda word: replace(word, utc_s=UTC_S - age_s))


def test_a_provider_that_operates_its_own_server_is_named_by_the_grant() -> None:
    found = candidate(ssid=b"air", operator=PROVIDER, alter_registration=lambda _: None)
    assert found.network is not None
    assert not found.network.registration


def test_an_operator_whose_key_no_certificate_can_have_is_a_bad_network() -> None:
    found = seen(ssid=b"air", alter_network=off_the_curve)
    assert isinstance(found, Unsuitable)
    assert (found.reason, found.dropped) == ("bad_network", True)
    assert "not a point" in found.detail
