"""What a purchase sold and to whom, as a block binds it: the consumers' tree, and the leaf of the sale above it.

The consumers of a purchase stand in their order in leaves of up to four, each by its key and, where shares differ, by
its units. A sale's leaf is

    transaction (14 octets) | number of consumers (4) | root of the consumers' tree (32) | terms

with the terms in canonical CBOR. The leaves of a block's sales are joined so that large sales lie high
(`sales_root`): whoever has one of 50,000 grants climbs 14 steps among the consumers and hardly any above them.
Pure; no signature and no log. Nodes are those of wire/merkle.py.
"""

import hashlib
import heapq
from collections.abc import Iterator, Sequence

from wire.band import Band
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.grant import TRANSACTION_REFERENCE_SIZE
from wire.ids import PROVIDER_ID_SIZE, PUBLIC_KEY_SIZE
from wire.merkle import EMPTY_ROOT, LEAF, leaf_hash, node_hash
from wire.qos import Qos, qos_of, write_qos
from wire.units import U32_MAX, U63_MAX

CONSUMERS_IN_LEAF = 4
"""Halves and halves again the hashing of a bulk purchase, for 36 octets more in a proof (of 50,000: 99 of neighbours
for two levels of 32 less)."""
UNITS_SIZE = 4
COUNT_SIZE = 4
MAX_TERMS_BYTES = 186


@dataclass(frozen=True, slots=True)
class SaleTerms:
    """What each consumer of a purchase got, in the words of a grant. `allocations` is 0 where shares differ."""

    provider_id: bytes
    epoch: int
    starts_s: int
    duration_s: int
    band: Band
    qos: Qos
    allocations: int

    def __post_init__(self) -> None:
        """Raises DecodeError for what no grant could say."""
        if len(self.provider_id) != PROVIDER_ID_SIZE:
            raise DecodeError(f"sale: a provider id has {len(self.provider_id)} bytes")
        for name, value, minimum, maximum in (
            ("epoch", self.epoch, 1, U63_MAX),
            ("starts_s", self.starts_s, 0, U63_MAX - U32_MAX),
            ("duration_s", self.duration_s, 1, U32_MAX),
            ("allocations", self.allocations, 0, U32_MAX),
        ):
            if not minimum <= value <= maximum:
                raise DecodeError(f"sale: {name} is {value}, outside {minimum}..{maximum}")


def write_terms(terms: SaleTerms) -> bytes:
    band = terms.band
    return write_cbor(
        [
            terms.provider_id,
            terms.epoch,
            terms.starts_s,
            terms.duration_s,
            [band.from_frequency_khz, band.to_frequency_khz, band.bandwidth_khz],
            write_qos(terms.qos),
            terms.allocations,
        ]
    )


def read_terms(data: bytes) -> SaleTerms:
    """Raises DecodeError."""
    if len(data) > MAX_TERMS_BYTES:
        raise DecodeError(f"sale: terms of {len(data)} bytes, at most {MAX_TERMS_BYTES} are accepted")
    match read_cbor(data):
        case [bytes(provider_id), *numbers, list(band), list(qos), allocations]:
            epoch, starts_s, duration_s, units = integers_of([*numbers, allocations], 4)
            rates = Band(*integers_of(band, 3)), qos_of(integers_of(qos, len(qos)))
            return SaleTerms(provider_id, epoch, starts_s, duration_s, *rates, units)
    raise DecodeError("sale: the terms are not provider, epoch, start, duration, band, qos, allocations")


def integers_of(items: Sequence[Value], count: int) -> list[int]:
    """The items, of which there are so many and all integers. Raises DecodeError."""
    numbers = [item for item in items if isinstance(item, int) and not isinstance(item, bool)]
    if len(numbers) != len(items) or len(items) != count:
        raise DecodeError(f"sale: not {count} integers")
    return numbers


