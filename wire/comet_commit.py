"""A block that the validators of a shared ledger signed: its header, their precommits, and the app hash in it.

In: a header with its commit, and the validators that the reader trusts (from the description of the network). Out: the
header, once more than two thirds of their power have signed its hash; or VerificationError. No clock: how old a header
may be, the caller decides by its `time_ns`. The app hash in the header of block h is the state after block h - 1.

    [ form 1, [ block version, app version, chain id, height, time_ns, last block id, 9 hashes in CometBFT's order ],
      [ round, parts, parts hash, [ [ flag, time_ns, signature ] for each validator, in the order of the set ] ] ]

The set of validators is fixed: who is trusted is in the reader's settings and not in anything that it is sent.
Reference: CometBFT v0.38 spec/core/data_structures.md, spec/core/encoding.md; types/canonical.go.
Largest legal size 16 KiB (100 validators); four validators: some 700 bytes.
"""

import hashlib
from collections.abc import Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError, VerificationError
from wire.frozen import dataclass
from wire.protobuf import write_delimited, write_fixed64, write_message, write_number, write_octets
from wire.units import U63_MAX

MAX_SIGNED_BLOCK_BYTES = 16 * 1024
MAX_VALIDATORS = 100
MAX_CHAIN_ID_BYTES = 50
"""CometBFT's own limit."""
VALIDATOR_KEY_SIZE = 32
ADDRESS_SIZE = 20

ABSENT, COMMIT, NIL = 1, 2, 3
"""What a validator did: nothing, signed this block, signed that there is none (BlockIDFlag)."""

_FORM = 1
_PRECOMMIT = 2
_HASH_SIZE = 32
_SECOND_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Validator:
    """An Ed25519 key of 32 octets, and its share of the votes."""

    key: bytes
    power: int

    def __post_init__(self) -> None:
        if len(self.key) != VALIDATOR_KEY_SIZE or not 1 <= self.power <= U63_MAX // MAX_VALIDATORS:
            raise DecodeError(f"validator: a key of {len(self.key)} bytes and power {self.power}")

    @property
    def address(self) -> bytes:
        """20 octets: the beginning of the key's SHA-256."""
        return hashlib.sha256(self.key).digest()[:ADDRESS_SIZE]


@dataclass(frozen=True, slots=True)
class BlockId:
    """What a commit is for. All empty or zero: none, as in the first block."""

    hash: bytes = b""
    parts: int = 0
    parts_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class CometHeader:
    """The header of a block as CometBFT hashes it. Hashes that it leaves empty are empty."""

    block_version: int
    app_version: int
    chain_id: str
    height: int
    time_ns: int
    last_block: BlockId
    last_commit_hash: bytes
    data_hash: bytes
    validators_hash: bytes
    next_validators_hash: bytes
    consensus_hash: bytes
    app_hash: bytes
    last_results_hash: bytes
    evidence_hash: bytes
    proposer_address: bytes

    @property
    def hash(self) -> bytes:
        return _merkle_root(
            [
                write_number(1, self.block_version) + write_number(2, self.app_version),
                write_octets(1, self.chain_id.encode()),
                write_number(1, self.height),
                _write_time(self.time_ns),
                _write_block_id(self.last_block),
                *(write_octets(1, octets) for octets in _hashes(self)),
            ]
        )


@dataclass(frozen=True, slots=True)
class Precommit:
    """What one validator did about a block, and when; `signature` is empty if it was absent."""

    flag: int
    time_ns: int
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedBlock:
    """A header with its commit: `precommits` has one for each validator, in the order of the set."""

    header: CometHeader
    round: int
    parts: int
    parts_hash: bytes
    precommits: tuple[Precommit, ...]


def in_order(validators: Sequence[Validator]) -> tuple[Validator, ...]:
    """As CometBFT orders a set: by power, the greatest first, and then by address."""
    return tuple(sorted(validators, key=lambda one: (-one.power, one.address)))


def validators_hash(validators: Sequence[Validator]) -> bytes:
    """What a header names its validators by."""
    return _merkle_root(
        [
            write_message(1, write_message(1, one.key)) + write_number(2, one.power)
            for one in in_order(validators)
        ]
    )


def verify_signed_block(block: SignedBlock, chain_id: str, validators: Sequence[Validator]) -> CometHeader:
    """The header, now proven. Raises VerificationError unless more than two thirds of the trusted power signed it."""
    header, trusted = block.header, in_order(validators)
    if header.chain_id != chain_id:
        raise VerificationError(f"signed block: of chain {header.chain_id!r}, not {chain_id!r}")
    if header.validators_hash != validators_hash(trusted):
        raise VerificationError(f"signed block: block {header.height} has other validators than the trusted")
    if len(block.precommits) != len(trusted):
        raise VerificationError(
            f"signed block: {len(block.precommits)} precommits of {len(trusted)} validators"
        )
    block_id = BlockId(header.hash, block.parts, block.parts_hash)
    signed = 0
    for validator, precommit in zip(trusted, block.precommits, strict=True):
        if precommit.flag == COMMIT and _did_sign(validator, precommit, block, block_id):
            signed += validator.power
    total = sum(one.power for one in trusted)
    if 3 * signed <= 2 * total:
        raise VerificationError(f"signed block: {signed} of {total} votes, more than two thirds are needed")
    return header


