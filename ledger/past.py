"""What the log says of the past, for whoever makes blocks: which ids it has, and which grant comes from which purchase.

In: a store. Out: whether a transaction was executed, whether a purchase begins like another, a grant by its id. A block
in the making asks for all of its transactions at once (`foresee`), as one question costs a tenth of so many. Nothing
of it is kept in memory but the grants of the last blocks, so what a ledger has executed costs it disk and no memory,
for ever.

For one thread at a time, but for `foresee` and `update`: whoever makes blocks may look ahead while others ask.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from ledger.block import Item, Named
from ledger.purchases import Purchases
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant

GRANTS_REMEMBERED = 10_000
"""Grants kept ready for checking usage reports, which name the same ones again and again."""


class Source(Protocol):
    """What is needed of a store."""

    def named(self, beginnings: Sequence[bytes]) -> list[Named]: ...
    def item(self, number: int) -> Item | None: ...


class _Ahead(NamedTuple):
    """What was asked for a block: the beginnings of ids, and what the log has of each."""

    asked: frozenset[bytes]
    found: Mapping[bytes, Sequence[Named]]


_NOTHING = _Ahead(frozenset(), {})


class LoggedPast:
    """Of one log; before the item `before` only, for whoever replays it. `taking.Past`, and `state.Executed`.

    Raises ShellError if the disk fails, DecodeError if the log is damaged.
    """

    def __init__(self, store: Source, ledger_id: bytes, grants: int = GRANTS_REMEMBERED) -> None:
        self.before: int | None = None
        self._room = grants
        self._store = store
        self._purchases = Purchases(store, ledger_id)
        self._grants: OrderedDict[bytes, Grant] = OrderedDict()
        self._ahead = _NOTHING

    def foresee(self, transaction_ids: Iterable[bytes]) -> None:
        """These are going to be asked about before anything is written."""
        asked = frozenset(one[:TRANSACTION_REFERENCE_SIZE] for one in transaction_ids)
        self._ahead = _Ahead(asked, _by_beginning(self._store.named(sorted(asked))))

    def update(self, _executed: Iterable[bytes]) -> None:
        """The log has these by now: what was asked before is old."""
        self._ahead = _NOTHING

    def __contains__(self, item_id: object) -> bool:
        """Whether the log has an item of this id: a transaction that was executed, a record, an enrolment."""
        assert isinstance(item_id, bytes), "items are named by octets"
        found = self._find(item_id[:TRANSACTION_REFERENCE_SIZE])
        return bool(found) and any(one.id == item_id for one in found)

    def has_item(self, item_id: bytes) -> bool:
        """The same."""
        return item_id in self

    def has_purchase(self, reference: bytes) -> bool:
        """Whether the log has a purchase whose id begins with these octets."""
        found = self._find(reference)
        return bool(found) and any(one.sold for one in found)

    def find_grant(self, grant_id: bytes) -> Grant | None:
        """The grant of this id, if the ledger ever made it."""
        grant = self._grants.get(grant_id)
        if grant is None:
            found = self._purchases.find_grant(grant_id, self.before)
            if found is None:
                return None
            grant = found.grant
        self.remember({grant_id: grant})
        return grant

    def remember(self, grants: Mapping[bytes, Grant]) -> None:
        """These were made, or asked about: the last ones are kept. Not for whoever replays a log."""
        if self.before is not None:
            return
        for grant_id, grant in grants.items():
            self._grants[grant_id] = grant
            self._grants.move_to_end(grant_id)
        while len(self._grants) > self._room:
            self._grants.popitem(last=False)

    def _find(self, reference: bytes) -> Sequence[Named]:
        asked, found = self._ahead
        if reference not in asked:
            found = _by_beginning(self._store.named([reference]))
        known, before = found.get(reference, ()), self.before
        return known if before is None else [one for one in known if one.number < before]


def _by_beginning(found: Iterable[Named]) -> dict[bytes, list[Named]]:
    by_beginning: dict[bytes, list[Named]] = {}
    for one in found:
        by_beginning.setdefault(one.id[:TRANSACTION_REFERENCE_SIZE], []).append(one)
    return by_beginning
