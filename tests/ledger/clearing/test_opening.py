"""Opening in processes: the same as in turn, whatever is bad among them, and no process is left."""

from __future__ import annotations

import pytest

from ledger.clearing import opening
from ledger.clearing.awards import OpenBid
from ledger.clearing.book import open_in_turn
from ledger.clearing.keeping import time_key, time_secret
from ledger.clearing.opening import ManyAtOnce
from tests.clearing_world import BIDDERS, CLEARING_S, HOUSE, KEEPERS, ClearingWorld
from wire.auction_terms import AuctionKind
from wire.errors import ShellError
from wire.keys import PrivateKey


def test_many_are_opened_as_few_are() -> None:
    world = ClearingWorld()
    listing = world.open()
    for key in BIDDERS:
        world.bid(listing, key, 100)
    bids = list(listing.bids.values()) * (opening.FEW // len(BIDDERS) + 1)
    secrets = {
        at: PrivateKey.from_secret(int.from_bytes(time_secret(KEEPERS[at], CLEARING_S), "big"))
        for at in (0, 1)
    }
    at_once = ManyAtOnce(2)
    try:
        assert at_once(listing, bids, secrets, world.ledger_id) == open_in_turn(
            listing, bids, secrets, world.ledger_id
        )
        wrong = {0: secrets[0], 2: secrets[1]}
        assert {one.reason for one in at_once(listing, bids, wrong, world.ledger_id)} == {"badly_sealed"}  # type: ignore[union-attr]
    finally:
        at_once.close()


def test_where_most_bids_matter_the_processes_confirm_them() -> None:
    """A sealed proportional share: every bid matters."""
    at_once, worlds = ManyAtOnce(2), []
    try:
        for opener in (at_once, open_in_turn):
            world = ClearingWorld(opener=opener)
            keys = tuple(time_key(keeper, CLEARING_S) for keeper in KEEPERS)
            listing = world.open(world.auction(AuctionKind.PROPSHARE, 700, threshold=2, time_keys=keys))
            for number, key in enumerate(BIDDERS):
                world.bid(listing, key, 10 + number)
            worlds.append((world, listing))
        bids = list(worlds[0][1].by_account.values()) * opening.FEW
        secrets = dict(enumerate(_secrets()))
        found = at_once(worlds[0][1], bids, secrets, worlds[0][0].ledger_id)
        assert all(isinstance(one, OpenBid) and one.unlocked is None for one in found)
        paid = []
        for world, listing in worlds:
            world.clear(listing)
            paid.append([world.world.balance(key) for key in BIDDERS])
        assert paid[0] == paid[1]
        assert sum(award.units for award in worlds[0][1].awards) == 700
    finally:
        at_once.close()


def test_many_sessions_are_opened_with_their_units_and_slots() -> None:
    """A frame that left them out would give everybody one unit, in no slot."""
    world = ClearingWorld()
    listing = world.open(world.session(6, 9))
    for number, key in enumerate(BIDDERS[:6]):
        world.bid(listing, key, 100 + number, 1 + number, 1 + number % 2)
    bids = (list(listing.bids.values()) * (opening.FEW // 6 + 1))[: opening.FEW + 1]
    told = {0: PrivateKey.from_secret(int.from_bytes(time_secret(HOUSE, CLEARING_S), "big"))}
    at_once = ManyAtOnce(2)
    try:
        found = at_once(listing, bids, told, world.ledger_id)
    finally:
        at_once.close()
    assert len(found) == 501
    for number, one in enumerate(found):
        assert isinstance(one, OpenBid)
        assert (one.bundle, one.unlocked) == ((1 + number % 6,) * (1 + number % 2), None)
        one.transaction.verify(one.account)


def _secrets() -> list[PrivateKey]:
    return [PrivateKey.from_secret(int.from_bytes(time_secret(key, CLEARING_S), "big")) for key in KEEPERS]


@pytest.mark.parametrize("processes", [1, 2])
def test_few_need_no_process(processes: int) -> None:
    world = ClearingWorld(opener=ManyAtOnce(processes))
    listing = world.open()
    world.bid(listing, BIDDERS[0], 100)
    world.clear(listing)
    assert world.world.balance(BIDDERS[0]) == 10_000
    assert len(listing.awards) == 1


def test_a_process_that_has_ended_is_told() -> None:
    world = ClearingWorld()
    listing = world.open()
    world.bid(listing, BIDDERS[0], 100)
    bids = list(listing.bids.values()) * opening.FEW
    at_once = ManyAtOnce(2)
    at_once.start()
    for process in at_once._running:
        process.kill()
        process.wait()
    with pytest.raises(ShellError, match="has ended"):
        at_once(listing, bids, {}, world.ledger_id)
    at_once.close()
