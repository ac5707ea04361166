"""What the log says of the past: asked once for a block, kept nowhere, and as of an item for whoever replays it."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.block import Item, ItemKind, Named
from ledger.past import LoggedPast
from tests.ledger.test_purchases import Log
from tests.ledger_world import GENESIS
from wire.grant import TRANSACTION_REFERENCE_SIZE, grant_id_of


class Counting(Log):
    """Counts the questions, too."""

    def __init__(self, count: int = 1) -> None:
        super().__init__(count)
        self.questions = 0

    def named(self, beginnings: Sequence[bytes]) -> list[Named]:
        self.questions += 1
        return super().named(beginnings)


def test_executed_purchases_are_known_and_others_are_not() -> None:
    log = Counting(2)
    log.items[3] = Item(3, 1, ItemKind.EVIDENCE, b"\x01" * 32, 0, b"record", b"")
    past = LoggedPast(log, GENESIS.ledger_id)
    for item in log.items.values():
        assert item.id in past
        assert past.has_item(item.id)
        other = item.id[:-1] + bytes((item.id[-1] ^ 1,))
        assert other not in past, "it begins alike, and is another"
        assert past.has_purchase(item.id[:TRANSACTION_REFERENCE_SIZE]) == (item.number < 3)
    assert not past.has_purchase(bytes(TRANSACTION_REFERENCE_SIZE))


def test_a_block_asks_once_for_all_of_its_transactions() -> None:
    log = Counting(3)
    past = LoggedPast(log, GENESIS.ledger_id)
    ids = [item.id for item in log.items.values()]
    strangers = [bytes([number]) * 32 for number in range(5)]
    past.foresee([*ids[:2], *strangers])
    assert [one in past for one in (*ids[:2], *strangers)] == [True] * 2 + [False] * 5
    assert [past.has_purchase(one[:TRANSACTION_REFERENCE_SIZE]) for one in (ids[0], strangers[0])] == [
        True,
        False,
    ]
    assert log.questions == 1
    assert ids[2] in past
    assert log.questions == 2


def test_what_was_asked_ahead_is_old_once_something_was_executed() -> None:
    log = Counting(2)
    late = log.items.pop(2)
    past = LoggedPast(log, GENESIS.ledger_id)
    past.foresee([late.id])
    assert late.id not in past
    log.items[2] = late
    past.update([late.id])
    assert late.id in past


def test_who_replays_a_log_sees_what_came_before() -> None:
    log = Counting(2)
    past, second = LoggedPast(log, GENESIS.ledger_id), log.items[2]
    reference, grant_id = second.id[:TRANSACTION_REFERENCE_SIZE], grant_id_of(second.id)
    for before, known in ((2, False), (3, True), (2, False)):
        past.before = before
        past.foresee([second.id])
        assert (second.id in past, past.has_purchase(reference)) == (known, known)
        assert (past.find_grant(grant_id) is not None) == known


def test_the_grants_asked_about_last_are_kept() -> None:
    """With more of them than are kept, those in use stay."""
    log = Counting(3)
    past = LoggedPast(log, GENESIS.ledger_id, grants=2)
    first, second, third = (grant_id_of(item.id) for item in log.items.values())
    for grant_id in (first, second, first, third):
        assert past.find_grant(grant_id) is not None
    assert set(past._grants) == {first, third}
    assert past.find_grant(bytes(16)) is None
