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


def many(number: int, name: str) -> UnderWay:
    return request(number.to_bytes(4, "big"), 0, name=name)


def test_it_is_full_by_number_and_whoever_has_most_gives_way():
    table = RequestTable()
    for number in range(MAX_REQUESTS):
        assert table.admit(many(number, f"box-{number // MAX_REQUESTS_OF_ONE}")) is Place.NEW
    assert table.admit(request(b"one more", 0, name="honest")) is Place.NEW
    assert table.gave_way == 1
    assert len(table.requests) == MAX_REQUESTS
    assert bytes(4) in table.requests  # the newest of one of them went, and not what the ledger answers next
    assert (MAX_REQUESTS_OF_ONE - 1).to_bytes(4, "big") not in table.requests
    assert table.admit(many(MAX_REQUESTS, "box-0")) is Place.FULL  # he would have as many as the others again
    assert table.admit(request(bytes(4), 5_000, name="box-0")) is Place.PASS_ON_AGAIN  # who is in stays in


def test_where_all_have_the_same_nobody_gives_way():
    table = RequestTable()
    for number in range(MAX_REQUESTS):
        table.admit(many(number, f"box-{number}"))
    assert table.admit(request(b"one more", 0)) is Place.FULL
    assert table.gave_way == 0
    table.take(bytes(4))
    assert table.admit(request(b"one more", 5_000)) is Place.NEW


def test_it_is_full_by_bytes_and_whoever_has_most_gives_way():
    table, part, parts = RequestTable(), bytes(MAX_BYTES_OF_ONE // 8), 8
    for number in range(MAX_BYTES // len(part)):
        digest = number.to_bytes(4, "big")
        name = f"box-{number // parts}"
        assert table.admit(request(digest, 0, payload=part, name=name)) is Place.NEW
    assert table.held_bytes == MAX_BYTES
    for number in range(8):  # eight senders fill it, and still everybody else is heard
        assert table.admit(request(b"small" + bytes([number]), 0, name="honest")) is Place.NEW
    assert table.gave_way == 1
    assert table.held_bytes == MAX_BYTES - len(part) + 8
    assert table.admit(request(b"again", 0, payload=part, name="box-0")) is Place.FULL


def test_who_asks_for_more_than_others_have_makes_nobody_give_way():
    table, large = RequestTable(), bytes(MAX_BYTES_OF_ONE)
    for number in range(MAX_BYTES // MAX_BYTES_OF_ONE):
        table.admit(request(bytes([number]), 0, payload=large, name=f"box-{number}"))
    assert table.admit(request(b"as large", 0, payload=large, name="other")) is Place.FULL
    assert table.gave_way == 0


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
    assert not table._shares


def test_a_request_counts_for_who_sent_it_first_however_many_want_its_answer():
    table = RequestTable()
    table.admit(request(b"a", 0, name="first"))
    for number in range(2 * MAX_WANTED_BY):
        table.admit(request(b"a", 0, number, name="second"))
    table.take(b"a")
    assert not table._shares
