"""What a block of the log holds and writes: its items, and the rows that follow from them.

Items are signed transactions, meter evidence and attestation results, in the order in which they took effect. The
block's header is wire/block_header.py.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from wire.ids import TRANSACTION_ID_SIZE
from wire.merkle import leaf_hash


class ItemKind(IntEnum):
    """What the log holds."""

    TRANSACTION = 1
    EVIDENCE = 2
    ATTESTATION_RESULT = 3
    EARLY_EVIDENCE = 4
    """A record that came before its predecessors: noted, so that everybody waits for them equally long."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the log. `id` is a transaction's id, or names a record or enrolment; `valid_until_s` is 0
    unless a transaction.
    """

    number: int
    height: int
    kind: int
    id: bytes
    valid_until_s: int
    encoded: bytes
    result: bytes


class Named(NamedTuple):
    """The id of an item of the log, its number, and whether it sold something."""

    id: bytes
    number: int
    sold: bool


@dataclass(slots=True)
class BlockRows:
    """Everything that one block writes."""

    height: int
    header: bytes
    items: list[Item] = field(default_factory=list)
    parties: list[tuple[bytes, int]] = field(default_factory=list)
    crowds: list[tuple[int, int, bytes]] = field(default_factory=list)
    records: list[tuple[bytes, int, int]] = field(default_factory=list)
    state: list[tuple[bytes, bytes]] = field(default_factory=list)
    removed: list[tuple[bytes]] = field(default_factory=list)
    enrolments: list[tuple[bytes, int]] = field(default_factory=list)
    chains: list[tuple[bytes, bytes]] = field(default_factory=list)


def id_range(beginning: bytes) -> tuple[bytes, bytes]:
    """The first and the last transaction id that begins with these octets."""
    rest = TRANSACTION_ID_SIZE - len(beginning)
    return beginning + bytes(rest), beginning + b"\xff" * rest


def item_leaf(kind: int, encoded: bytes) -> bytes:
    """The leaf of an item in its block's tree."""
    return leaf_hash(bytes((kind,)) + encoded)
