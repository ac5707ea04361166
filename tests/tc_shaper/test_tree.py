"""The wanted tree: guarantees at every rate the product sells, and the traps of HTB that others fell into."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tc_shaper.settings import MAX_SLOTS, ShaperSettings
from tc_shaper.tree import (
    CLOSED,
    FIRST_SLOT,
    IDLE,
    LAST_SLOT,
    LINK,
    LOBBY,
    MAX_LIFETIME_S,
    NOWHERE,
    Capabilities,
    Half,
    Leaf,
    SessionShape,
    Tree,
    adopt,
    plan_class,
    plan_leaf,
    plan_tree,
    pool_length,
)
from wire.ids import MacAddress

SETTINGS = ShaperSettings(
    interface="wlan0",
    downlink_capacity_bps=50_000_000,
    uplink_capacity_bps=20_000_000,
    pool_size=4,
    pool_chunk=3,
)
RATES_BPS = st.integers(1_000, 1_000_000_000)


def mac(number):
    return MacAddress(b"\x02" + number.to_bytes(5, "big"))


def shape(slot=FIRST_SLOT, station=1, rates=(1_000_000, 2_000_000, 500_000, 700_000)):
    return SessionShape(slot, mac(station), *rates)


def test_a_tree_has_link_lobby_pool_and_the_sessions_in_it():
    tree = plan_tree(SETTINGS, Capabilities(), [shape()])
    assert set(tree.down.classes) == {LINK, LOBBY, NOWHERE, 16, 17, 18, 19} == set(tree.up.classes)
    assert tree.down.classes[LINK].rate_bytes_s == 6_250_000
    assert tree.up.classes[LINK].rate_bytes_s == 2_500_000
    assert tree.down.classes[16] == plan_class(1_000_000, 2_000_000)
    assert tree.up.classes[16] == plan_class(500_000, 700_000)
    assert tree.down.classes[17] == IDLE
    assert set(tree.down.leaves) == {LOBBY, NOWHERE, 16}
    assert tree.down.leaves[NOWHERE] == CLOSED == Leaf("bfifo", 1)
    assert tree.down.elements == tree.up.elements == {mac(1): 16}


@given(RATES_BPS, RATES_BPS)
def test_a_class_never_gets_less_than_its_floor_nor_a_byte_more_than_its_ceiling(one, other):
    floor_bps, ceil_bps = sorted((one, other))
    planned = plan_class(floor_bps, ceil_bps)
    assert 0 <= planned.rate_bytes_s * 8 - floor_bps < 8
    assert 0 <= planned.ceil_bytes_s * 8 - ceil_bps < 8


@given(RATES_BPS)
def test_the_kernel_never_warns_about_a_quantum(rate_bps):
    """HTB complains below 1,000 and above 200,000 bytes; a turn below one frame would send nothing."""
    assert 1_514 <= plan_class(rate_bps, rate_bps).quantum_bytes <= 60_000


@given(RATES_BPS, RATES_BPS)
def test_a_larger_guarantee_never_borrows_less(one, other):
    small, large = sorted((one, other))
    assert plan_class(small, small).quantum_bytes <= plan_class(large, large).quantum_bytes


@given(RATES_BPS)
def test_what_a_class_saves_up_stays_under_two_per_cent_of_a_second(rate_bps):
    planned = plan_class(rate_bps, rate_bps)
    assert max(planned.burst_us, planned.cburst_us) < 20_000
    # Bursts are sent as ticks of 64 ns and must come back from the kernel as they were.
    assert planned.burst_us * 1_000 // 64 * 64 // 1_000 == planned.burst_us


def test_a_floor_of_zero_is_a_class_that_the_kernel_accepts():
    assert plan_class(0, 5_000_000).rate_bytes_s == 125


@pytest.mark.parametrize(
    ("rate_bps", "limit_bytes"), [(5_000_000, 25_000), (200_000_000, 1_000_000), (1_000, 6_000), (0, 6_000)]
)
def test_a_fifo_holds_forty_milliseconds_of_the_floor_but_at_least_four_packets(rate_bps, limit_bytes):
    assert plan_leaf(SETTINGS, "bfifo", rate_bps).limit == limit_bytes


@given(RATES_BPS)
def test_codels_target_is_one_and_a_half_packets_and_survives_the_kernels_rounding(rate_bps):
    target_us = plan_leaf(SETTINGS, "fq_codel", rate_bps).target_us
    assert target_us >= max(5_000, 18_000 * 1_000_000 // rate_bps)
    assert (target_us * 1_000 >> 10) * 1_024 // 1_000 == target_us


@pytest.mark.parametrize("kind", ["bfifo", "fq_codel", "cake"])
@given(rate_bps=RATES_BPS)
def test_an_interactive_session_waits_half_as_long_but_never_under_the_least(kind, rate_bps):
    plain, quick = (plan_leaf(SETTINGS, kind, rate_bps, interactive=found) for found in (False, True))
    match kind:
        case "bfifo":
            assert quick.limit == max(rate_bps * 20 // 8_000, 6_000) <= plain.limit
        case "fq_codel":
            assert quick.target_us >= max(2_500, 18_000 * 1_000_000 // rate_bps)
            assert quick.target_us <= plain.target_us
            assert rate_bps < 10_000_000 or (quick.target_us, plain.target_us) == (2_560, 5_120)
        case "cake":
            assert quick == plain


def test_a_tree_is_the_same_whatever_lifetimes_are_left():
    one, other = (
        plan_tree(SETTINGS, Capabilities(), [replace(shape(), lifetime_s=seconds)]) for seconds in (10, 20)
    )
    assert one == other
    assert (one.up.lifetimes, other.down.lifetimes) == ({mac(1): 10}, {mac(1): 20})


@pytest.mark.parametrize("lifetime_s", [-1, MAX_LIFETIME_S + 1])
def test_a_lifetime_that_cannot_be_is_refused(lifetime_s):
    with pytest.raises(ValueError, match="lifetime_s"):
        replace(shape(), lifetime_s=lifetime_s)


@given(st.integers(FIRST_SLOT, LAST_SLOT))
def test_the_pool_grows_in_chunks_until_it_holds_the_slot_and_never_past_what_htb_can_name(slot):
    length = pool_length(SETTINGS, slot)
    assert FIRST_SLOT + length > slot
    assert length <= MAX_SLOTS
    assert (length - SETTINGS.pool_size) % SETTINGS.pool_chunk == 0 or length == MAX_SLOTS


@pytest.mark.parametrize("slot", [0, LINK, LOBBY, FIRST_SLOT - 1, LAST_SLOT + 1])
def test_a_slot_outside_the_pool_is_refused(slot):
    with pytest.raises(ValueError, match=f"slot {slot}"):
        shape(slot)


@pytest.mark.parametrize("rates", [(2, 1, 0, 0), (0, 0, 2, 1), (-1, 1, 0, 0), (0, 10**13, 0, 0)])
def test_a_ceiling_below_its_floor_is_refused(rates):
    with pytest.raises(ValueError, match="want 0 <= floor <= ceiling"):
        shape(rates=rates)


def test_a_group_address_is_no_station():
    with pytest.raises(ValueError, match="group address"):
        SessionShape(FIRST_SLOT, MacAddress.parse("33:33:00:00:00:01"), 1, 1, 1, 1)


@pytest.mark.parametrize("twin", [shape(station=2), shape(slot=17)])
def test_two_sessions_in_one_slot_or_of_one_station_are_our_own_mistake(twin):
    with pytest.raises(AssertionError, match="two sessions"):
        plan_tree(SETTINGS, Capabilities(), [shape(), twin])


def test_adoption_keeps_whole_sessions_and_leaves_halves_out():
    empty = plan_tree(SETTINGS, Capabilities(), [])
    present = plan_tree(SETTINGS, Capabilities(), [shape(), shape(17, 2), shape(18, 3)])
    up = replace(present.up, elements={mac(1): 16, mac(3): 18})
    down = replace(present.down, leaves={16: present.down.leaves[16]})
    assert adopt(empty, Tree(down, up)) == plan_tree(SETTINGS, Capabilities(), [shape()])


def test_adoption_by_an_empty_kernel_is_the_empty_tree():
    empty = plan_tree(SETTINGS, Capabilities(), [])
    assert adopt(empty, Tree(Half(), Half())) == empty
