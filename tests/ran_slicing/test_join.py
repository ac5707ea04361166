"""Whose UE an RNTI is: told, or found by bytes, and never guessed."""

from ran_slicing.join import (
    ENOUGH,
    GONE_REPORTS,
    LEAST_BITS,
    WRONG,
    Join,
    compare,
    fit,
    free,
    leave,
    list_ues,
    tell,
)
from ran_slicing.snssai import Snssai

A, B = Snssai(1, 1), Snssai(1, 2)
X, Y, Z = 0x4601, 0x4602, 0x4603
MBIT = 1_000_000


def after(windows, join=None):
    join = join or Join()
    for sent, reported in windows:
        join = compare(join, sent, reported)
    return join


def test_whoever_knows_is_believed():
    join = tell(tell(Join(), X, A), Y, B)
    assert join.slot_of == {X: A, Y: B}
    assert tell(join, X, B).slot_of == {X: B, Y: B}


def test_a_ue_that_left_is_joined_to_nothing():
    assert leave(tell(Join(), X, A), X) == Join()
    assert list_ues(tell(Join(), X, A), [X], left=[X]) == Join()


def test_a_ue_that_is_not_listed_any_more_left():
    join = tell(Join(), X, A)
    for _ in range(GONE_REPORTS - 1):
        join = list_ues(join, [Y])
    assert join.slot_of == {X: A}
    assert list_ues(join, [X]).absent == {}
    assert list_ues(join, []).slot_of == {}


def test_a_slot_that_is_free_has_no_ue():
    join = free(tell(tell(Join(), X, A), Y, B), A)
    assert join.slot_of == {Y: B}


def test_bytes_tell_who_it_is():
    windows = [({A: MBIT, B: 2 * MBIT}, {X: 1_020_000, Y: 2_050_000, Z: 9 * MBIT})] * ENOUGH
    assert after(windows[:-1]).slot_of == {}
    assert after(windows).slot_of == {X: A, Y: B}


def test_two_that_look_alike_are_not_guessed():
    windows = [({A: MBIT}, {X: 1_020_000, Y: 1_030_000})] * 30
    assert after(windows).slot_of == {}


def test_until_they_differ():
    alike = [({A: MBIT}, {X: 1_020_000, Y: 1_030_000})] * 4
    apart = [({A: MBIT}, {X: 1_020_000, Y: 3_000_000})] * 3
    assert after(alike + apart).slot_of == {X: A}


def test_two_slots_that_were_sent_the_same_are_not_guessed():
    windows = [({A: MBIT, B: MBIT}, {X: 1_020_000, Y: 5 * MBIT})] * 30
    assert after(windows).slot_of == {}


def test_little_data_says_nothing():
    assert after([({A: LEAST_BITS - 1}, {X: LEAST_BITS})] * 30).slot_of == {}


def test_a_joined_one_that_does_not_fit_any_more_is_somebody_else():
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    wrong = [({A: MBIT}, {X: 100_000, Y: 1_020_000})] * WRONG
    assert after(wrong[:-1], join).slot_of == {X: A}
    assert X not in after(wrong, join).slot_of
    assert after(wrong * 2, join).slot_of == {Y: A}


def test_one_bad_window_is_not_enough():
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    mixed = [({A: MBIT}, {X: 10}), ({A: MBIT}, {X: 1_010_000})] * WRONG
    assert after(mixed, join).slot_of == {X: A}


def test_bytes_do_not_undo_what_somebody_knew():
    join = tell(Join(), X, A)
    assert after([({A: MBIT}, {X: 0, Y: 1_020_000})] * 30, join).slot_of == {X: A}


def test_several_ues_of_one_slot_count_together_and_are_not_judged_alone():
    join = tell(tell(Join(), X, A), Y, A)
    assert after([({A: MBIT}, {X: 500_000, Y: 520_000})] * 30, join).slot_of == {X: A, Y: A}


def test_what_fits():
    assert fit(1_000, 1_020)
    assert fit(1_000, 850)
    assert not fit(1_000, 849)
    assert not fit(1_000, 1_251)
