"""What the log holds, and what one block writes: values that travel between the engine and its store."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of the log. `id` is a transaction id or a record's hash; `valid_until_s` is 0 unless a
    transaction.
    """

    number: int
    height: int
    kind: int
    id: bytes
    valid_until_s: int
    encoded: bytes
    result: bytes


@dataclass(slots=True)
class BlockRows:
    """Everything that one block writes."""

    height: int
    header: bytes
    items: list[Item] = field(default_factory=list)
    parties: list[tuple[bytes, int]] = field(default_factory=list)
    grants: list[tuple[bytes, int, int]] = field(default_factory=list)
    records: list[tuple[bytes, int, int]] = field(default_factory=list)
    state: list[tuple[bytes, bytes]] = field(default_factory=list)
    removed: list[tuple[bytes]] = field(default_factory=list)
    enrolments: list[tuple[bytes, int]] = field(default_factory=list)
    chains: list[tuple[bytes, bytes]] = field(default_factory=list)
