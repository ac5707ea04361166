"""Budget envelopes: a playbook, midnight, a clock that goes back, crashes; and in no random life is a cap exceeded."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field, replace

import pytest

from market.agent.envelopes import (
    DAY_S,
    Book,
    Budget,
    Caps,
    Envelope,
    Refused,
    Reservation,
    advance,
    cycle_of,
    cycle_span_s,
    day_of,
    envelopes,
    prune,
    reserve,
    room_ubc,
    settle,
)
from wire.units import U63_MAX

BUDGET = Budget(Caps(100, 1_000), {"video": Caps(60, 200)}, cycle_begins_s=0, cycle_days=30)
NOON = DAY_S // 2
EPISODES = int(os.environ.get("AIRGRANT_AGENT_EPISODES", "10000"))
"""100,000 take about ten times as long: docs/testing.md."""


def booked(book: Book, application: str, worst_ubc: int, now_s: int) -> tuple[Book, int]:
    made = reserve(book, BUDGET, application, worst_ubc, now_s)
    assert not isinstance(made, Refused), made
    return made[0], made[1].number


def refusal(book: Book, application: str, worst_ubc: int | None, now_s: int) -> str:
    made = reserve(book, BUDGET, application, worst_ubc, now_s)
    assert isinstance(made, Refused)
    return made.reason


def test_what_is_reserved_counts_until_it_is_known_what_it_came_to() -> None:
    book, first = booked(Book(), "video", 60, NOON)
    assert room_ubc(book, BUDGET, "video", NOON) == 0
    assert room_ubc(book, BUDGET, "mail", NOON) == 40
    assert refusal(book, "video", 1, NOON) == "over_envelope"
    book = settle(book, first, 10, NOON + 5)
    assert room_ubc(book, BUDGET, "video", NOON + 5) == 50
    assert settle(book, first, 50, NOON + 6).settled == book.settled, "nothing is counted twice"
    assert settle(book, 77, 50, NOON + 6).settled == book.settled


@pytest.mark.parametrize(
    ("worst_ubc", "reason"),
    [(None, "bound_unknown"), (-1, "not_an_amount"), (U63_MAX + 1, "not_an_amount"), (61, "over_envelope")],
)
def test_what_has_no_bound_or_too_high_a_one_is_refused(worst_ubc: int | None, reason: str) -> None:
    assert refusal(Book(), "video", worst_ubc, NOON) == reason


def test_the_refusal_says_which_envelope_and_how_much_is_left() -> None:
    made = reserve(Book(), BUDGET, "video", 61_000_000, NOON)
    assert made == Refused("over_envelope", "it may cost 61 BC, and everything today has 0.0001 BC left")


def test_a_new_day_is_a_new_days_budget_and_the_cycle_goes_on() -> None:
    book = Book()
    for day in range(3):
        book, number = booked(book, "video", 60, day * DAY_S + NOON)
        book = settle(book, number, 60, day * DAY_S + NOON)
    assert room_ubc(book, BUDGET, "video", 3 * DAY_S) == 20
    assert room_ubc(book, BUDGET, "video", 30 * DAY_S) == 60, "the next cycle"


def test_a_clock_that_goes_back_opens_no_day_again() -> None:
    book, number = booked(Book(), "video", 60, DAY_S + NOON)
    book = settle(book, number, 60, DAY_S + NOON)
    assert refusal(book, "video", 1, NOON) == "over_envelope"
    assert advance(book, NOON) == book


def test_what_spans_midnight_counts_on_both_sides() -> None:
    book, number = booked(Book(), "video", 50, DAY_S - 1)
    assert room_ubc(book, BUDGET, "video", DAY_S) == 10, "it may be signed today as well"
    book = settle(book, number, 30, DAY_S + 1)
    assert room_ubc(book, BUDGET, "video", DAY_S + 2) == 30
    assert room_ubc(book, BUDGET, "video", 2 * DAY_S) == 60


def test_more_than_was_reserved_is_counted_as_it_is() -> None:
    book, number = booked(Book(), "video", 5, NOON)
    book = settle(book, number, 500, NOON)
    assert envelopes(book, BUDGET)[0] == Envelope("everything today", 100, 500)
    assert room_ubc(book, BUDGET, "mail", NOON) == 0


def test_days_begin_at_the_users_midnight() -> None:
    east = Budget(Caps(None, 1), utc_offset_s=3_600, cycle_begins_s=-3_600, cycle_days=2)
    assert [day_of(east, at_s) for at_s in (0, DAY_S - 3_601, DAY_S - 3_600)] == [0, 0, 1]
    assert [cycle_of(east, at_s) for at_s in (-3_601, -3_600, 2 * DAY_S - 3_600)] == [-1, 0, 1]
    assert cycle_span_s(east, 1) == (2 * DAY_S - 3_600, 4 * DAY_S - 3_600)


def test_what_is_long_over_is_forgotten() -> None:
    book = Book()
    for day in (0, 400, 799, 800, 801):
        book, number = booked(book, "mail", 1, day * DAY_S)
        book = settle(book, number, 1, day * DAY_S)
    assert [one.number for one in prune(book, BUDGET).settled] == [3, 4, 5]
    long = replace(BUDGET, cycle_days=400)
    assert [one.number for one in prune(book, long).settled] == [2, 3, 4, 5], "the cycle before this one"


def test_a_longer_cycle_that_is_set_later_counts_what_was_spent_before_it_was_set() -> None:
    daily, book = Budget(Caps(None, 10), cycle_days=1), Book()
    for day in range(5):
        made = reserve(book, daily, "mail", 10, day * DAY_S)
        assert not isinstance(made, Refused)
        book = prune(settle(made[0], made[1].number, 10, day * DAY_S), daily)
    for days in (30, 366):
        assert envelopes(book, replace(daily, cycle_days=days))[0].used_ubc == 50


def test_a_budget_without_a_bound_is_none() -> None:
    with pytest.raises(AssertionError, match="without a cap"):
        Budget(Caps(5, None))
    with pytest.raises(AssertionError, match="0 days"):
        Budget(Caps(5, 5), cycle_days=0)


# ---- No cap is ever exceeded


@dataclass
class Life:
    """An agent and the world around it. The world notes what was really signed, and on which day: it has the true
    clock, the agent one that jumps about. A crash leaves the book as it was last written.
    """

    budget: Budget
    random: random.Random
    true_s: int = NOON
    wrong_s: int = 0
    book: Book = field(default_factory=Book)
    under_way: dict[int, list[int]] = field(default_factory=dict)
    """Signed so far, and the most, by reservation."""
    signed: list[tuple[int, str, int, int]] = field(default_factory=list)
    """By the agent's own days and cycles: (day, application, cycle, amount)."""

    @property
    def clock_s(self) -> int:
        return self.true_s + self.wrong_s

    def live(self) -> None:
        often = (self.ask, self.pay, self.end)
        steps = (*often, *often, self.turn, self.crash, self.age)
        for _ in range(self.random.randrange(8, 20)):
            self.random.choice(steps)()
        self.check()

    def ask(self) -> None:
        """Most of what there is, at times; or all that is left."""
        application, worst_ubc = self.random.choice(("video", "mail")), self.random.randrange(40)
        if self.random.random() < 0.4:
            worst_ubc = room_ubc(self.book, self.budget, application, self.clock_s)
        made = reserve(self.book, self.budget, application, worst_ubc, self.clock_s)
        if not isinstance(made, Refused):
            self.book, one = made  # and it is on disk, before anything is signed
            self.under_way[one.number] = [0, one.most_ubc]

    def pay(self) -> None:
        """Signs some of what was reserved, today."""
        if not self.under_way:
            return
        number = self.random.choice(list(self.under_way))
        paid, most = self.under_way[number]
        more = self.random.choice((most - paid, self.random.randrange(most - paid + 1)))
        self.under_way[number][0] += more
        one = self.find(number)
        self.book = advance(self.book, self.clock_s)
        today = self.book.latest_s
        self.signed.append((day_of(self.budget, today), one.application, cycle_of(self.budget, today), more))

    def end(self) -> None:
        if self.under_way:
            number = self.random.choice(list(self.under_way))
            paid, _ = self.under_way.pop(number)
            self.book = settle(self.book, number, paid, self.clock_s)
            self.book = settle(self.book, number, paid, self.clock_s)

    def crash(self) -> None:
        """Nobody knows any more what was signed: all of it counts, as everything that is open does."""
        self.under_way.clear()
        self.book = prune(self.book, self.budget)

    def age(self) -> None:
        """Later, whoever finds a reservation that nobody knows of takes the worst for what it was."""
        lost = [one for one in self.book.open if one.number not in self.under_way]
        for one in lost:
            self.book = settle(self.book, one.number, one.most_ubc, self.clock_s)

    def turn(self) -> None:
        self.true_s += self.random.choice((3_600, DAY_S // 2, DAY_S))
        self.wrong_s = self.random.choice((0, 0, 0, -DAY_S, DAY_S, -40 * DAY_S))

    def find(self, number: int) -> Reservation:
        return next(one for one in self.book.open if one.number == number)

    def check(self) -> None:
        """By the agent's own calendar, which never goes back: what was signed in a day, and in a cycle."""
        for application in (None, "video"):
            caps = self.budget.everything if application is None else self.budget.applications[application]
            days: dict[int, int] = {}
            cycles: dict[int, int] = {}
            for day, whose, cycle, amount in self.signed:
                if application in (None, whose):
                    days[day] = days.get(day, 0) + amount
                    cycles[cycle] = cycles.get(cycle, 0) + amount
            assert caps.day_ubc is None or max(days.values(), default=0) <= caps.day_ubc
            assert caps.cycle_ubc is None or max(cycles.values(), default=0) <= caps.cycle_ubc


def test_in_no_random_life_is_a_cap_exceeded() -> None:
    refused = spent = 0
    for seed in range(EPISODES):
        chance = random.Random(seed)
        caps = Caps(chance.randrange(30, 80), chance.choice((90, 10**6)))
        video = Caps(chance.choice((None, 40)), chance.choice((None, 90)))
        life = Life(Budget(caps, {"video": video}, cycle_days=chance.choice((1, 2, 30))), chance)
        life.live()
        spent += sum(amount for *_, amount in life.signed)
        refused += life.book.next_number == 1
    assert spent > EPISODES, "they do buy"
    assert refused < EPISODES, "and not all are refused"


def test_the_check_finds_a_budget_that_does_not_reserve() -> None:
    """What the property is worth: an agent that reserves nothing is found out."""
    life = Life(Budget(Caps(10, 20), {"video": Caps()}), random.Random(1))
    life.signed = [(0, "video", 0, 6), (0, "mail", 0, 5)]
    with pytest.raises(AssertionError):
        life.check()
