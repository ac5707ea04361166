"""Shares of the processor: who floods takes what he may, and no more."""

from collections import Counter

import pytest

from operatord.budgets import Address, Budgets, Sender, Shares
from tests.operatord.world import ALICE, BOB
from wire.keys import PrivateKey

SHARES = Shares(all_per_s=40, strange_per_s=20, idle_per_s=5, per_address=6, strange=4, idle=2, of_host=2)
HOME = ("192.0.2.1", 5_000)


def stranger(number: int) -> Address:
    return f"10.0.{number // 250}.{number % 250}", 4_000


def sender(key: PrivateKey, *, in_session: bool = True) -> Sender:
    return Sender(key.public, in_session)


def admit(budgets: Budgets, whose: Sender, address: Address, now_ms: int) -> bool:
    return not budgets.is_full(address, now_ms) and budgets.admit(whose, address, now_ms)


def admitted(budgets: Budgets, whose: Sender, tries: int, now_ms: int = 0) -> int:
    """Of so many datagrams, each from an address of its own."""
    return sum(admit(budgets, whose, stranger(number), now_ms) for number in range(tries))


def test_one_address_has_its_share_of_each_second() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert [admit(budgets, sender(ALICE), HOME, 999) for _ in range(8)] == [True] * 6 + [False] * 2
    assert admit(budgets, sender(ALICE), HOME, 1_000)


def test_forgers_of_one_name_share_one_name() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert admitted(budgets, sender(ALICE), 30) == 4
    assert admit(budgets, sender(ALICE), HOME, 0), "its own address has a share that they do not reach"
    assert admit(budgets, sender(BOB), stranger(99), 0), "and so has everybody else's session that begins"


def test_forgers_of_all_names_leave_what_runs_its_share() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    names = [PrivateKey.from_secret(9_000 + number) for number in range(30)]
    assert sum(admitted(budgets, sender(key), 1) for key in names) == 6, "from one address"
    assert not budgets.is_crowded(0)
    found = sum(admit(budgets, sender(key), stranger(number + 100), 0) for number, key in enumerate(names))
    assert found == 14, "of all strangers, 20"
    assert budgets.is_crowded(0)
    assert [admit(budgets, sender(ALICE), HOME, 0) for _ in range(6)] == [True] * 6
    assert not budgets.is_crowded(1_000)


def test_names_without_a_session_have_a_part_of_the_strangers_share() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert admitted(budgets, sender(ALICE, in_session=False), 30) == 2
    assert not admit(budgets, sender(ALICE, in_session=False), HOME, 0), "an address is that of a session"
    names = [PrivateKey.from_secret(9_000 + number) for number in range(30)]
    found = sum(
        admit(budgets, sender(key, in_session=False), stranger(number + 50), 0)
        for number, key in enumerate(names)
    )
    assert found == 3, "of all, 5"
    assert admitted(budgets, sender(BOB), 30) == 4, "sessions that begin have the rest"


def test_there_is_an_end_to_everything() -> None:
    shares = Shares(all_per_s=3, strange_per_s=1, per_address=6)
    budgets = Budgets(shares)
    budgets.settle(ALICE.public, HOME)
    assert [admit(budgets, sender(ALICE), HOME, 0) for _ in range(5)] == [True] * 3 + [False] * 2


def test_once_strangers_have_had_their_share_theirs_is_dropped_unread() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    names = [PrivateKey.from_secret(9_000 + number) for number in range(20)]
    assert all(admit(budgets, sender(key), stranger(number), 0) for number, key in enumerate(names))
    assert budgets.is_full(stranger(99), 0)
    assert not budgets.is_full(HOME, 0)
    budgets.settle(BOB.public, HOME)
    budgets.settle(ALICE.public, stranger(99))
    assert not budgets.is_full(HOME, 0), "somebody else is there"
    budgets.settle(BOB.public, stranger(98))
    assert budgets.is_full(HOME, 0)
    assert not budgets.is_full(stranger(99), 0)
    assert not budgets.is_full(HOME, 1_000)


