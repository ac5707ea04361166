"""What a ledger shows of PayPlace is what the contract has, and operators and merchants read it back so."""

import threading
from dataclasses import dataclass, field, replace

import pytest
from fastapi import FastAPI

from lab.serving import served
from ledger.client import LedgerReader
from ledger.http import add_error_pages
from ledger.payplace.pages import PayMerchantListPage, add_payplace_pages
from ledger.state import State
from operatord.payplace.ledger_chain import LedgerChain
from tests.ledger_world import GENESIS
from tests.operatord.payplace.market import OPERATOR, Market


@dataclass
class Shown:
    state: State
    lock: threading.Lock = field(default_factory=threading.Lock)


@pytest.fixture
def market(tmp_path):
    market = Market(tmp_path, merchants=5)
    yield market
    market.close()


@pytest.fixture
def chain(market):
    app = FastAPI()
    add_error_pages(app)
    add_payplace_pages(app, Shown(market.chain.state), lambda: market.chain.now_s)
    with served(app) as url:
        yield LedgerChain(LedgerReader(url), None, GENESIS, OPERATOR.public, OPERATOR)  # type: ignore[arg-type]


def test_entries_are_read_as_they_are(market, chain):
    own = market.account
    assert chain.time_s() == market.chain.now_s
    assert chain.instance == own.instance
    assert chain.account == own.account
    assert chain.operator() == own.operator()
    without_keys = {one: replace(record, key=b"") for one, record in own.merchants().items()}
    assert len(without_keys) == 6
    assert chain.merchants() == without_keys
    for one in without_keys:
        assert chain.merchant(one) == own.merchant(one)
    assert chain.channel(1) == own.channel(1)
    assert chain.channels([1, 0, 1, 7]) == own.channels([0, 1])
    assert list(chain.channels(range(1_200))) == [0, 1], "more than one request takes"
    assert chain.number_of(market.consumers[1].public) == 1


def test_merchants_come_in_pages(market, chain):
    seen, after = list[str](), ""
    for _ in range(3):
        page = chain._reader.read(
            PayMerchantListPage, f"payplace/{OPERATOR.public}/merchants", after=after, limit=2
        )
        seen += [shown.merchant for shown in page.merchants]
        after = page.after or ""
    assert after == ""
    assert seen == sorted(one.hex() for one in market.account.merchants())


def test_what_is_not_there(market, chain):
    assert chain.merchant(bytes(32)) is None
    assert chain.channel(77) is None
    assert chain.number_of(OPERATOR.public) is None
    stranger = LedgerChain(chain._reader, None, GENESIS, market.owners[0].public, OPERATOR)  # type: ignore[arg-type]
    with pytest.raises(LookupError):
        stranger.operator()
    assert stranger.merchants() == {}
