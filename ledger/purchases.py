"""Finding a purchase by the id of a grant: the few last ones are kept, as a bulk purchase has 1.7 MB.

In: a store. Out: the purchase and the position of the consumer in it. A grant id begins as its transaction's id does;
no two purchases begin alike (ledger/taking.py), and if a log had two, neither would be found.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Protocol

from ledger.block import Item, Named
from ledger.granting import Purchase, read_purchase
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant

KEPT = 8
"""Some 13 MB if all are as large as can be."""


class Bought(NamedTuple):
    """A purchase, which of its consumers, and the height of its block."""

    purchase: Purchase
    position: int
    height: int

    @property
    def grant(self) -> Grant:
        return self.purchase.grant_at(self.position)


class Source(Protocol):
    """What is needed of a store."""

    def named(self, beginnings: Sequence[bytes]) -> list[Named]: ...
    def item(self, number: int) -> Item | None: ...


class Purchases:
    """Of one log. For one thread at a time. Raises ShellError if the disk fails, DecodeError if the log is damaged."""

    def __init__(self, store: Source, ledger_id: bytes) -> None:
        self._store, self._ledger_id = store, ledger_id
        self._kept: OrderedDict[bytes, tuple[Item, Purchase]] = OrderedDict()

    def find_grant(self, grant_id: bytes, before: int | None = None) -> Bought | None:
        """What a grant comes from; None if it was never made. `before`: the number of the item that the log ends
        before, for whoever replays it.
        """
        found = self._find(grant_id[:TRANSACTION_REFERENCE_SIZE])
        if found is None or (before is not None and found[0].number >= before):
            return None
        position = int.from_bytes(grant_id[TRANSACTION_REFERENCE_SIZE:], "big")
        return Bought(found[1], position, found[0].height) if position < found[1].count else None

    def _find(self, reference: bytes) -> tuple[Item, Purchase] | None:
        known = self._kept.get(reference)
        if known is None:
            numbers = [one.number for one in self._store.named([reference]) if one.sold]
            item = self._store.item(numbers[0]) if len(numbers) == 1 else None
            purchase = (
                None if item is None else read_purchase(item.encoded, item.result, self._ledger_id, item.id)
            )
            if item is None or purchase is None:
                return None
            known = self._kept[reference] = replace(item, encoded=b""), purchase
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(reference)
        return known
