"""The provider signs what its own auction came to, and nothing that breaks its terms."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.clearing.house import ask_for
from ledger.clearing.provider import Wrong, answer
from tests.clearing_world import HOUSE, ClearingWorld
from tests.ledger_world import ALICE, BOB, CAROL, PROVIDER
from wire.auction import Auction, write_auction
from wire.errors import VerificationError
from wire.generate_offer import GenerateOffer, write_generate_offer
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare, PostOffer
from wire.transaction import read_transaction

WORLD = ClearingWorld()
NOW_S = 10**9


def question(**changes: object) -> GenerateOffer:
    """After an auction of two units that Alice and Bob won at 10."""
    world = ClearingWorld()
    listing = world.open(units=2, minimum_ubc=5)
    for bidder, price_ubc in ((ALICE, 30), (BOB, 20), (CAROL, 10)):
        world.bid(listing, bidder, price_ubc)
    world.clear(listing)
    return replace(ask_for(listing), **changes)  # type: ignore[arg-type]  # fields of a question


def asked(
    asked_for: GenerateOffer, provider: PrivateKey = PROVIDER, house: PrivateKey = HOUSE
) -> bytes | Wrong:
    encoded = write_generate_offer(asked_for, house, WORLD.ledger_id)
    return answer(encoded, HOUSE.public, provider, WORLD.ledger_id, NOW_S)


def test_the_offer_of_a_cleared_auction() -> None:
    said = asked(question())
    assert isinstance(said, bytes)
    offer = read_transaction(said, WORLD.ledger_id)
    offer.verify(PROVIDER.public)
    action = offer.transaction.action
    assert isinstance(action, PostOffer)
    assert action.consumers == {key.public: AuctionShare(1, 10) for key in (ALICE, BOB)}


def test_the_same_question_brings_the_same_transactions() -> None:
    """Asked and signed anew, and with the same id: the ledger runs it once."""
    ids, asked_for = set(), question()
    for _ in range(2):
        encoded = write_generate_offer(asked_for, HOUSE, WORLD.ledger_id)
        said = answer(encoded, HOUSE.public, PROVIDER, WORLD.ledger_id, NOW_S)
        assert isinstance(said, bytes)
        ids.add(read_transaction(said, WORLD.ledger_id).transaction_id)
    assert len(ids) == 1


def shares(*pairs: tuple[int, int]) -> dict[object, AuctionShare]:
    return {key.public: AuctionShare(*pair) for key, pair in zip((ALICE, BOB, CAROL), pairs, strict=False)}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"consumers": shares((1, 10), (1, 10), (1, 10))}, "more than 2 units"),
        ({"consumers": shares((1, 4))}, "costs less than 5"),
        ({"consumers": shares((2, 10))}, "has one unit"),
        ({"consumers": shares((1, 10), (1, 11))}, "pay different prices"),
    ],
)
def test_a_house_that_asks_for_something_else(changes: dict[str, object], why: str) -> None:
    said = asked(question(**changes))
    assert isinstance(said, Wrong)
    assert why in said.detail


def test_somebody_elses_auction() -> None:
    said = asked(question(), provider=BOB)
    assert isinstance(said, Wrong)
    assert "another provider's" in said.detail
    auction: Auction = replace(WORLD.auction(units=2, minimum_ubc=5), house=BOB.public)
    said = asked(question(auction=write_auction(auction, PROVIDER, WORLD.ledger_id)))
    assert isinstance(said, Wrong)
    assert "another house's" in said.detail


def test_before_its_time() -> None:
    encoded = write_generate_offer(question(), HOUSE, WORLD.ledger_id)
    said = answer(encoded, HOUSE.public, PROVIDER, WORLD.ledger_id, 1)
    assert isinstance(said, Wrong)
    assert "is open until" in said.detail


def test_a_question_of_another_house() -> None:
    with pytest.raises(VerificationError):
        asked(question(), house=BOB)


def test_a_session_auction_is_for_the_box_that_holds_it() -> None:
    auction = write_auction(WORLD.session(6, minimum_ubc=5), PROVIDER, WORLD.ledger_id)
    said = asked(question(auction=auction))
    assert isinstance(said, Wrong)
    assert "answers for itself" in said.detail
