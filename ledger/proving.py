"""Proofs of grants out of the log: a block's sales and a purchase's consumers as trees, kept for whoever asks next.

In: a store, and which grant. Out: the way from its consumer up to the sales root of its block, without a signature
(wire/grant_proof.py). Nothing about it is stored: leaves follow from the items of the block, and are compared with the
header before anything is proved by them.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from ledger.block import Item
from ledger.granting import read_purchase
from ledger.purchases import Bought
from wire.block_header import Header, read_header
from wire.errors import VerificationError
from wire.grant import TRANSACTION_REFERENCE_SIZE
from wire.grant_proof import GrantProof
from wire.merkle import merkle_levels, path_in
from wire.sale_leaf import (
    CONSUMERS_IN_LEAF,
    Node,
    SaleLeaf,
    consumer_leaves,
    join_sales,
    leaf_content,
    sales_path,
    sales_root,
)

KEPT_BLOCKS = 16
KEPT_TREES = 4
"""Of the consumers of a purchase: 25,000 hashes and some 2 MB at most."""
MAX_STEPS = 22
"""A longer way makes a proof that nobody reads; it takes 1,500,000 allocations in one block. Grants are signed then."""


class Source(Protocol):
    """What is needed of a store."""

    def header(self, height: int) -> bytes | None: ...
    def block_items(self, height: int) -> list[Item]: ...


@dataclass(frozen=True, slots=True)
class BlockSales:
    """The joined sales of a block, and where each purchase stands among them."""

    header: Header
    nodes: list[Node]
    places: dict[bytes, int]


class Prover:
    """For one thread at a time. Raises ShellError if the disk fails, DecodeError or VerificationError if the log is not
    what its headers say.
    """

    def __init__(self, store: Source, ledger_id: bytes) -> None:
        self._store, self._ledger_id = store, ledger_id
        self._blocks: OrderedDict[int, BlockSales] = OrderedDict()
        self._trees: OrderedDict[bytes, list[list[bytes]]] = OrderedDict()

    def prove(self, bought: Bought) -> GrantProof | None:
        """None if the way is longer than anybody reads."""
        purchase, position, height = bought
        sales = self._sales(height)
        path = path_in(self._levels(bought), position // CONSUMERS_IN_LEAF)
        turns, sale_path = sales_path(sales.nodes, sales.places[purchase.transaction_id])
        if len(path) + len(sale_path) > MAX_STEPS:
            return None
        header = sales.header
        return GrantProof(
            position,
            leaf_content(purchase.consumer_keys, purchase.sale.shares, position),
            tuple(path),
            purchase.transaction_id[:TRANSACTION_REFERENCE_SIZE],
            purchase.count,
            purchase.terms,
            turns,
            tuple(sale_path),
            header.height,
            header.previous,
            header.time_s,
            header.items_root,
            header.item_count,
            header.state_root,
        )

    def _levels(self, bought: Bought) -> list[list[bytes]]:
        purchase = bought.purchase
        levels = self._trees.get(purchase.transaction_id)
        if levels is None:
            levels = merkle_levels(consumer_leaves(purchase.consumer_keys, purchase.sale.shares))
            self._trees[purchase.transaction_id] = levels
            while len(self._trees) > KEPT_TREES:
                self._trees.popitem(last=False)
        self._trees.move_to_end(purchase.transaction_id)
        return levels

    def _sales(self, height: int) -> BlockSales:
        sales = self._blocks.get(height)
        if sales is None:
            sales = self._blocks[height] = self._join(height)
            while len(self._blocks) > KEPT_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(height)
        return sales

    def _join(self, height: int) -> BlockSales:
        encoded = self._store.header(height)
        assert encoded is not None, f"an item of the missing block {height}"
        header, leaves, places = read_header(encoded), list[SaleLeaf](), dict[bytes, int]()
        for item in self._store.block_items(height):
            purchase = read_purchase(item.encoded, item.result, self._ledger_id, item.id)
            if purchase is not None:
                places[purchase.transaction_id] = len(leaves)
                leaves.append(purchase.leaf())
        if sales_root(leaves) != header.sales_root:
            raise VerificationError(f"block {height}: its items do not say what its header says was sold")
        return BlockSales(header, join_sales(leaves), places)
