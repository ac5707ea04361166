"""The air beside a single box without a radio: a fake hostapd in a thread of its own, a cable in place of the monitor
interface, and the operator's key. What comes in are stations and frames; the box is told of them as a radio would.
"""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from apd.shells.fake_hostapd import FakeHostapd
from lab.box import BOX_MAC, BoxSite
from lab.gas_writer import write_gas_frame
from lab.namespaces import Port, create, delete, plug
from nas_tunnel.anqp import write_purchase_query
from nas_tunnel.gas_frame import GasRequest
from wire.admission import Admission, write_admission
from wire.grant import Grant, write_grant
from wire.ids import MacAddress
from wire.keys import PrivateKey

MONITOR = "airmon0"
_VOUCHED_S = 60


@dataclass
class AirSide:
    """Everything that is said to a box over the air."""

    site: BoxSite
    operator: PrivateKey
    hostapd: FakeHostapd
    radio: socket.socket
    _loop: asyncio.AbstractEventLoop

    def ask(self, work: Callable[[], object]) -> None:
        """Has something done where hostapd lives, and waits for it."""
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._loop.call_soon_threadsafe(run)
        assert done.wait(10), "hostapd's thread is gone"

    def let_in(self, station: MacAddress, account: str) -> None:
        """As after EAP-TLS."""
        self.ask(lambda: self.hostapd.let_in(station, account))

    def leave(self, station: MacAddress) -> None:
        self.ask(lambda: self.hostapd.leave(station))

    def vouch(self, grant: Grant, station: MacAddress) -> None:
        """The operator's admission."""
        site = self.site
        shown = write_grant(grant, site.ledger.key, site.ledger.ledger_id)
        word = Admission(shown, station, MacAddress.parse(BOX_MAC), 0, int(time.time()) + _VOUCHED_S)
        topic = f"airgrant/v1/down/{site.provider.public}/admission"
        site.ledger.publish(topic, write_admission(word, self.operator))

    def send_purchase(self, transaction: bytes, station: MacAddress) -> None:
        """A GAS frame with a purchase."""
        query = write_purchase_query(transaction)
        self.radio.send(write_gas_frame(GasRequest(station, MacAddress.parse(BOX_MAC), 1, query)))


@contextmanager
def air_side(site: BoxSite, settings: str = "") -> Iterator[AirSide]:
    """Gives a box that has not begun yet its section [air], with these lines; for the length of a block."""
    operator, air = PrivateKey.generate(), create("solo-air")
    plug(Port(site.namespace, MONITOR), Port(air, MONITOR))
    with site.config.open("a") as config:
        config.write(
            f'\n[air]\nhostapd_socket = "hostapd"\noperator = "{operator.public}"\nmonitor = "{MONITOR}"\n{settings}\n'
        )
    loop = asyncio.new_event_loop()
    hostapd = FakeHostapd(site.folder / "hostapd", bssid=MacAddress.parse(BOX_MAC))
    thread = threading.Thread(target=loop.run_forever, name="hostapd")
    thread.start()

    def open_radio() -> socket.socket:
        made = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        made.bind((MONITOR, 0))
        return made

    with air.call(open_radio) as radio:
        side = AirSide(site, operator, hostapd, radio, loop)
        try:
            asyncio.run_coroutine_threadsafe(_start(hostapd), loop).result(10)
            yield side
        finally:
            asyncio.run_coroutine_threadsafe(_kill(hostapd), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()
            delete(air)


async def _start(hostapd: FakeHostapd) -> None:
    hostapd.start()


async def _kill(hostapd: FakeHostapd) -> None:
    hostapd.kill()
