"""Challenges: for one browser and one purpose, once, and for five minutes."""

from __future__ import annotations

import pytest

from operatord.page.asking import (
    ASKING_S,
    LOGIN,
    MAX_ANSWERED,
    NONCE_SIZE,
    SECRET_SIZE,
    Answered,
    Asking,
    ask,
    register_purpose,
)
from operatord.page.refusals import Reason, Refused

NOW_S = 1_800_000_000
SECRET = b"s" * SECRET_SIZE


def asked(number: int = 1, purpose: str = LOGIN, now_s: int = NOW_S) -> Asking:
    return ask(SECRET, purpose, number.to_bytes(NONCE_SIZE, "big"), now_s)


def take(answered: Answered, cookie: str, purpose: str = LOGIN, now_s: int = NOW_S) -> bytes:
    """A good answer."""
    challenge = answered.challenge(SECRET, purpose, cookie, now_s)
    answered.take(cookie, now_s)
    return challenge


@pytest.mark.parametrize("later_s", [0, ASKING_S - 1])
def test_the_same_challenge_comes_out_when_the_answer_comes(later_s: int):
    asking = asked()
    assert take(Answered(), asking.cookie, now_s=NOW_S + later_s) == asking.challenge
    assert len(asking.challenge) == 32


def test_each_asking_is_another():
    assert len({asked(number).challenge for number in range(10)}) == 10


def test_an_answer_is_taken_once():
    answered, asking = Answered(), asked()
    take(answered, asking.cookie)
    with pytest.raises(Refused, match="came before") as refused:
        take(answered, asking.cookie)
    assert refused.value.reason is Reason.TOO_OLD


@pytest.mark.parametrize("later_s", [ASKING_S, ASKING_S + 1, -1])
def test_an_answer_that_comes_late_is_not_taken_nor_one_from_before_the_clock_was_set(later_s: int):
    with pytest.raises(Refused, match="five minutes"):
        take(Answered(), asked().cookie, now_s=NOW_S + later_s)


def test_a_challenge_for_one_purpose_is_none_for_another():
    link, other = register_purpose(b"l" * 32), register_purpose(b"m" * 32)
    asking = asked(purpose=link)
    assert take(Answered(), asking.cookie, link) == asking.challenge
    assert take(Answered(), asking.cookie, other) != asking.challenge
    assert take(Answered(), asking.cookie) != asking.challenge


@pytest.mark.parametrize("cookie", ["", ".", "..", "1800000300.00.00", "x", "ä.ö.ü", "9" * 5_000])
def test_a_cookie_of_somebody_else_s_making_is_refused(cookie: str):
    with pytest.raises(Refused, match="was not asked"):
        take(Answered(), cookie)


def test_each_sign_of_a_cookie_counts():
    cookie = asked().cookie
    for at, sign in enumerate(cookie):
        changed = cookie[:at] + ("0" if sign != "0" else "1") + cookie[at + 1 :]
        with pytest.raises(Refused):
            take(Answered(), changed)


def test_another_secret_is_another_page():
    with pytest.raises(Refused, match="before this start"):
        Answered().challenge(b"t" * SECRET_SIZE, LOGIN, asked().cookie, NOW_S)


def test_of_two_who_came_at_once_one_is_taken():
    answered, asking = Answered(), asked()
    for _ in range(2):
        answered.challenge(SECRET, LOGIN, asking.cookie, NOW_S)
    answered.take(asking.cookie, NOW_S)
    with pytest.raises(Refused, match="came before"):
        answered.take(asking.cookie, NOW_S)


def test_answers_that_were_no_good_are_not_kept():
    answered = Answered()
    for number in range(100):
        answered.challenge(SECRET, LOGIN, asked(number).cookie, NOW_S)
    assert answered.until_s == {}


def test_a_flood_of_answers_lets_nobody_in_and_ends():
    answered = Answered({str(number): NOW_S + ASKING_S for number in range(MAX_ANSWERED)})
    with pytest.raises(Refused) as refused:
        take(answered, asked().cookie)
    assert refused.value.reason is Reason.TOO_MANY
    later_s = NOW_S + ASKING_S
    take(answered, asked(2, now_s=later_s).cookie, now_s=later_s)
    assert len(answered.until_s) == 1
