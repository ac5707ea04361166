"""The fake keeps the protocol where the tests lean on it. That the real one does the same: tests/system."""

import pytest

from device.fake_access_point import FakeAccessPoint, sell_as
from nas_tunnel.lobby import (
    Announcement,
    Discover,
    Joined,
    Outcome,
    Purchase,
    Refused,
    read_lobby,
    write_lobby,
)
from wire.allocate import Allocate
from wire.errors import VerificationError
from wire.grant import read_grant
from wire.keys import PrivateKey
from wire.offer import read_offer
from wire.receipt import read_receipt
from wire.transaction import Transaction, sign_transaction

BUYER = PrivateKey.from_secret(7)


def sell() -> tuple[FakeAccessPoint, bytes]:
    fake = FakeAccessPoint(BUYER.public, lambda: 1_700_000_000)
    announcement = read_lobby(fake.answer(write_lobby(Discover())) or b"")
    assert isinstance(announcement, Announcement)
    offer = read_offer(announcement.offer, announcement.provider)
    action = Allocate(announcement.provider, offer.price_ubc, offer.band, offer.epoch)
    signed = sign_transaction(Transaction(action, bytes(8), 1_700_000_040), BUYER, announcement.ledger_id)
    return fake, write_lobby(Purchase(signed.envelope.encoded))


def test_a_purchase_runs_once() -> None:
    fake, purchase = sell()
    first, second = (read_lobby(fake.answer(purchase) or b"") for _ in range(2))
    assert isinstance(first, Outcome)
    assert isinstance(second, Outcome)
    assert first.grant == second.grant
    reasons = [read_receipt(o.receipt, fake.ledger.public, fake.ledger_id).reason for o in (first, second)]
    assert reasons == ["", "replayed"]
    assert read_grant(first.grant, fake.ledger.public, fake.ledger_id).consumer == BUYER.public


def test_a_purchase_by_somebody_else_is_our_tests_mistake() -> None:
    fake, purchase = sell()
    fake.buyer = PrivateKey.from_secret(8).public
    with pytest.raises(VerificationError):
        fake.answer(purchase)


def test_faults_to_order() -> None:
    fake, purchase = sell()
    fake.lose = {Purchase: 1}
    assert fake.answer(purchase) is None
    fake.refuse = [(Purchase, "busy", "")]
    assert read_lobby(fake.answer(purchase) or b"") == Refused(b"", "busy", "")
    assert isinstance(read_lobby(fake.answer(purchase) or b""), Outcome)


def test_garbage_and_what_is_not_for_an_access_point_are_not_answered() -> None:
    fake, _ = sell()
    assert fake.answer(b"garbage") is None
    assert fake.answer(write_lobby(Joined(bytes(16), 0))) is None


def test_a_neighbour_shares_the_ledger_and_nothing_else() -> None:
    fake, _ = sell()
    other = sell_as(fake, price_ubc=5)
    assert (other.ledger, other.price_ubc) == (fake.ledger, 5)
    assert other.provider.public != fake.provider.public
    assert other.heard == []
