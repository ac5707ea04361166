"""hostapd's stations, one question after the other: `STA-FIRST`, and `STA-NEXT` of each until there is no next.

In: replies. Out: the next question, and in the end what was found. hostapd lists everybody who ever said a word to it,
strangers too, and says FAIL to the question for the next after one that is gone; so that is no end: the walk goes on
from the one before. Newcomers stand in front, so that nobody behind is missed. It is bounded: whoever makes and removes
entries faster than they are read makes it fail, never end early.
Reference: hostapd's ctrl_iface_ap.c (`hostapd_ctrl_iface_sta_next`) and sta_info.c (`ap_sta_add`).
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Generic, TypeVar

from apd.hostapd_text import station_address
from wire.ids import MacAddress

MAX_REPLIES = 4_096
"""Twice what hostapd has room for (2,007 stations)."""

T = TypeVar("T")


class Step(Enum):
    """Where the walk is after a reply."""

    GO_ON = auto()
    DONE = auto()
    FAILED = auto()


class StationWalk(Generic[T]):
    """`found` maps each station to what `parse` makes of its reply; those of which it makes None are left out."""

    def __init__(self, parse: Callable[[str], T | None]) -> None:
        self._parse = parse
        self._behind: list[MacAddress] = []  # the last is the one after which we ask
        self._replies = 0
        self.found: dict[MacAddress, T] = {}

    @property
    def question(self) -> str:
        return f"STA-NEXT {self._behind[-1]}" if self._behind else "STA-FIRST"

    def take(self, reply: str) -> Step:
        """The reply to `question`, without the end of its last line."""
        self._replies += 1
        if reply == "":
            return Step.DONE
        if self._replies >= MAX_REPLIES:
            return Step.FAILED
        station = station_address(reply)
        if station is not None:
            self._behind.append(station)
            self._keep(station, self._parse(reply))
        elif reply == "FAIL" and self._behind:
            self.found.pop(self._behind.pop(), None)
        else:
            return Step.FAILED
        return Step.GO_ON

    def _keep(self, station: MacAddress, what: T | None) -> None:
        if what is None:
            self.found.pop(station, None)
        else:
            self.found[station] = what