def test_a_host_of_many_ports_is_one_host() -> None:
    shares = Shares(per_address=6, strange_of_host=8)
    budgets, names = Budgets(shares), [PrivateKey.from_secret(9_000 + number) for number in range(30)]
    found = [admit(budgets, sender(key), ("198.51.100.7", number), 0) for number, key in enumerate(names)]
    assert sum(found) == 8
    assert admit(budgets, sender(names[20]), ("198.51.100.8", 1), 0)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%2", "fe80::2%2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
    ],
)
def test_a_host_has_a_network_of_ipv6(one: str, other: str, same: bool) -> None:
    budgets = Budgets(Shares(strange_of_host=1))
    assert admit(budgets, sender(ALICE), (one, 1), 0)
    assert admit(budgets, sender(BOB), (other, 1), 0) is not same


def test_a_session_at_home_that_gets_another_port_is_no_stranger() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    for second in range(5):
        assert admitted(budgets, sender(ALICE), 30, second * 1_000) <= 4
        assert admit(budgets, sender(ALICE), (HOME[0], 6_000), second * 1_000), "whatever others send"
    found = [admit(budgets, sender(ALICE), (HOME[0], 6_000 + port), 9_000) for port in range(9)]
    assert found == [True] * 2 + [False] * 7, "and its host has no more than a host has"


def test_many_sessions_of_ones_own_leave_an_honest_one_its_part() -> None:
    """150 that send 20 a second, and forgers of everybody's name, all before the honest one does."""
    budgets, names = (
        Budgets(Shares()),
        [PrivateKey.from_secret(9_000 + number).public for number in range(150)],
    )
    budgets.settle(ALICE.public, HOME)
    for port, name in enumerate(names):
        budgets.settle(name, ("198.51.100.7", port))
    found = Counter[int]()
    for second in range(4):
        for port, name in enumerate(names):
            found[second] += sum(
                admit(budgets, Sender(name, True), ("198.51.100.7", port), second * 1_000) for _ in range(20)
            )
        for number in range(2_000):
            admit(budgets, Sender(names[number % 150], True), stranger(number), second * 1_000)
        if second:
            found[-1] += sum(admit(budgets, sender(ALICE), HOME, second * 1_000) for _ in range(3))
    assert found[0] == 3_000, "until it is known how many share"
    assert found[2] == 9 * 150, "with room for one who comes"
    assert found[-1] == 9


def own_admitted(forged_per_s: int, hosts: int, seconds: int, *, in_session: bool = True) -> tuple[int, int]:
    """Of three datagrams that a device sends at the end of each second, behind as many forged ones in its name: how
    many are looked at; and of the forged ones."""
    budgets, whose, own, theirs = Budgets(Shares(), b"salt"), sender(ALICE, in_session=in_session), 0, 0
    for second in range(seconds):
        for number in range(forged_per_s):
            address = f"10.{second % 250}.0.{number % hosts}", number
            theirs += admit(budgets, whose, address, second * 1_000)
        own += sum(admit(budgets, whose, HOME, second * 1_000 + 999) for _ in range(3))
    return own, theirs


@pytest.mark.parametrize("in_session", [True, False])
def test_one_host_that_floods_in_a_name_keeps_nobody_out(in_session: bool) -> None:
    own, theirs = own_admitted(500, 1, 60, in_session=in_session)
    assert own >= 60, "at least one a second"
    assert theirs <= 6 * 60


def test_who_comes_last_has_his_part_of_a_lot() -> None:
    """Of 250 from invented addresses and 3 of one's own in each second, ten are taken by lot."""
    own, theirs = own_admitted(250, 250, 300)
    assert 18 <= own <= 72, "ten of 253 each would be 36 of 900"
    assert theirs <= 300 * 12


def test_a_lot_cannot_be_foreseen_without_the_salt() -> None:
    def won(salt: bytes) -> list[bool]:
        budgets = Budgets(Shares(), salt)
        admitted(budgets, sender(ALICE), 200)
        return [admit(budgets, sender(ALICE), stranger(number), 1_000) for number in range(200)]

    assert won(b"one") == won(b"one")
    assert won(b"one") != won(b"other")
    assert 0 < sum(won(b"one")) <= 20
