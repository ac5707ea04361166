"""The bidder's side: whom a sealed bid trusts, and that what is made is what a house takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.clearing.bidding import is_named, most_afterwards_ubc, opens_alone, strangers
from ledger.clearing.door import read_bid
from ledger.clearing.keeping import time_key
from tests.clearing_world import CLEARING_S, HOUSE, KEEPERS, PROPSHARE, VICKREY, ClearingWorld
from tests.ledger_world import ALICE, BOB
from wire.auction import SETTLE_S
from wire.auction_bid import conceal_bid, make_bid
from wire.keys import PrivateKey
from wire.sealed_bid import read_sealed_bid
from wire.usage_terms import UsageTerms


def test_fewer_strangers_than_the_threshold_may_keep_the_keys() -> None:
    auction = ClearingWorld().auction()
    assert strangers(auction, {key.public for key in KEEPERS}) == []
    assert strangers(auction, {key.public for key in KEEPERS[:2]}) == []
    assert strangers(auction, {KEEPERS[0].public}) == [key.public for key in KEEPERS[1:]]
    assert strangers(replace(auction, threshold=3), {KEEPERS[0].public}) == []
    assert strangers(ClearingWorld().auction(PROPSHARE), ()) == []


@pytest.mark.parametrize(
    ("keepers", "threshold", "alone"), [(1, 1, True), (2, 1, True), (2, 2, False), (3, 2, False)]
)
def test_a_keeper_opens_alone_where_its_own_key_is_enough(keepers: int, threshold: int, alone: bool) -> None:
    world = ClearingWorld()
    keys = tuple(time_key(keeper, CLEARING_S) for keeper in KEEPERS[:keepers])
    auction = world.auction(time_keys=keys, threshold=threshold)
    assert opens_alone(auction, KEEPERS[0].public) is alone
    assert not opens_alone(auction, ALICE.public)
    assert not opens_alone(world.auction(PROPSHARE), KEEPERS[0].public)


def test_a_bid_is_an_allocate_for_this_auction_alone() -> None:
    world = ClearingWorld()
    auction = world.auction()
    bid = make_bid(auction, 77, ALICE, world.ledger_id, bytes(8))
    opened = read_bid(bid, auction, ALICE.public, 5, world.ledger_id)
    assert opened.price_ubc == 77  # type: ignore[union-attr]  # no refusal
    assert opened.transaction.transaction.valid_until_s == CLEARING_S + SETTLE_S  # type: ignore[union-attr]


def test_the_same_bid_concealed_twice_has_nothing_in_common() -> None:
    world = ClearingWorld()
    auction = world.auction()
    bid = make_bid(auction, 77, ALICE, world.ledger_id, bytes(8))
    one, other = (
        read_sealed_bid(
            conceal_bid(auction, bid, ALICE, PrivateKey.generate(), world.ledger_id, chance), world.ledger_id
        )
        for chance in (bytes(16), b"\1" * 16)
    )
    for name in ("bid_key", "share_key", "ticket", "shares", "content"):
        assert getattr(one, name) != getattr(other, name)
    assert one.auction_id == other.auction_id
    assert auction.house == HOUSE.public


def test_what_a_house_calls_a_bid() -> None:
    world = ClearingWorld()
    auction = world.auction()
    bid = make_bid(auction, 77, ALICE, world.ledger_id, bytes(8))
    key = PrivateKey.generate()
    sealed = conceal_bid(auction, bid, ALICE, key, world.ledger_id, bytes(16))
    assert is_named(bid, ALICE.public, world.ledger_id)
    assert is_named(sealed, key.public, world.ledger_id)
    for encoded, name in ((bid, BOB.public), (sealed, ALICE.public), (b"x", ALICE.public)):
        assert not is_named(encoded, name, world.ledger_id)


def test_what_a_winner_can_come_to_owe() -> None:
    world = ClearingWorld()
    for auction, units, most_ubc in (
        (world.auction(VICKREY, units=3), 1, 70),
        (world.auction(PROPSHARE, units=3), 1, 210),
        (world.session(6, 6), 2, 140),
    ):
        assert most_afterwards_ubc(auction, units) == 0
        usage = UsageTerms(1_000, 10, 1, 70)
        terms = replace(auction.terms, qos=replace(auction.terms.qos, usage=usage))
        assert most_afterwards_ubc(replace(auction, terms=terms), units) == most_ubc
