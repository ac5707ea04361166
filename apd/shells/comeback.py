"""What a shell does when its other side is gone: it tells it once, and tries again after longer and longer waits.

It owns the timer of the next attempt and nothing else; what an attempt is, its shell knows.
"""

import asyncio
from collections.abc import Callable


class Comeback:
    """Waits of `waits_s` after the first loss, the second and so on; the last of them from then on."""

    def __init__(self, waits_s: tuple[float, ...]) -> None:
        self._waits_s = waits_s
        self._losses = 0
        self._told = False
        self._timer: asyncio.TimerHandle | None = None

    def lost(self, again: Callable[[], None], tell: Callable[[], None]) -> None:
        """It is gone, or still is: calls `again` after the wait, and `tell` now if it was there before."""
        self.stop()
        wait_s = self._waits_s[min(self._losses, len(self._waits_s) - 1)]
        self._losses += 1
        self._timer = asyncio.get_running_loop().call_later(wait_s, again)
        if not self._told:
            self._told = True
            tell()

    def succeeded(self) -> None:
        """It is there: the next loss is a first one."""
        self._losses, self._told = 0, False

    def stop(self) -> None:
        """No further attempt."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
