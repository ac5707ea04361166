"""The question to a provider and its answer."""

from __future__ import annotations

import pytest

from tests.wire.examples import CONSUMER, MESSAGES, resign_payload
from wire.cbor import write_cbor
from wire.errors import DecodeError
from wire.generate_offer import GenerateOffer, derive_nonce, read_generated_offer
from wire.post_offer import AuctionShare

KEY = CONSUMER.public.octets


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({3: {}}, "consumers is not a map of 1 to"),
        ({3: {KEY: 1}}, "want public key ->"),
        ({3: {KEY: [1, True]}}, "want public key ->"),
        ({3: {KEY[1:]: [1, 1]}}, "not a compressed P-256 public key"),
        ({3: {1: [1, 1]}}, "a key is not a byte string"),
        ({5: {}}, "refunds is not a map"),
        ({5: {KEY: 0}}, "refund is 0"),
        ({5: {KEY: "x"}}, "want public key -> amount"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    message = MESSAGES["generate_offer"]
    with pytest.raises(DecodeError, match=why):
        message.read(resign_payload(message, extra))


def test_a_refund_is_an_amount() -> None:
    with pytest.raises(DecodeError, match="refund is 0"):
        GenerateOffer(b"", 1, {CONSUMER.public: AuctionShare(1, 1)}, 1, {CONSUMER.public: 0})


@pytest.mark.parametrize("value", [[b"x"], [b"x", [1]], ["x", []], {}, [b"", [b""], b""]])
def test_an_answer_is_an_offer_and_transfers(value: object) -> None:
    with pytest.raises(DecodeError, match="not an offer and an array of transfers"):
        read_generated_offer(write_cbor(value))  # type: ignore[arg-type]  # CBOR of some kind


def test_the_same_question_brings_the_same_nonce_and_another_use_another() -> None:
    assert derive_nonce(b"q", b"offer") == derive_nonce(b"q", b"offer")
    assert len({derive_nonce(q, use) for q in (b"q", b"r") for use in (b"offer", b"refund")}) == 4
