"""The lobby datagram: vectors both ways, every truncation, garbled bytes, limits."""

import json
from pathlib import Path

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.lobby import (
    GROUP,
    MAX_DETAIL_CHARACTERS,
    MAX_LOBBY_BYTES,
    MAX_PURCHASE_BYTES,
    MAX_REASON_CHARACTERS,
    MAX_SHOWN_AUCTION_BYTES,
    MAX_SHOWN_BID_BYTES,
    PORT,
    Announcement,
    AskAuction,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    read_lobby,
    write_lobby,
)
from wire.auction_terms import MAX_AUCTION_RECEIPT_BYTES
from wire.errors import DecodeError
from wire.grant import MAX_GRANT_BYTES
from wire.ids import PublicKey
from wire.join_request import MAX_JOIN_REQUEST_BYTES
from wire.network import MAX_NETWORK_BYTES
from wire.offer import MAX_OFFER_BYTES
from wire.receipt import MAX_RECEIPT_BYTES
from wire.units import U63_MAX

KEY_A, KEY_B = PublicKey(b"\x02" + bytes(range(32))), PublicKey(b"\x03" + bytes(32))
GRANT_ID, TRANSACTION_ID = bytes(range(16)), bytes(range(32))
VECTORS = json.loads((Path(__file__).parent / "vectors" / "lobby.json").read_text())
EXAMPLES: dict[str, LobbyMessage] = {
    "discover": Discover(),
    "announcement": Announcement(b"offer", KEY_A, KEY_B, TRANSACTION_ID, GRANT_ID, 1_700_000_000),
    "announcement with a network": Announcement(
        b"offer", KEY_A, KEY_B, TRANSACTION_ID, GRANT_ID, 1_700_000_000, b"network"
    ),
    "purchase": Purchase(b"transaction"),
    "outcome with a grant": Outcome(TRANSACTION_ID, b"receipt", b"grant"),
    "outcome without": Outcome(TRANSACTION_ID, b"receipt", b""),
    "join": Join(b"grant", b"request"),
    "joined": Joined(GRANT_ID, 1_700_000_600),
    "leave": Leave(GRANT_ID, b"request"),
    "left": Left(GRANT_ID),
    "refused": Refused(GRANT_ID, "no_capacity", "the air is full"),
    "refused without a subject": Refused(b"", "garbled", ""),
    "ask auction": AskAuction(),
    "auction shown": AuctionShown(b"auction", 1_700_000_000),
    "bid": Bid(TRANSACTION_ID, b"sealed"),
    "ask bid": AskBid(TRANSACTION_ID, KEY_A),
    "bid said": BidSaid(b"receipt"),
}
EVERY = pytest.mark.parametrize("name", EXAMPLES)


def octets(minimum: int, maximum: int) -> st.SearchStrategy[bytes]:
    return st.binary(min_size=minimum, max_size=maximum)


keys = st.builds(lambda sign, x: PublicKey(bytes((sign,)) + x), st.sampled_from((2, 3)), octets(32, 32))
times = st.integers(0, U63_MAX)
messages = st.one_of(
    st.just(Discover()),
    st.builds(
        Announcement,
        octets(1, MAX_OFFER_BYTES),
        keys,
        keys,
        octets(32, 32),
        octets(16, 16),
        times,
        octets(0, MAX_NETWORK_BYTES),
    ),
    st.builds(Purchase, octets(1, MAX_PURCHASE_BYTES)),
    st.builds(Outcome, octets(32, 32), octets(1, MAX_RECEIPT_BYTES), octets(0, MAX_GRANT_BYTES)),
    st.builds(Join, octets(1, MAX_GRANT_BYTES), octets(1, MAX_JOIN_REQUEST_BYTES)),
    st.builds(Joined, octets(16, 16), times),
    st.builds(Leave, octets(16, 16), octets(1, MAX_JOIN_REQUEST_BYTES)),
    st.builds(Left, octets(16, 16)),
    st.builds(
        Refused,
        st.one_of(octets(0, 0), octets(16, 16), octets(32, 32)),
        st.text(min_size=1, max_size=MAX_REASON_CHARACTERS),
        st.text(max_size=MAX_DETAIL_CHARACTERS),
    ),
    st.just(AskAuction()),
    st.builds(AuctionShown, octets(1, MAX_SHOWN_AUCTION_BYTES), times),
    st.builds(Bid, octets(32, 32), octets(1, MAX_SHOWN_BID_BYTES)),
    st.builds(AskBid, octets(32, 32), keys),
    st.builds(BidSaid, octets(1, MAX_AUCTION_RECEIPT_BYTES)),
)


