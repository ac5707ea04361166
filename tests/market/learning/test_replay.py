"""What is remembered: a ring, the same for all users."""

from __future__ import annotations

import numpy as np
import pytest

from market.learning.replay import Transitions, remember, replay, sample


def some(first: int, count: int, users: int = 2) -> Transitions:
    number = np.arange(first, first + count) + 1000 * np.arange(users)[:, None]
    seen = np.repeat(number[..., None], 6, axis=2).astype(np.float32)
    return Transitions(
        seen,
        number % 3,
        number.astype(np.float32),
        seen + 1,
        np.ones((users, count, 3), dtype=np.bool_),
        number % 24 == 23,
    )


def test_the_oldest_make_room():
    memory = replay(2, 10, 6, 3)
    for first in range(0, 24, 4):
        remember(memory, some(first, 4))
    assert memory.count == memory.capacity == 10
    assert sorted(memory.kept.reward[1]) == [1000 + number for number in range(14, 24)]


def test_samples_are_whole_transitions_of_the_same_user():
    memory = replay(2, 50, 6, 3)
    remember(memory, some(0, 30))
    drawn = sample(memory, 400, np.random.default_rng(0))
    assert set(drawn.reward[0]) == set(range(30))
    assert (drawn.reward[1] >= 1000).all()
    assert (drawn.seen[..., 0] == drawn.reward).all()
    assert (drawn.then[..., 0] == drawn.reward + 1).all()
    assert (drawn.choice == drawn.reward % 3).all()
    assert (drawn.ends == (drawn.reward % 24 == 23)).all()


def test_nothing_is_drawn_from_nothing():
    with pytest.raises(AssertionError, match="nothing is remembered"):
        sample(replay(1, 10, 6, 3), 1, np.random.default_rng(0))


def test_more_than_fits_is_refused():
    with pytest.raises(AssertionError, match="10 fit"):
        remember(replay(2, 10, 6, 3), some(0, 11))
