"""Broadcasts come round, and listeners put them together: joining late, losing, changing, and never trusting."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.carriage import CARRIAGES, Carriage, Form
from nas_tunnel.cb_data import MAX_CONTENT_BYTES, MAX_MESSAGE_BYTES, serial_number
from nas_tunnel.segments import MAX_PARTIALS, Broadcast, Listener, Partial, hear, plan_broadcast
from nas_tunnel.warning_sib import WarningSegment
from tests.nas_tunnel.sib_values import segments
from wire.warning_id import AIRGRANT

ROWS = [row for row in CARRIAGES.values() if row.form is not Form.NAME]
SMALL = Carriage("small", Form.OCTETS, 10, 64, "")
ONE, OTHER = bytes(range(35)), bytes(range(100, 135))
"""Four segments each."""


def hear_all(listener: Listener, heard: Iterable[WarningSegment]) -> tuple[Listener, list[bytes]]:
    contents = []
    for segment in heard:
        listener, content = hear(listener, segment)
        if content is not None:
            contents.append(content)
    return listener, contents


def cycle(broadcast: Broadcast, start: int = 0) -> list[WarningSegment]:
    return [broadcast.segment(start + at) for at in range(len(broadcast.pieces))]


def same_serial(content: bytes) -> bytes:
    """Another content of the same size and serial number."""
    chance = random.Random(1)
    while True:
        other = chance.randbytes(len(content))
        if serial_number(other) == serial_number(content):
            return other


# ---- The cell


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_segments_are_as_large_as_the_carriage_takes(row: Carriage) -> None:
    broadcast = plan_broadcast(bytes(MAX_CONTENT_BYTES), row)
    assert {len(piece) for piece in broadcast.pieces[:-1]} <= {row.segment_bytes}
    assert 1 <= len(broadcast.pieces[-1]) <= row.segment_bytes


def test_segments_come_round() -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    sent = [broadcast.segment(occasion) for occasion in range(9)]
    assert [segment.number for segment in sent] == [0, 1, 2, 3, 0, 1, 2, 3, 0]
    assert [segment.is_last for segment in sent[:4]] == [False, False, False, True]
    assert [segment.data_coding_scheme for segment in sent[:5]] == [0x44, None, None, None, 0x44]
    assert {segment.message_identifier for segment in sent} == {AIRGRANT}


def test_text_says_that_it_is_text() -> None:
    assert plan_broadcast(ONE, CARRIAGES["nr-sib8-srsran"]).segment(0).data_coding_scheme == 0x0F


def test_a_name_is_no_place_for_segments() -> None:
    with pytest.raises(AssertionError, match="lte-sib9 takes names"):
        plan_broadcast(ONE, CARRIAGES["lte-sib9"])


def test_more_segments_than_there_are_numbers() -> None:
    with pytest.raises(AssertionError, match="103 segments on small"):
        plan_broadcast(bytes(1_024), SMALL)


# ---- Listening


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
@pytest.mark.parametrize("size", [1, 217, 280, MAX_CONTENT_BYTES])
def test_heard_from_the_beginning(row: Carriage, size: int) -> None:
    content = random.Random(size).randbytes(size)
    assert hear_all(Listener(), cycle(plan_broadcast(content, row)))[1] == [content]


@given(st.integers(1, 600), st.sampled_from(ROWS), st.integers(0, 63), st.integers(0, 2**32))
def test_a_late_joiner_who_loses_a_fifth(size: int, row: Carriage, start: int, seed: int) -> None:
    """Whatever is lost, it comes again, and no segment is waited for twice."""
    chance = random.Random(seed)
    content = chance.randbytes(size)
    broadcast = plan_broadcast(content, row)
    listener, heard, missing = Listener(), None, set(range(len(broadcast.pieces)))
    for occasion in range(start, start + 2_000):
        segment = broadcast.segment(occasion)
        if chance.random() < 0.2:
            continue
        missing.discard(segment.number)
        listener, heard = hear(listener, segment)
        if heard is not None:
            break
        assert missing
    assert heard == content
    assert not missing


@given(st.permutations(range(4)), st.data())
def test_any_order_and_any_repetition(order: list[int], data: st.DataObject) -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    repeated = [number for number in order for _ in range(data.draw(st.integers(1, 3)))]
    assert hear_all(Listener(), map(broadcast.segment, repeated))[1] == [ONE]


def test_a_message_is_given_once() -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    listener, contents = hear_all(Listener(), cycle(broadcast) * 5)
    assert contents == [ONE]
    assert listener.partials == ()


def test_an_offer_that_changes_in_mid_cycle() -> None:
    old, new = plan_broadcast(ONE, SMALL), plan_broadcast(OTHER, SMALL)
    listener, contents = hear_all(Listener(), [*cycle(old)[:3], *cycle(new)])
    assert contents == [OTHER]
    assert hear_all(listener, [old.segment(3)])[1] == [ONE], "an old piece is as good as a new one"


def test_an_offer_that_changes_after_it_was_heard_and_back() -> None:
    old, new = plan_broadcast(ONE, SMALL), plan_broadcast(OTHER, SMALL)
    listener, contents = hear_all(Listener(), [*cycle(old), *cycle(new), *cycle(old)])
    assert contents == [ONE, OTHER], "each once"
    others = [plan_broadcast(bytes((number,)) * 35, SMALL) for number in range(MAX_PARTIALS)]
    listener, contents = hear_all(listener, [segment for other in others for segment in cycle(other)])
    assert len(contents) == len(listener.delivered) == MAX_PARTIALS
    assert hear_all(listener, cycle(old))[1] == [ONE], "so many are known again, and no more"


def test_messages_in_turn_are_given_once_each() -> None:
    """Of several cells, or of one that has several."""
    turns = [plan_broadcast(bytes((number,)) * 35, SMALL) for number in range(MAX_PARTIALS)]
    heard = [turn.segment(occasion) for occasion in range(20) for turn in turns]
    listener, contents = hear_all(Listener(), heard)
    assert len(contents) == MAX_PARTIALS
    assert listener.partials == ()


@pytest.mark.parametrize("carriage", [SMALL, CARRIAGES["nr-sib8"]], ids=["four segments", "one"])
@pytest.mark.parametrize("number", [0, 1, 3])
def test_garbage_under_its_number_has_no_message_given_again(carriage: Carriage, number: int) -> None:
    broadcast = plan_broadcast(ONE, carriage)
    junk = WarningSegment(AIRGRANT, broadcast.serial_number, False, number, b"junk")
    heard = [segment for _ in range(10) for segment in (*cycle(broadcast), junk)]
    listener, contents = hear_all(Listener(), heard)
    assert contents == [ONE]
    assert len(listener.partials) <= 1


def test_two_offers_of_one_serial_number() -> None:
    """One change in 16,384: pieces differ, and the newer is heard, whether or not the older was whole."""
    twin = same_serial(ONE)
    old, new = plan_broadcast(ONE, SMALL), plan_broadcast(twin, SMALL)
    assert old.serial_number == new.serial_number
    assert hear_all(Listener(), [*cycle(old), *cycle(new)])[1] == [ONE, twin]
    assert hear_all(Listener(), [*cycle(old)[:3], *cycle(new)])[1] == [twin]


def test_two_offers_of_one_serial_number_that_begin_alike() -> None:
    chance = random.Random(2)
    while serial_number(twin := ONE[:9] + chance.randbytes(26)) != serial_number(ONE):
        pass
    old, new = plan_broadcast(ONE, SMALL), plan_broadcast(twin, SMALL)
    assert old.pieces[0] == new.pieces[0]
    assert hear_all(Listener(), [*cycle(old), *cycle(new) * 2])[1] == [ONE, twin]


def test_a_cell_that_cuts_anew() -> None:
    coarse = Carriage("coarse", Form.OCTETS, 12, 64, "")
    heard = [*cycle(plan_broadcast(ONE, SMALL))[:3], *cycle(plan_broadcast(ONE, coarse))]
    assert hear_all(Listener(), heard)[1] == [ONE]


def test_a_last_segment_before_what_was_heard_begins_anew() -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    wrong = WarningSegment(AIRGRANT, broadcast.serial_number, True, 1, b"x")
    after = [wrong, *cycle(broadcast) * 2]
    assert hear_all(Listener(), [broadcast.segment(2), *after])[1] == [ONE]
    assert hear_all(Listener(), [broadcast.segment(3), *after])[1] == [ONE]
    unfinished = WarningSegment(AIRGRANT, broadcast.serial_number, False, 3, broadcast.pieces[3])
    assert hear_all(Listener(), [broadcast.segment(3), unfinished, *cycle(broadcast)])[1] == [ONE]


@pytest.mark.parametrize(("before", "last"), [((2, False), 1), ((3, True), 1), ((1, True), 3)])
def test_of_two_ends_the_newer_is_right(before: tuple[int, bool], last: int) -> None:
    number, is_last = before
    first = WarningSegment(AIRGRANT, 7, is_last, number, b"before")
    listener, _ = hear_all(Listener(), [first, WarningSegment(AIRGRANT, 7, True, last, b"after")])
    assert listener.partials == (Partial(7, {last: b"after"}, last),)


def test_a_message_that_is_not_what_its_number_says_is_counted_and_forgotten() -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    poison = WarningSegment(AIRGRANT, broadcast.serial_number, False, 1, b"poison....")
    first, _, third, last = cycle(broadcast)
    listener, contents = hear_all(Listener(), [first, poison, third, last])
    assert contents == []
    assert (listener.refused, listener.partials) == (1, ())
    assert hear_all(listener, cycle(broadcast))[1] == [ONE]


def test_public_warnings_and_other_messages_leave_no_trace() -> None:
    for identifier in (50, 919, 4_352, 4_370, 6_399, 6_400, AIRGRANT + 1, 0):
        alert = WarningSegment(identifier, 0x3000, False, 0, b"take cover")
        assert hear(Listener(), alert) == (Listener(), None)


def test_too_long_is_given_up() -> None:
    heard = (WarningSegment(AIRGRANT, 1, False, number, bytes(263)) for number in range(5))
    listener, contents = hear_all(Listener(), heard)
    assert contents == []
    assert (listener.refused, listener.partials) == (1, ())


def test_garbage_does_not_push_out_an_offer_that_is_nearly_whole() -> None:
    broadcast = plan_broadcast(ONE, SMALL)
    listener, _ = hear_all(Listener(), cycle(broadcast)[:2])
    garbage = [WarningSegment(AIRGRANT, serial, False, serial % 64, b"garbage") for serial in range(500)]
    listener, contents = hear_all(listener, [*garbage, broadcast.segment(2), broadcast.segment(3)])
    assert contents == [ONE]


@given(st.lists(segments(361) | st.integers(0, 3).map(plan_broadcast(ONE, SMALL).segment), max_size=60))
def test_garbage_costs_no_more_than_it_may(heard: list[WarningSegment]) -> None:
    """Whatever is heard: bounded, and what comes out is what a cell put in, as its serial number says."""
    listener = Listener()
    for segment in heard:
        ours = WarningSegment(
            AIRGRANT, segment.serial_number & 0xC003, segment.is_last, segment.number % 4, segment.octets
        )
        for each in (segment, ours):
            listener, content = hear(listener, each)
            if content is not None:
                assert serial_number(content) == each.serial_number
            assert max(len(listener.partials), len(listener.delivered)) <= MAX_PARTIALS
            assert all(partial.size_bytes <= MAX_MESSAGE_BYTES for partial in listener.partials)
            assert len({partial.serial_number for partial in listener.partials}) == len(listener.partials)
    before = listener
    hear(listener, plan_broadcast(OTHER, SMALL).segment(0))
    assert listener == before, "a listener is a value"
