"""`withdraw_payout` and `force_exit`: a merchant takes what a notarised block owes it, or is paid out and let go.

`sources` are the consumers' micropayments that stand behind the leaf, as rows without what the contract knows already:

    channel u32 | cumulative_ubc u64 | signature 64        76 octets, ascending by channel

Reference: PayPlace 6.5.2, Algorithm 7.   Units: micro-bandcoin (ubc).
"""

import itertools
from collections.abc import Iterable

from wire.cbor import Key, Value
from wire.create import read_public_key
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import SIGNATURE_SIZE
from wire.payplace_notarisation import MAX_LEAF_BYTES, MAX_PATH_BYTES, LeafProof
from wire.units import U32_MAX, U63_MAX

SOURCE_SIZE = 4 + 8 + SIGNATURE_SIZE
MAX_SOURCES = 16_384

_OPERATOR, _LEAF, _INDEX, _LEAVES, _PATH, _SOURCES, _EXIT, _AT_LEAST = 3, 4, 5, 6, 7, 8, 9, 10


@dataclass(frozen=True, slots=True)
class Source:
    """That the consumer of a channel has paid `cumulative_ubc` in all, with its signature."""

    channel: int
    cumulative_ubc: int
    signature: bytes

    def __post_init__(self) -> None:
        check_range("source", "channel", self.channel, 0, U32_MAX)
        check_range("source", "cumulative_ubc", self.cumulative_ubc, 1, U63_MAX)
        if len(self.signature) != SIGNATURE_SIZE:
            raise DecodeError(f"source: a signature of {len(self.signature)} bytes, not {SIGNATURE_SIZE}")


@dataclass(frozen=True, slots=True)
class Claim:
    """A leaf, its place among the `leaves` of the head block, and the micropayments behind it."""

    proof: LeafProof
    leaves: int
    sources: tuple[Source, ...]

    def __post_init__(self) -> None:
        check_range("claim", "leaves", self.leaves, 0, U32_MAX)
        if len(self.sources) > MAX_SOURCES:
            raise DecodeError(f"claim: {len(self.sources)} sources, at most {MAX_SOURCES}")
        channels = [source.channel for source in self.sources]
        if any(one >= other for one, other in itertools.pairwise(channels)):
            raise DecodeError("claim: the channels of sources do not ascend")


@dataclass(frozen=True, slots=True)
class WithdrawPayout:
    """The issuer, to whom the leaf's merchant is paid, takes all, or nothing if that would be less than `at_least_ubc`.

    What is not paid of the leaf is struck with what is. `exit`: and is a merchant no longer.
    """

    operator: PublicKey
    claim: Claim
    at_least_ubc: int
    exit: bool = False

    def __post_init__(self) -> None:
        check_range("withdrawal", "at_least_ubc", self.at_least_ubc, 0, U63_MAX)


@dataclass(frozen=True, slots=True)
class ForceExit:
    """The issuer, an operator, pays a merchant out in full and lets it go."""

    claim: Claim


def write_sources(sources: Iterable[Source]) -> bytes:
    return b"".join([
        source.channel.to_bytes(4, "big") + source.cumulative_ubc.to_bytes(8, "big") + source.signature
        for source in sources
    ])  # fmt: skip


def read_sources(octets: bytes) -> tuple[Source, ...]:
    """Raises DecodeError."""
    if len(octets) % SOURCE_SIZE:
        raise DecodeError(f"sources: {len(octets)} bytes are no rows of {SOURCE_SIZE}")
    return tuple([
        Source(
            int.from_bytes(octets[at : at + 4], "big"),
            int.from_bytes(octets[at + 4 : at + 12], "big"),
            octets[at + 12 : at + SOURCE_SIZE],
        )
        for at in range(0, len(octets), SOURCE_SIZE)
    ])  # fmt: skip


def write_withdraw_payout(action: WithdrawPayout) -> dict[Key, Value]:
    fields = {_OPERATOR: action.operator.octets, **_write_claim(action.claim)}
    return fields | {_AT_LEAST: action.at_least_ubc} | ({_EXIT: True} if action.exit else {})


def read_withdraw_payout(fields: FieldReader) -> WithdrawPayout:
    operator = read_public_key(fields, _OPERATOR, "operator")
    claim = _read_claim(fields)
    leaves_for_good = _EXIT in fields
    if leaves_for_good and fields.value(_EXIT, "exit") is not True:
        raise fields.error("exit is not true: whoever stays leaves it out")
    at_least_ubc = fields.integer(_AT_LEAST, "at_least_ubc", 0, U63_MAX)
    return WithdrawPayout(operator, claim, at_least_ubc, leaves_for_good)


def write_force_exit(action: ForceExit) -> dict[Key, Value]:
    return _write_claim(action.claim)


def read_force_exit(fields: FieldReader) -> ForceExit:
    return ForceExit(_read_claim(fields))


def _write_claim(claim: Claim) -> dict[Key, Value]:
    return {
        _LEAF: claim.proof.leaf,
        _INDEX: claim.proof.index,
        _LEAVES: claim.leaves,
        _PATH: claim.proof.path,
        _SOURCES: write_sources(claim.sources),
    }


def _read_claim(fields: FieldReader) -> Claim:
    leaf = fields.octets(_LEAF, "leaf", maximum=MAX_LEAF_BYTES)
    index = fields.integer(_INDEX, "index", 0, U32_MAX)
    path = fields.octets(_PATH, "path", maximum=MAX_PATH_BYTES)
    sources = fields.octets(_SOURCES, "sources", maximum=MAX_SOURCES * SOURCE_SIZE)
    leaves = fields.integer(_LEAVES, "leaves", 0, U32_MAX)
    return Claim(LeafProof(leaf, index, path), leaves, read_sources(sources))
