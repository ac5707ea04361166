"""Finding a purchase by the id of a grant: by its beginning, once, and never out of two."""

from __future__ import annotations

from collections.abc import Sequence

from ledger.block import Item, ItemKind, Named
from ledger.contract import Applied
from ledger.granting import write_sale
from ledger.purchases import KEPT, Purchases
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, World, buy, offer
from wire.grant import grant_id_of


class Log:
    """Items in memory; counts how often one is read. `alike`: all ids are said to begin alike."""

    def __init__(self, count: int = 1, alike: bool = False) -> None:
        world = World()
        world.must(offer(price_ubc=0, max_allocations=10**6), PROVIDER)
        self.items: dict[int, Item] = {}
        self.reads, self.alike = 0, alike
        for number in range(1, count + 1):
            signed = world.sign(buy(0, consumers=[BOB.public, CAROL.public]), ALICE)
            applied = world.run(signed)
            assert isinstance(applied, Applied)
            assert applied.sale is not None
            encoded, result = signed.envelope.encoded, write_sale(applied.sale)
            self.items[number] = Item(
                number, 1, ItemKind.TRANSACTION, signed.transaction_id, 9, encoded, result
            )

    def named(self, beginnings: Sequence[bytes]) -> list[Named]:
        alike = [item for item in self.items.values() if self.alike or item.id.startswith(tuple(beginnings))]
        return [Named(item.id, item.number, item.result != b"") for item in alike]

    def item(self, number: int) -> Item | None:
        self.reads += 1
        return self.items.get(number)


def test_a_grant_is_found_by_its_id() -> None:
    log = Log()
    purchases = Purchases(log, GENESIS.ledger_id)
    for position in (0, 1):
        found = purchases.find_grant(grant_id_of(log.items[1].id, position))
        assert found is not None
        assert found[1] == position
        assert found[0].grant_at(position).grant_id == grant_id_of(log.items[1].id, position)
    assert purchases.find_grant(grant_id_of(log.items[1].id, 2)) is None, "it has two consumers"
    assert purchases.find_grant(bytes(16)) is None
    assert log.reads == 1


def test_the_log_before_an_item_does_not_have_it() -> None:
    log = Log()
    purchases, grant_id = Purchases(log, GENESIS.ledger_id), grant_id_of(log.items[1].id)
    assert purchases.find_grant(grant_id, before=1) is None
    assert purchases.find_grant(grant_id, before=2) is not None


def test_of_two_that_begin_alike_neither_is_found() -> None:
    """No ledger of ours writes such a log: it fails closed."""
    log = Log(2, alike=True)
    assert Purchases(log, GENESIS.ledger_id).find_grant(grant_id_of(log.items[1].id)) is None


def test_few_are_kept() -> None:
    log = Log(KEPT + 1)
    purchases = Purchases(log, GENESIS.ledger_id)
    for _ in range(2):
        for item in log.items.values():
            assert purchases.find_grant(grant_id_of(item.id)) is not None
    assert log.reads == 2 * (KEPT + 1)
    assert purchases.find_grant(grant_id_of(log.items[KEPT + 1].id)) is not None
    assert log.reads == 2 * (KEPT + 1)
