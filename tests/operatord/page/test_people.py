"""Roles, names, and how long a login lasts."""

from __future__ import annotations

import pytest

from operatord.page.people import ABSOLUTE_S, IDLE_S, Key, Person, Role, Session, is_open, parse_role

NOW_S = 1_800_000_000
ANNA = Person("anna", Role.OPERATOR)


def session(began_s: int = NOW_S, seen_s: int | None = None) -> Session:
    return Session(b"h" * 32, ANNA, b"key", began_s, began_s if seen_s is None else seen_s)


def test_each_role_may_do_what_those_before_it_may():
    assert Role.VIEWER < Role.OPERATOR
    assert [parse_role(str(role)) for role in Role] == list(Role)


def test_another_word_is_no_role():
    with pytest.raises(ValueError, match="'admin' is no role: viewer, operator"):
        parse_role("admin")


@pytest.mark.parametrize("name", ["anna", "anna@example.net", "O_2.b+c-d", "x" * 64])
def test_a_name_is_what_a_log_can_hold(name: str):
    assert Person(name, Role.VIEWER).name == name


@pytest.mark.parametrize("name", ["", "x" * 65, "a b", "a\nb", "a\x1b[31m", "änna", "<b>", "a\n"])
def test_any_other_name_is_refused(name: str):
    with pytest.raises(ValueError, match="a name has 1 to 64"):
        Person(name, Role.VIEWER)


def test_a_key_is_told_by_the_start_of_its_id():
    assert Key(bytes(range(20)), "anna", b"", 0, NOW_S).short_id == "00010203"


@pytest.mark.parametrize(
    ("began_s", "seen_s", "opened"),
    [
        (0, 0, True),
        (-IDLE_S + 1, -IDLE_S + 1, True),
        (-IDLE_S, -IDLE_S, False),
        (-ABSOLUTE_S + 1, 0, True),
        (-ABSOLUTE_S, 0, False),
        (1, 1, False),
        (-5, 1, False),
        (5, -5, False),
    ],
)
def test_a_login_ends_idle_or_old_or_when_the_clock_was_set_back(began_s: int, seen_s: int, opened: bool):
    assert is_open(session(NOW_S + began_s, NOW_S + seen_s), NOW_S) is opened
