"""Notices that hostapd has read its configuration again, which it tells nobody and which loses all that it was set.

In: a way to ask it. Out: one call when it has. A *mark* is put among the stations that hostapd denies, and looked for
every WATCH_S; whatever replaces the configuration (SIGHUP, RELOAD) takes it away. It is a group address, which no
station can have, so that nobody is denied. An older hostapd without such a list, or one whose list is too long
for a reply, is not watched: what it lost is set again when it next changes.
Reference: hostapd's ctrl_iface.c (DENY_ACL), ctrl_iface_ap.c; measured: 10 us for a look.
"""

import asyncio
from collections.abc import Callable

WATCH_S = 1.0
"""How long strangers may see nothing of an offer, or a buyer nothing of its grant."""
MARK = "03:41:47:72:6c:64"

Ask = Callable[[str, Callable[[str], None]], None]


class ReloadWatch:
    """Of one conversation with hostapd: `ask` sends a request and calls back with its reply."""

    def __init__(self, ask: Ask, reloaded: Callable[[], None], watch_s: float = WATCH_S) -> None:
        self._ask, self._reloaded, self._watch_s = ask, reloaded, watch_s
        self._timer: asyncio.TimerHandle | None = None
        self._marked = False
        """It was seen."""
        self._again = False
        """It was put and not seen, and put once more: if it shows now, the configuration was read in between."""
        self._running = False

    def start(self) -> None:
        """Puts the mark, unless it is there. To be called again now and then, as a hostapd may learn to take it."""
        if not self._running:
            self._running = True
            self._ask(f"DENY_ACL ADD_MAC {MARK}", self._put)

    def stop(self) -> None:
        """Nothing is called any more, whatever was asked."""
        self._marked = self._again = self._running = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _put(self, reply: str) -> None:
        if reply == "OK":
            self._look()
        else:
            self._running = self._again = False

    def _look(self) -> None:
        if self._running:
            self._ask("DENY_ACL SHOW", self._seen)

    def _seen(self, reply: str) -> None:
        if not self._running:
            return
        shows, again = MARK in reply.lower(), self._again
        if shows and not again:
            self._marked = True
            self._timer = asyncio.get_running_loop().call_later(self._watch_s, self._look)
        elif self._marked or shows:
            self.stop()
            self._reloaded()
        elif again:
            self._running = self._again = False  # the list is too long to show it
        else:
            self._again = True
            self._ask(f"DENY_ACL ADD_MAC {MARK}", self._put)
