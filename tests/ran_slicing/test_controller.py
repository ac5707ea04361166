"""The closed loop: admission, up at once and down slowly, whole PRBs, the limits, and what is owed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ran_slicing.controller import (
    CellFull,
    Controller,
    ControllerSettings,
    Promise,
    admit,
    forgive,
    hold_up,
    measure,
    raise_blindly,
    ratios,
    readmit,
    see,
    weigh,
    withdraw,
)
from ran_slicing.estimate import SliceSample, Traffic
from ran_slicing.share import CellShape, Ratio, prb_of, rate_of
from ran_slicing.snssai import Snssai

SHAPE = CellShape(51, 1_000)
SETTINGS = ControllerSettings(reference_bits_per_prb=250)
A, B, C = Snssai(1, 1), Snssai(1, 2), Snssai(1, 3)
MS = 1_000_000


def loop(*promises, settings=SETTINGS, shape=SHAPE):
    controller = Controller(settings, shape)
    for promise in promises:
        admitted = admit(controller, promise, 0)
        assert not isinstance(admitted, CellFull)
        controller = admitted
    return controller


def run(controller, samples, count=1, start_ms=0, step_ms=100):
    """`count` reports with these samples; the controller and the instant after."""
    for index in range(count):
        controller = measure(controller, samples, (start_ms + (index + 1) * step_ms) * MS)
    return controller


def test_a_floor_is_the_prbs_that_carry_it_with_a_margin():
    controller = loop(Promise(A, 2_000_000))
    assert controller.slices[A].prb == 9  # 2.06 Mbit/s at 250 kbit/s for each PRB
    assert prb_of(ratios(controller)[A].min_prb_policy_ratio, SHAPE) == 9


def test_without_a_ceiling_the_whole_cell_is_the_maximum():
    assert ratios(loop(Promise(A, 2_000_000)))[A].max_prb_policy_ratio == 100


def test_a_ceiling_is_a_maximum():
    assert ratios(loop(Promise(A, 2_000_000, 2_000_000)))[A] == Ratio(18, 18)
    assert ratios(loop(Promise(A, 2_000_000, 4_000_000)))[A] == Ratio(18, 34)


def test_a_full_cell_says_how_much_is_free():
    controller = loop(Promise(A, 4_000_000), Promise(B, 3_000_000))
    assert controller.sell_prb == 35
    assert admit(controller, Promise(C, 2_000_000), 0) == CellFull(needed_prb=9, free_prb=35 - 17 - 13)


def test_a_good_link_fits_where_the_reference_would_not():
    controller = loop(Promise(A, 4_000_000), Promise(B, 3_000_000))
    assert isinstance(admit(controller, Promise(C, 2_000_000), 0, bits_per_prb=500), Controller)


def test_a_withdrawn_promise_makes_room():
    controller = withdraw(loop(Promise(A, 4_000_000), Promise(B, 3_000_000)), A)
    assert isinstance(admit(controller, Promise(C, 2_000_000), 0), Controller)
    assert withdraw(controller, A) == controller


def test_what_was_sold_before_is_not_asked_whether_it_fits():
    controller = loop()
    for snssai in (A, B, C):
        controller = readmit(controller, Promise(snssai, 6_000_000), 0)
    assert controller.needed_prb > controller.keep_prb
    controller = run(controller, [])
    assert sum(item.prb for item in controller.slices.values()) <= controller.keep_prb


def test_a_share_rises_at_once_and_falls_slowly():
    controller = loop(Promise(A, 2_000_000))
    worse = run(controller, [SliceSample(A, 2_000_000, 0, 125)], 3)
    assert worse.slices[A].prb > 14
    better = run(worse, [SliceSample(A, 2_000_000, 0, 250)], 4, start_ms=300)
    assert better.slices[A].prb == worse.slices[A].prb
    later = run(better, [SliceSample(A, 2_000_000, 0, 250)], 60, start_ms=700)
    assert later.slices[A].prb in (9, 10)


def test_small_differences_change_nothing():
    """An efficiency that trembles by a few percent is not a stream of requests."""
    controller = loop(Promise(A, 4_000_000))
    told = set()
    for index in range(100):
        sample = SliceSample(A, 4_000_000, 0, 250 + (index % 3) * 4)
        controller = measure(controller, [sample], index * 100 * MS)
        told.add(ratios(controller)[A])
    assert len(told) <= 2


def test_a_shortfall_raises_the_share_whatever_the_link_says():
    """The MCS says 250 bits; only 150 arrive for each PRB, as they do where control channels eat the rest."""
    controller = loop(Promise(A, 2_000_000, 2_000_000))
    for index in range(30):
        prb = controller.slices[A].prb
        sample = SliceSample(A, rate_of(prb, 150, SHAPE), 500_000, 250)
        controller = measure(controller, [sample], index * 100 * MS)
    assert rate_of(controller.slices[A].prb, 150, SHAPE) >= 2_000_000


def test_bad_links_take_what_is_left_and_not_what_others_were_admitted_with():
    controller = loop(Promise(A, 4_000_000), Promise(B, 4_000_000))
    samples = [SliceSample(A, 1_000_000, 10**6, 25), SliceSample(B, 4_000_000, 0, 250)]
    controller = run(controller, samples, 20)
    assert controller.needed_prb > controller.keep_prb
    assert controller.slices[B].prb == 17
    assert controller.slices[A].prb == controller.keep_prb - 17


def test_a_cell_that_lost_most_of_its_efficiency_is_shared_in_proportion():
    controller = loop(Promise(A, 4_000_000), Promise(B, 4_000_000))
    bad = [SliceSample(A, 1_000_000, 10**6, 20), SliceSample(B, 1_000_000, 10**6, 20)]
    controller = run(controller, bad, 20)
    assert controller.slices[A].prb == controller.slices[B].prb
    assert 2 * controller.slices[A].prb in (controller.keep_prb, controller.keep_prb - 1)


def test_what_a_pause_held_up_is_owed_and_raises_the_share_until_it_is_made_up():
    controller = loop(Promise(A, 2_000_000))
    before = controller.slices[A]
    held = hold_up(controller, A, 100 * MS, 50 * MS)
    assert held.slices[A].estimate.owed_bits == 200_000
    assert held.slices[A].need_prb > before.need_prb
    assert run(held, []).slices[A].prb == held.slices[A].need_prb
    assert forgive(held, A).slices[A].need_prb == before.need_prb


def test_sold_by_the_mean_need_and_not_by_that_of_the_moment():
    """A fade of a second takes more blocks now; what is sold beside it is weighed by what is usual."""
    controller = loop(Promise(A, 2_000_000))
    faded = run(controller, [SliceSample(A, 2_000_000, 0, 80)], 3)
    assert faded.needed_prb >= 20
    assert 9 < faded.booked_prb <= 12
    stays = run(faded, [SliceSample(A, 2_000_000, 0, 80)], 300, start_ms=300)
    assert stays.booked_prb == stays.needed_prb


def test_a_promise_is_weighed_by_its_own_link_once_that_is_known():
    controller = loop(Promise(A, 2_000_000), Promise(B, 4_000_000))
    assert controller.sell_prb - controller.booked_prb == 35 - 9 - 17
    dearer = weigh(controller, A, 125)
    assert isinstance(dearer, Controller)
    assert (dearer.slices[A].admitted_prb, dearer.booked_prb) == (17, 17 + 17)
    assert weigh(controller, A, 110) == CellFull(needed_prb=19, free_prb=18)
    cheaper = weigh(controller, A, 500)
    assert isinstance(cheaper, Controller)
    assert cheaper.slices[A].admitted_prb == 5


def test_who_takes_no_more_than_he_was_sold_as_always_fits():
    controller = loop()
    for snssai in (A, B):
        controller = readmit(controller, Promise(snssai, 6_000_000), 0)
    assert controller.booked_prb > controller.sell_prb
    assert isinstance(weigh(controller, A, 250), Controller)
    assert isinstance(weigh(controller, A, 200), CellFull)


def test_a_promise_can_be_changed_in_its_place():
    controller = loop(Promise(A, 6_000_000))
    assert isinstance(admit(controller, Promise(A, 8_000_000), 0), Controller)
    assert admit(controller, Promise(A, 9_000_000), 0) == CellFull(needed_prb=38, free_prb=35)


def test_a_floor_of_the_uplink_takes_its_part_of_the_same_share():
    """600 slots a second and 140 bits: 84 kbit/s for each PRB, where the downlink has 250."""
    both = CellShape(51, 1_000, uplink_slots_per_s=600)
    assert loop(Promise(A, 500_000), shape=both).slices[A].prb == 3
    assert loop(Promise(A, 500_000, floor_up_bps=1_000_000), shape=both).slices[A].prb == 13
    assert loop(Promise(A, 4_000_000, floor_up_bps=1_000_000), shape=both).slices[A].prb == 17


def test_a_worse_uplink_raises_the_share():
    both = CellShape(51, 1_000, uplink_slots_per_s=600)
    controller = loop(Promise(A, 500_000, floor_up_bps=1_000_000), shape=both)
    short = SliceSample(A, 500_000, 0, 250, Traffic(400_000, 10**6, 50))
    assert run(controller, [short], 5).slices[A].prb > 25
    assert run(controller, [SliceSample(A, 500_000, 0, 250, Traffic(0, 0, 50))], 5).slices[A].prb > 25
    assert run(controller, [SliceSample(A, 500_000, 0, 250, Traffic(0, 0, 0))], 5).slices[A].prb == 13


def test_an_uplink_that_nobody_bought_changes_nothing():
    both = CellShape(51, 1_000, uplink_slots_per_s=600)
    controller = loop(Promise(A, 500_000), shape=both)
    short = SliceSample(A, 500_000, 0, 250, Traffic(1_000, 10**6, 50))
    assert run(controller, [short], 9).slices[A].prb == 3


def test_samples_of_slices_that_nobody_bought_are_ignored():
    controller = loop(Promise(A, 2_000_000))
    assert run(controller, [SliceSample(B, 10**7, 10**6, 100)]).slices == run(controller, []).slices


@pytest.mark.parametrize(
    "wrong",
    [
        {"sell_ratio": 0},
        {"sell_ratio": 95},
        {"keep_ratio": 100},
        {"reference_bits_per_prb": 0},
        {"margin_ppm": -1},
        {"hold_ms": 0},
        {"catch_up_ms": 0},
    ],
)
def test_settings_that_make_no_loop(wrong):
    with pytest.raises(ValueError, match=r"_ratio|_prb|_ppm|_ms"):
        ControllerSettings(**wrong)


samples = st.builds(
    SliceSample,
    snssai=st.sampled_from([A, B, C]),
    rate_bps=st.integers(0, 10**9),
    waiting_bytes=st.integers(0, 10**8),
    bits_per_prb=st.integers(0, 3_000),
)


@given(
    st.lists(st.tuples(st.lists(samples, max_size=3), st.integers(0, 3_000)), max_size=12),
    st.sampled_from([6, 25, 51, 106, 273]),
)
def test_whatever_is_measured_the_limits_hold(reports, prbs):
    """Whole percents, minimum below maximum, never more than the limit, at least a PRB each unless the cell is tiny."""
    controller = Controller(SETTINGS, CellShape(prbs, 1_000))
    for snssai in (A, B, C):
        controller = readmit(controller, Promise(snssai, 3_000_000, 4_000_000), 0)
    now_ns = 0
    for report, wait_ms in reports:
        now_ns += wait_ms * MS
        controller = measure(controller, report, now_ns)
        told = ratios(controller)
        assert set(told) == {A, B, C}
        taken = sum(prb_of(ratio.min_prb_policy_ratio, controller.shape) for ratio in told.values())
        assert taken <= controller.keep_prb
        assert all(ratio.max_prb_policy_ratio > 0 for ratio in told.values())


def test_a_blind_share_doubles_and_takes_nothing_that_others_need():
    controller = loop(Promise(A, 2_000_000), Promise(B, 2_000_000))
    for _ in range(6):
        controller = measure(raise_blindly(controller, A), [], 0)
    assert controller.booked_prb == 18
    assert controller.slices[B].prb == 9
    assert controller.slices[A].prb == controller.keep_prb - 9
    assert run(see(controller, A), [], 100).slices[A].prb == 9
