"""The payer, rule by rule; tests/operatord/test_channels.py plays it against the payee."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address

import pytest

from device.paying import (
    Count,
    Pay,
    PayAgain,
    PayCommand,
    Paying,
    Purse,
    StopPaying,
    finished,
    hear,
    look,
    next_look_ms,
    start,
    stop,
    unfinished,
)
from wire.payment import PaymentWord, Word
from wire.qos import Qos
from wire.tariff import Tariff

TARIFF = Tariff(6_000, 0, 10, Qos(800_000, 4_000_000, 0, 4_000_000), IPv4Address("192.0.2.1"))
"""1,000 ubc an interval of 10 s; 1,000,000 bytes are promised in it."""
VOLUME = replace(TARIFF, per_minute_ubc=0, per_megabyte_ubc=1_000)
SESSION = b"s" * 16
PURSE = Purse(limit_ubc=100_000)


def begun(tariff: Tariff = TARIFF, purse: Purse = PURSE) -> Paying:
    return start(tariff, SESSION, purse, 0)[0]


def told(
    paying: Paying, word: Word = Word.SERVED, due_ubc: int | None = None, shown_ubc: int = 0, **changes: int
) -> tuple[Paying, list[PayCommand]]:
    interval = changes.get("interval", paying.interval)
    said = PaymentWord(SESSION, interval, word, 0, paying.paid_ubc if due_ubc is None else due_ubc, 0)
    return hear(paying, said, shown_ubc, 100)


def served(paying: Paying) -> Paying:
    return told(paying)[0]


def asked_again(paying: Paying, count: Count, now_ms: int) -> Paying:
    """The next interval began, and the operator answered."""
    paying, commands = look(paying, count, now_ms)
    assert commands == [PayAgain()]
    return served(paying)


def only(commands: list[PayCommand]) -> PayCommand:
    assert len(commands) == 1
    return commands[0]


def test_the_first_interval_is_paid_at_once() -> None:
    paying, commands = start(TARIFF, SESSION, PURSE, 0)
    assert commands == [Pay(1_000, 0, 0, 0)]
    assert unfinished(paying) == Purse(1_000, 0, 1_000, 100_000)


def test_what_is_not_answered_is_sent_again() -> None:
    paying = begun()
    assert next_look_ms(paying, 0) == 300
    assert look(paying, Count(), 299)[1] == []
    paying, commands = look(paying, Count(), 300)
    assert commands == [PayAgain()]
    assert look(served(paying), Count(), 700)[1] == []


def test_the_next_one_is_paid_after_a_quarter_of_it_if_the_operator_is_there() -> None:
    paying = asked_again(served(begun()), Count(10, 10), 10_000)
    assert look(paying, Count(10, 10), 12_499)[1] == []
    paying, commands = look(paying, Count(300, 900), 12_500)
    assert commands == [Pay(2_000, 1, 300, 900)]


def test_who_does_not_answer_in_the_new_interval_is_not_paid_for_it() -> None:
    paying, commands = look(served(begun()), Count(), 10_000)
    assert commands == [PayAgain()]
    paying, commands = look(paying, Count(), 12_500)
    assert commands == [PayAgain()]
    paying, commands = look(paying, Count(), 15_000)
    assert isinstance(only(commands), StopPaying)
    assert (paying.stopped, paying.paid_ubc) == ("not_served", 1_000)
    assert look(paying, Count(), 16_000) == (paying, [])
    assert next_look_ms(paying, 16_000) is None


def test_packets_that_nobody_answers() -> None:
    paying = served(begun())
    paying, _ = look(paying, Count(100, 1_000), 5_000)
    paying = asked_again(paying, Count(500, 1_000), 10_000)
    paying, _ = look(paying, Count(900, 1_000), 12_500)
    assert paying.interval == 0
    paying, commands = look(paying, Count(900, 5_000), 13_000)  # it was a bad moment
    assert only(commands) == Pay(2_000, 1, 900, 5_000)


def test_payments_ask_for_nothing_but_words() -> None:
    paying = asked_again(served(begun()), Count(), 10_000)
    count = Count(2_000, 800, own_up_bytes=2_000, own_down_bytes=800)
    assert isinstance(only(look(paying, count, 12_500)[1]), Pay)


def test_a_rate_that_was_promised_and_wanted() -> None:
    paying = asked_again(served(begun()), Count(0, 1_000_000, wanted=True), 10_000)
    assert look(paying, Count(0, 1_124_999, wanted=True), 12_500)[1] == []
    assert isinstance(only(look(paying, Count(0, 1_125_000, wanted=True), 12_500)[1]), Pay)
    assert isinstance(only(look(paying, Count(0, 1_000_001), 12_500)[1]), Pay)  # nobody wanted it


def test_nothing_is_paid_beyond_the_deposit() -> None:
    paying, commands = start(TARIFF, SESSION, Purse(limit_ubc=999), 0)
    assert commands == [StopPaying("deposit_used", "999 ubc are left, less than interval 0 may cost")]
    assert paying.paid_ubc == 0


def test_volume_is_paid_for_the_most_that_may_come_next() -> None:
    paying, commands = start(VOLUME, SESSION, PURSE, 0)
    assert commands == [Pay(10_000, 0, 0, 0)]
    paying = asked_again(told(paying)[0], Count(0, 2_000_000), 10_000)
    assert only(look(paying, Count(0, 2_500_000), 12_500)[1]) == Pay(12_500, 1, 0, 2_500_000)


# ---- Words


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (Word.OVER_DEPOSIT, "deposit_used"),
        (Word.OTHER_TERMS, "other_terms"),
        (Word.METERS_DIFFER, "meters_differ"),
        (Word.ENDED, "ended"),
    ],
)
def test_words_that_end_it(word: Word, reason: str) -> None:
    paying, commands = told(begun(), word)
    assert isinstance(only(commands), StopPaying)
    assert paying.stopped == reason


def test_nobody_pays_more_than_his_own_meter_says() -> None:
    paying, commands = told(begun(), Word.SHORT, 1_001)
    assert isinstance(only(commands), StopPaying)
    assert (paying.stopped, paying.paid_ubc) == ("asked_too_much", 1_000)


def test_a_session_that_is_not_known_yet_is_asked_again() -> None:
    paying, commands = told(begun(), Word.NO_SESSION)
    assert (commands, paying.answered) == ([], False)


def test_words_on_other_payments_are_nothing_to_us() -> None:
    paying = begun()
    assert told(paying, Word.ENDED, interval=1) == (paying, [])
    strange = PaymentWord(b"t" * 16, 0, Word.ENDED, 0, 0, 0)
    assert hear(paying, strange, 0, 100) == (paying, [])


def test_after_a_crash_no_more_is_paid_than_the_operator_asks_for() -> None:
    """5,000 were signed, 2,000 of them certainly used; the operator knows of 3,000."""
    paying, commands = start(TARIFF, SESSION, Purse(5_000, 2_000, 5_000, 100_000), 0)
    assert commands == [Pay(5_000, 0, 0, 0)]
    paying, _ = told(paying, Word.SERVED, 4_000)
    assert paying.base_ubc == 2_000
    paying, commands = told(paying, Word.SHORT, 6_000)
    assert commands == [Pay(6_000, 0, 0, 0)]
    paying, commands = told(paying, Word.SHORT, 6_001)
    assert paying.stopped == "asked_too_much"


def test_a_disk_that_was_lost() -> None:
    """The device is shown its own word, and goes on from it; what it had of that it does not know."""
    paying, commands = told(begun(), Word.BEHIND, 5_000, 5_000)
    assert commands == [Pay(5_000, 0, 0, 0)]
    assert (paying.paid_ubc, paying.base_ubc) == (5_000, 4_000)
    paying, commands = told(begun(), Word.BEHIND, 5_000, 900)  # no more than we know: then we do not owe it
    assert paying.stopped == "asked_too_much"


def test_what_is_left_is_for_the_next_session() -> None:
    paying = asked_again(begun(VOLUME), Count(0, 2_000_000), 10_000)
    paying, _ = look(paying, Count(0, 3_000_000), 11_000)
    purse = finished(stop(paying, "left", "")[0])
    assert purse == Purse(10_000, 3_000, 3_000, 100_000)
    assert start(VOLUME, SESSION, purse, 0)[1] == [Pay(13_000, 0, 0, 0)]


def test_it_stops_once() -> None:
    paying, commands = stop(begun(), "left", "as the user said")
    assert commands == [StopPaying("left", "as the user said")]
    assert stop(paying, "left", "again") == (paying, [])
    assert told(paying, Word.OVER_DEPOSIT) == (paying, [])
