"""Slots: none is given twice, none is lost, and the one that rested longest is used next."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tc_shaper.pool import Exhausted, Pool, allocate, new_pool, release
from tc_shaper.settings import MAX_SLOTS, ShaperSettings
from tc_shaper.tree import FIRST_SLOT, LAST_SLOT

SETTINGS = ShaperSettings(
    interface="wlan0",
    downlink_capacity_bps=50_000_000,
    uplink_capacity_bps=20_000_000,
    pool_size=4,
    pool_chunk=3,
)


def take(pool, count):
    slots = []
    for _ in range(count):
        taken = allocate(pool)
        assert not isinstance(taken, Exhausted)
        pool, slot = taken
        slots.append(slot)
    return pool, slots


def test_the_slot_freed_longest_ago_is_next():
    pool, _ = take(new_pool(SETTINGS), 4)
    for slot in (18, 16, 17):
        pool = release(pool, slot)
    assert take(pool, 3)[1] == [18, 16, 17]


def test_a_pool_that_is_used_up_grows_by_a_chunk():
    pool, slots = take(new_pool(SETTINGS), 5)
    assert slots == [16, 17, 18, 19, 20]
    assert pool.length == 7


def test_exhaustion_is_a_value_that_says_how_many_there_were():
    pool = replace(new_pool(SETTINGS), limit=6)
    pool, _ = take(pool, 6)
    assert allocate(pool) == Exhausted(6)
    assert allocate(release(pool, 20)) == (Pool((), 6, 3, 6), 20)


def test_every_minor_that_htb_can_name_is_given_once_before_exhaustion():
    pool = new_pool(replace(SETTINGS, pool_size=MAX_SLOTS - 5, pool_chunk=4))
    assert (pool.free[0], pool.free[-1]) == (FIRST_SLOT, LAST_SLOT - 5)
    pool = replace(pool, free=pool.free[-1:])
    pool, slots = take(pool, 6)
    assert slots == list(range(LAST_SLOT - 5, LAST_SLOT + 1))
    assert allocate(pool) == Exhausted(MAX_SLOTS)


def test_a_restart_gives_nobody_a_slot_that_is_in_use():
    pool = new_pool(SETTINGS, taken=[17, 24])
    assert pool.length == 10
    assert 17 not in pool.free
    assert 24 not in pool.free
    assert len(pool.free) == 8


@pytest.mark.parametrize("slot", [FIRST_SLOT - 1, FIRST_SLOT + 4, FIRST_SLOT])
def test_a_foreign_or_doubled_release_is_our_own_mistake(slot):
    with pytest.raises(AssertionError, match=f"slot {slot}"):
        release(new_pool(SETTINGS), slot)


def test_a_taken_slot_that_cannot_be_is_our_own_mistake():
    with pytest.raises(AssertionError, match="outside the pool"):
        new_pool(SETTINGS, taken=[3])


@given(st.lists(st.one_of(st.none(), st.integers(0, 20)), max_size=60))
def test_no_slot_is_doubled_and_none_leaks(moves):
    """None allocates, a number releases that one of the slots in use."""
    pool = replace(new_pool(SETTINGS), limit=12)
    used: list[int] = []
    for move in moves:
        if move is None:
            match allocate(pool):
                case Exhausted():
                    assert len(used) == 12
                case (pool, slot):
                    assert slot not in used
                    used.append(slot)
        elif used:
            pool = release(pool, used.pop(move % len(used)))
        assert sorted([*pool.free, *used]) == list(range(FIRST_SLOT, FIRST_SLOT + pool.length))
