"""What stands for a radio with hostapd: the fake of hostapd's control socket that the box's own tests hold against the
real one (apd/shells/fake_hostapd.py), in a thread of its own. A station is let in and leaves when it is told so.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from apd.shells.fake_hostapd import FakeHostapd
from wire.errors import ShellError
from wire.ids import MacAddress, PublicKey

_DEADLINE_S = 10.0


@dataclass(frozen=True, slots=True)
class Radio:
    """For every thread."""

    hostapd: FakeHostapd
    loop: asyncio.AbstractEventLoop

    def let_in(self, station: MacAddress, account: PublicKey) -> None:
        """As after EAP-TLS with the account's key."""
        self._do(lambda: self.hostapd.let_in(station, str(account)))

    def leave(self, station: MacAddress) -> None:
        """It left, or was thrown out. Harmless if it is not there."""
        self._do(lambda: self.hostapd.leave(station) if station in self.hostapd.stations else None)

    def _do(self, work: Callable[[], object]) -> None:
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self.loop.call_soon_threadsafe(run)
        if not done.wait(_DEADLINE_S):
            raise ShellError("hostapd", "its thread is gone")


@contextmanager
def open_radio(path: Path, bssid: MacAddress) -> Iterator[Radio]:
    """`path`: the control socket that the box looks for."""
    loop, hostapd = asyncio.new_event_loop(), FakeHostapd(path, bssid=bssid)
    thread = threading.Thread(target=loop.run_forever, name=f"hostapd-{path.parent.name}")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(_start(hostapd), loop).result(_DEADLINE_S)
        yield Radio(hostapd, loop)
    finally:
        asyncio.run_coroutine_threadsafe(_kill(hostapd), loop).result(_DEADLINE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _start(hostapd: FakeHostapd) -> None:
    hostapd.start()


async def _kill(hostapd: FakeHostapd) -> None:
    hostapd.kill()
