"""What the ledger needs of a database: the log, the chain of blocks, a snapshot of the state.

Two do it: a file of its own (ledger/sqlite_store.py, the default) and PostgreSQL (ledger/postgres_store.py). The log is
append-only; everything else can be computed from it. A block and what it does to the snapshot are there together or not
at all. What fails is raised as ShellError.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from ledger.block import BlockRows, Item, Named

POSTGRESQL = ("postgresql://", "postgres://")
"""How the address of a PostgreSQL database begins (libpq, clause 34.1.1.2); anything else is a file."""

Place = Path | str
"""A file, or the address of a PostgreSQL database."""


class Store(Protocol):
    """One connection. The application writes through one; every reader opens its own."""

    @property
    def place(self) -> Place:
        """Where another connection goes; it may hold a password."""
        ...

    @property
    def name(self) -> str:
        """The place, as it may be shown."""
        ...

    def close(self) -> None: ...

    def write_genesis(self, encoded: bytes, block: BlockRows) -> None: ...

    def write_block(self, block: BlockRows) -> None:
        """All of it, durable when this returns; or ShellError and nothing of it."""
        ...

    def write_height(self, height: int) -> None:
        """That a block of this height was ordered in which nothing took effect."""
        ...

    def height(self) -> int:
        """Of the last block that was ordered, whether anything took effect in it or not."""
        ...

    def genesis(self) -> bytes | None: ...

    def headers(self) -> Iterator[bytes]: ...

    def header(self, height: int) -> bytes | None: ...

    def items(self) -> Iterator[Item]:
        """The whole log in order."""
        ...

    def last_block(self, height: int) -> int:
        """The height of the last block up to this one in which something took effect; 0: the genesis."""
        ...

    def block_items(self, height: int) -> list[Item]: ...

    def block_numbers(self, height: int) -> tuple[int, int]:
        """The numbers of the first and the last item of a block; (0, 0) if it has none."""
        ...

    def item(self, number: int) -> Item | None: ...

    def item_by_id(self, item_id: bytes) -> Item | None: ...

    def last_number(self) -> int: ...

    def sizes_after(self, number: int, limit: int) -> list[tuple[int, int]]:
        """(number, octets) of at most `limit` items with a higher number, without reading them."""
        ...

    def items_after(self, number: int, limit: int, account: bytes | None = None) -> list[Item]:
        """At most `limit` items with a higher number, of one account if it is given: as anything but one of a crowd."""
        ...

    def crowds(self, bucket: int, number: int) -> Iterator[tuple[int, bytes]]:
        """(number, marks) of rows of one bucket with a higher number, in their order (ledger/crowd.py)."""
        ...

    def named(self, beginnings: Sequence[bytes]) -> list[Named]:
        """The items whose ids begin with any of these octets. One question: a block may have thousands."""
        ...

    def records_after(self, key_id: bytes, sequence: int, limit: int) -> list[tuple[int, Item]]:
        """(sequence, item) of at most `limit` meter records of one key with a higher sequence."""
        ...

    def state(self) -> Iterator[tuple[bytes, bytes]]: ...

    def chains(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, state of its metering chain)"""
        ...

    def enrolments(self) -> Iterator[tuple[bytes, bytes]]:
        """(attestation key's id, attestation result), in the order in which they were enrolled"""
        ...

    def enrolment(self, key_id: bytes) -> bytes | None: ...
