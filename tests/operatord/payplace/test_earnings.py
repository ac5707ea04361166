"""What operatord wrote is what payouts read, while it is open there."""

import pytest

from operatord.channel import Channel
from operatord.commands import Earn, KeepChannel
from operatord.payplace.earnings import OperatordEarnings
from operatord.payplace.income import Earning
from operatord.shells.store import Store
from wire.errors import ShellError
from wire.keys import PrivateKey

PAYEE, CONSUMER, OTHER = (PrivateKey.from_secret(number).public for number in (1, 2, 3))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "operatord.db")
    yield store
    store.close()


def test_earnings_are_read_in_their_order(store, tmp_path):
    earnings = OperatordEarnings(tmp_path / "operatord.db")
    assert earnings.earnings_since(0, 10) == []
    store.save([Earn(PAYEE, CONSUMER, 5), Earn(PAYEE, OTHER, 6)])
    store.save([Earn(PAYEE, CONSUMER, 7)])
    assert earnings.earnings_since(0, 2) == [Earning(1, PAYEE, CONSUMER, 5), Earning(2, PAYEE, OTHER, 6)]
    assert earnings.earnings_since(2, 10) == [Earning(3, PAYEE, CONSUMER, 7)]
    earnings.close()


def test_the_highest_micropayment_is_read(store, tmp_path):
    store.save(
        [KeepChannel(Channel(CONSUMER, 0, 100, 9, b"micropayment")), KeepChannel(Channel(OTHER, 1, 100))]
    )
    earnings = OperatordEarnings(tmp_path / "operatord.db")
    assert earnings.micropayment_of(CONSUMER) == b"micropayment"
    assert earnings.micropayment_of(OTHER) is None
    assert earnings.micropayment_of(PAYEE) is None
    earnings.close()


def test_who_has_earned_anything_is_known(store, tmp_path):
    earnings = OperatordEarnings(tmp_path / "operatord.db")
    assert not earnings.has_earned(PAYEE)
    store.save([Earn(PAYEE, CONSUMER, 5), Earn(PAYEE, CONSUMER, 5)])
    assert earnings.has_earned(PAYEE)
    assert not earnings.has_earned(OTHER)
    store.save([Earn(OTHER, CONSUMER, 5)])
    assert earnings.has_earned(OTHER)
    earnings.close()


def test_who_has_paid_more_than_is_left_is_named(store, tmp_path):
    store.save(
        [KeepChannel(Channel(CONSUMER, 1, 8, 9, b"money")), KeepChannel(Channel(OTHER, 0, 9, 9, b"money"))]
    )
    earnings = OperatordEarnings(tmp_path / "operatord.db")
    assert earnings.overdrawn() == [CONSUMER]
    store.save([KeepChannel(Channel(CONSUMER, 1, 9, 9, b"money"))])
    assert earnings.overdrawn() == []
    earnings.close()


def test_nothing_is_made_where_there_is_no_operatord(tmp_path):
    with pytest.raises(ShellError):
        OperatordEarnings(tmp_path / "operatord.db")
    assert list(tmp_path.iterdir()) == []
