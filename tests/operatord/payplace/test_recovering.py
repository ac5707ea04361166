"""An operator whose folder is lost, or older than the chain, pays everybody what is earned, once."""

import shutil

import pytest

from operatord.payplace.steps import NotariseNow
from tests.operatord.payplace.market import Market


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path)
    yield market
    market.close()


def lose(market, backup=None):
    """Everything but the key; the block comes from a merchant, as docs/payments.md says."""
    market.store.close()
    folder, root = market.folder / "operator", market.account.operator().root
    shutil.rmtree(folder)
    if backup is None:
        (folder / "blocks").mkdir(parents=True)
    else:
        shutil.copytree(backup, folder)
    name = f"{root.hex()}.block"
    shutil.copy(market.folder / "merchant-0" / "blocks" / name, folder / "blocks" / name)
    market.settler = market.open_settler()
    market.merchants = [market.merchant(number, market.settler) for number in range(len(market.merchants))]


def back_up(market):
    market.store.close()
    backup = market.folder / "backup"
    shutil.copytree(market.folder / "operator", backup)
    market.restart()
    return backup


def confirmed(market):
    return [merchant.confirmed_ubc() for merchant in market.merchants]


def test_a_lost_folder_misses_nothing_and_pays_nothing_twice(market):
    market.pay(0, 0, 1_000)
    market.pay(0, 1, 100)
    market.round(1)
    lose(market)
    for number in (2, 3):
        market.pay(0, 0, 500)
        assert NotariseNow in [type(step) for step in market.round(number)]
        market.to_open(number)
        assert confirmed(market) == [900 + 450 * (number - 1), 90]
    assert not any("they wait" in line for line in market.told)


def test_a_backup_of_a_round_ago_pays_nothing_twice(market):
    market.pay(0, 0, 1_000)
    market.round(1)
    backup = back_up(market)
    market.pay(0, 1, 300)
    market.round(2)
    lose(market, backup)
    market.pay(1, 1, 10)
    market.round(3)
    market.to_open(3)
    assert confirmed(market) == [900, 279]


def test_what_was_withdrawn_is_not_paid_again(market):
    market.pay(0, 0, 1_000)
    market.pay(1, 1, 500)
    market.round(1)
    market.to_open(1)
    assert market.merchants[0].withdraw().reason == ""
    market.pay(0, 0, 100)
    market.round(2)
    market.to_open(2)
    assert market.merchants[0].withdraw().reason == ""
    assert market.merchants[1].withdraw(leaving=True).reason == ""
    lose(market)
    market.merchants.pop()
    market.pay(0, 0, 10)
    market.round(3)
    market.to_open(3)
    assert confirmed(market) == [9]
    assert market.merchants[0].withdraw().reason == ""
    assert [market.balance(key) for key in market.owners] == [999, 450]


def test_a_folder_that_is_lost_while_somebody_is_missing(market):
    """Its kept leaf is in the transaction that marked it."""
    market.pay(0, 1, 1_000)
    market.round(1)
    market.pay(0, 1, 500)
    market.round(2, signers=[0])
    lose(market)
    assert NotariseNow in [type(step) for step in market.round(3, signers=[0])]
    (notarised,) = [step for step in market.round(4) if isinstance(step, NotariseNow)]
    assert notarised.returning == (market.merchants[1].id,)
    market.to_open(4)
    assert confirmed(market)[1] == 1_350
    assert market.merchants[1].withdraw().reason == ""
    assert market.balance(market.owners[1]) == 1_350


def test_a_missing_merchant_that_withdrew_and_a_folder_that_is_lost_then(market):
    market.pay(0, 1, 1_000)
    market.round(1)
    market.pay(0, 1, 500)
    market.round(2, signers=[0])
    market.to_open(2)
    assert market.merchants[1].withdraw().reason == ""
    lose(market)
    market.round(3)
    market.to_open(3)
    assert confirmed(market)[1] == 450
