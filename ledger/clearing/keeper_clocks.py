"""Whether the keepers of an auction have the same time as the house: asked when it is opened, and at the guard.

A keeper whose clock is fast would tell its secret while bids are still taken, or before the house has noted what
bidders have. Each is asked what time it is; how far it can be off at most follows from when it was asked and when it
answered. As many keepers as open a bid may not be unknown to the house, nor away. What was heard is remembered for half
a minute.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel

from ledger.clearing.callback import ask_time
from ledger.clearing.door import KEEPER_CLOCK, Refusal
from wire.auction import Auction
from wire.auction_terms import GUARD_S
from wire.errors import ShellError
from wire.ids import PublicKey

MAX_APART_NS = GUARD_S * 10**9 // 2
"""The other half of the guard is for the ledger's answer."""
REMEMBERED_S = 30.0


class TimePage(BaseModel):
    """A keeper's clock."""

    utc_ns: int


@dataclass(frozen=True, slots=True)
class Heard:
    """How far a keeper's clock is off, at most; None if it is away. `at_s` of the monotonic clock."""

    at_s: float
    apart_ns: int | None


class KeeperClocks:
    """Of the keepers at these URLs. May be asked by any thread."""

    def __init__(self, keepers: Mapping[PublicKey, str]) -> None:
        self._keepers = keepers
        self._heard: dict[PublicKey, Heard] = {}

    def check(self, auction: Auction, house: PublicKey) -> Refusal | None:
        """Why this auction cannot be sealed to its keepers; None if it can. Blocks. Raises DecodeError."""
        others = [key.keeper for key in auction.read_time_keys() if key.keeper != house]
        known = [keeper for keeper in others if keeper in self._keepers]
        strangers = len(others) - len(known)
        if len(auction.time_keys) - strangers < auction.threshold:
            words = f"{strangers} of its keepers are none of this house's, and {auction.threshold} are needed"
            return Refusal("unknown_keepers", words)
        apart = {keeper: self._apart_ns(keeper) for keeper in known}
        for keeper, apart_ns in apart.items():
            if apart_ns is not None and apart_ns > MAX_APART_NS:
                words = f"{keeper} may be {apart_ns / 1e9:.3f} s off, at most {MAX_APART_NS / 1e9:g} s are allowed"
                return Refusal(KEEPER_CLOCK, words)
        unheard = strangers + sum(apart_ns is None for apart_ns in apart.values())
        if auction.is_sealed and unheard >= auction.threshold:
            return Refusal(
                "keepers_away", f"what time it is at {unheard} keepers is unknown, and they open bids"
            )
        return None

    def _apart_ns(self, keeper: PublicKey) -> int | None:
        heard = self._heard.get(keeper)
        if heard is None or heard.at_s < time.monotonic() - REMEMBERED_S:
            heard = self._heard[keeper] = Heard(time.monotonic(), _measure(self._keepers[keeper]))
        return heard.apart_ns


def _measure(url: str) -> int | None:
    asked_ns = time.time_ns()
    try:
        said_ns = ask_time(url)
    except ShellError:
        return None
    return max(said_ns - asked_ns, time.time_ns() - said_ns)