@EVERY
def test_vector(name: str) -> None:
    encoded = bytes.fromhex(VECTORS["datagrams"][name])
    assert write_lobby(EXAMPLES[name]) == encoded
    assert read_lobby(encoded) == EXAMPLES[name]


@EVERY
def test_another_cbor_library_writes_the_same_bytes(name: str) -> None:
    encoded = bytes.fromhex(VECTORS["datagrams"][name])
    assert cbor2.dumps(cbor2.loads(encoded), canonical=True) == encoded


def test_every_vector_is_an_example_and_says_where_it_comes_from() -> None:
    assert set(VECTORS["datagrams"]) == set(EXAMPLES)
    assert VECTORS["provenance"]


def test_address_of_the_lobby() -> None:
    assert (PORT, GROUP) == (18573, "ff02::4147:1")


@EVERY
def test_every_truncation_is_refused(name: str) -> None:
    encoded = write_lobby(EXAMPLES[name])
    for size in range(len(encoded)):
        with pytest.raises(DecodeError):
            read_lobby(encoded[:size])


@EVERY
def test_a_byte_too_many_is_refused(name: str) -> None:
    with pytest.raises(DecodeError, match="1 bytes after the value"):
        read_lobby(write_lobby(EXAMPLES[name]) + b"\0")


@EVERY
def test_an_item_too_many_or_too_few_is_refused(name: str) -> None:
    items = cbor2.loads(write_lobby(EXAMPLES[name]))
    with pytest.raises(DecodeError, match="network is not" if name == "announcement" else "more items"):
        read_lobby(cbor2.dumps([*items, 0], canonical=True))
    if name == "announcement with a network":  # its last item is one that may be missing
        items = items[:-1]
    with pytest.raises(DecodeError, match="is missing"):
        read_lobby(cbor2.dumps(items[:-1], canonical=True))


@given(messages)
def test_reading_gives_back_what_was_written(message: LobbyMessage) -> None:
    encoded = write_lobby(message)
    assert len(encoded) <= MAX_LOBBY_BYTES
    assert read_lobby(encoded) == message


@given(st.binary(max_size=MAX_LOBBY_BYTES + 50))
def test_garbage_is_a_value_or_a_decode_error(data: bytes) -> None:
    check_promise(data)


@given(messages, st.data())
def test_a_garbled_message_is_a_value_or_a_decode_error(message: LobbyMessage, data: st.DataObject) -> None:
    encoded = bytearray(write_lobby(message))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    check_promise(bytes(encoded))


@given(messages, messages, st.data())
def test_two_spliced_messages_are_a_value_or_a_decode_error(
    one: LobbyMessage, two: LobbyMessage, data: st.DataObject
) -> None:
    head, tail = write_lobby(one), write_lobby(two)
    check_promise(head[: data.draw(st.integers(0, len(head)))] + tail[data.draw(st.integers(0, len(tail))) :])


def check_promise(data: bytes) -> None:
    """A value, of which these bytes are the only form; or DecodeError."""
    try:
        message = read_lobby(data)
    except DecodeError:
        return
    assert write_lobby(message) == data


def test_an_oversized_datagram_is_refused_before_it_is_read() -> None:
    with pytest.raises(DecodeError, match="1201 bytes, at most 1200"):
        read_lobby(b"\xff" * 1_201)


