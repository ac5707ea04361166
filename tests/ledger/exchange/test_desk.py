"""What a person types: which payout is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.exchange_world import World

CENT = 10_000
"""ubc"""


def test_a_payout_is_found_by_its_id_and_by_the_beginning_of_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    key = world.open_account()
    world.desk.take(world.payment(key.public))
    world.settle()
    name, _ = world.desk.take_payout(world.ask(key, 100 * CENT), world.balance(key))
    payout_id = name.removeprefix("payout:")
    for named in (name, payout_id, payout_id[:8], name[:20]):
        assert world.desk.find_payout(named) == name
    for named in (payout_id[:7], "payout:", "", "0" * 64, "braintree:payment:p1"):
        assert world.desk.find_payout(named) == named
    world.desk.book.cases[f"{name[:20]}0"] = world.case(name)
    with pytest.raises(LookupError, match="is the beginning of 2 payouts"):
        world.desk.find_payout(payout_id[:8])
    world.close()
