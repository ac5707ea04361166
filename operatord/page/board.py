"""Who is on: the page's own copy of the daemon's permits, kept by what changed, and versioned for browsers. Pure.

In: answers to {"ask": "changes"} (operatord/page/journal.py), and the time, as a session falls silent or ends without
a word. Out: rows for the tables, and those that changed since a browser last asked. A browser that missed too much, or
a daemon's restart, loads its page again.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import takewhile
from typing import Any

MAX_GONE = 10_000
"""Rows that went, and of which a browser may still have to hear."""


@dataclass(frozen=True, slots=True)
class Row:
    """A permit, and who uses it, if somebody does; then `box` is not empty. Bytes are IP's, as accounting told."""

    grant: str
    account: str
    provider_id: str
    starts_s: int
    ends_s: int
    floor_down_bps: int
    floor_up_bps: int
    data_cap_bytes: int
    as_one_goes: bool
    """Paid by the minute or the megabyte: nothing was sold before."""
    revoked: str = ""
    box: str = ""
    station: str = ""
    accepted_s: int = 0
    heard_s: int = 0
    up_bytes: int = 0
    down_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DaemonWord:
    """What the daemon says of itself. `channels` is None where nobody pays as he goes."""

    utc_s: int
    clock: str
    ledger_heard: bool
    broker_connected: bool
    silent_after_s: int
    boxes: Mapping[str, str]
    """The account of each one's provider, by its name; boxes come and go while operatord runs."""
    damaged: Sequence[str] = ()
    """A sentence for each box of which the record cannot be read; none of them is among `boxes`."""
    channels: int | None = None
    paid_ubc: int = 0
    unpaid_ubc: int = 0


@dataclass(slots=True)
class Board:
    """`changed` has the version of the latest change of each row of a session, the latest last."""

    epoch: str
    """Names this board for browsers: another process begins another."""
    run: str = ""
    followed: int = 0
    """Up to which version of the daemon's journal."""
    word: DaemonWord | None = None
    whole: bool = False
    """Everything that there was at the beginning has been told."""
    rows: dict[str, Row] = field(default_factory=dict)
    version: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    heard_s: dict[str, int] = field(default_factory=dict)
    """When each box was last heard of (UTC), as far as its sessions told."""
    max_gone: int = MAX_GONE
    due: list[tuple[int, str]] = field(default_factory=list)
    """A heap: when (UTC) which grant may have another word. What is not so any more is found out when it is due."""

    def take(self, answer: Mapping[str, Any]) -> bool:
        """Whether there is more to ask for at once."""
        if answer["anew"]:
            self._begin_anew()
        self.run, self.followed = answer["run"], answer["version"]
        told = {one.name: answer[one.name] for one in fields(DaemonWord) if one.name in answer}
        self.word = DaemonWord(**told)
        for page in answer["rows"]:
            self._take_row(page)
        self.whole = self.whole or not answer["more"]
        return bool(answer["more"])

    def tick(self, now_s: int) -> None:
        """Sessions that became silent or over by now are changed rows."""
        while self.due and self.due[0][0] <= now_s:
            due_s, grant = heapq.heappop(self.due)
            row = self.rows.get(grant)
            if row is not None and row.box and due_s in (row.ends_s, self._silent_s(row)):
                self._note(grant)

    def sessions(self, box: str = "") -> list[Row]:
        """Those in use, at one box or at all, the latest to come first."""
        found = [row for row in self.rows.values() if row.box and box in ("", row.box)]
        return sorted(found, key=lambda row: (-row.accepted_s, row.grant))

    def since(self, version: int) -> list[str] | None:
        """Grants whose session changed or went since; None for a browser that has to load its page again."""
        if not self.forgotten <= version <= self.version:
            return None
        newer = takewhile(lambda item: item[1] > version, reversed(self.changed.items()))
        return [grant for grant, _ in newer]

    def sold(self) -> Iterator[Row]:
        """Everything that was bought for a time; not what is paid as one goes."""
        return (row for row in self.rows.values() if not row.as_one_goes)

    def _begin_anew(self) -> None:
        for grant, row in self.rows.items():
            if row.box:
                self._note(grant)
        self.rows.clear()
        self.due.clear()
        self.whole = False

    def _take_row(self, page: Mapping[str, Any]) -> None:
        grant = str(page["grant"])
        before = self.rows.get(grant)
        if page.get("gone"):
            self.rows.pop(grant, None)
        else:
            row = self.rows[grant] = Row(**page)
            if row.box:
                self.heard_s[row.box] = max(self.heard_s.get(row.box, 0), row.heard_s)
                self._wait_for(row, before)
        if self.rows.get(grant) != before and (page.get("box") or (before is not None and before.box)):
            self._note(grant)

    def _wait_for(self, row: Row, before: Row | None) -> None:
        known = before if before is not None and before.box else None
        if known is None or known.heard_s != row.heard_s:
            heapq.heappush(self.due, (self._silent_s(row), row.grant))
        if known is None or known.ends_s != row.ends_s:
            heapq.heappush(self.due, (row.ends_s, row.grant))

    def _silent_s(self, row: Row) -> int:
        """When it is silent, if nothing is heard."""
        return row.heard_s + (self.word.silent_after_s if self.word is not None else 0)

    def _note(self, grant: str) -> None:
        self.version += 1
        self.changed.pop(grant, None)
        self.changed[grant] = self.version
        if len(self.changed) > len(self.rows) + self.max_gone:
            self._forget()

    def _forget(self) -> None:
        """The older half of the rows that went."""
        gone = [grant for grant in self.changed if grant not in self.rows or not self.rows[grant].box]
        for grant in gone[: len(gone) // 2]:
            self.forgotten = self.changed.pop(grant)
