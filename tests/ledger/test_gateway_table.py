"""The table of what is under way: each request once, for a bounded time, in bounded room."""

from __future__ import annotations

from ledger.gateway_table import (
    AGAIN_MS,
    FORGOTTEN_MS,
    MAX_BYTES,
    MAX_BYTES_OF_ONE,
    MAX_REQUESTS,
    MAX_REQUESTS_OF_ONE,
    MAX_WANTED_BY,
    Place,
    RequestTable,
    UnderWay,
)
from ledger.intake import Address, read_address


def whom(number: int, name: str = "box") -> Address:
    return read_address(
        f"airgrant/v1/up/{name}/transaction", f"airgrant/v1/down/{name}/{number}", bytes([number])
    )


def request(
    digest: bytes, asked_ms: int, sender: int = 0, payload: bytes = b"x", name: str = "box"
) -> UnderWay:
    return UnderWay("transaction", payload, digest, asked_ms, [whom(sender, name)])


def test_it_is_new_once_and_waits_while_its_answer_is_on_the_way():
    table = RequestTable()
    assert table.admit(request(b"a", 0)) is Place.NEW
    assert table.admit(request(b"a", AGAIN_MS - 1, sender=1)) is Place.WAIT
    assert table.admit(request(b"a", AGAIN_MS)) is Place.PASS_ON_AGAIN
    assert table.admit(request(b"a", AGAIN_MS + 1)) is Place.WAIT
    answered = table.take(b"a")
    assert answered is not None
    assert answered.wanted_by == [whom(0), whom(1)]  # each asking once
    assert table.take(b"a") is None
    assert table.held_bytes == 0


def test_whoever_repeats_it_does_not_keep_it_nor_what_came_after():
    table = RequestTable()
    table.admit(request(b"a", 0))
    table.admit(request(b"b", 1))
    for asked_ms in range(2_000, FORGOTTEN_MS, 2_000):
        assert table.admit(request(b"a", asked_ms)) is Place.PASS_ON_AGAIN
    assert table.forget(FORGOTTEN_MS - 1) == 0
    assert table.forget(FORGOTTEN_MS + 1) == 2
    assert table.requests == {}
    assert table.held_bytes == 0
    assert table.admit(request(b"a", FORGOTTEN_MS + 2)) is Place.NEW


def test_a_flood_of_senders_of_the_same_bytes_is_answered_to_the_last_few():
    table = RequestTable()
    for sender in range(2 * MAX_WANTED_BY):
        table.admit(request(b"a", 0, sender))
    held = table.requests[b"a"].wanted_by
    assert held == [whom(sender) for sender in range(MAX_WANTED_BY, 2 * MAX_WANTED_BY)]


def test_it_is_full_by_number():
    table = RequestTable()
    for number in range(MAX_REQUESTS):
        name = f"box-{number // MAX_REQUESTS_OF_ONE}"
        assert table.admit(request(number.to_bytes(4, "big"), 0, name=name)) is Place.NEW
    assert table.admit(request(b"one more", 0)) is Place.FULL
    assert table.admit(request(bytes(4), 5_000)) is Place.PASS_ON_AGAIN  # who is in stays in
    table.take(bytes(4))
    assert table.admit(request(b"one more", 5_000)) is Place.NEW


def test_it_is_full_by_bytes():
    table, large = RequestTable(), bytes(MAX_BYTES_OF_ONE)
    senders = MAX_BYTES // MAX_BYTES_OF_ONE
    for number in range(senders):
        assert table.admit(request(bytes([number]), 0, payload=large, name=f"box-{number}")) is Place.NEW
    assert table.held_bytes == MAX_BYTES
    assert table.admit(request(b"one more", 0)) is Place.FULL
    table.take(b"\0")
    assert table.admit(request(b"one more", 0)) is Place.NEW


def test_one_sender_s_requests_and_bytes_leave_room_for_the_others():
    table = RequestTable()
    for number in range(MAX_REQUESTS_OF_ONE):
        assert table.admit(request(number.to_bytes(4, "big"), 0)) is Place.NEW
    assert table.admit(request(b"one more", 0)) is Place.FULL
    assert table.admit(request(b"one more", 0, name="other")) is Place.NEW
    assert table.admit(request(b"large", 0, payload=bytes(MAX_BYTES_OF_ONE), name="third")) is Place.NEW
    assert table.admit(request(b"small", 0, name="third")) is Place.FULL
    table.take(b"large")
    assert table.admit(request(b"small", 0, name="third")) is Place.NEW
    assert table.forget(FORGOTTEN_MS) == MAX_REQUESTS_OF_ONE + 2
    assert not table._number_of
    assert not table._bytes_of


def test_a_request_counts_for_who_sent_it_first_however_many_want_its_answer():
    table = RequestTable()
    table.admit(request(b"a", 0, name="first"))
    for number in range(2 * MAX_WANTED_BY):
        table.admit(request(b"a", 0, number, name="second"))
    table.take(b"a")
    assert not table._number_of
    assert not table._bytes_of
