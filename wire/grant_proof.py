"""The proof of one grant: that a signed block sold it, shown without anything of the other consumers' purchase.

Made by the ledger for whoever has the purchase; shown by a station to the access point beside or instead of a signed
grant, and verified offline. It climbs from the consumer to the root of the purchase's consumers, from there with the
terms of the sale to the sales root of the block (wire/sale_leaf.py), and with the rest of the header to the app hash:

    [ form 1, position, consumers of the leaf, path, [transaction, number of consumers, terms],
      turns, path of the sale, [height, previous, time_s, items root, number of items, state root],
      key id, signature ]

Paths are hashes one after the other. Key id and signature are a gateway's over the header (wire/block_header.py); both
are empty where validators sign the app hash for themselves (wire/comet_commit.py): one commit for every proof of a
block, fetched apart. Of 50,000 consumers: less than 1,000 bytes. Largest legal size 1,200 bytes. No clock.
"""

from wire.block_header import EXTERNAL, Header, write_header
from wire.cbor import read_cbor, write_cbor
from wire.cose import join_envelope, read_envelope
from wire.errors import DecodeError, VerificationError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.grant import POSITION_SIZE, TRANSACTION_REFERENCE_SIZE, Grant, grant_id_of, parse_grant, read_grant
from wire.ids import KEY_ID_SIZE, PUBLIC_KEY_SIZE, PublicKey
from wire.keys import SIGNATURE_SIZE
from wire.merkle import leaf_hash, root_of_path
from wire.sale_leaf import (
    CONSUMERS_IN_LEAF,
    UNITS_SIZE,
    SaleTerms,
    climb,
    integers_of,
    read_terms,
    sale_leaf,
    write_terms,
)
from wire.units import U32_MAX, U63_MAX

MAX_GRANT_PROOF_BYTES = 1_200
MAX_COUNT = 1 << (8 * POSITION_SIZE)

_FORM = 1
_HASH_SIZE = 32
_ENVELOPE = b"\xd2"


