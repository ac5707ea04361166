"""Who shifts away what it has spent is shown its own micropayment; nobody else is bothered, and it is told once."""

import pytest

from ledger.payplace import bls
from operatord.payplace.contesting import Contester
from operatord.payplace.embedded_chain import EmbeddedAccount
from tests.operatord.payplace.market import OPERATOR, TIMES, Market
from wire.create import Create
from wire.keys import PrivateKey
from wire.micropayment import Micropayment, write_micropayment
from wire.payplace_registration import RegisterOperator
from wire.payplace_shift import Shift

OTHER = PrivateKey.from_secret(9_100)


@pytest.fixture
def market(tmp_path):
    """Consumer 0 has begun to shift 600,000 of its 1,000,000."""
    market = Market(tmp_path, merchants=0)
    market.must(Create(OTHER.public), OTHER)
    secret = bls.SecretKey(9_101)
    instance = EmbeddedAccount(market.chain, OTHER, OTHER.public).instance
    possession = secret.prove_possession(instance, OTHER.public.octets)
    market.must(RegisterOperator(TIMES, secret.public.eip2537, possession.eip2537), OTHER)
    market.must(Shift(OPERATOR.public, OTHER.public, 600_000), market.consumers[0])
    yield market
    market.close()


def paid(market, consumer: int, cumulative_ubc: int) -> bytes:
    key = market.consumers[consumer]
    return write_micropayment(Micropayment(market.account.instance, key.public, cumulative_ubc), key)


@pytest.fixture
def told() -> list[str]:
    return []


def contest(market, told, octets: bytes) -> bool:
    contester = Contester(market.account, "payouts", told.append)
    return contester.contest_all(market.account.channels([0, 1]), {0: octets})


def test_what_is_spent_stays(market, told):
    assert contest(market, told, paid(market, 0, 400_001))
    assert market.account.channel(0).shift is None
    assert market.account.channel(0).paid_ubc == 400_001
    assert told == [f"payouts: {market.consumers[0].public} shifts what it has spent: contested"]


@pytest.mark.parametrize("what", ["what is left covers it", "another consumer's", "no micropayment"])
def test_whoever_has_spent_no_more_than_is_left_is_left_alone(market, told, what):
    octets = {
        "what is left covers it": paid(market, 0, 400_000),
        "another consumer's": paid(market, 1, 900_000),
        "no micropayment": b"\xa0",
    }[what]
    assert not contest(market, told, octets)
    assert market.account.submitted == []
    assert told == []
    assert market.account.channel(0).shift is not None


def test_what_is_refused_is_told_once(market, told):
    """By a chain that is ahead of what was looked at: somebody else was first."""
    before = market.account.channels([0])
    contester = Contester(market.account, "merchant", told.append)
    high = {0: paid(market, 0, 500_000)}
    assert contester.contest_all(before, high)
    assert contester.contest_all(before, high)
    assert contester.contest_all(before, high)
    assert [line.rsplit(" ", 1)[1] for line in told] == ["contested", "no_shift"]
    contester.forget([])
    assert contester.contest_all(before, high)
    assert len(told) == 3
