"""Shares of the processor: who floods takes what he may, and no more."""

from operatord.budgets import Address, Budgets, Sender, Shares
from tests.operatord.world import ALICE, BOB
from wire.keys import PrivateKey

SHARES = Shares(all_per_s=40, strange_per_s=20, idle_per_s=5, per_address=6, strange=4, idle=2)
HOME = ("192.0.2.1", 5_000)


def stranger(number: int) -> Address:
    return f"10.0.{number // 250}.{number % 250}", 4_000


def sender(key: PrivateKey, *, in_session: bool = True) -> Sender:
    return Sender(key.public, in_session)


def admitted(budgets: Budgets, whose: Sender, tries: int, now_ms: int = 0) -> int:
    """Of so many datagrams, each from an address of its own."""
    return sum(budgets.admit(whose, stranger(number), now_ms) for number in range(tries))


def test_one_address_has_its_share_of_each_second() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert [budgets.admit(sender(ALICE), HOME, 999) for _ in range(8)] == [True] * 6 + [False] * 2
    assert budgets.admit(sender(ALICE), HOME, 1_000)


def test_forgers_of_one_name_share_one_name() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert admitted(budgets, sender(ALICE), 30) == 4
    assert budgets.admit(sender(ALICE), HOME, 0), "its own address has a share that they do not reach"
    assert budgets.admit(sender(BOB), stranger(99), 0), "and so has everybody else's session that begins"


def test_forgers_of_all_names_leave_what_runs_its_share() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    names = [PrivateKey.from_secret(9_000 + number) for number in range(30)]
    assert sum(admitted(budgets, sender(key), 1) for key in names) == 6, "from one address"
    found = sum(budgets.admit(sender(key), stranger(number + 100), 0) for number, key in enumerate(names))
    assert found == 14, "of all strangers, 20"
    assert [budgets.admit(sender(ALICE), HOME, 0) for _ in range(6)] == [True] * 6


def test_names_without_a_session_have_a_part_of_the_strangers_share() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    assert admitted(budgets, sender(ALICE, in_session=False), 30) == 2
    assert not budgets.admit(sender(ALICE, in_session=False), HOME, 0), "an address is that of a session"
    names = [PrivateKey.from_secret(9_000 + number) for number in range(30)]
    found = sum(
        budgets.admit(sender(key, in_session=False), stranger(number + 50), 0)
        for number, key in enumerate(names)
    )
    assert found == 3, "of all, 5"
    assert admitted(budgets, sender(BOB), 30) == 4, "sessions that begin have the rest"


def test_there_is_an_end_to_everything() -> None:
    shares = Shares(all_per_s=3, per_address=6)
    budgets = Budgets(shares)
    budgets.settle(ALICE.public, HOME)
    assert [budgets.admit(sender(ALICE), HOME, 0) for _ in range(5)] == [True] * 3 + [False] * 2


def test_once_strangers_have_had_their_share_theirs_is_dropped_unread() -> None:
    budgets = Budgets(SHARES)
    budgets.settle(ALICE.public, HOME)
    names = [PrivateKey.from_secret(9_000 + number) for number in range(20)]
    assert all(budgets.admit(sender(key), stranger(number), 0) for number, key in enumerate(names))
    assert budgets.is_full(stranger(99), 0)
    assert not budgets.is_full(HOME, 0)
    budgets.settle(BOB.public, HOME)
    budgets.settle(ALICE.public, stranger(99))
    assert not budgets.is_full(HOME, 0), "somebody else is there"
    budgets.settle(BOB.public, stranger(98))
    assert budgets.is_full(HOME, 0)
    assert not budgets.is_full(stranger(99), 0)
    assert not budgets.is_full(HOME, 1_000)
