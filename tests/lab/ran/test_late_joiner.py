"""Waits of late joiners, held against what can be computed by hand."""

from __future__ import annotations

import pytest

from lab.ran.late_joiner import acquire
from nas_tunnel.carriage import CARRIAGES, SI_PERIODS_MS
from nas_tunnel.cell_offer import MAX_CELL_OFFER_BYTES

CONTENT = bytes(217)
MANY = 20_000


def test_who_loses_nothing_waits_no_longer_than_the_bound() -> None:
    for name in ("nr-sib8", "nr-sib8-ocudu", "nr-sib8-srsran", "lte-sib12"):
        found = acquire(CARRIAGES[name], CONTENT, 1, loss=0)
        assert found.within_bound == 1
        assert (found.segments - 1) * found.period_ms <= found.waits_ms[0]
        assert found.mean_ms == pytest.approx((found.segments - 0.5) * found.period_ms, rel=0.03)


def test_one_segment_comes_as_often_as_it_is_lost() -> None:
    """Half a period until the first, and p / (1 - p) more on average."""
    found = acquire(CARRIAGES["nr-sib8"], CONTENT, 2, loss=0.2, joiners=MANY)
    assert (found.segments, found.bound_ms) == (1, 160)
    assert found.mean_ms == pytest.approx(160 * (0.5 + 0.25), rel=0.02)
    assert found.within_bound == pytest.approx(0.8, abs=0.01)
    assert found.wait_ms(0.99) <= 3 * 160


def test_several_segments_are_waited_for_until_the_last() -> None:
    """All n within c cycles: (1 - p^c)^n, from the start of any cycle."""
    found = acquire(CARRIAGES["nr-sib8-srsran"], CONTENT, 3, loss=0.2, joiners=MANY)
    assert found.segments == 4
    for cycles in (1, 2, 3):
        share = sum(wait <= cycles * found.bound_ms for wait in found.waits_ms) / MANY
        assert share == pytest.approx((1 - 0.2**cycles) ** 4, abs=0.01)


def test_a_name_is_one_segment() -> None:
    found = acquire(CARRIAGES["lte-sib9"], bytes(47), 4, joiners=MANY)
    assert (found.segments, found.rate_bytes_per_s) == (1, 1_000 * 47 / 160)
    assert found.mean_ms == pytest.approx(160 * 0.75, rel=0.02)
    with pytest.raises(AssertionError, match="lte-sib9: 49 bytes"):
        acquire(CARRIAGES["lte-sib9"], bytes(49), 4)


def test_waits_follow_the_period() -> None:
    short, long = (
        acquire(CARRIAGES["lte-sib12"], CONTENT, 5, period_ms=period) for period in SI_PERIODS_MS[:2]
    )
    assert [2 * wait for wait in short.waits_ms] == pytest.approx(list(long.waits_ms))


def test_equal_seeds_give_equal_waits() -> None:
    row = CARRIAGES["nr-sib8-ocudu"]
    assert acquire(row, CONTENT, 6) == acquire(row, CONTENT, 6) != acquire(row, CONTENT, 7)


def test_who_hears_nothing_is_told() -> None:
    with pytest.raises(AssertionError, match="nothing heard in 1000 cycles"):
        acquire(CARRIAGES["nr-sib8"], bytes(MAX_CELL_OFFER_BYTES), 8, loss=1.0, joiners=1)
