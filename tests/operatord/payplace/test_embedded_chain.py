"""The chain in this process is the contract itself: it says no as a ledger does, and forgets nothing it said yes to."""

import pytest

from ledger.payplace.entries import Status
from tests.operatord.payplace.market import OPERATOR, OPERATOR_BLS, Market
from wire.payplace_notarisation import Notarise


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path)
    yield market
    market.close()


def test_it_answers_what_a_chain_is_asked(market):
    account = market.account
    assert account.account == OPERATOR.public
    assert account.time_s() == market.chain.now_s
    assert account.operator().channels == 2
    assert set(account.merchants()) == {
        OPERATOR_BLS.public.merchant_id,
        *(one.id for one in market.merchants),
    }
    record = account.merchant(market.merchants[0].id)
    assert record is not None
    assert (record.status, record.payout) == (Status.SIGNING, market.owners[0].public.octets)
    number = account.number_of(market.consumers[1].public)
    assert number == 1
    channel = account.channel(1)
    assert channel is not None
    assert channel.consumer == market.consumers[1].public.octets
    assert account.merchant(bytes(32)) is None
    assert account.channel(2) is None
    assert account.number_of(OPERATOR.public) is None


def test_it_refuses_by_the_contracts_reasons(market):
    assert market.account.submit(Notarise(bytes(32), 0, bytes(128))) == "outside_window"
    assert market.merchants[0].register() == "already_registered"
    nobody = market.account_of(market.owners[0])
    nobody.of = market.owners[0].public
    with pytest.raises(LookupError):
        nobody.operator()
