"""The header of a block of the ledger: what chains the log, whose hash is the app hash. A gateway signs it for proofs.

    [ form 2, height, app hash of the block before, time_s, items root, number of items, state root, sales root ]

Canonical CBOR. The app hash is SHA-256 of these bytes, so whoever knows one app hash knows all that ever happened.
Height 0 has no items and names the ledger id as its previous app hash. A block in which nothing took effect has no
header and leaves the app hash as it was, so heights may skip. The sales root names what the purchases of the block
sold (wire/sale_leaf.py).
"""

import hashlib

from wire.cbor import Value, read_cbor, write_cbor
from wire.cose import Envelope, read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/block/"
MAX_HEADER_BYTES = 300

_FORM = 2
_HASH_SIZE = 32


@dataclass(frozen=True, slots=True)
class Header:
    """`time_s` (UTC) never goes back from block to block."""

    height: int
    previous: bytes
    time_s: int
    items_root: bytes
    item_count: int
    state_root: bytes
    sales_root: bytes

    @property
    def app_hash(self) -> bytes:
        return hashlib.sha256(write_header(self)).digest()


def write_header(header: Header) -> bytes:
    return write_cbor(_items(header))


def read_header(data: bytes) -> Header:
    """Raises DecodeError."""
    if len(data) > MAX_HEADER_BYTES:
        raise DecodeError(f"block header: {len(data)} bytes, at most {MAX_HEADER_BYTES} are accepted")
    match read_cbor(data):
        case [
            2, int(height), bytes(previous), int(time_s), bytes(items), int(count), bytes(state), bytes(sales),
        ] if {len(previous), len(items), len(state), len(sales)} == {_HASH_SIZE}:  # fmt: skip
            if min(height, time_s, count) >= 0:
                return Header(height, previous, time_s, items, count, state, sales)
    raise DecodeError(
        "block header: not [2, height, previous, time_s, items root, number of items, state root, sales root]"
    )


def sign_header(header: Header, ledger: PrivateKey, ledger_id: bytes) -> Envelope:
    return sign_envelope(_items(header), ledger, EXTERNAL + ledger_id)


def write_signed_header(header: Header, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    return sign_header(header, ledger, ledger_id).encoded


def read_signed_header(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Header:
    """A verified header. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    return read_header(envelope.payload)


def _items(header: Header) -> Value:
    return [
        _FORM,
        header.height,
        header.previous,
        header.time_s,
        header.items_root,
        header.item_count,
        header.state_root,
        header.sales_root,
    ]
