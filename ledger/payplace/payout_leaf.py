"""The payout leaf: what one merchant is owed by each consumer since it last withdrew. What it withdraws by.

    merchant id 32 | runs u32 | runs x (first channel u32, count u32) | amounts, one u64 for each channel of the runs

A run is channels that follow one another; runs ascend and none touches the next, and no amount is 0, so that the same
payouts are always the same octets. A merchant with no income has a leaf with no runs. 36 octets and 16 for each lone
channel, or 8 for each of a long run. This module reads leaves one by one, as a contract does; for blocks, `payout_row`.
Reference: thesis 6.4, T_p and figure 6.4; docs/wire/payout_block.md.   Units: micro-bandcoin (ubc).
"""

import hashlib
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from wire.errors import DecodeError
from wire.merkle import LEAF
from wire.units import U63_MAX

MERCHANT_ID_SIZE = 32
LEAF_HEAD_SIZE = MERCHANT_ID_SIZE + 4
RUN_SIZE, AMOUNT_SIZE = 8, 8
MAX_CHANNELS = 1 << 32
MAX_ENTRIES = 16_000
"""Consumers in one leaf: what one transaction of the ledger can mark, return and withdraw
(wire/payplace_withdrawal.py); on an EVM it is less (ledger/evm/payplace.py)."""

_RUNS = struct.Struct(">I")


@dataclass(frozen=True, slots=True)
class PayoutLeaf:
    """`amounts`: channel number -> ubc, each at least 1."""

    merchant_id: bytes
    amounts: Mapping[int, int]

    def __post_init__(self) -> None:
        if len(self.merchant_id) != MERCHANT_ID_SIZE:
            raise DecodeError(
                f"payout leaf: merchant id has {len(self.merchant_id)} octets, not {MERCHANT_ID_SIZE}"
            )
        for channel, amount in self.amounts.items():
            if not 0 <= channel < MAX_CHANNELS:
                raise DecodeError(f"payout leaf: channel {channel} is no u32")
            if not 1 <= amount <= U63_MAX:
                raise DecodeError(f"payout leaf: {amount} ubc of channel {channel}, outside 1..{U63_MAX}")


def write_leaf(leaf: PayoutLeaf) -> bytes:
    """The one way to write it."""
    channels = sorted(leaf.amounts)
    runs = _runs_of(channels)
    head = leaf.merchant_id + _RUNS.pack(len(runs))
    flat = [number for run in runs for number in run]
    amounts = [leaf.amounts[channel] for channel in channels]
    return head + struct.pack(f">{len(flat)}I", *flat) + struct.pack(f">{len(amounts)}Q", *amounts)


def read_leaf(content: bytes) -> PayoutLeaf:
    """Raises DecodeError unless these are the octets that `write_leaf` gives. Takes time in its length only."""
    if len(content) < LEAF_HEAD_SIZE:
        raise DecodeError(f"payout leaf: {len(content)} octets, at least {LEAF_HEAD_SIZE} are wanted")
    (count,) = _RUNS.unpack_from(content, MERCHANT_ID_SIZE)
    amounts_at = LEAF_HEAD_SIZE + RUN_SIZE * count
    if amounts_at > len(content):
        raise DecodeError(f"payout leaf: {count} runs do not fit in {len(content)} octets")
    numbers = struct.unpack_from(f">{2 * count}I", content, LEAF_HEAD_SIZE)
    runs = list(zip(numbers[::2], numbers[1::2], strict=True))
    entries = sum(length for _, length in runs)
    if amounts_at + AMOUNT_SIZE * entries != len(content):
        raise DecodeError(f"payout leaf: {entries} amounts in {count} runs do not make {len(content)} octets")
    _check_runs(runs)
    channels = (channel for first, length in runs for channel in range(first, first + length))
    amounts = struct.unpack_from(f">{entries}Q", content, amounts_at)
    return PayoutLeaf(bytes(content[:MERCHANT_ID_SIZE]), dict(zip(channels, amounts, strict=True)))


def leaf_hash_of(content: bytes | memoryview) -> bytes:
    """As `wire.merkle.leaf_hash`, without copying what may be 80 kB."""
    digest = hashlib.sha256(LEAF)
    digest.update(content)
    return digest.digest()


def empty_leaf(merchant_id: bytes) -> bytes:
    """The octets of a merchant that is owed nothing."""
    return merchant_id + bytes(4)


def is_at_least(leaf: PayoutLeaf, before: PayoutLeaf) -> bool:
    """Whether the same merchant is owed by no consumer less than before (Algorithms 4 and 6, componentwise)."""
    kept = all(leaf.amounts.get(channel, 0) >= amount for channel, amount in before.amounts.items())
    return kept and leaf.merchant_id == before.merchant_id


def _runs_of(channels: list[int]) -> list[tuple[int, int]]:
    """(first channel, count) of what follows one another in an ascending list."""
    runs = list[tuple[int, int]]()
    for channel in channels:
        if runs and runs[-1][0] + runs[-1][1] == channel:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        else:
            runs.append((channel, 1))
    return runs


def _check_runs(runs: list[tuple[int, int]]) -> None:
    free = 0  # the first channel that the next run may begin with
    for first, count in runs:
        if count == 0 or first + count > MAX_CHANNELS:
            raise DecodeError(f"payout leaf: a run of {count} channels from {first}")
        if first < free:
            raise DecodeError(
                f"payout leaf: a run from channel {first} touches the one before it, or lies before it"
            )
        free = first + count + 1
