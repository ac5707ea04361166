"""Opening in processes: the same as in turn, whatever is bad among them, and no process is left."""

from __future__ import annotations

import pytest

from ledger.clearing import opening
from ledger.clearing.book import open_in_turn
from ledger.clearing.keeping import time_secret
from ledger.clearing.opening import ManyAtOnce
from tests.clearing_world import BIDDERS, CLEARING_S, KEEPERS, ClearingWorld
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