def write_signed_block(block: SignedBlock) -> bytes:
    header, last = block.header, block.header.last_block
    fields: list[Value] = [
        *(header.block_version, header.app_version, header.chain_id, header.height, header.time_ns),
        [last.hash, last.parts, last.parts_hash],
        *_hashes(header),
    ]
    precommits: list[Value] = [[one.flag, one.time_ns, one.signature] for one in block.precommits]
    return write_cbor([_FORM, fields, [block.round, block.parts, block.parts_hash, precommits]])


def read_signed_block(data: bytes) -> SignedBlock:
    """What it says, not yet verified. Raises DecodeError."""
    if len(data) > MAX_SIGNED_BLOCK_BYTES:
        raise DecodeError(f"signed block: {len(data)} bytes, at most {MAX_SIGNED_BLOCK_BYTES} are accepted")
    match read_cbor(data):
        case [1, list(fields), [int(round_), int(parts), bytes(parts_hash), list(precommits)]]:
            _check_numbers(round_, parts)
            read = tuple(_read_precommit(one) for one in precommits)
            if len(read) <= MAX_VALIDATORS and len(parts_hash) == _HASH_SIZE:
                return SignedBlock(_read_header(fields), round_, parts, parts_hash, read)
    raise DecodeError("signed block: not [1, header, [round, parts, parts hash, precommits]]")


def _check_numbers(*numbers: int) -> None:
    """Raises DecodeError unless each fits in an int64 and is not negative."""
    if not all(0 <= number <= U63_MAX for number in numbers):
        raise DecodeError("signed block: a number is negative or has more than 63 bits")


def _read_header(fields: list[Value]) -> CometHeader:
    match fields:
        case [
            int(block_version),
            int(app_version),
            str(chain_id),
            int(height),
            int(time_ns),
            [bytes(last), int(last_parts), bytes(last_parts_hash)],
            *hashes,
        ]:
            octets = [one for one in hashes if isinstance(one, bytes) and len(one) <= _HASH_SIZE]
            _check_numbers(block_version, app_version, height, time_ns, last_parts)
            if (
                len(octets) == len(hashes) == 9
                and max(len(last), len(last_parts_hash)) <= _HASH_SIZE
                and len(chain_id.encode()) <= MAX_CHAIN_ID_BYTES
            ):
                before = BlockId(last, last_parts, last_parts_hash)
                return CometHeader(block_version, app_version, chain_id, height, time_ns, before, *octets)
    raise DecodeError("signed block: not a header")


def _read_precommit(value: Value) -> Precommit:
    match value:
        case [int(flag), int(time_ns), bytes(signature)] if flag in (ABSENT, COMMIT, NIL):
            _check_numbers(time_ns)
            return Precommit(flag, time_ns, signature)
    raise DecodeError("signed block: a precommit is not [flag, time_ns, signature]")


def _did_sign(validator: Validator, precommit: Precommit, block: SignedBlock, block_id: BlockId) -> bool:
    """Whether it counts. CometBFT's rule for signatures (ZIP-215) takes some that ours does not: a validator who makes
    such ones on purpose loses its vote here, and spoils nobody else's.
    """
    vote = _canonical_precommit(block.header, block.round, block_id, precommit.time_ns)
    try:
        Ed25519PublicKey.from_public_bytes(validator.key).verify(precommit.signature, vote)
    except (InvalidSignature, ValueError):
        return False
    return True


def _canonical_precommit(header: CometHeader, round_: int, block_id: BlockId, time_ns: int) -> bytes:
    """The bytes that a validator signs: a CanonicalVote behind its length."""
    vote = (
        write_number(1, _PRECOMMIT)
        + write_fixed64(2, header.height)
        + write_fixed64(3, round_)
        + write_message(4, _write_block_id(block_id))
        + write_message(5, _write_time(time_ns))
        + write_octets(6, header.chain_id.encode())
    )
    return write_delimited(vote)


def _write_block_id(block: BlockId) -> bytes:
    parts = write_number(1, block.parts) + write_octets(2, block.parts_hash)
    return write_octets(1, block.hash) + write_message(2, parts)


def _write_time(time_ns: int) -> bytes:
    """google.protobuf.Timestamp."""
    return write_number(1, time_ns // _SECOND_NS) + write_number(2, time_ns % _SECOND_NS)


def _hashes(header: CometHeader) -> tuple[bytes, ...]:
    return (
        header.last_commit_hash,
        header.data_hash,
        header.validators_hash,
        header.next_validators_hash,
        header.consensus_hash,
        header.app_hash,
        header.last_results_hash,
        header.evidence_hash,
        header.proposer_address,
    )


def _merkle_root(items: Sequence[bytes]) -> bytes:
    """RFC 6962 clause 2.1, over at least one item."""
    level = [hashlib.sha256(b"\0" + item).digest() for item in items]
    while len(level) > 1:
        pairs = [
            hashlib.sha256(b"\1" + one + other).digest()
            for one, other in zip(level[::2], level[1::2], strict=False)
        ]
        level = pairs + level[len(level) & ~1 :]
    return level[0]
