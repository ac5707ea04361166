"""The waiting room: order where it can be had, patience where it cannot, and never more than it may hold."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ledger.gateway_room import (
    MAX_LINES_OF_ONE,
    MAX_SENDERS,
    MAX_WAITING,
    MAX_WAITING_OF_ONE,
    PATIENCE_MS,
    Line,
    WaitingRoom,
)

BOX, OTHER = Line(b"roof....", b"a" * 8), Line(b"tower...", b"b" * 8)
FORGER = Line(b"forger..", BOX.key_id)


def test_records_in_order_go_on_at_once():
    room = WaitingRoom[int]()
    assert [room.arrive(BOX, number, number, 0) for number in (1, 2, 3)] == [[1], [2], [3]]


def test_one_that_is_ahead_waits_for_the_one_before_wherever_that_went():
    room = WaitingRoom[int]()
    assert room.arrive(BOX, 1, 1, 0) == [1]
    assert room.arrive(BOX, 4, 4, 0) == room.arrive(BOX, 3, 3, 0) == []
    assert room.arrive(OTHER, 1, 91, 0) == [91]  # nobody waits for another box
    assert room.heard(BOX, 2, 0) == [3, 4]
    assert room.size == 0


def test_after_the_patience_it_goes_on_and_what_follows_with_it():
    room = WaitingRoom[int]()
    assert room.arrive(BOX, 8, 8, 100) == room.arrive(BOX, 7, 7, 0) == []
    assert room.next_due_ms() == PATIENCE_MS + 100
    assert room.overdue(PATIENCE_MS) == []  # due with the first that came
    assert room.overdue(PATIENCE_MS + 100) == [7, 8]
    assert room.next_due_ms() is None
    assert room.arrive(BOX, 9, 9, 0) == [9]


def test_while_something_moves_the_others_wait():
    """Two gateways with every other record, and nobody knows where the box is: one begins, and they go on in turn."""
    room = WaitingRoom[int]()
    assert [room.arrive(BOX, number, number, 0) for number in (12, 14, 16, 19)] == [[]] * 4
    assert room.overdue(PATIENCE_MS) == [12]
    assert room.overdue(PATIENCE_MS + 1) == []
    assert room.heard(BOX, 13, PATIENCE_MS + 2) == [14]
    assert room.heard(BOX, 15, PATIENCE_MS + 4) == [16]
    assert room.overdue(2 * PATIENCE_MS + 3) == []
    assert room.overdue(2 * PATIENCE_MS + 4) == [19]


def test_what_is_sent_again_goes_on():
    room = WaitingRoom[int]()
    room.heard(BOX, 5, 0)
    assert room.arrive(BOX, 4, 4, 0) == [4]
    assert room.arrive(BOX, 5, 5, 0) == [5]
    assert room.arrive(BOX, 7, 7, 0) == room.arrive(BOX, 7, 70, 0) == []
    assert room.heard(BOX, 6, 0) == [7]


def test_what_is_forgotten_waits_anew():
    room = WaitingRoom[int]()
    room.heard(BOX, 9, 0)
    room.forget(BOX)
    assert room.arrive(BOX, 7, 7, 0) == room.arrive(BOX, 8, 8, 0) == []
    assert room.heard(BOX, 6, 0) == [7, 8]


def test_whatever_somebody_else_sends_of_a_box_s_key_moves_nothing_of_it():
    """He signs nothing that the ledger takes, and need not: nobody verifies a record here."""
    room = WaitingRoom[int]()
    room.heard(BOX, 5, 0)
    assert room.arrive(BOX, 7, 7, 0) == []
    assert room.arrive(FORGER, 2**63, 666, 0) == []
    assert room.arrive(FORGER, 6, 667, 0) == []
    assert room.overdue(PATIENCE_MS - 1) == []
    assert room.arrive(BOX, 6, 6, 0) == [6, 7]  # in its order, as if he were not there
    assert room.overdue(PATIENCE_MS) == [667]
    assert room.overdue(2 * PATIENCE_MS) == [666]
    room.forget(FORGER)
    assert room.arrive(BOX, 8, 8, 0) == [8]


def test_who_floods_it_loses_his_own_order_and_nobody_else_s():
    room = WaitingRoom[int]()
    for number in range(MAX_WAITING_OF_ONE):
        line = Line(FORGER.sender, number.to_bytes(8, "big"))
        assert room.arrive(line, 9, number, 0) == []
    assert room.arrive(FORGER, 9, 9_999, 0) == [9_999]
    assert room.arrive(BOX, 2, 2, 0) == []
    assert room.arrive(BOX, 1, 1, 0) == [1, 2]
    assert len(room.overdue(PATIENCE_MS)) == room.size + MAX_WAITING_OF_ONE
    assert room.arrive(FORGER, 9_999_999, 7, PATIENCE_MS) == []  # and has it again


def test_who_shouts_many_keys_makes_it_forget_his_own():
    room = WaitingRoom[int]()
    room.heard(BOX, 1, 0)
    for number in range(100 * MAX_LINES_OF_ONE):
        room.heard(Line(FORGER.sender, number.to_bytes(8, "big")), 1, 0)
    assert len(room._known[FORGER.sender]) == MAX_LINES_OF_ONE
    assert room.arrive(BOX, 2, 2, 0) == [2]


def test_it_is_bounded():
    room = WaitingRoom[int]()
    for number in range(MAX_WAITING):
        line = Line((number // MAX_WAITING_OF_ONE).to_bytes(8, "big"), BOX.key_id)
        assert room.arrive(line, 2 + 2 * number, number, 0) == []
    assert room.arrive(OTHER, 7, 7, 0) == [7]
    for number in range(MAX_SENDERS + 5):
        room.heard(Line(number.to_bytes(8, "big"), BOX.key_id), 1, 0)
    assert len(room._known) == MAX_SENDERS
    for turn in range(1, MAX_WAITING_OF_ONE + 1):
        room.overdue(turn * PATIENCE_MS)  # of each line one
    assert room.size == 0
    assert not room._size_of


@given(st.permutations(range(1, 9)), st.integers(2, 4))
def test_several_gateways_send_every_record_once_and_in_order(arrivals: list[int], gateways: int):
    """Dealt out in turn, whatever order they come in: the broker sees them in their order."""
    rooms = [WaitingRoom[int]() for _ in range(gateways)]
    seen: list[int] = []

    def send(sender: int, going: list[int]) -> None:
        for number in going:
            seen.append(number)
            for at, room in enumerate(rooms):
                if at != sender:
                    send(at, room.heard(BOX, number, 0))

    for turn, number in enumerate(arrivals):
        send(turn % gateways, rooms[turn % gateways].arrive(BOX, number, number, 0))
    assert seen == list(range(1, 9))
