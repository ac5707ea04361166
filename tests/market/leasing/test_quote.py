"""Quotes in integers against the model in real numbers; roundings in nobody's disfavour; typed refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from market.leasing.pricing import LEADERS_PRICE, capped_price, leaders_optimum, wholesale_of
from market.leasing.quote import MOST, Quote, Site, Unquoted, quote_lease
from market.leasing.users import demand
from wire.band import MAX_KHZ, Band
from wire.keys import PrivateKey
from wire.lease_quote import LeaseQuote
from wire.units import U63_MAX

LESSEE = PrivateKey.from_secret(7).public

SITE = Site(users=200, top_ubc=1_000_000, unit_khz=1_000, available_khz=10**9)
SITE_KHZ = st.integers(1, MAX_KHZ)
sites = st.builds(Site, st.integers(1, 10**5), st.integers(1_000, 10**9), st.integers(1, 10**7), SITE_KHZ)


def test_the_leaders_quote_is_that_of_the_model() -> None:
    best = leaders_optimum()
    found = quote_lease(SITE)
    assert isinstance(found, Quote)
    assert found == Quote(123_105, 280_776, 184_233, 22_680_004, 51_728_204)
    assert (found.wholesale_ubc, found.retail_ubc) == pytest.approx(
        (best.wholesale * 10**6, best.price * 10**6), abs=1.5
    )
    assert found.bandwidth_khz == pytest.approx(200_000 * best.leased, abs=2)
    assert found.profit_ubc == 29_048_200


def test_a_wholesale_price_of_ones_own() -> None:
    found = quote_lease(SITE, 150_000)
    assert isinstance(found, Quote)
    assert (found.retail_ubc, found.bandwidth_khz) == (313_917, 149_947)
    assert found.rent_ubc == -(-149_947 * 150_000 // 1_000)


@settings(deadline=None)
@given(site=sites, own=st.one_of(st.none(), st.integers(1, 10**9)))
def test_any_quote_is_within_its_roundings_of_the_model(site: Site, own: int | None) -> None:
    found = quote_lease(site, own)
    if not isinstance(found, Quote):
        assert found in (Unquoted.TOO_DEAR, Unquoted.TOO_LITTLE)
        return
    top, whole = site.top_ubc, site.users * site.unit_khz
    cap = site.available_khz / whole
    assert 1 <= found.bandwidth_khz <= site.available_khz
    assert found.retail_ubc > found.wholesale_ubc
    wholesale = found.wholesale_ubc / top
    assert found.retail_ubc == pytest.approx(capped_price(wholesale, cap) * top, abs=2, rel=1e-6)
    wanted = whole * demand(found.retail_ubc / top)
    assert wanted * (1 - 1e-9) - 1 <= found.bandwidth_khz <= wanted * (1 + 1e-9)
    assert found.rent_ubc * site.unit_khz >= found.bandwidth_khz * found.wholesale_ubc
    assert found.takings_ubc * site.unit_khz <= found.bandwidth_khz * found.retail_ubc
    if own is None:
        price = max(LEADERS_PRICE, leaders_optimum(cap).price)
        assert found.wholesale_ubc == pytest.approx(wholesale_of(price) * top, abs=6, rel=1e-6)


@settings(deadline=None)
@given(site=sites)
def test_no_lower_price_would_fit_where_the_cap_binds(site: Site) -> None:
    found = quote_lease(site, 1)
    if not isinstance(found, Quote):
        return
    top = site.top_ubc
    free = quote_lease(Site(1, top, 1, MAX_KHZ), 1)
    assert isinstance(free, Quote)
    if found.retail_ubc > free.retail_ubc:
        less = found.retail_ubc - 1
        wanted = site.users * site.unit_khz * (top - less) ** 2
        assert wanted > 2 * less * top * site.available_khz


@settings(deadline=None)
@given(top=st.integers(2, 10**6), part=st.integers(1, 999))
def test_the_retail_price_is_the_true_one_rounded_up(top: int, part: int) -> None:
    """4P - S is at least the root of S^2 + 8 S T, and for one less it is not."""
    own = top * part // 1_000
    found = quote_lease(Site(1_000, top, 1_000, MOST), own) if own else Unquoted.NOT_POSITIVE
    if isinstance(found, Quote) and found.bandwidth_khz < MOST // 2:
        square = own * own + 8 * own * top
        assert (4 * found.retail_ubc - own) ** 2 >= square
        assert (4 * found.retail_ubc - 4 - own) ** 2 < square


def test_what_cannot_be_quoted() -> None:
    for name in ("users", "top_ubc", "unit_khz", "available_khz"):
        assert quote_lease(replace(SITE, **{name: 0})) is Unquoted.NOT_POSITIVE
        assert quote_lease(replace(SITE, **{name: MOST + 1})) is Unquoted.TOO_LARGE
    assert quote_lease(SITE, 0) is Unquoted.NOT_POSITIVE
    assert quote_lease(SITE, 1_000_000) is quote_lease(SITE, MOST) is Unquoted.TOO_DEAR
    assert quote_lease(SITE, 999_999) is Unquoted.TOO_LITTLE
    assert quote_lease(Site(1, 1, 1, 1)) is Unquoted.TOO_LITTLE


@pytest.mark.parametrize(
    ("fits", "exceeds"),
    [
        (Site(10**6, 10**12, 1, 10**6), Site(10**6, 10**15, 1, 10**6)),
        (Site(10**6, 10**6, 1_000, MAX_KHZ), Site(10**6, 10**6, 1_000, MAX_KHZ + 100_000)),
        (Site(200, 10**6, 10**6, MAX_KHZ), Site(MOST, MOST, MOST, MOST)),
    ],
)
def test_a_quote_is_what_a_band_and_an_account_can_hold(fits: Site, exceeds: Site) -> None:
    found = quote_lease(fits)
    assert isinstance(found, Quote)
    assert found.bandwidth_khz <= MAX_KHZ
    assert found.takings_ubc <= U63_MAX
    LeaseQuote(LESSEE, Band(1, MAX_KHZ, min(found.bandwidth_khz, MAX_KHZ - 1)), found.rent_ubc, 1, 1)
    assert quote_lease(exceeds) is Unquoted.TOO_LARGE
