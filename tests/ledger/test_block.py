"""Items of the log: what their leaves tell apart."""

from __future__ import annotations

from ledger.block import item_leaf


def test_the_kind_of_an_item_is_in_its_leaf() -> None:
    assert len({item_leaf(kind, b"content") for kind in (1, 2, 3, 4)}) == 4
