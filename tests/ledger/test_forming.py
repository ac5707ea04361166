"""A block in the making: what it will write for each kind of item."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

from ledger.block import BlockRows, ItemKind, item_leaf
from ledger.chain_state import ChainState
from ledger.contract import Applied, apply
from ledger.crowd import CROWD, crowd_rows
from ledger.forming import FormingBlock
from ledger.granting import write_sale
from ledger.state import Draft
from tests.ledger_world import ALICE, BOB, CAROL, EXCHANGE, PROVIDER, World, buy, offer
from wire.club_actions import FoundClub, SpendTokens
from wire.create import Create
from wire.ids import PublicKey
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
    assert (grants, block.rows.items[0].result) == ((), b"")
    assert (block.sales, block.references) == ([], {})


def test_a_founding_is_in_no_members_history_and_a_spending_in_its_own() -> None:
    world, keys = World(), b"".join(key.public.octets for key in (ALICE, BOB, CAROL))
    world.must(Create(CAROL.public), CAROL)
    founding = FoundClub(1, 18_000, 600, keys)
    block, _, _ = formed(world, founding, PROVIDER)
    assert {key for key, _ in block.rows.parties} == {PROVIDER.public.octets}
    world.must(founding, PROVIDER)
    block, _, _ = formed(world, SpendTokens(PROVIDER.public, 1, 4), ALICE)
    assert {key for key, _ in block.rows.parties} == {ALICE.public.octets, PROVIDER.public.octets}


def test_a_purchase_is_found_by_buyer_provider_and_consumers() -> None:
    world = World()
    world.must(offer(), PROVIDER)
    block, grants, applied = formed(world, buy(200, consumers=[BOB.public, CAROL.public]), ALICE)
    parties = {key for key, _ in block.rows.parties}
    assert parties == {key.public.octets for key in (ALICE, PROVIDER, BOB, CAROL)}
    assert block.rows.crowds == []
    assert set(block.references) == {grant.transaction for grant in grants}  # type: ignore[attr-defined]
    assert [grant.position for grant in grants] == [0, 1]  # type: ignore[attr-defined]
    assert set(block.grants.values()) == set(grants)
    assert applied.sale is not None
    assert block.rows.items[0].result == write_sale(applied.sale)


def test_a_bulk_purchase_makes_no_grants_and_finds_every_consumer() -> None:
    world = World()
    world.must(offer(price_ubc=0, max_allocations=100), PROVIDER)
    keys = [PrivateKey.from_secret(100 + number).public for number in range(MAX_GRANTS + 1)]
    block, grants, _ = formed(world, buy(0, consumers=keys), ALICE)
    assert (grants, block.grants) == ((), {})
    assert len(block.rows.parties) == 2 + MAX_GRANTS + 1


def test_a_crowd_is_indexed_by_marks() -> None:
    world = World()
    world.must(offer(price_ubc=0, max_allocations=10**6), PROVIDER)
    keys = [PublicKey(b"\x03" + number.to_bytes(4, "big") * 8) for number in range(CROWD + 1)]
    block, _, _ = formed(world, buy(0, consumers=keys), ALICE)
    assert {key for key, _ in block.rows.parties} == {ALICE.public.octets, PROVIDER.public.octets}
    assert block.rows.crowds == crowd_rows(b"".join(key.octets for key in keys), 41)
    (sale,) = block.sales
    assert sale.consumers == CROWD + 1


def test_what_came_since_a_mark_can_be_undone() -> None:
    """As if it had never come: rows, sales, grants, chains, numbers, the draft."""
    world = World()
    world.must(offer(), PROVIDER)
    block, _, _ = formed(world, buy(200, consumers=[BOB.public, CAROL.public]), ALICE)
    block.chains[b"key"] = ChainState(sequence=3)
    before, items = picture(block), block.rows.items
    mark = block.mark()
    signed = world.sign(buy(), BOB)
    applied = apply(block.draft, signed, world.now_s)
    assert isinstance(applied, Applied)
    block.add_transaction(signed, applied)
    block.chains |= {b"key": ChainState(sequence=4), b"other": ChainState()}
    assert picture(block) != before
    block.undo(mark)
    assert picture(block) == before
    assert block.rows.items is items, "and nothing was copied"
    mark = block.mark()
    block.add_transaction(signed, applied)
    block.keep(mark)
    assert [item.number for item in block.rows.items] == [41, 42]
    assert block.draft.changes.keys() >= applied.changes.keys()
    assert block.draft.was_executed(signed.transaction_id)


def picture(block: FormingBlock) -> FormingBlock:
    draft = Draft(block.draft.base, dict(block.draft.changes), set(block.draft.executed))
    return deepcopy(replace(block, draft=draft))
