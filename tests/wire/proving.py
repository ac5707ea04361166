"""Blocks with sales for tests of proofs: what a ledger does when somebody asks it to prove a grant, in few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wire.block_header import EXTERNAL, Header
from wire.cose import sign_envelope
from wire.grant_proof import GrantProof
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.merkle import merkle_path, merkle_root
from wire.sale_leaf import (
    CONSUMERS_IN_LEAF,
    SaleLeaf,
    SaleTerms,
    consumer_leaves,
    join_sales,
    leaf_content,
    sale_leaf,
    sales_path,
    sales_root,
    write_terms,
)


@dataclass(frozen=True)
class Sold:
    """A purchase: its reference, for whom, what, and each consumer's units if they differ."""

    transaction: bytes
    consumer_keys: bytes
    terms: SaleTerms
    shares: tuple[int, ...] = ()

    @property
    def count(self) -> int:
        return len(self.consumer_keys) // 33

    @property
    def leaf(self) -> SaleLeaf:
        root = merkle_root(consumer_leaves(self.consumer_keys, self.shares))
        return SaleLeaf(sale_leaf(self.transaction, self.count, root, write_terms(self.terms)), self.count)


def consumer_row(count: int, first: int = 0) -> bytes:
    """Keys that look like keys."""
    return b"".join(PublicKey(b"\x02" + (first + at).to_bytes(32, "big")).octets for at in range(count))


def header_of(block: Sequence[Sold], height: int = 4_711, time_s: int = 1_766_000_000) -> Header:
    root = sales_root([sold.leaf for sold in block])
    return Header(height, b"\x01" * 32, time_s, b"\x02" * 32, len(block), b"\x03" * 32, root)


def prove(block: Sequence[Sold], index: int, position: int) -> GrantProof:
    """Unsigned: for whoever knows the app hash."""
    sold, header = block[index], header_of(block)
    path = merkle_path(consumer_leaves(sold.consumer_keys, sold.shares), position // CONSUMERS_IN_LEAF)
    turns, sale_path = sales_path(join_sales([one.leaf for one in block]), index)
    return GrantProof(
        position,
        leaf_content(sold.consumer_keys, sold.shares, position),
        tuple(path),
        sold.transaction,
        sold.count,
        sold.terms,
        turns,
        tuple(sale_path),
        header.height,
        header.previous,
        header.time_s,
        header.items_root,
        header.item_count,
        header.state_root,
    )


def sign(proof: GrantProof, key: PrivateKey, ledger_id: bytes) -> GrantProof:
    header = proof.header
    envelope = sign_envelope(
        [2, header.height, header.previous, header.time_s, header.items_root, header.item_count, header.state_root,
         header.sales_root],
        key,
        EXTERNAL + ledger_id,
    )  # fmt: skip
    return replace(proof, key_id=envelope.key_id, signature=envelope.signature)
