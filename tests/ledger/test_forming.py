"""A block in the making: what it will write for each kind of item."""

from __future__ import annotations

from ledger.block import BlockRows, ItemKind, item_leaf
from ledger.contract import Applied, apply
from ledger.forming import FormingBlock
from ledger.granting import write_sale
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, PROVIDER, World, buy, offer
from wire.keys import PrivateKey
from wire.ledger_reply import MAX_GRANTS
from wire.money_actions import Deposit
from wire.transaction import Action


def formed(world: World, action: Action, key: PrivateKey) -> tuple[FormingBlock, tuple[object, ...], Applied]:
    block = FormingBlock(9, world.now_s, world.draft(), 41, BlockRows(9, b""))
    signed = world.sign(action, key)
    applied = apply(block.draft, signed, world.now_s)
    assert isinstance(applied, Applied), applied
    grants = block.add_transaction(signed, applied)
    (item,) = block.rows.items
    assert (item.number, item.height, item.kind, item.id) == (
        41,
        9,
        ItemKind.TRANSACTION,
        signed.transaction_id,
    )
    assert item.encoded == signed.envelope.encoded
    assert block.leaves == [item_leaf(ItemKind.TRANSACTION, item.encoded)]
    assert block.draft.was_executed(signed.transaction_id)
    return block, grants, applied


def test_money_is_found_by_both_sides() -> None:
    block, grants, _ = formed(World(), Deposit(ALICE.public, 5), EXCHANGE)
    assert set(block.rows.parties) == {(EXCHANGE.public.octets, 41), (ALICE.public.octets, 41)}
    assert (grants, block.rows.grants, block.rows.items[0].result) == ((), [], b"")


def test_a_purchase_is_found_by_buyer_provider_and_consumers() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    block, grants, applied = formed(world, buy(200, consumers=[BOB.public, CAROL.public]), ALICE)
    parties = {key for key, _ in block.rows.parties}
    assert parties == {key.public.octets for key in (ALICE, PROVIDER, BOB, CAROL)}
    assert [row[0] for row in block.rows.grants] == [grant.grant_id for grant in grants]  # type: ignore[attr-defined]
    assert [position for _, _, position in block.rows.grants] == [0, 1]
    assert applied.sale is not None
    assert block.rows.items[0].result == write_sale(applied.sale)


def test_a_bulk_purchase_indexes_every_grant_and_makes_none() -> None:
    world = World()
    world.must(offer(price_ubc=0, max_allocations=100), PROVIDER)
    keys = [PrivateKey.from_secret(100 + number).public for number in range(MAX_GRANTS + 1)]
    block, grants, _ = formed(world, buy(0, consumers=keys), ALICE)
    assert (grants, len(block.rows.grants)) == ((), MAX_GRANTS + 1)
