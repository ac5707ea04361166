"""The monitor interface: purchases that stations send over the air, out of everything that the radio hears.

In: frames as they come. Out: purchases for our BSSID, and how many frames were garbage or came too fast. A filter in
the kernel drops all frames but GAS requests before anybody wakes; of those a bounded number is taken in a time, the
rest is dropped by the kernel and counted. It decides nothing; it does make the interface, and goes on trying to.
Reference: packet(7); Linux Documentation/networking/filter.rst (classic BPF); radiotap.org.
"""

import array
import asyncio
import socket
import struct
from collections.abc import Callable

from apd.events import Event, MonitorCounted, MonitorListens, MonitorLost, PurchaseHeard
from apd.shells.comeback import Comeback
from nas_tunnel.anqp import read_query
from nas_tunnel.gas_frame import GAS_REQUEST_FILTER, read_gas_request
from wire.errors import DecodeError, ShellError
from wire.ids import MacAddress

AT_ONCE = 32
PAUSE_S = 0.02
"""Frames taken before others get their turn, and how long that is: 1,600 a second, far above what one channel has."""
COUNT_S = 1.0
RETRY_S = (0.5, 1.0, 2.0, 5.0, 10.0)
BUFFER_BYTES = 256 << 10
_FRAME_BYTES = 4_096
"""Longer than any management frame with its radiotap header."""
_ALL_PROTOCOLS = 3
_SO_ATTACH_FILTER = 26
_SOL_PACKET, _PACKET_STATISTICS = 263, 6
_STATISTICS = struct.Struct("=II")


class Monitor:
    """Listens on `interface` for purchases at `bssid`. `make` makes the interface, up, or raises ShellError."""

    def __init__(self, interface: str, bssid: MacAddress, make: Callable[[], None]) -> None:
        self._interface, self._bssid, self._make = interface, bssid, make
        self._socket: socket.socket | None = None
        self._garbage = self._dropped = 0
        self._comeback = Comeback(RETRY_S)
        self._closed = False
        self._pause_timer: asyncio.TimerHandle | None = None
        self._count_timer: asyncio.TimerHandle | None = None

    def start(self, report: Callable[[Event], None]) -> None:
        """Listens, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._open()

    def close(self) -> None:
        """The interface stays, for the next run."""
        self._closed = True
        self._hang_up()

    def _open(self) -> None:
        try:
            self._make()
            self._socket = open_monitor(self._interface)
        except ShellError as error:
            self._lose(str(error))
            return
        self._comeback.succeeded()
        self._listen()
        self._report(MonitorListens())

    def _listen(self) -> None:
        assert self._socket is not None, "it was opened"
        self._loop.add_reader(self._socket, self._read)

    def _lose(self, detail: str) -> None:
        self._hang_up()
        if not self._closed:
            self._comeback.lost(self._open, lambda: self._report(MonitorLost(detail)))

    def _hang_up(self) -> None:
        self._comeback.stop()
        for timer in (self._pause_timer, self._count_timer):
            if timer is not None:
                timer.cancel()
        self._pause_timer = self._count_timer = None
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _read(self) -> None:
        assert self._socket is not None, "nobody reads from nothing"
        for _ in range(AT_ONCE):
            try:
                frame = self._socket.recv(_FRAME_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                self._lose(f"{self._interface}: {error.strerror or error}")
                return
            self._take(frame)
            if self._closed:
                return
        else:
            self._loop.remove_reader(self._socket)
            self._pause_timer = self._loop.call_later(PAUSE_S, self._listen)
        if self._count_timer is None:
            self._count_timer = self._loop.call_later(COUNT_S, self._count)

    def _take(self, frame: bytes) -> None:
        try:
            request = read_gas_request(frame)
            purchase = read_query(request.query).purchase if request.bssid == self._bssid else None
        except DecodeError:
            self._garbage += 1
            return
        if purchase is not None:
            self._report(PurchaseHeard(request.station, purchase))

    def _count(self) -> None:
        """What was lost since the last time; the kernel's count begins anew when it is read."""
        self._count_timer = None
        if self._socket is not None:
            statistics = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
            self._dropped += _STATISTICS.unpack(statistics)[1]
        if self._garbage or self._dropped:
            counted = MonitorCounted(self._garbage, self._dropped)
            self._garbage = self._dropped = 0
            self._report(counted)


def open_monitor(interface: str) -> socket.socket:
    """A socket that hears GAS requests on this interface and nothing else. Raises ShellError."""
    try:
        opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    except OSError as error:
        raise ShellError("monitor", f"{interface}: {error.strerror or error}") from error
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        program = array.array("B", b"".join(struct.pack("=HBBI", *line) for line in GAS_REQUEST_FILTER))
        address, _ = program.buffer_info()
        filter_ = struct.pack("@HP", len(GAS_REQUEST_FILTER), address)
        opened.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_)
        opened.bind((interface, _ALL_PROTOCOLS))
    except OSError as error:
        opened.close()
        raise ShellError("monitor", f"{interface}: {error.strerror or error}") from error
    return opened
