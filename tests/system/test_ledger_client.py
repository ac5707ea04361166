"""The ledger's client for real: what it does when answers are late, lost, or never come."""

from __future__ import annotations

import time

import pytest

from ledger.client import LedgerClient, LedgerReader
from tests.ledger_house import LedgerHouse
from wire.auction_receipt import Status, read_auction_receipt
from wire.auction_request import AuctionRequest, CreateAuction, GetBid, PlaceBid, write_auction_request
from wire.create import Create
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.money_actions import Transfer

pytestmark = pytest.mark.system


def test_answers_come_in_the_order_of_the_questions(house: LedgerHouse) -> None:
    buyer = house.new_buyer()
    with house.client(buyer) as client:
        amounts = [1, 2_000, 2, 3_000, 3]
        signed = [house.sign(Transfer(house.exchange.public, amount), buyer) for amount in amounts]
        reasons = [house.receipt(reply).reason for reply in client.submit_all(signed)]
    assert reasons == ["", "insufficient_funds", "", "insufficient_funds", ""]


def test_a_ledger_that_does_not_answer_is_the_world_s_fault(house: LedgerHouse) -> None:
    assert house.service is not None
    key = PrivateKey.generate()
    with house.client(key, timeout_s=2) as client:
        begun = time.monotonic()
        with pytest.raises(ShellError, match="did not answer within 2 s"):
            client.ask("transaction", b"garbage is not answered")
    assert 1.9 < time.monotonic() - begun < 6


def test_a_ledger_without_a_clearing_house_says_so(house: LedgerHouse) -> None:
    """In a signed word, so that nobody keeps asking."""
    key, auction_id = PrivateKey.generate(), bytes(range(32))
    requests: list[AuctionRequest] = [
        CreateAuction(b"one"),
        PlaceBid(auction_id, b"bid"),
        GetBid(auction_id, key.public),
    ]
    with house.client(key, timeout_s=5) as client:
        answers = list(client.ask_all("auction", map(write_auction_request, requests)))
    receipts = [read_auction_receipt(one, house.key.public, house.ledger_id) for one in answers]
    assert [one.auction_id for one in receipts] == [bytes(32), auction_id, auction_id]
    assert {(one.status, one.reason, one.number) for one in receipts} == {
        (Status.ERROR, "no_clearing_house", 0)
    }


def test_a_broker_that_is_not_there_is_named(house: LedgerHouse, free_port) -> None:
    key = PrivateKey.generate()
    tls = house.authority.issue_client(str(key.public), key.key).client_context()
    port = free_port()
    with (
        pytest.raises(ShellError, match=f"127.0.0.1:{port}"),
        LedgerClient("127.0.0.1", port, str(key.public), tls),
    ):
        pass


def test_nobody_speaks_on_another_s_topics(house: LedgerHouse) -> None:
    """The certificate says who one is: with another's name in the topics nothing is heard."""
    mallory, victim = PrivateKey.generate(), PrivateKey.generate()
    tls = house.authority.issue_client(str(mallory.public), mallory.key).client_context()
    client = LedgerClient("127.0.0.1", house.port, str(victim.public), tls, timeout_s=2)
    with client, pytest.raises(ShellError, match="did not answer"):
        client.submit(house.sign(Create(mallory.public), mallory))
    with pytest.raises(LookupError):
        house.reader.get(f"accounts/{mallory.public}")


def test_the_reader_says_what_is_wrong(house: LedgerHouse, free_port) -> None:
    with pytest.raises(ValueError, match="is not a ledger"):
        LedgerReader("file:///etc/passwd")
    with pytest.raises(ShellError, match="bad_request"):
        house.reader.get("accounts/zz")
    with pytest.raises(LookupError, match="no_grant"):
        house.reader.get("grants/" + "00" * 16)
    with pytest.raises(ShellError):
        LedgerReader(f"http://127.0.0.1:{free_port()}").get("ledger")
