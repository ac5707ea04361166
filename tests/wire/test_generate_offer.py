"""The question to a provider."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.wire.examples import CONSUMER, LEDGER_ID, MESSAGES, OPERATOR, PROVIDER, resign_payload
from wire.errors import DecodeError
from wire.generate_offer import GenerateOffer, derive_nonce, offer_of, write_generate_offer
from wire.post_offer import AuctionShare

KEY = CONSUMER.public.octets


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({3: {}}, "consumers is not a map of 1 to"),
        ({3: {KEY: 1}}, "want public key ->"),
        ({3: {KEY: [1, True]}}, "consumers has a boolean in it"),
        ({3: {KEY[1:]: [1, 1]}}, "not a compressed P-256 public key"),
        ({3: {1: [1, 1]}}, "a key is not a byte string"),
    ],
)
def test_refused_when_read(extra: dict[int, object], why: str) -> None:
    message = MESSAGES["generate_offer"]
    with pytest.raises(DecodeError, match=why):
        message.read(resign_payload(message, extra))


def test_what_is_asked_makes_the_nonce_and_not_the_signature_of_it() -> None:
    question = GenerateOffer(b"x", 1, {CONSUMER.public: AuctionShare(1, 1)}, 1)
    first, again = (write_generate_offer(question, OPERATOR, LEDGER_ID) for _ in range(2))
    other = write_generate_offer(replace(question, price_ubc=2), OPERATOR, LEDGER_ID)
    assert first != again
    assert derive_nonce(first) == derive_nonce(again) != derive_nonce(other)


def test_slots_are_asked_for_and_read() -> None:
    message = MESSAGES["generate_offer"]
    question = replace(message.example, consumers={CONSUMER.public: AuctionShare(3, 9, 60)})
    assert message.read(message.write(question)) == question
    with pytest.raises(DecodeError, match="and slots if they are not 0"):
        message.read(resign_payload(message, {3: {KEY: [3, 9, 0]}}))


@pytest.mark.parametrize("name", ["settling_offer", "session_offer"])
def test_the_offer_that_answers_has_the_auctions_terms_and_the_question_s_outcome(name: str) -> None:
    auction = MESSAGES["session_auction" if name == "session_offer" else "auction"].example
    offer = MESSAGES[name].example.action
    question = GenerateOffer(
        b"", offer.price_ubc, offer.consumers, 9, offer.ruling.signature, offer.ruling.head
    )
    assert offer_of(auction, question) == offer
    assert offer.auction_id(PROVIDER.public) == auction.auction_id
