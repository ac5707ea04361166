"""hostapd, by its control socket: what it is told, one request at a time, and what it tells of its stations.

In: elements, and stations to throw out. Out: stations that come and go, and whether it is there at all. It decides
nothing; it does go on connecting, and whoever hears `HostapdConnected` says everything again. A hostapd that does not
answer within REPLY_S is gone. Nothing here blocks: a request waits for the reply to the one before. Events are sent
without waiting, and a listener with a full queue loses them, and after some is dropped: so every LOOK_S we attach again
and look who is there, and what differs from what was told is told. That it has read its configuration again, and lost
what it was set, is noticed within a second (apd/shells/reload_watch.py) and is as if it were another hostapd.
Reference: hostapd's wpa_ctrl.c (requests and events are datagrams on one Unix socket) and ctrl_iface.c.
"""

import asyncio
import contextlib
import os
import socket
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from apd.airtime import StationMeasurement
from apd.events import (
    BEACON,
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
)
from apd.shells.comeback import Comeback
from apd.shells.reload_watch import ReloadWatch
from apd.station_walk import StationWalk, Step
from wire.ids import MacAddress

REPLY_S = 2.0
"""hostapd answers within a millisecond, and after a scan within a second."""
PING_S = 5.0
LOOK_S = 30.0
"""A buyer whose event was lost waits no longer for its slice."""
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""hostapd is back within a second of a restart; one that is not installed yet is asked for every five."""
_OWN = "hostapd-"
_OWN_MODE = 0o666
_REPLY_BYTES = 8_192
_AT_ONCE = 32
"""Messages taken before others get their turn."""

Then = Callable[[str], None]
T = TypeVar("T")


class Hostapd:
    """A conversation with the hostapd behind `path`; its answers come to a socket of our own in `folder`, a new one for
    each connection: what is answered late to an old one is nobody's reply.
    """

    def __init__(self, path: Path, folder: Path, look_s: float = LOOK_S, reply_s: float = REPLY_S) -> None:
        self._path, self._folder, self._look_s, self._reply_s = path, folder, look_s, reply_s
        self._own = folder
        self._connections = 0
        self._socket: socket.socket | None = None
        self._waiting: deque[tuple[str, Then]] = deque()  # the first was sent
        self._known: dict[MacAddress, StationAssociated] = {}  # as it was told
        self._doubtful: dict[MacAddress, StationAssociated] = {}  # who was another one at the last look
        self._stirred: set[MacAddress] = set()  # who came or went since the look began
        self._looking: StationWalk[StationAssociated] | None = None
        self._measuring: StationWalk[StationMeasurement] | None = None
        self._ready = self._changed = self._closed = False
        self._comeback = Comeback(RETRY_S)
        self._watch = ReloadWatch(self._ask, self._look)
        self._timer: asyncio.TimerHandle | None = None  # for the reply, or the next ping
        self._look_timer: asyncio.TimerHandle | None = None

    def start(self, report: Callable[[Event], None]) -> None:
        """Connects, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._connect()

    def set_element(self, info_id: int, payload: bytes) -> None:
        self._order(format_element(info_id, payload), info_id)

    def set_beacon_element(self, element: bytes) -> None:
        self._order(f"SET vendor_elements {element.hex()}", BEACON)
        self._order("UPDATE_BEACON", BEACON)

    def deauthenticate(self, station: MacAddress) -> None:
        """Its master key goes first, with everybody's, as hostapd has no other way: who comes back proves itself."""
        self._order("PMKSA_FLUSH")
        self._order(f"DEAUTHENTICATE {station}")

    def measure_stations(self) -> None:
        """Nothing, if hostapd is not there; a station that comes or goes meanwhile may be left out."""
        if self._ready and self._measuring is None:
            self._measuring = walk = StationWalk(parse_measurement)
            self._ask(walk.question, lambda reply: self._walk(walk, reply, self._measured))

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    # ---- connecting

    def _connect(self) -> None:
        self._connections += 1
        self._own = self._folder / f"{_OWN}{os.getpid()}.{self._connections}"
        self._socket = opened = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for left_behind in filter(Path.is_socket, self._folder.glob(f"{_OWN}*")):
                left_behind.unlink(missing_ok=True)
            opened.bind(str(self._own))
            opened.connect(str(self._path))
            # hostapd may be another user (OpenWrt's `network`), and has to write to it. From here on nobody else can:
            # to a datagram socket that is connected, the kernel lets its peer alone send.
            self._own.chmod(_OWN_MODE)
        except OSError as error:
            self._lose(f"{self._path}: {error.strerror or error}")
            return
        self._loop.add_reader(opened, self._read)
        self._ask("ATTACH", lambda reply: self._attached(reply, self._look))

    def _attached(self, reply: str, then: Callable[[], None]) -> None:
        if reply == "OK":
            then()
        else:
            self._lose(f"ATTACH: {reply}")

    def _lose(self, detail: str) -> None:
        self._hang_up()
        if not self._closed:
            self._comeback.lost(self._connect, lambda: self._report(HostapdLost(detail)))

    def _hang_up(self) -> None:
        self._ready, self._looking, self._measuring = False, None, None
        self._watch.stop()
        self._waiting.clear()
        self._comeback.stop()
        self._set_timer(None)
        self._set_look_timer(None)
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            with contextlib.suppress(OSError):
                self._own.unlink(missing_ok=True)

    # ---- looking who is there

    def _look(self) -> None:
        """Which network it is, and who is there; whoever hears it begins anew."""
        self._ready = self._changed = False
        self._watch.stop()
        self._ask("GET_CONFIG", self._configured)

    def _configured(self, reply: str) -> None:
        config = parse_config(reply)
        if config is None:
            self._lose(f"GET_CONFIG: {reply[:100]!r}")
        else:
            self._walk_stations(lambda stations: self._listed(config, stations))

    def _listed(self, config: BssConfig, stations: dict[MacAddress, StationAssociated] | None) -> None:
        if stations is None:
            self._lose("STA-NEXT: no end of stations")
        elif self._changed:
            self._look()  # somebody came or went meanwhile
        else:
            self._ready, self._known, self._doubtful = True, stations, {}
            self._comeback.succeeded()
            self._set_look_timer(self._look_s)
            self._watch.start()
            self._report(HostapdConnected(config.ssid, config.bssid, tuple(stations.values())))

    def _look_again(self) -> None:
        """Attaches anew, which a listener that was dropped is not told to do, and looks for what it missed."""
        self._set_look_timer(self._look_s)
        if self._ready:
            self._watch.start()
        if self._ready and self._looking is None:
            self._ask("DETACH", lambda _: None)  # FAIL: it had dropped us
            self._ask(
                "ATTACH", lambda reply: self._attached(reply, lambda: self._walk_stations(self._compare))
            )

    def _compare(self, stations: dict[MacAddress, StationAssociated] | None) -> None:
        """Tells what nobody has told. Who came or went meanwhile is left alone: that is newer.

        A station calls itself something else while it proves its key again, and then is who it was: only who is the
        same other one at two looks is another one.
        """
        if stations is None:
            return  # the next look may come to an end
        doubtful, self._doubtful = self._doubtful, {}
        for station in [*self._known]:
            if station not in stations and station not in self._stirred:
                self._left(station)
        for station, seen in stations.items():
            known = self._known.get(station)
            if seen == known or station in self._stirred:
                continue
            if known is None or doubtful.get(station) == seen:
                self._came(seen)
            else:
                self._doubtful[station] = seen

    def _walk_stations(self, then: Callable[[dict[MacAddress, StationAssociated] | None], None]) -> None:
        """Calls `then` with everybody who is let in; with None if they could not be listed."""

        def over(found: dict[MacAddress, StationAssociated] | None) -> None:
            if self._looking is walk:  # nobody began another one
                self._looking = None
                then(found)

        self._looking = walk = StationWalk(parse_station)
        self._stirred.clear()
        self._ask(walk.question, lambda reply: self._walk(walk, reply, over))

    def _walk(
        self, walk: StationWalk[T], reply: str, then: Callable[[dict[MacAddress, T] | None], None]
    ) -> None:
        match walk.take(reply):
            case Step.GO_ON:
                self._ask(walk.question, lambda reply: self._walk(walk, reply, then))
            case Step.DONE:
                then(walk.found)
            case Step.FAILED:
                then(None)

    def _measured(self, found: dict[MacAddress, StationMeasurement] | None) -> None:
        self._measuring = None
        if found is not None:
            self._report(StationsMeasured(tuple(found.values())))

    # ---- requests

    def _order(self, command: str, info_id: int | None = None) -> None:
        """What it will not do is told; to one that is not there nothing is said, as it will be told all again."""
        if self._ready:
            self._ask(command, lambda reply: self._obeyed(command, info_id, reply))

    def _obeyed(self, command: str, info_id: int | None, reply: str) -> None:
        if reply != "OK":
            self._report(HostapdRefused(f"{command[:60]}: {reply[:100]}", info_id))

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
        self._set_timer(self._reply_s)

    def _set_timer(self, wait_s: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if wait_s is None else self._loop.call_later(wait_s, self._run_out)

    def _set_look_timer(self, wait_s: float | None) -> None:
        if self._look_timer is not None:
            self._look_timer.cancel()
        self._look_timer = None if wait_s is None else self._loop.call_later(wait_s, self._look_again)

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
        """What follows from it comes before the next request, whose sending may find hostapd dead."""
        asked = self._socket
        self._waiting[0][1](reply)
        if self._socket is not asked:
            return  # lost meanwhile, or closed
        self._waiting.popleft()
        self._set_timer(PING_S)
        if self._waiting:
            self._send()

    def _take_event(self, text: str) -> None:
        event = parse_event(text)
        if event is None:
            return
        if event.kind is EventKind.TERMINATING:
            self._lose("it was stopped")
            return
        if event.station is not None:
            self._stirred.add(event.station)
        if not self._ready:
            self._changed = True
        elif event.station is None:
            self._look()  # it began anew, and may have another configuration
        elif event.kind is EventKind.CONNECTED:
            self._ask(f"STA {event.station}", self._associated)
        else:
            self._left(event.station)

    def _associated(self, reply: str) -> None:
        """Nothing, if it is gone again."""
        station = parse_station(reply)
        if station is not None:
            self._came(station)

    def _came(self, station: StationAssociated) -> None:
        self._known[station.station] = station
        self._report(station)

    def _left(self, station: MacAddress) -> None:
        self._known.pop(station, None)
        self._report(StationLeft(station))