@dataclass(frozen=True, slots=True)
class GrantProof:
    """Which consumer, its leaf and the way up, in the order of the picture. Unverified."""

    position: int
    consumers: bytes
    path: tuple[bytes, ...]
    transaction: bytes
    count: int
    terms: SaleTerms
    turns: int
    sale_path: tuple[bytes, ...]
    height: int
    previous: bytes
    time_s: int
    items_root: bytes
    item_count: int
    state_root: bytes
    key_id: bytes = b""
    signature: bytes = b""

    def __post_init__(self) -> None:
        check_range("grant proof", "number of consumers", self.count, 1, MAX_COUNT)
        check_range("grant proof", "position", self.position, 0, self.count - 1)
        check_range("grant proof", "turns", self.turns, 0, (1 << len(self.sale_path)) - 1)
        for name, number in (("height", self.height), ("time_s", self.time_s), ("items", self.item_count)):
            check_range("grant proof", name, number, 0, U63_MAX)
        for name, octets, size in (
            ("consumers", self.consumers, self._entries * self._entry_size),
            ("transaction", self.transaction, TRANSACTION_REFERENCE_SIZE),
            ("previous", self.previous, _HASH_SIZE),
            ("items root", self.items_root, _HASH_SIZE),
            ("state root", self.state_root, _HASH_SIZE),
            ("key id", self.key_id, KEY_ID_SIZE if self.signature else 0),
            ("signature", self.signature, SIGNATURE_SIZE if self.key_id else 0),
        ):
            if len(octets) != size:
                raise DecodeError(f"grant proof: {name} has {len(octets)} bytes, not {size}")

    @property
    def header(self) -> Header:
        """Of the block that this would prove to have sold it. Raises VerificationError if the path cannot be one."""
        return Header(
            self.height,
            self.previous,
            self.time_s,
            self.items_root,
            self.item_count,
            self.state_root,
            self._sales_root(),
        )

    @property
    def grant(self) -> Grant:
        """What it says. Raises DecodeError if no grant could say so."""
        terms = self.terms
        entry = self.consumers[self._at : self._at + self._entry_size]
        try:
            consumer = PublicKey(entry[:PUBLIC_KEY_SIZE])
        except ValueError as error:
            raise DecodeError(f"grant proof: {error}") from None
        units = terms.allocations or int.from_bytes(entry[PUBLIC_KEY_SIZE:], "big")
        check_range("grant proof", "allocations", units, 1, U32_MAX)
        terms.qos.times(units)
        return Grant(
            consumer,
            terms.provider_id,
            grant_id_of(self.transaction, self.position),
            terms.epoch,
            terms.starts_s,
            terms.duration_s,
            terms.band,
            terms.qos,
            units,
        )

    @property
    def _entry_size(self) -> int:
        return PUBLIC_KEY_SIZE + (0 if self.terms.allocations else UNITS_SIZE)

    @property
    def _entries(self) -> int:
        """How many consumers the leaf has: four, and fewer in the last one."""
        first = self.position - self.position % CONSUMERS_IN_LEAF
        return min(CONSUMERS_IN_LEAF, self.count - first)

    @property
    def _at(self) -> int:
        return self.position % CONSUMERS_IN_LEAF * self._entry_size

    def _sales_root(self) -> bytes:
        leaves = -(-self.count // CONSUMERS_IN_LEAF)
        index = self.position // CONSUMERS_IN_LEAF
        consumers_root = root_of_path(leaf_hash(self.consumers), index, leaves, self.path)
        leaf = sale_leaf(self.transaction, self.count, consumers_root, write_terms(self.terms))
        return climb(leaf, self.turns, self.sale_path)


def write_grant_proof(proof: GrantProof) -> bytes:
    encoded = write_cbor(
        [
            _FORM,
            proof.position,
            proof.consumers,
            b"".join(proof.path),
            [proof.transaction, proof.count, write_terms(proof.terms)],
            proof.turns,
            b"".join(proof.sale_path),
            [
                *(proof.height, proof.previous, proof.time_s),
                *(proof.items_root, proof.item_count, proof.state_root),
            ],
            proof.key_id,
            proof.signature,
        ]
    )
    assert len(encoded) <= MAX_GRANT_PROOF_BYTES, f"grant proof of {len(encoded)} bytes"
    return encoded


def read_grant_proof(data: bytes) -> GrantProof:
    """What it says, not yet verified. Raises DecodeError."""
    if len(data) > MAX_GRANT_PROOF_BYTES:
        raise DecodeError(f"grant proof: {len(data)} bytes, at most {MAX_GRANT_PROOF_BYTES} are accepted")
    match read_cbor(data):
        case [
            form, position, bytes(consumers), bytes(path), [bytes(transaction), count, bytes(terms)], turns,
            bytes(sale_path), [height, bytes(previous), time_s, bytes(items_root), items, bytes(state_root)],
            bytes(key_id), bytes(signature),
        ]:  # fmt: skip
            form_, position_, count_, turns_, height_, time_s_, items_ = integers_of(
                [form, position, count, turns, height, time_s, items], 7
            )
            if form_ != 1:  # asked of an integer: a pattern would take True for 1
                raise DecodeError(f"grant proof: form {form_}, and only 1 is known")
            return GrantProof(
                position_, consumers, _hashes(path), transaction, count_, read_terms(terms), turns_,
                _hashes(sale_path), height_, previous, time_s_, items_root, items_, state_root, key_id, signature,
            )  # fmt: skip
    raise DecodeError("grant proof: not a consumer, its leaf, a sale, a header and who signed it")


def verify_grant_proof(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Grant:
    """The grant, sold in a block that the ledger signed. Raises DecodeError, VerificationError. Whether its time has
    come is for the caller, who has a clock.
    """
    proof = read_grant_proof(data)
    grant = proof.grant
    envelope = join_envelope(write_header(proof.header), proof.key_id, proof.signature)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    return grant


def verify_grant_under(data: bytes, app_hash: bytes) -> Grant:
    """The grant, sold in the block of this app hash, which is known by other means: of a shared ledger from the header
    of the next block (wire.comet_commit.verify_signed_block). Raises DecodeError, VerificationError.
    """
    proof = read_grant_proof(data)
    grant = proof.grant
    if proof.header.app_hash != app_hash:
        raise VerificationError(f"grant proof: leads to another app hash than {app_hash.hex()}")
    return grant


def read_shown_grant(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Grant:
    """A grant as a station may show it: signed, or proved. Raises DecodeError, VerificationError."""
    if data[:1] == _ENVELOPE:
        return read_grant(data, ledger, ledger_id)
    return verify_grant_proof(data, ledger, ledger_id)


def parse_shown_grant(data: bytes) -> Grant:
    """The same of one that was verified before, as when it comes back from a store of ours. Raises DecodeError."""
    return parse_grant(read_envelope(data)) if data[:1] == _ENVELOPE else read_grant_proof(data).grant


def _hashes(octets: bytes) -> tuple[bytes, ...]:
    if len(octets) % _HASH_SIZE:
        raise DecodeError(f"grant proof: a path of {len(octets)} bytes is not one of hashes of {_HASH_SIZE}")
    return tuple(octets[at : at + _HASH_SIZE] for at in range(0, len(octets), _HASH_SIZE))
