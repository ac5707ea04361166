"""Requests over MQTT: read back, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.examples import CONSUMER
from wire.auction_request import (
    MAX_ANSWER_BYTES,
    MAX_AUCTION_REQUEST_BYTES,
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    AuctionRequest,
    CreateAuction,
    GetBid,
    ListAuctions,
    PlaceBid,
    read_auction_request,
    write_auction_request,
)
from wire.cbor import Value, write_cbor
from wire.errors import DecodeError

A = bytes(range(32))
REQUESTS: list[AuctionRequest] = [CreateAuction(b"auction"), PlaceBid(A, b"bid"), GetBid(A, CONSUMER.public)]
REQUESTS += [ListAuctions(), ListAuctions(7, CONSUMER.public, True)]

REQUESTS += [AskTimeKey(1), AskTimeKey(2**63 - 1), AskQuestion(A), AnswerQuestion(A, b"offer")]


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: type(one).__name__)
def test_read_back(request_: AuctionRequest) -> None:
    assert read_auction_request(write_auction_request(request_)) == request_


@pytest.mark.parametrize(
    "value",
    [
        1, [], [0, b""], [1, "x"], [1, b"", b""], [2, A], [2, A[1:], b"bid"],
        [3, A, A], [3, A, b"\4" * 33], [4, A, b""], [4, 0, 2, b""],
        [4, -1, 0, b""], [4, 0, 0, b"x"], [5], [5, 0], [5, -1], [5, 2**63], [5, b"x"], [6, A[1:]], [6, A, A], [7, A],
        [7, A[1:], b"offer"], [7, A, 1], [8, A],
    ],
)  # fmt: skip
def test_anything_else_is_refused(value: Value) -> None:
    with pytest.raises(DecodeError, match="auction request"):
        read_auction_request(write_cbor(value))


@pytest.mark.parametrize("value", [[True, b"auction"], [4, True, 0, b""], [4, 0, True, b""], [5, True]])
def test_a_boolean_is_no_number(value: Value) -> None:
    with pytest.raises(DecodeError, match="a boolean"):
        read_auction_request(write_cbor(value))


def test_the_largest_auction_fits() -> None:
    assert len(write_auction_request(CreateAuction(bytes(4_096)))) <= MAX_AUCTION_REQUEST_BYTES
    with pytest.raises(DecodeError, match="at most"):
        read_auction_request(bytes(MAX_AUCTION_REQUEST_BYTES + 1))


def test_an_answer_alone_may_be_longer() -> None:
    room = MAX_ANSWER_BYTES - len(write_auction_request(AnswerQuestion(A, b"x" * 30_000))) + 30_000
    longest = write_auction_request(AnswerQuestion(A, bytes(room)))
    assert len(longest) == MAX_ANSWER_BYTES
    assert read_auction_request(longest) == AnswerQuestion(A, bytes(room))
    with pytest.raises(DecodeError, match="65537 bytes, at most 65536 are accepted"):
        read_auction_request(write_auction_request(AnswerQuestion(A, bytes(room + 1))))
    with pytest.raises(DecodeError, match="at most 4110 are accepted"):
        read_auction_request(write_auction_request(PlaceBid(A, bytes(4_100))))


@given(st.binary(max_size=100))
def test_whatever_comes_is_a_request_or_refused(data: bytes) -> None:
    try:
        found = read_auction_request(data)
    except DecodeError:
        return
    assert write_auction_request(found) == data
