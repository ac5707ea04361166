"""The auction as a provider signs it: what cannot be, and whose time keys count."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.wire.examples import BIDDING, LEDGER_ID, MESSAGES, OPERATOR, PROVIDER, UTC_S, resign_payload
from wire.auction import Auction, read_auction
from wire.auction_terms import AuctionKind
from wire.errors import DecodeError, VerificationError
from wire.time_key import TimeKey, write_time_key

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
        ({2: [2, UTC_S, 1]}, "kind 2 is none of"),
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
