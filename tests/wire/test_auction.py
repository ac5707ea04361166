"""The auction as a provider signs it: what cannot be, and whose time keys count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.wire.examples import BIDDING, LEDGER_ID, MESSAGES, OPERATOR, PROVIDER, UTC_S, resign_payload
from wire.auction import Auction, read_auction, write_auction
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError, VerificationError
from wire.time_key import TimeKey, write_time_key

SESSION: Auction = MESSAGES["session_auction"].example
EXAMPLE: Auction = MESSAGES["auction"].example
OPEN = replace(
    EXAMPLE,
    terms=replace(EXAMPLE.terms, mark=replace(EXAMPLE.terms.mark, kind=AuctionKind.PROPSHARE)),
    threshold=0,
    time_keys=(),
)


def test_a_proportional_share_may_be_open_and_a_vickrey_auction_may_not() -> None:
    assert not OPEN.is_sealed
    with pytest.raises(DecodeError, match="the bids of a Vickrey auction are sealed"):
        replace(EXAMPLE, threshold=0, time_keys=())


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"threshold": 0}, "0 of 1 time keys open no bid"),
        ({"threshold": 2}, "2 of 1 time keys open no bid"),
        ({"time_keys": (b"x",) * 17, "threshold": 17}, "17 time keys, at most 16"),
        ({"epoch": 0}, "epoch is 0"),
        ({"offer_callback": "ftp://roof.example"}, "no http or https URL"),
        ({"offer_callback": "file:///etc/passwd"}, "no http or https URL"),
        ({"offer_callback": "http://roof.example/a b"}, "no http or https URL"),
        ({"offer_callback": "http://user@roof.example"}, "no http or https URL"),
        ({"offer_callback": "http://" + "x" * 200}, "no http or https URL"),
    ],
)
def test_refused(changes: dict[str, Any], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        replace(EXAMPLE, **changes)


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({2: [3, UTC_S, 1]}, "kind 3 is none of"),
        ({2: [2, UTC_S, 1]}, "a session auction has a forecast"),
        ({2: [0, UTC_S, 1, 5]}, "no other has one"),
        ({2: [2, UTC_S, 1, *[1] * 61]}, "auction is not an array of 3 to 63 items"),
        ({2: [2, UTC_S, 1, 41]}, "the forecast is above max_allocations, 40"),
        ({8: ""}, "offer_callback is empty"),
        ({2: [0, 0, 1]}, "clearing_s is 0"),
        ({4: 0}, "max_allocations is 0"),
        ({10: 1}, "10"),
        ({12: []}, "time_keys is not an array of 1 to 16"),
        ({12: ["x"]}, "no byte string"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_auction(resign_payload(MESSAGES["auction"], extra), LEDGER_ID)


def test_its_time_keys_are_of_the_clearing_time_and_of_different_keepers() -> None:
    (key,) = EXAMPLE.read_time_keys()
    assert key.keeper == OPERATOR.public
    with pytest.raises(DecodeError, match="a keeper has two time keys"):
        replace(EXAMPLE, time_keys=EXAMPLE.time_keys * 2).read_time_keys()
    late = write_time_key(TimeKey(PROVIDER.public, UTC_S + 601, BIDDING.public), PROVIDER)
    with pytest.raises(DecodeError, match="a time key of"):
        replace(EXAMPLE, time_keys=(late,)).read_time_keys()
    forged = late[:-64] + bytes(64)
    with pytest.raises(VerificationError):
        replace(EXAMPLE, time_keys=(forged,)).read_time_keys()


def test_only_the_provider_of_a_session_auction_may_ask_for_the_question() -> None:
    assert SESSION.offer_callback == ""
    assert replace(SESSION, offer_callback="https://roof.example/offer").offer_callback
    with pytest.raises(DecodeError, match="no http or https URL"):
        replace(EXAMPLE, offer_callback="")
    with pytest.raises(DecodeError, match="offer_callback"):
        read_auction(resign_payload(MESSAGES["auction"], {}, leave_out=(8,)), LEDGER_ID)


def test_the_bids_of_a_session_auction_are_sealed() -> None:
    with pytest.raises(DecodeError, match="bids of a session auction are sealed"):
        replace(SESSION, threshold=0, time_keys=())


def test_no_slot_has_more_units_than_an_empty_access_point() -> None:
    assert max(SESSION.terms.mark.forecast) == SESSION.terms.max_allocations
    with pytest.raises(DecodeError, match="the forecast is above max_allocations, 29"):
        replace(SESSION, terms=replace(SESSION.terms, max_allocations=29))


def test_a_session_auction_is_over_before_the_next_is_due() -> None:
    assert EXAMPLE.settle_by_s == EXAMPLE.terms.mark.clearing_s + 600
    assert SESSION.settle_by_s == SESSION.terms.mark.clearing_s + 30
    odd = replace(SESSION, terms=replace(SESSION.terms, allocation_duration_s=21))
    assert odd.settle_by_s == SESSION.terms.mark.clearing_s + 10


def test_an_auction_of_an_hour_fits_a_lobby_datagram() -> None:
    mark = replace(SESSION.terms.mark, forecast=(250,) * 60)
    long = replace(SESSION, terms=replace(SESSION.terms, mark=mark, max_allocations=250))
    assert len(write_auction(SESSION, PROVIDER, LEDGER_ID)) <= 430
    assert len(write_auction(long, PROVIDER, LEDGER_ID)) <= 600
