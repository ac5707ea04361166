"""Whose UE an RNTI is: told, or found by bytes, and never guessed."""

import time

from ran_slicing.join import (
    ENOUGH,
    GONE_REPORTS,
    LEAST_LEAST_BITS,
    MOST_LEAST_BITS,
    WRONG,
    WRONG_LIKELY,
    WRONG_WAITING,
    Join,
    Sent,
    Window,
    compare,
    fit,
    free,
    leave,
    list_ues,
    seat,
    seat_likely,
    tell,
)
from ran_slicing.snssai import Snssai

A, B = Snssai(1, 1), Snssai(1, 2)
X, Y, Z = 0x4601, 0x4602, 0x4603
MBIT = 1_000_000


FLOOR_BPS = 2 * MBIT
PRB_BITS = 100_000
"""What a PRB of each radio slot carries in a window."""


def sent_into(bits, prb=10, floor_bps=FLOOR_BPS):
    return Sent(bits, floor_bps, prb, prb)


def seen(bits, waiting_bytes=0, before_bytes=None):
    """Of a UE for which as much waits all the time, if it does."""
    before = waiting_bytes if before_bytes is None else before_bytes
    return Window(
        bits, PRB_BITS, before, waiting_bytes, min(before, waiting_bytes), max(before, waiting_bytes)
    )


def after(windows, join=None):
    join = join or Join()
    for sent, reported in windows:
        join = compare(
            join,
            {slot: bits if isinstance(bits, Sent) else sent_into(bits) for slot, bits in sent.items()},
            {rnti: bits if isinstance(bits, Window) else seen(bits) for rnti, bits in reported.items()},
        )
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


