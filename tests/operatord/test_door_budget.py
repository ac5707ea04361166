"""How often the door answers one host, and everybody."""

import pytest

from operatord.door_budget import (
    ALL_CONNECTIONS,
    ALL_QUESTIONS,
    HOST_CONNECTIONS,
    HOST_QUESTIONS,
    DoorBudget,
    DoorRoom,
    host_of,
)


def test_one_host_has_its_share_of_a_minute() -> None:
    budget = DoorBudget()
    assert [budget.admits("192.0.2.1", 60) for _ in range(HOST_QUESTIONS + 1)] == [True] * HOST_QUESTIONS + [
        False
    ]
    assert budget.admits("192.0.2.2", 60), "another host"
    assert budget.admits("192.0.2.1", 120), "another minute"


def test_all_hosts_have_theirs() -> None:
    budget = DoorBudget()
    asked = [budget.admits(f"10.0.{number >> 8}.{number & 255}", 0) for number in range(ALL_QUESTIONS + 1)]
    assert asked == [True] * ALL_QUESTIONS + [False]


@pytest.mark.parametrize(
    ("address", "host"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
    ],
)
def test_a_host(address: str, host: str) -> None:
    assert host_of(address) == host


def test_room_is_given_back() -> None:
    room = DoorRoom()
    assert [room.enters("2001:db8::1") for _ in range(HOST_CONNECTIONS + 1)] == [True] * HOST_CONNECTIONS + [
        False
    ]
    assert not room.enters("2001:db8::2"), "of one host"
    room.leaves("2001:db8::2")
    assert room.enters("2001:db8::1")
    others = [room.enters(f"10.0.0.{number}") for number in range(ALL_CONNECTIONS)]
    assert others.count(True) == ALL_CONNECTIONS - HOST_CONNECTIONS
    room.leaves("10.0.0.0")
    assert room.enters("10.0.1.0")
