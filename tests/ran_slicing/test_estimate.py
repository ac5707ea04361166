"""What a PRB is taken to carry: the link's word, corrected by what arrived; and what is owed."""

import pytest

from ran_slicing.estimate import OWED_MS, Estimate, InForce, SliceSample, has_demand, learn
from ran_slicing.share import CellShape, rate_of
from ran_slicing.snssai import Snssai
from wire.units import PPM

SHAPE = CellShape(51, 1_000)
FLOOR = 2_000_000
REPORT_NS = 100_000_000
FORCE = InForce(min_prb=10, max_prb=12, whole=True)
A = Snssai(1, 1)


def after(samples, known=None, force=FORCE):
    known = known or Estimate(link_bits=300)
    for rate_bps, waiting_bytes, bits in samples:
        sample = SliceSample(A, rate_bps, waiting_bytes, bits)
        known = learn(known, sample, FLOOR, force, SHAPE, REPORT_NS)
    return known


def test_a_worse_link_is_believed_faster_than_a_better_one():
    fallen = after([(FLOOR, 0, 100)]).link_bits
    risen = after([(FLOOR, 0, 500)]).link_bits
    assert 300 - fallen == 2 * (risen - 300)


def test_an_unknown_link_changes_nothing():
    assert after([(FLOOR, 0, 0)] * 5).link_bits == 300


def test_less_than_the_minimum_carries_is_a_worse_efficiency():
    """The word says 300 bits; with data waiting, ten PRBs brought what 200 would."""
    known = after([(rate_of(10, 200, SHAPE), 10**6, 300)] * 12)
    assert known.bits_per_prb == pytest.approx(200, rel=0.02)


def test_without_demand_little_data_says_nothing():
    assert after([(rate_of(1, 300, SHAPE), 0, 300)] * 12).trust_ppm == PPM


def test_demand_at_one_end_of_an_interval_is_not_demand_throughout():
    alternating = [(rate_of(1, 300, SHAPE), 10**6, 300), (rate_of(1, 300, SHAPE), 0, 300)]
    assert after(alternating * 6).trust_ppm == PPM


def test_more_than_the_maximum_could_carry_is_a_better_efficiency():
    known = after([(rate_of(12, 450, SHAPE), 0, 300)] * 12)
    assert known.bits_per_prb == pytest.approx(450, rel=0.02)


def test_an_interval_in_which_the_share_changed_says_nothing():
    half = InForce(10, 12, whole=False)
    assert after([(rate_of(10, 100, SHAPE), 10**6, 300)] * 5, force=half).trust_ppm == PPM


def test_what_was_learnt_is_forgotten_slowly():
    low = after([(rate_of(10, 200, SHAPE), 10**6, 300)] * 12)
    later = after([(FLOOR, 0, 300)] * 30, known=low)
    assert low.trust_ppm < later.trust_ppm < PPM


def test_trust_has_limits():
    assert after([(0, 10**6, 300)] * 60).trust_ppm == PPM // 8


def test_what_is_missing_is_owed_while_it_waits():
    short = after([(FLOOR // 2, 10**6, 300)] * 2)
    assert short.owed_bits == 2 * FLOOR // 2 // 10
    assert after([(2 * FLOOR, 10**6, 300)], known=short).owed_bits == 0
    assert after([(FLOOR // 2, 100, 300)], known=short).owed_bits == 800
    assert after([(FLOOR // 2, 0, 300)], known=short).owed_bits == 0


def test_an_old_debt_is_not_owed():
    assert after([(0, 10**9, 300)] * 50).owed_bits == FLOOR * OWED_MS // 1_000


def test_demand_is_more_than_a_scheduler_has_in_hand():
    assert not has_demand(FLOOR * 20 // 8_000, FLOOR)
    assert has_demand(FLOOR * 20 // 8_000 + 1, FLOOR)