def test_a_hundred_slots_are_looked_at_at_once():
    slots = [Snssai(1, number) for number in range(100)]
    sent = {slot: 450_000 * 13**number // 10**number for number, slot in enumerate(slots[:20])}
    reported = {0x4601 + number: bits for number, bits in enumerate(sent.values())}
    found = after([(sent, reported)] * ENOUGH).slot_of
    assert found == {0x4601 + number: slot for number, slot in enumerate(slots[:20])}
    windows = [(dict.fromkeys(slots, MBIT), dict.fromkeys(range(0x4601, 0x4701), MBIT))] * (ENOUGH + 1)
    began = time.thread_time()
    assert after(windows).slot_of == {}
    assert time.thread_time() - began < 1, "as many seconds of the loop as it was before"


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


def test_those_that_were_alike_for_long_part_as_soon():
    alike = [({A: MBIT}, {X: 1_020_000, Y: 1_030_000})] * 1_000
    apart = [({A: MBIT}, {X: 1_020_000, Y: 3_000_000})] * 4
    assert after(alike + apart).slot_of == {X: A}


def test_little_data_says_nothing():
    assert after([({A: MOST_LEAST_BITS - 1}, {X: MOST_LEAST_BITS})] * 30).slot_of == {}
    least = sent_into(LEAST_LEAST_BITS - 1, floor_bps=1)
    assert after([({A: least}, {X: LEAST_LEAST_BITS})] * 30).slot_of == {}


def test_but_half_of_a_small_floor_says_enough():
    assert after([({A: sent_into(32_000, floor_bps=64_000)}, {X: 33_000})] * ENOUGH).slot_of == {X: A}
    assert after([({A: sent_into(31_999, floor_bps=64_000)}, {X: 33_000})] * ENOUGH).slot_of == {}


def test_a_ue_that_gets_much_less_than_is_sent_is_found_by_its_share():
    """Data waits for all of them, and Y and Z take other shares of the cell than the slot has."""
    reported = {X: seen(9 * PRB_BITS, MBIT), Y: seen(4 * PRB_BITS, MBIT), Z: seen(14 * PRB_BITS, MBIT)}
    windows = [({A: sent_into(5 * MBIT, prb=10)}, reported)] * ENOUGH
    assert after(windows[:-1]).slot_of == {}
    assert after(windows).slot_of == {X: A}


def test_two_that_take_the_same_share_part_when_the_slots_is_raised():
    alike = {X: seen(7 * PRB_BITS, MBIT), Y: seen(6 * PRB_BITS, MBIT)}
    windows = [({A: sent_into(5 * MBIT, prb=7)}, alike)] * 30
    assert after(windows).slot_of == {}
    raised = {X: seen(14 * PRB_BITS, MBIT), Y: seen(5 * PRB_BITS, MBIT)}
    assert after([*windows, *[({A: sent_into(5 * MBIT, prb=14)}, raised)] * ENOUGH]).slot_of == {X: A}


def test_what_comes_to_wait_came_too():
    growing = seen(5 * PRB_BITS, 125_000, before_bytes=60_000)
    assert fit(sent_into(MBIT, prb=1), growing)
    assert not fit(sent_into(MBIT, prb=1), seen(5 * PRB_BITS, 60_000))


def test_a_joined_one_that_is_served_badly_stays_joined():
    """With what its slot may use, however little of what was sent that is."""
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    assert after([({A: 50 * MBIT}, {X: seen(10 * PRB_BITS, MBIT)})] * 600, join).slot_of == {X: A}


def test_but_not_if_it_takes_for_long_what_nothing_explains():
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    windows = [({A: 5 * MBIT}, {X: seen(100_000, MBIT)})] * WRONG_WAITING
    assert after(windows[:-1], join).slot_of == {X: A}
    assert after(windows, join).slot_of == {}


def test_a_joined_one_that_does_not_fit_any_more_is_somebody_else():
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    wrong = [({A: MBIT}, {X: 100_000, Y: 1_020_000})] * WRONG
    assert after(wrong[:-1], join).slot_of == {X: A}
    assert X not in after(wrong, join).slot_of
    assert after(wrong * 2, join).slot_of == {Y: A}


def test_for_whom_more_comes_than_was_sent_is_somebody_else_though_data_waits():
    join = seat(Join(), X, A)
    greedy = [({A: MBIT}, {X: seen(2 * MBIT, 500_000)})] * WRONG
    assert after(greedy[:-1], join).slot_of == {X: A}
    assert after(greedy, join).slot_of == {}


def test_what_was_found_otherwise_is_undone_by_bytes_and_what_was_told_is_not():
    wrong = [({A: MBIT}, {X: 100_000})] * WRONG
    assert after(wrong, seat(Join(), X, A)).slot_of == {}
    assert after(wrong, tell(Join(), X, A)).slot_of == {X: A}
    assert seat(tell(Join(), X, A), X, B) == seat(Join(), X, B)


def test_who_was_seen_to_come_is_sure_when_bytes_say_so_and_lost_soon_if_they_do_not():
    likely = seat_likely(Join(), X, A)
    assert (likely.slot_of, likely.sure) == ({X: A}, frozenset())
    assert after([({A: MBIT}, {X: MBIT})], likely).sure == {X}
    wrong = [({A: MBIT}, {X: seen(100_000, MBIT)})] * WRONG_LIKELY
    assert after(wrong[:-1], likely).slot_of == {X: A}
    assert after(wrong, likely).slot_of == {}


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
    assert fit(sent_into(1_000), seen(1_020))
    assert fit(sent_into(1_000), seen(850))
    assert not fit(sent_into(1_000), seen(849))
    assert not fit(sent_into(1_000), seen(1_251))


def test_what_a_ue_uses_while_data_waits():
    sent = sent_into(5 * MBIT, prb=10)
    assert fit(sent, seen(5 * PRB_BITS, MBIT))
    assert not fit(sent, seen(5 * PRB_BITS - 1, MBIT))
    assert fit(sent, seen(13 * PRB_BITS, MBIT))
    assert not fit(sent, seen(13 * PRB_BITS + 1, MBIT))
    assert not fit(sent, seen(10 * PRB_BITS, 100))
    assert not fit(sent, seen(10 * PRB_BITS, MBIT)._replace(prb_bits=0))


def test_one_who_fits_now_and_then_is_somebody_else_in_the_end():
    """Each window that fits takes back one that did not, and no more."""
    join = after([({A: MBIT}, {X: 1_020_000})] * ENOUGH)
    now_and_then = [({A: MBIT}, {X: 10}), ({A: MBIT}, {X: 10}), ({A: MBIT}, {X: 1_010_000})]
    assert after(now_and_then * (WRONG - 3), join).slot_of == {X: A}
    assert X not in after(now_and_then * WRONG, join).slot_of
