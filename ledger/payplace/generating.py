"""The next payout block out of the last notarised one: Algorithm 5, repaired.

The last block's leaves pass by and the new ones come out, in the same order; nothing is held but one row. What has no
new income is copied as it is, octet by octet, so that a quiet merchant costs its hash and no more; nothing of the last
block is ever changed (fault P7: the printed algorithm writes through an alias, and the old root no longer holds).

A merchant that withdrew begins again with what the last block gave it beyond what it was paid. The thesis begins with
nothing, which takes from a merchant that withdraws while its signature is missing: it is paid what it last signed for,
and what came after would be nobody's.
A leaf names no more consumers than a transaction can bring (`MAX_ENTRIES` on the ledger, fewer on an EVM): whoever
calls keeps the income of further ones back (`keep_back`) until the merchant has withdrawn.
Reference: thesis 6.5.2, Commitment Generation.   Units: micro-bandcoin (ubc).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ledger.payplace.payout_leaf import MAX_ENTRIES, MERCHANT_ID_SIZE, empty_leaf
from ledger.payplace.payout_row import PayoutRow, add_income, entries_of, read_row, without, write_row

Income = Mapping[bytes, Mapping[int, int]]
"""Merchant id -> channel number -> ubc earned since the last notarised block, each at least 1."""


@dataclass(frozen=True, slots=True)
class Period:
    """What happened since the last notarised block. `registered` ascends; `paid`: merchant id -> leaf it withdrew, or
    of one that took a part, a leaf of that part's entries.
    """

    registered: Sequence[bytes]
    income: Income
    paid: Mapping[bytes, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert list(self.registered) == sorted(set(self.registered)), "merchants ascend, each once"
        assert self.income.keys() <= set(self.registered), "income waits until its merchant has registered"


def next_leaves(
    previous: Iterable[bytes], period: Period, max_channels: int, most: int = MAX_ENTRIES
) -> Iterator[bytes]:
    """One leaf for each registered merchant. `previous`: the leaves of the last notarised block, none before the first.

    `most`: consumers in a leaf, of which `keep_back` has been told too.
    Raises DecodeError if those are not what a block has.
    """
    known = iter(previous)
    old = next(known, None)
    for merchant in period.registered:
        while old is not None and old[:MERCHANT_ID_SIZE] < merchant:
            old = next(known, None)  # it left
        if old is not None and old[:MERCHANT_ID_SIZE] == merchant:
            yield _next_leaf(old, period, max_channels, most)
        else:
            yield _next_leaf(empty_leaf(merchant), period, max_channels, most)


def keep_back(row: PayoutRow, income: Mapping[int, int], most: int = MAX_ENTRIES) -> dict[int, int]:
    """Of a merchant's income what has room in its next leaf: consumers it has already, then the lowest numbers."""
    if len(row.amounts) + len(income) <= most:
        return dict(income)
    known = set(row.channels.tolist())
    fresh = sorted(channel for channel in income if channel not in known)
    room = max(0, most - len(known))
    late = frozenset(fresh[room:])
    return {channel: ubc for channel, ubc in income.items() if channel not in late}


def _next_leaf(old: bytes, period: Period, max_channels: int, most: int) -> bytes:
    merchant = old[:MERCHANT_ID_SIZE]
    paid, income = period.paid.get(merchant), period.income.get(merchant)
    if paid is None and not income:
        return old
    row = read_row(old, max_channels)
    if paid is not None:
        row = without(row, read_row(paid, max_channels))
    leaf = write_row(add_income(row, income or {}))
    assert entries_of(leaf) <= max(most, entries_of(old)), "income of more consumers is kept back"
    return leaf
