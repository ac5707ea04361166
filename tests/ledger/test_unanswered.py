"""A transfer that was not answered: the same bytes again, whatever the ledger did with the first, and once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.unanswered import EXPIRY_MARGIN_S, Delivery, Fate, deliver, unanswered
from tests.exchange_world import World
from wire.errors import ConfigError, ShellError
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.money_actions import Deposit, Transfer
from wire.transaction import SignedTransaction, read_transaction

VALID_S = 600
MEANING = bytes(range(32))


@dataclass
class Person:
    """Who types `airgrant account transfer bob 100` into a terminal, and has a key file."""

    world: World
    key: PrivateKey
    to: PrivateKey
    key_file: Path
    sent: list[bytes] = field(default_factory=list)
    amount_ubc: int = 100
    logged: bool = False
    """The log has everything."""

    def type(self, submit: Callable[[bytes], LedgerReply], meaning: bytes = MEANING) -> Delivery:
        def send(encoded: bytes) -> LedgerReply:
            self.sent.append(encoded)
            return submit(encoded)

        with unanswered(self.key_file, meaning) as kept:
            return deliver(kept, self._sign, send, self._has_run, self.world.genesis)

    def lost(self, encoded: bytes) -> LedgerReply:
        """The ledger takes it, and its answer never comes."""
        self.world.deliver(encoded)
        raise ShellError("broker", "the ledger did not answer within 10 s")

    def away(self, _encoded: bytes) -> LedgerReply:
        raise ShellError("broker", "the ledger did not answer within 10 s")

    def files(self) -> list[str]:
        return sorted(file.name for file in self.key_file.parent.glob("*.unanswered"))

    def _sign(self) -> SignedTransaction:
        encoded = self.world.sign(Transfer(self.to.public, self.amount_ubc), self.key, VALID_S)
        return read_transaction(encoded, self.world.genesis.ledger_id)

    def _has_run(self, transaction_id: str) -> bool:
        return self.logged or self.world.archive.item(bytes.fromhex(transaction_id)) is not None


@pytest.fixture
def person(tmp_path: Path) -> Iterator[Person]:
    world = World(tmp_path)
    key, to = world.open_account(), world.open_account()
    world.execute(Deposit(key.public, 1_000), world.exchange)
    (tmp_path / "keys").mkdir()
    yield Person(world, key, to, tmp_path / "keys" / "dan.key")
    world.close()


def test_what_was_answered_is_forgotten_and_the_same_is_paid_again(person: Person) -> None:
    first, second = person.type(person.world.deliver), person.type(person.world.deliver)
    assert (first.fate, first.again, second.fate, second.again) == (Fate.RAN, False, Fate.RAN, False)
    assert first.signed.transaction_id != second.signed.transaction_id
    assert (person.world.balance(person.to), person.files()) == (200, [])


@pytest.mark.parametrize("lose", [Person.lost, Person.away])
def test_what_was_not_answered_is_sent_again_and_paid_once(
    person: Person, lose: Callable[[Person, bytes], LedgerReply]
) -> None:
    for _ in range(3):
        with pytest.raises(
            ShellError, match=r"may still run until 20.* UTC\. The same command sends the same bytes"
        ):
            person.type(lambda encoded: lose(person, encoded))
    assert len(person.files()) == 1
    delivery = person.type(person.world.deliver)
    assert (delivery.fate, delivery.again) == (Fate.RAN, True)
    assert len(set(person.sent)) == 1
    assert (person.world.balance(person.to), person.files()) == (100, [])


def test_another_payment_does_not_wait_for_it(person: Person) -> None:
    with pytest.raises(ShellError):
        person.type(person.away)
    person.amount_ubc = 30
    assert not person.type(person.world.deliver, meaning=bytes(32)).again
    assert person.world.balance(person.to) == 30
    assert person.type(person.world.deliver).again
    assert person.world.balance(person.to) == 130


def test_what_ran_and_has_expired_since_ran(person: Person) -> None:
    with pytest.raises(ShellError):
        person.type(person.lost)
    person.world.clock_s += 10 * VALID_S
    assert (person.type(person.world.deliver).fate, person.files()) == (Fate.RAN, [])
    assert person.world.balance(person.to) == 100


def test_a_gateway_that_says_expired_is_held_against_the_log(person: Person) -> None:
    """As its own node may be behind the one that is asked."""
    with pytest.raises(ShellError):
        person.type(person.away)
    person.world.clock_s += 10 * VALID_S
    person.logged = True
    delivery = person.type(person.world.deliver)
    assert (delivery.receipt.reason, delivery.fate, person.files()) == ("expired", Fate.RAN, [])


def test_another_is_signed_only_when_the_first_has_expired_for_good(person: Person) -> None:
    with pytest.raises(ShellError):
        person.type(person.away)
    person.world.clock_s += VALID_S + EXPIRY_MARGIN_S
    assert person.type(person.world.deliver).fate is Fate.MAY_RUN
    person.world.clock_s += 1
    assert person.type(person.world.deliver).fate is Fate.EXPIRED
    assert len(set(person.sent)) == 1
    assert person.world.balance(person.to) == 0
    assert person.type(person.world.deliver).fate is Fate.RAN
    assert (len(set(person.sent)), person.world.balance(person.to)) == (2, 100)


def test_what_is_refused_now_may_have_been_sent_before_and_is_kept(person: Person) -> None:
    person.amount_ubc = 5_000
    assert person.type(person.world.deliver).fate is Fate.REFUSED
    assert person.files() == []
    with pytest.raises(ShellError):
        person.type(person.away)
    assert person.type(person.world.deliver).fate is Fate.MAY_RUN
    person.world.execute(Deposit(person.key.public, 5_000), person.world.exchange)
    assert person.type(person.world.deliver).fate is Fate.RAN
    assert (person.world.balance(person.to), person.files()) == (5_000, [])


def test_two_at_once_are_one_after_the_other(person: Person) -> None:
    def meanwhile(encoded: bytes) -> LedgerReply:
        with pytest.raises(ShellError, match="another command is sending the same"):
            person.type(person.world.deliver)
        return person.world.deliver(encoded)

    assert person.type(meanwhile).fate is Fate.RAN
    assert person.world.balance(person.to) == 100


def test_where_nothing_can_be_kept_nothing_is_sent(person: Person) -> None:
    person.key_file = person.key_file.parent / "away" / "dan.key"
    with pytest.raises(ConfigError, match="kept beside its key"):
        person.type(person.world.deliver)
    assert person.sent == []


def test_others_cannot_read_it(person: Person) -> None:
    with pytest.raises(ShellError):
        person.type(person.away)
    (file,) = person.key_file.parent.glob("*.unanswered")
    assert file.stat().st_mode & 0o077 == 0
