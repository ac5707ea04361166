"""`mark_missing` and `notarise`: the operator's two steps by which a block of payouts becomes binding.

First, in as many transactions as it takes, those are named who did not sign, each with its leaf of the block before;
then one aggregate signature of all others is brought for the new root. A leaf's octets are docs/wire/payout_block.md.
Reference: PayPlace 6.5.2, Algorithm 6.   Units: seconds of UTC.
"""

from wire.cbor import Key, Value
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.payplace_registration import BLS_SIGNATURE_SIZE, check_size
from wire.units import U32_MAX

MAX_ROWS = 1_000
"""Merchants named in one transaction; whoever has more sends several."""
MAX_LEAF_BYTES = 256 * 1024
"""32,000 consumers in a row, or 16,000 that are scattered."""
MAX_PATH_BYTES = 32 * 32
HASH_SIZE = 32

_LEAVES, _ROWS = 3, 4
_ROOT, _TAU, _SIGNATURE, _RETURNING = 3, 4, 5, 6


@dataclass(frozen=True, slots=True)
class LeafProof:
    """A leaf's content, and where it is in its block: number `index`, with the neighbours up to the root."""

    leaf: bytes
    index: int
    path: bytes

    def __post_init__(self) -> None:
        if len(self.leaf) > MAX_LEAF_BYTES:
            raise DecodeError(f"payout leaf: {len(self.leaf)} bytes, at most {MAX_LEAF_BYTES} are accepted")
        if len(self.path) % HASH_SIZE or len(self.path) > MAX_PATH_BYTES:
            raise DecodeError(f"payout leaf: a path of {len(self.path)} bytes")
        check_range("payout leaf", "index", self.index, 0, U32_MAX)

    @property
    def nodes(self) -> list[bytes]:
        return [self.path[at : at + HASH_SIZE] for at in range(0, len(self.path), HASH_SIZE)]


@dataclass(frozen=True, slots=True)
class MarkMissing:
    """These have not signed the block that comes next. `leaves`: of the block before."""

    leaves: int
    rows: tuple[LeafProof, ...]

    def __post_init__(self) -> None:
        check_range("mark_missing", "leaves", self.leaves, 0, U32_MAX)
        if not 1 <= len(self.rows) <= MAX_ROWS:
            raise DecodeError(f"mark_missing: {len(self.rows)} rows, outside 1..{MAX_ROWS}")


@dataclass(frozen=True, slots=True)
class Notarise:
    """`returning`: the leaves that merchants were held to while they were missing, who have signed now."""

    root: bytes
    tau_s: int
    signature: bytes
    returning: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        check_size("notarise", "root", self.root, HASH_SIZE)
        check_size("notarise", "signature", self.signature, BLS_SIGNATURE_SIZE)
        check_range("notarise", "tau_s", self.tau_s)
        if len(self.returning) > MAX_ROWS:
            raise DecodeError(f"notarise: {len(self.returning)} returning, at most {MAX_ROWS}")
        if any(len(leaf) > MAX_LEAF_BYTES for leaf in self.returning):
            raise DecodeError(f"notarise: a leaf of more than {MAX_LEAF_BYTES} bytes")


def write_mark_missing(action: MarkMissing) -> dict[Key, Value]:
    rows: list[Value] = [[row.leaf, row.index, row.path] for row in action.rows]
    return {_LEAVES: action.leaves, _ROWS: rows}


def read_mark_missing(fields: FieldReader) -> MarkMissing:
    leaves = fields.integer(_LEAVES, "leaves", 0, U32_MAX)
    rows = [_read_row(fields, item) for item in _items(fields, _ROWS, "rows")]
    return MarkMissing(leaves, tuple(rows))


def write_notarise(action: Notarise) -> dict[Key, Value]:
    fields: dict[Key, Value] = {
        _ROOT: action.root,
        _TAU: action.tau_s,
        _SIGNATURE: action.signature,
    }
    return fields | ({_RETURNING: list(action.returning)} if action.returning else {})


def read_notarise(fields: FieldReader) -> Notarise:
    root = fields.octets(_ROOT, "root", HASH_SIZE)
    tau_s = fields.integer(_TAU, "tau_s")
    signature = fields.octets(_SIGNATURE, "signature", BLS_SIGNATURE_SIZE)
    items = _items(fields, _RETURNING, "returning") if _RETURNING in fields else []
    returning = tuple([item for item in items if isinstance(item, bytes)])
    if len(returning) != len(items):
        raise fields.error("returning has an item that is not a leaf")
    return Notarise(root, tau_s, signature, returning)


def _items(fields: FieldReader, label: int, name: str) -> list[Value]:
    value = fields.value(label, name)
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_ROWS:
        raise fields.error(f"{name} is not an array of 1 to {MAX_ROWS} items")
    return value


def _read_row(fields: FieldReader, item: Value) -> LeafProof:
    match item:
        case [bytes(leaf), int(index), bytes(path)]:
            return LeafProof(leaf, index, path)
    raise fields.error("a row is not an array of leaf, index and path")