def sale_leaf(transaction: bytes, count: int, consumers_root: bytes, terms: bytes) -> bytes:
    """The hash of a sale's leaf; `terms` as they are written."""
    assert len(transaction) == TRANSACTION_REFERENCE_SIZE, f"a reference of {len(transaction)} octets"
    return leaf_hash(transaction + count.to_bytes(COUNT_SIZE, "big") + consumers_root + terms)


def consumer_leaves(consumer_keys: bytes, shares: Sequence[int] = ()) -> list[bytes]:
    """The leaves of a purchase's consumers: their keys one after the other; the units of each if they differ."""
    content, size = consumer_keys, PUBLIC_KEY_SIZE
    if shares:
        content, size = b"".join(_with_units(consumer_keys, shares)), PUBLIC_KEY_SIZE + UNITS_SIZE
    sha256, step = hashlib.sha256, size * CONSUMERS_IN_LEAF
    return [sha256(LEAF + content[at : at + step]).digest() for at in range(0, len(content), step)]


def leaf_content(consumer_keys: bytes, shares: Sequence[int], position: int) -> bytes:
    """What the leaf of the consumer at this position holds."""
    first = position - position % CONSUMERS_IN_LEAF
    keys = consumer_keys[first * PUBLIC_KEY_SIZE : (first + CONSUMERS_IN_LEAF) * PUBLIC_KEY_SIZE]
    return b"".join(_with_units(keys, shares[first : first + CONSUMERS_IN_LEAF])) if shares else keys


def _with_units(consumer_keys: bytes, shares: Sequence[int]) -> Iterator[bytes]:
    for position, units in enumerate(shares):
        at = position * PUBLIC_KEY_SIZE
        yield consumer_keys[at : at + PUBLIC_KEY_SIZE] + units.to_bytes(UNITS_SIZE, "big")


@dataclass(frozen=True, slots=True)
class SaleLeaf:
    """A sale's leaf, and how many consumers it weighs."""

    hash: bytes
    consumers: int


def sales_root(sales: Sequence[SaleLeaf]) -> bytes:
    """Over the sales of a block."""
    return join_sales(sales)[-1][0] if sales else EMPTY_ROOT


def sales_path(nodes: "Sequence[Node]", index: int) -> tuple[int, list[bytes]]:
    """(turns, neighbours) from the sale of this index up to the root: bit n of the turns is set where the neighbour of
    step n is on the left. `nodes` as joined.
    """
    turns, path = 0, list[bytes]()
    at = index
    while (parent := nodes[at][1]) is not None:
        above, neighbour, is_right = parent
        turns |= is_right << len(path)
        path.append(nodes[neighbour][0])
        at = above
    return turns, path


def climb(leaf: bytes, turns: int, path: Sequence[bytes]) -> bytes:
    """The root that a path leads to."""
    found = leaf
    for step, neighbour in enumerate(path):
        found = node_hash(neighbour, found) if turns >> step & 1 else node_hash(found, neighbour)
    return found


Parent = tuple[int, int, bool]
"""Number of the node above, of the neighbour, whether this one is the right one."""
Node = tuple[bytes, Parent | None]


def join_sales(sales: Sequence[SaleLeaf]) -> list[Node]:
    """Every node with its parent, the root last: the two lightest are joined until one is left, the lighter left, of
    equals the earlier (Huffman's tree, so that a sale lies about log2(all consumers / its own) below the root).
    """
    nodes: list[Node] = [(sale.hash, None) for sale in sales]
    waiting = [(sale.consumers, number) for number, sale in enumerate(sales)]
    heapq.heapify(waiting)
    while len(waiting) > 1:
        light, left = heapq.heappop(waiting)
        heavy, right = waiting[0]
        above = len(nodes)
        nodes.append((node_hash(nodes[left][0], nodes[right][0]), None))
        nodes[left] = nodes[left][0], (above, right, False)
        nodes[right] = nodes[right][0], (above, left, True)
        heapq.heapreplace(waiting, (light + heavy, above))
    return nodes
