"""How often the door answers one host, and everybody."""

import pytest

from operatord.door_budget import ALL_QUESTIONS, HOST_QUESTIONS, DoorBudget, host_of


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
