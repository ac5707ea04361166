"""The payout block: everybody's payout leaves of one period, and the commitment that merchants sign.

    version u8 = 1 | instance 32 | period u64 | tau_s u64 | previous root 32 | leaves u32 | root 32    117 octets
    then the leaves, one after the other, ascending by merchant id, and nothing after them

A block may have gigabytes, so it is read as a stream, leaf by leaf, and nobody holds it in memory. An announcement is
the head with the operator's own BLS signature over the commitment: two of them for one period are proof of its lie.
Reference: thesis 6.4 (kappa, R(M), tau) and 6.5.2; docs/wire/payout_block.md.   Units: seconds of UTC.
"""

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ledger.payplace.payout_leaf import AMOUNT_SIZE, LEAF_HEAD_SIZE, MERCHANT_ID_SIZE, RUN_SIZE
from wire.errors import DecodeError

VERSION = 1
HEAD_SIZE = 117
NO_ROOT = bytes(32)
"""What stands for the previous root before the first notarisation."""
MAX_LEAVES = (1 << 32) - 1

_COMMITMENT = b"airgrant payplace commitment 1"
_HEAD = struct.Struct(">B32sQQ32sI32s")
_U63_MAX = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class BlockHead:
    """`period` is k: the commitment belongs into [k beta, k beta + gamma]. `tau_s` is when the block was made."""

    instance: bytes
    period: int
    tau_s: int
    previous_root: bytes
    leaves: int
    root: bytes

    def __post_init__(self) -> None:
        if len(self.instance) != 32 or len(self.previous_root) != 32 or len(self.root) != 32:
            raise DecodeError("payout block: instance and roots have 32 octets")
        if not (0 <= self.period <= _U63_MAX and 0 <= self.tau_s <= _U63_MAX):
            raise DecodeError(f"payout block: period {self.period} at {self.tau_s} s is out of range")
        if not 1 <= self.leaves <= MAX_LEAVES:
            raise DecodeError(
                f"payout block: {self.leaves} leaves, at least 1 and at most {MAX_LEAVES} are accepted"
            )

    @property
    def commitment(self) -> bytes:
        """What merchants sign: 32 octets."""
        return commitment_of(self.instance, self.root, self.tau_s, self.previous_root)


def commitment_of(instance: bytes, root: bytes, tau_s: int, previous_root: bytes) -> bytes:
    """The thesis signs (root, tau). That it also names the root before ends every notarisation of an old block."""
    octets = _COMMITMENT + instance + root + tau_s.to_bytes(8, "big") + previous_root
    return hashlib.sha256(octets).digest()


def write_block_head(head: BlockHead) -> bytes:
    return _HEAD.pack(
        VERSION, head.instance, head.period, head.tau_s, head.previous_root, head.leaves, head.root
    )


def read_block_head(octets: bytes) -> BlockHead:
    """From its 117 octets. Raises DecodeError."""
    if len(octets) != HEAD_SIZE:
        raise DecodeError(f"payout block: the head has {len(octets)} octets, not {HEAD_SIZE}")
    version, *fields = _HEAD.unpack(octets)
    if version != VERSION:
        raise DecodeError(f"payout block: version {version}, not {VERSION}")
    return BlockHead(*fields)


def split_block(chunks: Iterable[bytes], max_channels: int) -> Iterator[bytes]:
    """First the head's octets, then each leaf's, out of a stream that is cut anywhere.

    No leaf of more than `max_channels` entries is gathered, whatever its head claims: that many consumers exist.
    Whether a leaf is the one way to write it, its reader says. Raises DecodeError if the stream ends too early or late.
    """
    source, buffer, at = iter(chunks), bytearray(), 0
    wanted, left = (
        HEAD_SIZE,
        -1,
    )  # octets of the next item as far as known; leaves that are to come, -1: the head is
    while left:
        while len(buffer) - at < wanted:
            del buffer[:at]
            at = 0
            chunk = next(source, None)
            if chunk is None:
                raise DecodeError(f"payout block: ends {wanted - len(buffer)} octets too early")
            buffer += chunk
        if left >= 0:
            size = _leaf_size(buffer, at, wanted, max_channels)
            if size != wanted:
                wanted = size
                continue
        with memoryview(buffer) as view:  # one copy, not two
            octets = bytes(view[at : at + wanted])
        at += wanted
        left = read_block_head(octets).leaves if left < 0 else left - 1
        wanted = LEAF_HEAD_SIZE
        yield octets
    if len(buffer) > at or any(source):
        raise DecodeError("payout block: octets after the last leaf")


def _leaf_size(buffer: bytearray, at: int, known: int, max_channels: int) -> int:
    """How long the leaf from `at` is, or up to the end of its runs if only its first octets are known."""
    runs = int.from_bytes(buffer[at + MERCHANT_ID_SIZE : at + LEAF_HEAD_SIZE], "big")
    if runs > max_channels:
        raise DecodeError(f"payout block: a leaf of {runs} runs where there are {max_channels} channels")
    amounts_at = LEAF_HEAD_SIZE + RUN_SIZE * runs
    if known < amounts_at:
        return amounts_at
    counts = struct.unpack_from(f">{2 * runs}I", buffer, at + LEAF_HEAD_SIZE)[1::2]
    entries: int = sum(counts)
    if entries > max_channels:
        raise DecodeError(
            f"payout block: a leaf of {entries} amounts where there are {max_channels} channels"
        )
    return amounts_at + AMOUNT_SIZE * entries
