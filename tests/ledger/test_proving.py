"""Proofs of grants out of a log: every grant of every block, and none out of a log that is not what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.block import Item, ItemKind
from ledger.contract import Applied
from ledger.granting import Purchase, make_purchase, write_sale
from ledger.proving import KEPT_BLOCKS, KEPT_TREES, MAX_STEPS, Prover
from ledger.purchases import Bought
from tests.ledger_world import ALICE, BOB, CAROL, GENESIS, PROVIDER, World, buy, offer
from wire.allocate import Allocate
from wire.block_header import Header, write_header
from wire.errors import VerificationError
from wire.grant_proof import MAX_GRANT_PROOF_BYTES, verify_grant_under, write_grant_proof
from wire.ids import PublicKey
from wire.post_offer import AuctionShare
from wire.sale_leaf import Node, sales_root


class Log:
    """Blocks in memory, each of some purchases; counts how often one is read."""

    def __init__(self) -> None:
        self.world = World()
        self.items: dict[int, list[Item]] = {}
        self.headers: dict[int, Header] = {}
        self.bought: list[Bought] = []
        self.reads = 0

    def add(self, *purchases: Allocate) -> None:
        height = len(self.items) + 1
        rows, leaves = [], []
        for action in purchases:
            signed = self.world.sign(action, ALICE)
            applied = self.world.run(signed)
            assert isinstance(applied, Applied), applied
            assert applied.sale is not None
            purchase = make_purchase(signed.transaction_id, action, applied.sale)
            encoded, result = signed.envelope.encoded, write_sale(applied.sale)
            rows.append(Item(0, height, ItemKind.TRANSACTION, signed.transaction_id, 9, encoded, result))
            rows.append(Item(0, height, ItemKind.EVIDENCE, bytes(32), 0, b"a record between", b""))
            leaves.append(purchase.leaf())
            self.bought += [Bought(purchase, position, height) for position in range(purchase.count)]
        self.items[height] = rows
        header = Header(height, bytes(32), 9, bytes(32), len(rows), bytes(32), sales_root(leaves))
        self.headers[height] = header

    def header(self, height: int) -> bytes:
        return write_header(self.headers[height])

    def block_items(self, height: int) -> list[Item]:
        self.reads += 1
        return self.items[height]


def log() -> Log:
    made = Log()
    made.world.must(offer(price_ubc=0, max_allocations=10**6), PROVIDER)
    return made


def keys(count: int) -> list[PublicKey]:
    return [PublicKey(b"\x02" + number.to_bytes(32, "big")) for number in range(count)]


def test_every_grant_of_every_block_is_proved() -> None:
    blocks = log()
    blocks.add(buy(0), buy(0, consumers=keys(9), allocations=3), buy(0, consumers=[BOB.public, CAROL.public]))
    blocks.add(buy(0, consumers=keys(2)))
    prover = Prover(blocks, GENESIS.ledger_id)
    for bought in blocks.bought:
        proof = prover.prove(bought)
        assert proof is not None
        app_hash = blocks.headers[bought.height].app_hash
        assert verify_grant_under(write_grant_proof(proof), app_hash) == bought.grant
    assert blocks.reads == 2


def test_the_shares_of_an_auction_are_proved() -> None:
    blocks = Log()
    shares = {BOB.public: AuctionShare(2, 10), CAROL.public: AuctionShare(3, 20)}
    blocks.world.must(offer(consumers=shares), PROVIDER)
    blocks.add(buy(30, consumers=[CAROL.public, BOB.public]))
    prover = Prover(blocks, GENESIS.ledger_id)
    for bought, units in zip(blocks.bought, (3, 2), strict=True):
        proof = prover.prove(bought)
        assert proof is not None
        proved = verify_grant_under(write_grant_proof(proof), blocks.headers[1].app_hash)
        assert (proved, proved.allocations) == (bought.grant, units)


def test_of_a_log_that_was_changed_nothing_is_proved() -> None:
    """What was sold is in no item's own signature: the header decides."""
    blocks = log()
    blocks.add(buy(0, consumers=keys(3)))
    (sold, record), bought = blocks.items[1], blocks.bought[0]
    more = write_sale(replace(bought.purchase.sale, allocations=2))
    blocks.items[1] = [replace(sold, result=more), record]
    with pytest.raises(VerificationError, match="do not say what its header says was sold"):
        Prover(blocks, GENESIS.ledger_id).prove(bought)
    blocks.items[1] = [record]
    with pytest.raises(VerificationError, match="block 1"):
        Prover(blocks, GENESIS.ledger_id).prove(bought)


def test_little_is_kept() -> None:
    blocks = log()
    for _ in range(KEPT_BLOCKS + 1):
        blocks.add(buy(0))
    prover = Prover(blocks, GENESIS.ledger_id)
    for _ in range(2):
        for bought in blocks.bought:
            assert prover.prove(bought) is not None
    assert blocks.reads == 2 * (KEPT_BLOCKS + 1)
    assert KEPT_TREES < KEPT_BLOCKS


def test_a_way_that_nobody_would_read_is_not_shown() -> None:
    """Sales that each weigh as much as all before them lie one below the other: the first has the longest way."""
    blocks = log()
    blocks.world.must(offer(price_ubc=0, max_allocations=2**31), PROVIDER)
    blocks.add(buy(0, epoch=2))
    bought = blocks.bought[0]
    prover = Prover(blocks, GENESIS.ledger_id)
    proof = prover.prove(bought)
    assert proof is not None
    longest = replace(proof, sale_path=(bytes(32),) * MAX_STEPS)
    assert len(write_grant_proof(longest)) <= MAX_GRANT_PROOF_BYTES - 8 - 64
    sales = prover._blocks[1]
    nodes: list[Node] = [(bytes(32), (at + 1, 0, False)) for at in range(MAX_STEPS + 1)] + [(bytes(32), None)]
    prover._blocks[1] = replace(sales, nodes=nodes)
    assert prover.prove(bought) is None


def test_purchases_are_made_of_what_the_log_keeps() -> None:
    """The leaf of a purchase does not depend on who reads it."""
    blocks = log()
    blocks.add(buy(0, consumers=keys(5)))
    purchase = blocks.bought[0].purchase
    assert isinstance(purchase, Purchase)
    assert sales_root([purchase.leaf()]) == blocks.headers[1].sales_root