def test_the_longest_purchase_fills_the_datagram() -> None:
    assert len(write_lobby(Purchase(bytes(MAX_PURCHASE_BYTES)))) == MAX_LOBBY_BYTES


def test_a_longer_purchase_is_our_mistake() -> None:
    with pytest.raises(AssertionError, match="1201 bytes"):
        write_lobby(Purchase(bytes(MAX_PURCHASE_BYTES + 1)))


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ({}, "not an array"),
        ([], "message type is missing"),
        (7, "not an array"),
        ([True], "message type is not an integer"),
        (["discover"], "message type is not an integer"),
        ([0], "type 0 is unknown"),
        ([15], "type 15 is unknown"),
        ([10, 0], "more items than the message has"),
        ([11, b"", 0], "auction is not a byte string of 1 to 1150"),
        ([11, bytes(1_151), 0], "auction is not"),
        ([11, b"a", -1], "utc_s is not an integer"),
        ([12, bytes(31), b"bid"], "auction_id is not a byte string of 32"),
        ([12, bytes(32), b""], "bid is not a byte string of 1 to 1150"),
        ([12, bytes(32), bytes(1_151)], "bid is not"),
        ([13, bytes(32), bytes(33)], "bid_id: not a compressed"),
        ([13, bytes(33), KEY_A.octets], "auction_id is not"),
        ([14, b""], "receipt is not a byte string of 1 to 500"),
        ([14, bytes(501)], "receipt is not"),
        ([256], "message type is not an integer within 0"),
        ([3, b""], "transaction is not a byte string of 1 to 1195"),
        ([3, "text"], "transaction is not a byte string"),
        ([2, b"o", bytes(33), KEY_A.octets, bytes(32), bytes(16), 0], "provider: not a compressed"),
        (
            [2, b"o", KEY_A.octets, KEY_A.octets, bytes(31), bytes(16), 0],
            "ledger_id is not a byte string of 32",
        ),
        ([2, b"o", KEY_A.octets, KEY_A.octets, bytes(32), bytes(15), 0], "challenge is not"),
        ([2, b"o", KEY_A.octets, KEY_A.octets, bytes(32), bytes(16), -1], "utc_s is not an integer"),
        (
            [2, b"o", KEY_A.octets, KEY_A.octets, bytes(32), bytes(16), 0, b""],
            "network is not a byte string of 1",
        ),
        ([2, b"o", KEY_A.octets, KEY_A.octets, bytes(32), bytes(16), 0, bytes(443)], "network is not"),
        ([2, bytes(233), KEY_A.octets, KEY_A.octets, bytes(32), bytes(16), 0], "offer is not"),
        ([4, bytes(32), bytes(401), b""], "receipt is not"),
        ([4, bytes(32), b"r", bytes(293)], "grant is not a byte string of 0 to 292"),
        ([5, b"", b"r"], "grant is not a byte string of 1 to 1200"),
        ([6, bytes(16), True], "ends_s is not an integer"),
        ([6, bytes(16), 2**63], "ends_s is not an integer"),
        ([9, bytes(8), "reason", ""], "subject has 8 bytes"),
        ([9, b"", "", ""], "reason is not a text of 1 to 60"),
        ([9, b"", "r" * 61, ""], "reason is not a text"),
        ([9, b"", "r", "d" * 151], "detail is not a text of 0 to 150"),
    ],
)
def test_refusal_says_what_was_wrong(items: object, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_lobby(cbor2.dumps(items, canonical=True))


def test_a_long_refusal_is_cut_to_what_fits() -> None:
    message = read_lobby(write_lobby(Refused(b"", "r" * 99, "\N{LATIN SMALL LETTER U WITH DIAERESIS}" * 999)))
    assert isinstance(message, Refused)
    assert (len(message.reason), len(message.detail)) == (MAX_REASON_CHARACTERS, MAX_DETAIL_CHARACTERS)
