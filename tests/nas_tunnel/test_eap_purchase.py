"""Messages of the method, and the secrets of both ends: one form, refusals, and what separates two exchanges."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_tunnel.eap_purchase import (
    Answer,
    AnswerContents,
    Closed,
    Declined,
    Hold,
    Message,
    MessageType,
    Order,
    OrderContents,
    OrderKind,
    Proof,
    Shop,
    first_secrets,
    read_answer,
    read_message,
    read_order,
    session_keys,
    write_answer,
    write_message,
    write_order,
)
from nas_tunnel.lobby import MAX_PURCHASE_BYTES
from tests.nas_tunnel.air import AIR_OFFER, GOLDEN, OUTCOME, REFUSED
from tests.wire.examples import CONSUMER, PROVIDER
from wire.cbor import write_cbor
from wire.errors import DecodeError, VerificationError
from wire.grant_proof import MAX_GRANT_PROOF_BYTES
from wire.keys import PrivateKey

SHARE = PrivateKey.from_secret(77).public
MESSAGES: dict[str, Message] = {
    "shop": Shop(AIR_OFFER, SHARE),
    "order": Order(SHARE, bytes(20)),
    "hold": Hold(),
    "answer": Answer(bytes(20)),
    "proof": Proof(bytes(20)),
    "closed": Closed("no_offer", "nothing is for sale here"),
    "declined": Declined("too_dear"),
}
EVERY = pytest.mark.parametrize("name", MESSAGES)


@EVERY
def test_what_was_written_is_read(name: str) -> None:
    assert read_message(write_message(MESSAGES[name])) == MESSAGES[name]


@EVERY
def test_every_cut(name: str) -> None:
    encoded = write_message(MESSAGES[name])
    for size in range(len(encoded)):
        with pytest.raises(DecodeError):
            read_message(encoded[:size])


@EVERY
@given(st.data())
def test_one_form(name: str, data: st.DataObject) -> None:
    garbled = bytearray(write_message(MESSAGES[name]))
    garbled[data.draw(st.integers(0, len(garbled) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(DecodeError):
        assert write_message(read_message(bytes(garbled))) == garbled


@pytest.mark.parametrize(
    ("items", "why"),
    [
        ([8], "message type 8 is unknown"),
        ([3, 0], "more items"),
        ([2, SHARE.octets], "order is missing"),
        ([2, bytes(33), b"x"], "not a compressed P-256 public key"),
        ([4, b""], "answer is not a byte string of 1 to"),
        ([6, "", ""], "reason is not a text of 1 to 60"),
        ([1, b"\x02AG\x01", SHARE.octets], "nothing is on sale"),
    ],
)
def test_refusals(items: list[object], why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        read_message(write_cbor(items))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "contents",
    [
        OrderContents(OrderKind.TRANSACTION, GOLDEN["allocate"]),
        OrderContents(OrderKind.GRANT, GOLDEN["grant"]),
        OrderContents(OrderKind.TRANSACTION, bytes(MAX_PURCHASE_BYTES)),
    ],
)
def test_orders(contents: OrderContents) -> None:
    assert read_order(write_order(contents)) == contents


def test_an_order_that_is_too_long_or_unknown() -> None:
    for items in (
        [1, bytes(MAX_PURCHASE_BYTES + 1)],
        [2, bytes(MAX_GRANT_PROOF_BYTES + 1)],
        [3, b"x"],
        [1, b"x", 1],
    ):
        with pytest.raises(DecodeError):
            read_order(write_cbor(items))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "contents",
    [AnswerContents(OUTCOME, bytes(120)), AnswerContents(REFUSED, b""), AnswerContents(None, b"p")],
)
def test_answers(contents: AnswerContents) -> None:
    assert read_answer(write_answer(contents)) == contents


def test_another_message_of_the_lobby_is_no_answer() -> None:
    with pytest.raises(DecodeError, match="Discover is no answer"):
        read_answer(write_cbor([write_cbor([1]), b""]))


# ---- Secrets

BOX, BUYER = PrivateKey.from_secret(101), PrivateKey.from_secret(102)


def test_both_ends_have_the_same_secrets() -> None:
    start = first_secrets(b"anonymous").heard(b"shop")
    box = start.agreed(BOX, BUYER.public, BUYER.public)
    buyer = start.agreed(BUYER, BOX.public, BUYER.public)
    assert box == buyer
    sealed = buyer.seal(MessageType.ORDER, b"order")
    assert box.unseal(MessageType.ORDER, sealed) == b"order"
    keys = session_keys(box)
    assert keys == session_keys(buyer)
    assert len(keys.msk) == len(keys.emsk) == 64
    assert keys.msk != keys.emsk
    assert keys.session_id == bytes.fromhex("fe02414700000001") + box.transcript


def test_another_place_message_share_or_identity_is_another_key() -> None:
    start = first_secrets(b"anonymous").heard(b"shop")
    mine = start.agreed(BOX, BUYER.public, BUYER.public)
    sealed = mine.seal(MessageType.ORDER, b"order")
    others = (
        (mine, MessageType.ANSWER),
        (mine.heard(b"order"), MessageType.ORDER),
        (start.agreed(PROVIDER, BUYER.public, BUYER.public), MessageType.ORDER),
        (start.agreed(BOX, BUYER.public, CONSUMER.public), MessageType.ORDER),
        (
            first_secrets(b"other").heard(b"shop").agreed(BOX, BUYER.public, BUYER.public),
            MessageType.ORDER,
        ),
    )
    for secrets, use in others:
        with pytest.raises(VerificationError):
            secrets.unseal(use, sealed)
    assert len({session_keys(secrets).msk for secrets, _use in others[1:]}) == 4


def test_secrets_do_not_show() -> None:
    secrets = first_secrets(b"").agreed(BOX, BUYER.public, BUYER.public)
    keys = session_keys(secrets)
    assert secrets.root.hex() not in repr(secrets)
    assert repr(secrets.root) not in repr(secrets)
    assert repr(keys.msk) not in repr(keys)
