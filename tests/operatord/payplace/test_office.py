"""Merchants and their operator over a real socket: a whole period, and what comes back for rubbish."""

import urllib.error
import urllib.request

import pytest

from lab.serving import served
from ledger.payplace import bls
from ledger.payplace.payout_leaf import MAX_ENTRIES
from operatord.payplace.http import create_app
from operatord.payplace.merchant import Signed
from operatord.payplace.office import HttpOffice
from operatord.payplace.steps import NotariseNow
from tests.operatord.payplace.market import COLLECT_S, Market
from wire.errors import DecodeError, ShellError


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path)
    yield market
    market.close()


@pytest.fixture
def url(market):
    with served(create_app(market.settler, market.told.append)) as url:
        yield url


def test_a_period_over_http(market, url):
    office = HttpOffice(url)
    market.merchants = [market.merchant(number, office) for number in range(2)]
    market.pay(0, 0, 1_000)
    market.pay(0, 1, 1_000)
    market.round(1)
    market.pay(1, 1, 500)
    market.round(2, signers=[0])  # so that a leaf is kept for the second, and asked for in the third
    market.to_window(3)
    market.turns()
    assert isinstance(market.merchants[0].watch(), Signed)
    assert isinstance(market.merchants[1].watch(), Signed)
    market.to_window(3, COLLECT_S)
    (step,) = [step for step in market.turns() if isinstance(step, NotariseNow)]
    assert step.returning == (market.merchants[1].id,)
    market.to_open(3)
    assert [one.withdraw().reason for one in market.merchants] == ["", ""]
    assert [market.balance(key) for key in market.owners] == [900, 900 + 450]


def test_a_newcomer_registers_over_http(market, url):
    market.owners.append(market.consumers[0])  # an account that is there
    newcomer = market.merchant(2, HttpOffice(url))
    with pytest.raises(DecodeError, match="has earned nothing here"):
        newcomer.register()
    market.pay(1, 2, 100)
    assert newcomer.register() == ""
    assert newcomer.id in market.account.merchants()


def test_what_the_operator_does_not_have_or_take(market, url):
    office = HttpOffice(url)
    assert office.announcement() is None
    assert office.kept() == {}
    assert office.micropayments([0, 5]) == {}
    assert office.micropayments([]) == {}
    with pytest.raises(DecodeError, match="no block has root"):
        list(office.block(bytes(32)))
    with pytest.raises(DecodeError, match="period 1"):
        office.take_signature(market.merchants[0].id, 1, bls.SecretKey(5).sign(b"").compressed)
    with pytest.raises(DecodeError, match="possession"):
        office.vouch(bls.SecretKey(5).public, bls.SecretKey(6).sign(b""), market.owners[0].public)


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("blocks/xyz", None, 400),
        ("blocks/00", None, 400),
        ("signatures", b"short", 400),
        ("signatures", bytes(88), 400),
        ("vouchers", bytes(177), 400),
        ("vouchers", b"x", 400),
        ("micropayments", b"123", 400),
        ("micropayments", bytes(4 * MAX_ENTRIES + 4), 400),
        ("signatures", bytes(89), 400),
    ],
)
def test_rubbish_is_refused_with_a_sentence(url, path, body, code):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(urllib.request.Request(f"{url}/v1/payplace/{path}", body))
    with caught.value as error:
        assert error.code == code
        assert error.read()


def test_an_operator_that_is_away_is_the_worlds_fault():
    with pytest.raises(ShellError):
        HttpOffice("http://127.0.0.1:1", timeout_s=5).announcement()
    with pytest.raises(ValueError, match="not an operator"):
        HttpOffice("ftp://example")
