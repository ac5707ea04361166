"""Reading the state, and collecting changes to it without touching it.

A contract function gets a View and a Draft over it; what it wants to change it writes into the draft. The
draft of a transaction that was rejected is dropped, so nothing of it stays; that of an executed one is merged
into the draft of its block, and only when the block is on disk into the state itself.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ledger.entries import (
    MONEY_KEY,
    Account,
    BandBooks,
    Entry,
    Money,
    PeriodBook,
    ReservationOffer,
    Share,
    ShareList,
    SpotEnding,
    StandingOffer,
    account_key,
    band_books_key,
    offer_key,
    period_book_key,
    reservation_key,
    share_key,
    share_list_key,
    spot_ending_key,
)
from ledger.genesis import Genesis
from wire.ids import PublicKey

Changes = Mapping[bytes, Entry | None]
"""What becomes of which entries; None removes one."""

_TIMED = b"crs"
_LISTED = b"oq"
"""Kinds of entries that somebody asks for all of: their keys are kept in order."""
_FEW = 32
CHANGE_LOOKS = 8
"""What writing an entry and hashing it costs, in looks at one: 7 us to 0.8."""


class View(Protocol):
    """A state that can be read."""

    @property
    def genesis(self) -> Genesis: ...

    def get(self, key: bytes) -> Entry | None: ...

    def was_executed(self, transaction_id: bytes) -> bool: ...

    def keys_due(self, now_s: int) -> Iterator[bytes]:
        """Keys (c, r, s) whose time came at `now_s` or before, in the order of time and then of bytes."""
        ...


class Executed(Protocol):
    """Whatever knows the ids of executed transactions: a ledger's log (ledger/past.py), or a set of them."""

    def __contains__(self, transaction_id: object, /) -> bool: ...

    def update(self, executed: Iterable[bytes], /) -> None:
        """These were executed, too."""
        ...


@dataclass(slots=True)
class State:
    """The committed state. `executed` is asked for the ids of transactions that have been."""

    genesis: Genesis
    executed: Executed = field(default_factory=set[bytes])
    entries: dict[bytes, Entry] = field(default_factory=dict)
    _due: list[tuple[int, bytes]] = field(default_factory=list)
    _listed: list[bytes] = field(default_factory=list)

    def get(self, key: bytes) -> Entry | None:
        return self.entries.get(key)

    def was_executed(self, transaction_id: bytes) -> bool:
        return transaction_id in self.executed

    def keys_due(self, now_s: int) -> Iterator[bytes]:
        """Walks down the heap only where something is due: its cost is what it finds."""
        found: set[tuple[int, bytes]] = set()
        waiting = [0]
        while waiting:
            at = waiting.pop()
            if at < len(self._due) and self._due[at][0] <= now_s:
                found.add(self._due[at])
                waiting += (2 * at + 1, 2 * at + 2)
        return iter([key for _, key in sorted(found) if key in self.entries])

    def keys_listed(self, prefix: bytes, after: bytes = b"", limit: int | None = None) -> list[bytes]:
        """Keys (o, q) that begin so, in order: those after `prefix` and `after`, so many at most. It costs what it
        finds.
        """
        assert prefix[0] in _LISTED, f"keys of kind {prefix[:1]!r} are in no order"
        first = bisect_right(self._listed, prefix + after)
        end = bisect_left(self._listed, True, first, key=lambda key: key[: len(prefix)] > prefix)
        return self._listed[first : end if limit is None else min(end, first + limit)]

    def _list(self, keys: list[bytes]) -> None:
        """Keys that are new."""
        if len(keys) > _FEW:
            self._listed += keys
            self._listed.sort()  # what is in order already is not sorted again
            return
        for key in keys:
            insort(self._listed, key)

    def merge(self, changes: Changes, executed: Iterable[bytes], now_s: int) -> None:
        """Make the changes of a block of time `now_s` real."""
        self._list([
            key
            for key, entry in changes.items()
            if key[0] in _LISTED and entry is not None and key not in self.entries
        ])  # fmt: skip
        for key, entry in changes.items():
            if entry is None:
                if self.entries.pop(key, None) is not None and key[0] in _LISTED:
                    del self._listed[bisect_left(self._listed, key)]
                continue
            if key[0] in _TIMED and key not in self.entries:
                heapq.heappush(self._due, (due_s(self.genesis, key), key))
            self.entries[key] = entry
        self.executed.update(executed)
        while self._due and self._due[0][0] <= now_s:
            heapq.heappop(self._due)


class TooMuchWorkError(Exception):
    """A batch looks at more entries than it may."""


