"""Finding a purchase by the id of a grant: the few last ones are kept, as a bulk purchase has 1.7 MB.

In: a store. Out: the purchase and the position of the consumer in it. A grant id begins as its transaction's id does;
no two purchases begin alike (ledger/taking.py), and if a log had two, neither would be found.
"""

from collections import OrderedDict
from typing import Protocol

from ledger.block import Item
from ledger.granting import Purchase, read_purchase
from wire.grant import TRANSACTION_REFERENCE_SIZE

KEPT = 8
"""Some 13 MB if all are as large as can be."""


class Source(Protocol):
    """What is needed of a store."""

    def purchases(self, reference: bytes) -> list[int]: ...
    def item(self, number: int) -> Item | None: ...


class Purchases:
    """Of one log. For one thread at a time. Raises ShellError if the disk fails, DecodeError if the log is damaged."""

    def __init__(self, store: Source, ledger_id: bytes) -> None:
        self._store, self._ledger_id = store, ledger_id
        self._kept: OrderedDict[bytes, tuple[int, Purchase]] = OrderedDict()

    def find_grant(self, grant_id: bytes, before: int | None = None) -> tuple[Purchase, int] | None:
        """The purchase that a grant comes from, and its consumer's position; None if it was never made. `before`: the
        number of the item that the log ends with, for whoever replays it.
        """
        found = self._find(grant_id[:TRANSACTION_REFERENCE_SIZE], before)
        if found is None:
            return None
        position = int.from_bytes(grant_id[TRANSACTION_REFERENCE_SIZE:], "big")
        return (found, position) if position < found.count else None

    def _find(self, reference: bytes, before: int | None) -> Purchase | None:
        known = self._kept.get(reference)
        if known is None:
            numbers = self._store.purchases(reference)
            item = self._store.item(numbers[0]) if len(numbers) == 1 else None
            purchase = None if item is None else read_purchase(item.encoded, item.result, self._ledger_id)
            if item is None or purchase is None:
                return None
            known = self._kept[reference] = item.number, purchase
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(reference)
        return known[1] if before is None or known[0] < before else None
