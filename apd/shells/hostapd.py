"""hostapd, by its control socket: what it is told, one request at a time, and what it tells of its stations.

In: elements, and stations to throw out. Out: stations that come and go, and whether it is there at all. It decides
nothing; it does go on connecting, and whoever hears `HostapdConnected` says everything again. A hostapd that does not
answer within REPLY_S is gone. Nothing here blocks: a request waits for the reply to the one before.
Reference: hostapd's wpa_ctrl.c (requests and events are datagrams on one Unix socket) and ctrl_iface.c.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path

from apd.airtime import StationMeasurement
from apd.events import (
    Event,
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    StationAssociated,
    StationLeft,
    StationsMeasured,
)
from apd.hostapd_text import (
    BssConfig,
    EventKind,
    format_element,
    is_event,
    parse_config,
    parse_event,
    parse_measurement,
    parse_station,
    station_address,
)
from wire.ids import MacAddress

REPLY_S = 2.0
"""hostapd answers within a millisecond, and after a scan within a second."""
PING_S = 5.0
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""hostapd is back within a second of a restart; one that is not installed yet is asked for every five."""
_REPLY_BYTES = 8_192
_AT_ONCE = 32
"""Messages taken before others get their turn."""

Then = Callable[[str], None]


class Hostapd:
    """A conversation with the hostapd behind `path`; its answers come to a socket of our own in `folder`."""

    def __init__(self, path: Path, folder: Path) -> None:
        self._path = path
        self._own = folder / "hostapd-client"
        self._socket: socket.socket | None = None
        self._waiting: deque[tuple[str, Then]] = deque()  # the first was sent
        self._stations: list[StationAssociated] = []
        self._config: BssConfig | None = None
        self._measured: list[StationMeasurement] | None = None  # while that is asked
        self._ready = self._changed = self._told_lost = self._closed = False
        self._attempts = 0
        self._timer: asyncio.TimerHandle | None = None  # for the reply, the next ping or the next attempt

    def start(self, report: Callable[[Event], None]) -> None:
        """Connects, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._connect()

    def set_element(self, info_id: int, payload: bytes) -> None:
        self._order(format_element(info_id, payload))

    def set_beacon_element(self, element: bytes) -> None:
        self._order(f"SET vendor_elements {element.hex()}")
        self._order("UPDATE_BEACON")

    def deauthenticate(self, station: MacAddress) -> None:
        """Its master key goes first, with everybody's, as hostapd has no other way: who comes back proves itself."""
        self._order("PMKSA_FLUSH")
        self._order(f"DEAUTHENTICATE {station}")

    def measure_stations(self) -> None:
        """Nothing, if hostapd is not there; a station that comes or goes meanwhile may be left out."""
        if self._ready and self._measured is None:
            self._measured = []
            self._ask("STA-FIRST", self._take_measurement)

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    # ---- connecting

    def _connect(self) -> None:
        self._socket = opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._own.parent.mkdir(parents=True, exist_ok=True)
            self._own.unlink(missing_ok=True)
            opened.bind(str(self._own))
            opened.connect(str(self._path))
        except OSError as error:
            self._lose(f"{self._path}: {error.strerror or error}")
            return
        self._loop.add_reader(opened, self._read)
        self._ask("ATTACH", self._attached)

    def _attached(self, reply: str) -> None:
        if reply == "OK":
            self._look()
        else:
            self._lose(f"ATTACH: {reply}")

    def _look(self) -> None:
        """Which network it is, and who is there."""
        self._ready = self._changed = False
        self._ask("GET_CONFIG", self._configured)

    def _configured(self, reply: str) -> None:
        self._config, self._stations = parse_config(reply), []
        if self._config is None:
            self._lose(f"GET_CONFIG: {reply[:100]!r}")
        else:
            self._ask("STA-FIRST", self._listed)

    def _listed(self, reply: str) -> None:
        """One station after the other, until there is no next."""
        address, station = station_address(reply), parse_station(reply)
        if station is not None:
            self._stations.append(station)
        if address is not None:
            self._ask(f"STA-NEXT {address}", self._listed)
        elif self._changed:
            self._look()  # somebody came or went meanwhile
        else:
            assert self._config is not None, "it was asked first"
            self._ready, self._attempts, self._told_lost = True, 0, False
            self._report(HostapdConnected(self._config.ssid, self._config.bssid, tuple(self._stations)))

    def _take_measurement(self, reply: str) -> None:
        """One station after the other, too."""
        assert self._measured is not None, "it was asked for"
        one = parse_measurement(reply)
        if one is not None:
            self._measured.append(one)
            self._ask(f"STA-NEXT {one.station}", self._take_measurement)
            return
        measured, self._measured = tuple(self._measured), None
        self._report(StationsMeasured(measured))

    def _lose(self, detail: str) -> None:
        """Tells it once, and tries again."""
        self._hang_up()
        if self._closed:
            return
        wait_s = RETRY_S[min(self._attempts, len(RETRY_S) - 1)]
        self._attempts += 1
        self._timer = self._loop.call_later(wait_s, self._connect)
        if not self._told_lost:
            self._told_lost = True
            self._report(HostapdLost(detail))

    def _hang_up(self) -> None:
        self._ready, self._measured = False, None
        self._waiting.clear()
        self._set_timer(None)
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                self._own.unlink(missing_ok=True)

    # ---- requests

    def _order(self, command: str) -> None:
        """What it will not do is told; to one that is not there nothing is said, as it will be told all again."""
        if self._ready:
            self._ask(command, lambda reply: self._obeyed(command, reply))

    def _obeyed(self, command: str, reply: str) -> None:
        if reply != "OK":
            self._report(HostapdRefused(f"{command[:60]}: {reply[:100]}"))

    def _ask(self, command: str, then: Then) -> None:
        self._waiting.append((command, then))
        if len(self._waiting) == 1:
            self._send()

    def _send(self) -> None:
        command, _ = self._waiting[0]
        assert self._socket is not None, "nothing waits when there is no socket"
        try:
            self._socket.send(command.encode())
        except OSError as error:
            self._lose(f"{self._path}: {error.strerror or error}")
            return
        self._set_timer(REPLY_S)

    def _set_timer(self, wait_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wait_s is None else self._loop.call_later(wait_s, self._run_out)

    def _run_out(self) -> None:
        """The reply is overdue; or nothing was said for a while, and hostapd may be gone without a word."""
        if self._waiting:
            self._lose(f"no answer to {self._waiting[0][0][:60]}")
        else:
            self._ask("PING", lambda reply: None if reply == "PONG" else self._lose(f"PING: {reply}"))

    # ---- what it says

    def _read(self) -> None:
        for _ in range(_AT_ONCE):
            if self._socket is None:
                return
            try:
                text = self._socket.recv(_REPLY_BYTES).decode(errors="replace")
            except BlockingIOError:
                return
            except OSError as error:
                self._lose(f"{self._path}: {error.strerror or error}")
                return
            if is_event(text):
                self._take_event(text)
            elif self._waiting:
                self._take_reply(text.strip())

    def _take_reply(self, reply: str) -> None:
        _, then = self._waiting.popleft()
        self._set_timer(PING_S)
        if self._waiting:
            self._send()
        then(reply)

    def _take_event(self, text: str) -> None:
        event = parse_event(text)
        if event is None:
            return
        if event.kind is EventKind.TERMINATING:
            self._lose("it was stopped")
        elif not self._ready:
            self._changed = True
        elif event.station is None:
            self._look()  # it began anew, and may have another configuration
        elif event.kind is EventKind.CONNECTED:
            self._ask(f"STA {event.station}", self._associated)
        else:
            self._report(StationLeft(event.station))

    def _associated(self, reply: str) -> None:
        """Nothing, if it is gone again."""
        station = parse_station(reply)
        if station is not None:
            self._report(station)
