"""A fake wpa_supplicant on a real socket, in a thread that ends with the `with` block."""

from __future__ import annotations

import os
import socket
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from device.fake_access_point import FakeAccessPoint
from device.fake_air import FakeAir, FakeBss
from device.fake_wpa import FakeSupplicant, serve
from tests.device.playbook import BUYER
from wire.ids import MacAddress

INTERFACE = "lo"
"""What everybody has; nothing goes over it."""
SSID = b"airgrant"


@dataclass
class WpaWorld:
    """The folder of control sockets, and who answers there."""

    folder: Path
    fake: FakeSupplicant = field(default_factory=lambda: FakeSupplicant(FakeAir()))

    @property
    def path(self) -> Path:
        return self.folder / INTERFACE

    def add(self, last_octet: int = 1, signal_dbm: int = -50, **terms: object) -> FakeBss:
        bssid = MacAddress(bytes((2, 0, 0, 0, 0, last_octet)))
        shop = FakeAccessPoint(BUYER.public, now_s, bssid=bssid, ssid=SSID)
        for name, value in terms.items():
            setattr(shop, name, value)
        return self.fake.air.add(shop, signal_dbm)


def now_s() -> int:
    return int(time.time())


@contextmanager
def running() -> Iterator[WpaWorld]:
    with tempfile.TemporaryDirectory() as folder:
        world = WpaWorld(Path(folder))
        with serving(world):
            yield world


@contextmanager
def serving(world: WpaWorld, interface: str = INTERFACE) -> Iterator[None]:
    """wpa_supplicant runs, and ends."""
    stop, stopped = socket.socketpair()
    bound = threading.Event()
    thread = threading.Thread(target=serve, args=(world.fake, world.folder / interface, stopped, bound.set))
    thread.start()
    try:
        assert bound.wait(10)
        yield
    finally:
        stop.close()
        thread.join()
        stopped.close()


def own_sockets() -> set[str]:
    """Client sockets of this process in the folder for temporary files."""
    return {path.name for path in Path(tempfile.gettempdir()).glob(f"airgrant-{os.getpid()}-*")}
