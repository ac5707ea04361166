"""The fake air keeps the rules where the tests lean on it. That a real one does the same: the guest tests."""

import pytest

from device.fake_access_point import FakeAccessPoint
from device.fake_air import FakeAir, FakeBss
from nas_tunnel.anqp import (
    VENDOR,
    answer_id,
    find_beacon_element,
    offer_hash,
    read_air_offer,
    read_answers,
    read_elements,
    write_offer_query,
    write_purchase_query,
)
from nas_tunnel.lobby import Outcome
from tests.device.playbook import BUYER
from wire.account_certificate import Purpose, issue, write_anchor
from wire.allocate import Allocate
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import read_network
from wire.offer import read_offer
from wire.transaction import SignedTransaction, Transaction, sign_transaction

NOW_S = 1_700_000_000
AP = MacAddress(b"\x02\0\0\0\0\x01")


@pytest.fixture
def cell() -> FakeBss:
    return FakeBss(FakeAccessPoint(BUYER.public, lambda: NOW_S, ssid=b"airgrant"))


def purchase(cell: FakeBss) -> SignedTransaction:
    shop = cell.shop
    action = Allocate(shop.provider.public, shop.price_ubc, shop.band, shop.epoch)
    return sign_transaction(Transaction(action, bytes(8), NOW_S + 40), BUYER, shop.ledger_id)


def test_an_offer_as_a_box_shows_it(cell: FakeBss) -> None:
    said = read_air_offer(read_elements(cell.respond(write_offer_query()) or b"")[VENDOR])
    offer, network = read_offer(said.offer, said.provider), read_network(said.network, said.provider)
    assert offer.bssid == network.bssid == cell.shop.bssid
    assert network.operator == cell.shop.operator.public


def test_a_beacon_hints_at_the_offer(cell: FakeBss) -> None:
    hint = find_beacon_element(cell.found().elements)
    assert hint is not None
    assert len(hint.offer_hash) == len(offer_hash(b""))
    assert hint.price_ubc == cell.shop.price_ubc
    cell.shows_beacon_element = False
    assert find_beacon_element(cell.found().elements) is None


def test_a_purchase_is_answered_with_the_offer_and_later_with_its_outcome(cell: FakeBss) -> None:
    signed = purchase(cell)
    element = answer_id(signed.transaction_id)
    assert read_elements(cell.respond(write_offer_query([element])) or b"") == {}
    response = cell.respond(write_purchase_query(signed.envelope.encoded))
    assert list(read_elements(response or b"")) == [VENDOR]
    (outcome,) = read_answers(read_elements(cell.respond(write_offer_query([element])) or b"")[element])
    assert isinstance(outcome, Outcome)
    assert outcome.transaction_id == signed.transaction_id


def test_faults_to_order(cell: FakeBss) -> None:
    cell.lose, cell.deaf = 1, 1
    query = write_purchase_query(purchase(cell).envelope.encoded)
    assert cell.respond(query) is None
    assert cell.respond(query) is not None
    assert cell.shop.grants == {}
    assert cell.respond(query) is not None
    assert len(cell.shop.grants) == 1


def test_who_is_let_in(cell: FakeBss) -> None:
    air = FakeAir({AP: cell})
    anchor = write_anchor(cell.shop.operator.public)
    times = (NOW_S, NOW_S + 60)
    mine, other = (
        issue(key, Purpose.STATION, not_before_s=times[0], not_after_s=times[1], serial=1)
        for key in (BUYER, PrivateKey.from_secret(8))
    )
    assert air.authenticate(None, anchor, mine) == "absent"
    assert air.authenticate(cell, anchor, mine) == "rejected"  # nothing bought yet
    cell.respond(write_purchase_query(purchase(cell).envelope.encoded))
    assert air.authenticate(cell, anchor, other) == "rejected"
    assert air.authenticate(cell, anchor, b"garbage") == "rejected"
    assert air.authenticate(cell, write_anchor(BUYER.public), mine) == "strange"
    assert air.authenticate(cell, anchor, mine) == "in"
    assert air.joined == BUYER.public


def test_the_loudest_of_a_network_or_the_one_that_is_pinned(cell: FakeBss) -> None:
    air = FakeAir({AP: cell})
    other = MacAddress(b"\x02\0\0\0\0\x02")
    loud = air.add(FakeAccessPoint(BUYER.public, lambda: NOW_S, bssid=other, ssid=b"airgrant"), -20)
    assert air.find(b"airgrant") is loud
    assert air.find(b"airgrant", AP) is cell
    assert air.find(b"elsewhere") is None
    assert air.respond(MacAddress(bytes(6)), b"") is None
