"""What a score is, whom it believes, and how far."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from market.reliability import (
    INTERESTED_SESSIONS,
    TRUSTED_SESSIONS,
    UNKNOWN,
    Score,
    Standing,
    Word,
    percent,
    score,
)
from wire.units import PPM

OWN, TRUSTED, INTERESTED, STRANGER = Standing
COUNTS = st.integers(0, 10**6).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n)))
WORDS = st.builds(lambda standing, count: Word(standing, *count), st.sampled_from(Standing), COUNTS)
MANY = st.lists(WORDS, max_size=6)


@pytest.mark.parametrize(
    ("words", "ppm"),
    [
        ([], 500_000),
        ([Word(TRUSTED, 1, 1)], 666_666),
        ([Word(TRUSTED, 8, 8)], 900_000),
        ([Word(TRUSTED, 8, 0)], 100_000),
        ([Word(TRUSTED, 20, 20)], 954_545),
        ([Word(TRUSTED, 10**6, 10**6)], 954_545),
        ([Word(TRUSTED, 20, 20), Word(TRUSTED, 20, 0)], 500_000),
        ([Word(OWN, 1, 1)], 833_333),
        ([Word(OWN, 1, 0)], 166_666),
        ([Word(OWN, 5, 5), Word(TRUSTED, 10**6, 0)], 500_000),
        ([Word(INTERESTED, 10**6, 10**6)], 833_333),
        ([Word(INTERESTED, 10**6, 0)], 166_666),
        ([Word(INTERESTED, 10**6, 10**6)] * 9, 833_333),
        ([Word(STRANGER, 10**6, 10**6)] * 9, 500_000),
    ],
)
def test_scores(words: list[Word], ppm: int) -> None:
    assert score(words).ppm == ppm


def test_what_a_score_is_made_of() -> None:
    made = score([Word(OWN, 3, 2), Word(TRUSTED, 100, 90), Word(INTERESTED, 7, 7), Word(STRANGER, 9, 9)])
    assert made == Score(made.ppm, 3, 2, 107, 97, 2)
    assert score([]) == UNKNOWN


def test_nobody_is_perfect_and_nobody_is_worth_nothing() -> None:
    assert percent(score([Word(OWN, 10**9, 10**9)]).ppm) == 99
    assert score([Word(OWN, 10**9, 0), Word(TRUSTED, 10**9, 0)]).ppm > 0


def test_more_sessions_than_there_were_cannot_have_been_good() -> None:
    with pytest.raises(AssertionError, match="3 of 2"):
        Word(OWN, 2, 3)


@given(MANY, WORDS, st.integers(1, 1_000))
def test_more_good_service_never_lowers_a_score_and_more_bad_never_lifts_it(
    others: list[Word], word: Word, more: int
) -> None:
    before = score([*others, word]).ppm
    good = replace(word, sessions=word.sessions + more, completed=word.completed + more)
    assert score([*others, good]).ppm >= before
    assert score([*others, replace(word, sessions=word.sessions + more)]).ppm <= before


@given(MANY, st.lists(COUNTS, max_size=50))
def test_strangers_change_nothing_however_many_there_are(
    words: list[Word], told: list[tuple[int, int]]
) -> None:
    assert score([*words, *(Word(STRANGER, *one) for one in told)]) == score(words)


@given(st.lists(COUNTS, max_size=50))
def test_those_who_earn_by_it_cannot_lift_it_above_five_sixths(told: list[tuple[int, int]]) -> None:
    """Fresh keys of the subject's own are strangers or interested, and so is its operator."""
    words = [Word(INTERESTED, *one) for one in told] + [Word(STRANGER, *one) for one in told]
    assert score(words).ppm <= (1 + INTERESTED_SESSIONS) * PPM // (2 + INTERESTED_SESSIONS)


@given(st.integers(0, 200), COUNTS)
def test_a_slanderer_is_worth_twenty_sessions_and_no_more(own: int, told: tuple[int, int]) -> None:
    """And as much for one that praises."""
    mine = Word(OWN, own, own)
    least = (1 + 4 * own) * PPM // (2 + 4 * own + TRUSTED_SESSIONS)
    assert score([mine, Word(TRUSTED, told[0], 0)]).ppm >= least
    bad, counted = Word(OWN, own, 0), min(told[0], TRUSTED_SESSIONS)
    praised = score([bad, Word(TRUSTED, told[0], told[0])])
    assert praised.ppm == (1 + counted) * PPM // (2 + 4 * own + counted)


@given(st.permutations([Word(OWN, 5, 4), Word(TRUSTED, 50, 20), Word(TRUSTED, 3, 3), Word(INTERESTED, 9, 9)]))
def test_the_order_does_not_matter(words: list[Word]) -> None:
    assert score(words) == score(sorted(words, key=repr))


@given(MANY)
def test_a_score_is_a_share(words: list[Word]) -> None:
    assert 0 < score(words).ppm < PPM
