"""The reading side of the ledger's store: what was executed, and what everybody got.

Has a connection of its own, so that it sees only what is on disk, and a lock, so that several threads may
read. Knows nothing of the state in memory.
"""

import threading
from collections.abc import Sequence

from ledger.block import Item, item_leaf
from ledger.crowd import bucket_of, may_hold
from ledger.database import open_to_read
from ledger.genesis import Genesis
from ledger.granting import Purchase, read_purchase
from ledger.proving import Prover
from ledger.purchases import Bought, Purchases
from ledger.store import Place
from wire.block_header import Header, read_header
from wire.grant import Grant
from wire.grant_price import GrantPrice
from wire.grant_proof import GrantProof
from wire.merkle import merkle_path


class Archive:
    """Raises ShellError if the disk fails, DecodeError if the file is damaged."""

    def __init__(self, place: Place, genesis: Genesis) -> None:
        self._store = open_to_read(place)
        self._ledger_id = genesis.ledger_id
        self._purchases = Purchases(self._store, genesis.ledger_id)
        self._prover = Prover(self._store, genesis.ledger_id)
        self._lock = threading.Lock()

    def close(self) -> None:
        with self._lock:
            self._store.close()

    def item(self, item_id: bytes) -> Item | None:
        with self._lock:
            return self._store.item_by_id(item_id)

    def header(self, height: int) -> Header | None:
        with self._lock:
            encoded = self._store.header(height)
        return None if encoded is None else read_header(encoded)

    def time_of(self, item: Item) -> int:
        """When an item took effect: the UTC time of its block."""
        header = self.header(item.height)
        assert header is not None, f"item {item.number} of a missing block"
        return header.time_s

    def items_after(self, number: int, limit: int, account: bytes | None = None) -> list[Item]:
        """At most `limit` items with a higher number, in their order; of one account, whatever its part in them."""
        with self._lock:
            if account is None:
                return self._store.items_after(number, limit)
            found = {item.number: item for item in self._store.items_after(number, limit, account)}
            last = max(found) if len(found) == limit else None
            for place, marks in self._store.crowds(bucket_of(account), number):
                if last is not None and place > last:
                    break
                if place not in found and may_hold(marks, account):
                    found |= self._as_consumer(place, account)
                    if len([one for one in found if one <= place]) == limit:
                        break
        return [found[place] for place in sorted(found)][:limit]

    def newest(self, limit: int) -> list[Item]:
        """The last `limit` items, the last one first."""
        with self._lock:
            return self._store.items_after(max(0, self._store.last_number() - limit), limit)[::-1]

    def _as_consumer(self, number: int, account: bytes) -> dict[int, Item]:
        """The item under its number, if this account is one of its consumers."""
        item = self._store.item(number)
        purchase = (
            None if item is None else read_purchase(item.encoded, item.result, self._ledger_id, item.id)
        )
        if item is None or purchase is None or purchase.position_of(account) is None:
            return {}
        return {number: item}

    def records_after(self, key_id: bytes, sequence: int, limit: int) -> list[tuple[int, Item]]:
        with self._lock:
            return self._store.records_after(key_id, sequence, limit)

    def enrolment(self, key_id: bytes) -> bytes | None:
        with self._lock:
            return self._store.enrolment(key_id)

    def purchase(self, transaction_id: bytes) -> Purchase | None:
        """What a transaction bought; None if it was never executed or is no `allocate`."""
        item = self.item(transaction_id)
        return None if item is None else read_purchase(item.encoded, item.result, self._ledger_id, item.id)

    def grant(self, grant_id: bytes) -> Grant | None:
        """The grant of this id, if the ledger ever made it."""
        found = self._bought(grant_id)
        return None if found is None else found.grant

    def price(self, grant_id: bytes) -> GrantPrice | None:
        """What the grant of this id cost, if the ledger ever made it."""
        found = self._bought(grant_id)
        return None if found is None else found.purchase.price_at(found.position)

    def proof(self, grant_id: bytes) -> GrantProof | None:
        """That a block sold the grant of this id, unsigned; None if none did. Raises VerificationError as Prover."""
        found = self._bought(grant_id)
        if found is None:
            return None
        with self._lock:
            return self._prover.prove(found)

    def _bought(self, grant_id: bytes) -> Bought | None:
        with self._lock:
            return self._purchases.find_grant(grant_id)

    def grants_after(
        self, provider: bytes, place: tuple[int, int], limit: int, now_s: int
    ) -> tuple[list[Grant], tuple[int, int], bool]:
        """(grants of a provider that have not ended, where they end, whether there may be more) from a place in the log
        on: (number of an item, how many of its consumers are passed over). (0, 0) is the beginning.
        """
        found: list[Grant] = []
        with self._lock:
            items = self._store.items_after(place[0] - 1, limit, provider)
        for item in items:
            first = place[1] if item.number == place[0] else 0
            purchase = read_purchase(item.encoded, item.result, self._ledger_id, item.id)
            if purchase is not None and _lasts(purchase, provider, now_s):
                last = min(first + limit - len(found), purchase.count)
                found += [purchase.grant_at(position) for position in range(first, last)]
                if last < purchase.count:
                    return found, (item.number, last), True
            place = (item.number + 1, 0)
        return found, place, len(items) == limit

    def prove(self, item: Item) -> tuple[int, int, Sequence[bytes]]:
        """(index, number of items, path) that lead from an item to the items root of its block."""
        with self._lock:
            items = self._store.block_items(item.height)
        leaves = [item_leaf(one.kind, one.encoded) for one in items]
        index = next(at for at, one in enumerate(items) if one.number == item.number)
        return index, len(items), merkle_path(leaves, index)


def _lasts(purchase: Purchase, provider: bytes, now_s: int) -> bool:
    """Whether it was bought from this provider, and has not ended."""
    sale = purchase.sale
    return sale.provider.octets == provider and now_s < sale.starts_s + sale.duration_s