UNLIMITED = 2**63 - 1
"""Looks."""


@dataclass(slots=True)
class Tally:
    """How often entries were looked at, a change counted as `CHANGE_LOOKS` times: work that octets do not show, counted
    alike by everybody who does it.
    """

    looks: int = 0
    limit: int = UNLIMITED
    """At which a draft absorbs nothing more."""


@dataclass(slots=True)
class Draft:
    """Changes on top of a view; itself a view that shows them. Drafts over each other have one tally."""

    base: View
    changes: dict[bytes, Entry | None] = field(default_factory=dict)
    executed: set[bytes] = field(default_factory=set)
    tally: Tally = field(init=False)
    genesis: Genesis = field(init=False)

    def __post_init__(self) -> None:
        base = self.base
        self.tally = base.tally if isinstance(base, Draft) else Tally()
        self.genesis = base.genesis

    def get(self, key: bytes) -> Entry | None:
        self.tally.looks += 1
        changes, base = self.changes, self.base
        while key not in changes:
            if not isinstance(base, Draft):
                return base.get(key)
            changes, base = base.changes, base.base
        return changes[key]

    def put(self, key: bytes, entry: Entry | None) -> None:
        self.tally.looks += CHANGE_LOOKS
        self.changes[key] = entry

    def was_executed(self, transaction_id: bytes) -> bool:
        return transaction_id in self.executed or self.base.was_executed(transaction_id)

    def keys_due(self, now_s: int) -> Iterator[bytes]:
        """Of the state below only: whatever a block adds ends after its own time."""
        return self.base.keys_due(now_s)

    def absorb(self, changes: Changes, executed: Iterable[bytes] = ()) -> None:
        """Raises TooMuchWorkError if what led to these took more than the tally's limit."""
        if self.tally.looks > self.tally.limit:
            raise TooMuchWorkError
        self.changes.update(changes)
        self.executed.update(executed)


def due_s(genesis: Genesis, key: bytes) -> int:
    """The second at which the entry under a timed key leaves the state."""
    number = int.from_bytes(key[1:9], "big")
    match key[:1]:
        case b"s":
            return number
        case b"r":
            return number * genesis.period_s
        case _:
            return (number + 1) * genesis.period_s


def read_account_by_id(view: View, key_id: bytes) -> Account | None:
    entry = view.get(account_key(key_id))
    assert entry is None or isinstance(entry, Account)
    return entry


def read_account(view: View, key: PublicKey) -> Account | None:
    """The account of exactly this key; None if there is none."""
    account = read_account_by_id(view, key.key_id)
    return account if account is not None and account.key == key.octets else None


def read_money(view: View) -> Money:
    entry = view.get(MONEY_KEY)
    assert entry is None or isinstance(entry, Money)
    return entry or Money(0, 0)


def read_offer_by_id(view: View, provider_key_id: bytes) -> StandingOffer | None:
    entry = view.get(offer_key(provider_key_id))
    assert entry is None or isinstance(entry, StandingOffer)
    return entry


def read_offer(view: View, provider: PublicKey) -> StandingOffer | None:
    return read_offer_by_id(view, provider.key_id)


def read_reservation(view: View, provider: PublicKey, period: int) -> ReservationOffer | None:
    entry = view.get(reservation_key(provider, period))
    assert entry is None or isinstance(entry, ReservationOffer)
    return entry


def read_share(view: View, provider: PublicKey, consumer: bytes) -> Share | None:
    entry = view.get(share_key(provider, consumer))
    assert entry is None or isinstance(entry, Share)
    return entry


def read_share_list(view: View, provider: PublicKey) -> ShareList:
    entry = view.get(share_list_key(provider))
    assert entry is None or isinstance(entry, ShareList)
    return entry or ShareList(b"")


def read_band_books(view: View, provider_key_id: bytes) -> BandBooks:
    entry = view.get(band_books_key(provider_key_id))
    assert entry is None or isinstance(entry, BandBooks)
    return entry or BandBooks(())


def read_period_book(view: View, provider_key_id: bytes, period: int, span: tuple[int, int]) -> PeriodBook:
    entry = view.get(period_book_key(provider_key_id, period, span))
    assert entry is None or isinstance(entry, PeriodBook)
    return entry or PeriodBook(0, 0)


def read_spot_ending(view: View, provider_key_id: bytes, second: int, span: tuple[int, int]) -> SpotEnding:
    entry = view.get(spot_ending_key(provider_key_id, second, span))
    assert entry is None or isinstance(entry, SpotEnding)
    return entry or SpotEnding(0)
