"""The Merkle tree over a payout block: its root while the leaves pass by, and the path of each.

Only hashes are held: 32 octets a leaf, and as many again for the levels above them.
Reference: thesis 6.4, M(kappa) and P_p(M); wire/merkle.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ledger.payplace.payout_leaf import MERCHANT_ID_SIZE, leaf_hash_of
from wire.errors import DecodeError
from wire.merkle import merkle_levels, path_in


@dataclass(slots=True)
class TreeBuilder:
    """Takes leaves one by one, which have to ascend by merchant id."""

    _merchants: list[bytes] = field(default_factory=list)
    _hashes: list[bytes] = field(default_factory=list)

    def add(self, content: bytes) -> None:
        """Raises DecodeError if this merchant does not come after the one before it."""
        merchant = content[:MERCHANT_ID_SIZE]
        if self._merchants and merchant <= self._merchants[-1]:
            raise DecodeError(f"payout block: merchant {merchant.hex()} is out of order, or there twice")
        self._merchants.append(merchant)
        self._hashes.append(leaf_hash_of(content))

    def finish(self) -> "PayoutTree":
        return PayoutTree(tuple(self._merchants), tuple(self._hashes))


@dataclass(frozen=True)
class PayoutTree:
    """`merchants` ascend; `hashes` are those of their leaves."""

    merchants: Sequence[bytes]
    hashes: Sequence[bytes]

    @cached_property
    def _levels(self) -> list[list[bytes]]:
        return merkle_levels(self.hashes)

    @cached_property
    def _places(self) -> dict[bytes, int]:
        return {merchant: place for place, merchant in enumerate(self.merchants)}

    @property
    def root(self) -> bytes:
        return self._levels[-1][0]

    def place(self, merchant: bytes) -> int | None:
        """The index of its leaf."""
        return self._places.get(merchant)

    def path(self, place: int) -> list[bytes]:
        """The neighbours from a leaf up to the root; `wire.merkle.root_of_path` checks them."""
        return path_in(self._levels, place)
