"""The pool of slots: one stay each, the one freed longest ago first, tiers apart."""

from ran_slicing.slots import NoSlot, Slot, allocate, new_pool, release, take
from ran_slicing.snssai import Snssai

A, B, C = Snssai(1, 1), Snssai(1, 2), Snssai(1, 3)


def pool_of_three():
    return new_pool([Slot(A), Slot(B), Slot(C, tier=1)])


def granted(outcome):
    assert not isinstance(outcome, NoSlot)
    return outcome


def test_a_slot_serves_one_stay():
    pool, first = granted(allocate(pool_of_three(), b"one"))
    pool, second = granted(allocate(pool, b"two"))
    assert (first, second) == (A, B)
    assert allocate(pool, b"three") == NoSlot("all 2 slots of tier 0 are held")
    assert pool.holder(A) == b"one"
    assert pool.slot_of(b"two") == B


def test_asking_again_gives_the_same():
    pool, first = granted(allocate(pool_of_three(), b"one"))
    assert allocate(pool, b"one") == (pool, first)


def test_the_slot_freed_longest_ago_is_next():
    pool, _ = granted(allocate(pool_of_three(), b"one"))
    pool = release(pool, A)
    pool, snssai = granted(allocate(pool, b"two"))
    assert snssai == B
    assert pool.free == (C, A)


def test_a_tier_is_a_set_of_slots():
    assert allocate(pool_of_three(), b"one", tier=1) == (take(pool_of_three(), C, b"one"), C)
    assert isinstance(allocate(pool_of_three(), b"one", tier=2), NoSlot)


def test_a_slot_by_its_name():
    pool = take(pool_of_three(), B, b"one")
    assert not isinstance(pool, NoSlot)
    assert take(pool, B, b"one") == pool
    assert take(pool, B, b"two") == NoSlot("slot 1-000002 is held by another")
    assert take(pool, A, b"one") == NoSlot("holds slot 1-000002 already")
    assert take(pool, Snssai(9), b"two") == NoSlot("the cell has no slot 9")
