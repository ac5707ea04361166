"""Payout leaves as columns of numbers, for blocks of many: as fast as memory, and with the same octets.

`payout_leaf` says what a leaf is; here it is read, added and written by numpy. Everything is an integer. Nothing is
held of a block but one row at a time and the sums over all rows, 8 octets for each channel that exists.
Reference: docs/wire/payout_block.md.   Units: micro-bandcoin (ubc).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledger.payplace.payout_leaf import AMOUNT_SIZE, LEAF_HEAD_SIZE, MERCHANT_ID_SIZE, RUN_SIZE
from wire.errors import DecodeError

Numbers = npt.NDArray[np.int64]

_NOTHING: Numbers = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class PayoutRow:
    """`runs`: (first channel, count), one in each line. `amounts`: ubc of their channels, in order."""

    merchant_id: bytes
    runs: Numbers
    amounts: Numbers

    @property
    def channels(self) -> Numbers:
        """The channel of each amount."""
        first, count = self.runs[:, 0], self.runs[:, 1]
        before = np.cumsum(count) - count
        return np.repeat(first - before, count) + np.arange(len(self.amounts))


def read_row(content: bytes, max_channels: int) -> PayoutRow:
    """Raises DecodeError unless the leaf is the one way to write it, and no channel is `max_channels` or more."""
    runs_count = int.from_bytes(content[MERCHANT_ID_SIZE:LEAF_HEAD_SIZE], "big")
    amounts_at = LEAF_HEAD_SIZE + RUN_SIZE * runs_count
    if len(content) < max(amounts_at, LEAF_HEAD_SIZE) or (len(content) - amounts_at) % 8:
        raise DecodeError(f"payout leaf: {runs_count} runs do not fit in {len(content)} octets")
    merchant = content[:MERCHANT_ID_SIZE]
    runs = np.frombuffer(content, ">u4", 2 * runs_count, LEAF_HEAD_SIZE).astype(np.int64).reshape(-1, 2)
    amounts = np.frombuffer(content, ">i8", offset=amounts_at).astype(np.int64)
    _check_row(runs, amounts, max_channels)
    return PayoutRow(merchant, runs, amounts)


def write_row(row: PayoutRow) -> bytes:
    """The same octets as `write_leaf`."""
    head = row.merchant_id + len(row.runs).to_bytes(4, "big")
    return b"".join((head, row.runs.astype(">u4").tobytes(), row.amounts.astype(">i8").tobytes()))


def entries_of(content: bytes) -> int:
    """How many consumers a leaf names, of which it is known that it is one."""
    runs_count = int.from_bytes(content[MERCHANT_ID_SIZE:LEAF_HEAD_SIZE], "big")
    return (len(content) - LEAF_HEAD_SIZE - RUN_SIZE * runs_count) // AMOUNT_SIZE


def row_of(merchant_id: bytes, channels: Numbers, amounts: Numbers) -> PayoutRow:
    """From channels that ascend, and the amount of each, at least 1."""
    if not len(channels):
        return PayoutRow(merchant_id, _NOTHING.reshape(-1, 2), _NOTHING)
    starts = np.concatenate(([0], np.flatnonzero(np.diff(channels) != 1) + 1))
    counts = np.diff(np.concatenate((starts, [len(channels)])))
    return PayoutRow(merchant_id, np.stack((channels[starts], counts), axis=1), amounts)


def add_income(row: PayoutRow, income: Mapping[int, int]) -> PayoutRow:
    """A new row with what was earned besides; the old one stays what it is. Raises OverflowError past 2^63 - 1."""
    if not income:
        return row
    new_channels = np.array(sorted(income), np.int64)
    new_amounts = np.array([income[channel] for channel in sorted(income)], np.int64)
    channels, amounts = row.channels, row.amounts.copy()
    places = np.searchsorted(channels, new_channels)
    known = places < len(channels)
    known[known] = channels[places[known]] == new_channels[known]
    amounts[places[known]] += new_amounts[known]
    fresh = ~known
    channels = np.insert(channels, places[fresh], new_channels[fresh])
    amounts = np.insert(amounts, places[fresh], new_amounts[fresh])
    if len(amounts) and amounts.min() < 1:
        raise OverflowError("payouts: an amount is not within 1..2^63 - 1")
    return row_of(row.merchant_id, channels, amounts)


def without(row: PayoutRow, paid: PayoutRow) -> PayoutRow:
    """What is left of a row after another was paid out of it; channels of which nothing is left are dropped."""
    left = dict(zip(row.channels.tolist(), row.amounts.tolist(), strict=True))
    for channel, amount in zip(paid.channels.tolist(), paid.amounts.tolist(), strict=True):
        left[channel] = left.get(channel, 0) - amount
    rest = sorted(channel for channel, amount in left.items() if amount > 0)
    return row_of(row.merchant_id, np.array(rest, np.int64), np.array([left[c] for c in rest], np.int64))


@dataclass(frozen=True, slots=True)
class Sums:
    """What all rows together take from each channel."""

    totals: Numbers

    @classmethod
    def over(cls, max_channels: int) -> "Sums":
        return cls(np.zeros(max_channels, np.int64))

    def add(self, row: PayoutRow) -> None:
        """Raises DecodeError if a sum passes 2^63 - 1, which no deposit reaches, so that none wraps around unseen."""
        if len(row.runs) == 1:
            first, count = row.runs[0].tolist()
            part = self.totals[first : first + count]
            part += row.amounts
            least = part.min()
        elif len(row.runs):
            channels = row.channels
            part = self.totals[channels] + row.amounts
            self.totals[channels] = part
            least = part.min()
        else:
            return
        if least < 0:
            raise DecodeError("payout block: the payouts of a consumer add up to more than there can be")


def _check_row(runs: Numbers, amounts: Numbers, max_channels: int) -> None:
    first, count = runs[:, 0], runs[:, 1]
    ends = first + count
    if len(runs) and (count.min() < 1 or ends[-1] > max_channels or (first[1:] <= ends[:-1]).any()):
        raise DecodeError(f"payout leaf: runs are empty, touch, descend, or pass channel {max_channels - 1}")
    if int(count.sum()) != len(amounts):
        raise DecodeError(f"payout leaf: {len(amounts)} amounts for {int(count.sum())} channels")
    if len(amounts) and amounts.min() < 1:
        raise DecodeError("payout leaf: an amount is not within 1..2^63 - 1")
