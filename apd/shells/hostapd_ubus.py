"""hostapd on an OpenWrt router without a control socket, by its object on ubus: `hostapd.INTERFACE`.

In: the element of its beacons, stations to throw out and to weigh. Out: stations that come and go, and whether it is
there at all, as apd/shells/hostapd.py tells them; but nobody's account, which the bus does not know. Elements of ANQP
cannot be set, and master keys cannot be flushed, by this way (decision 0049). It decides nothing, and goes on
connecting. A restart of hostapd is told by ubusd at once, as its object goes. That hostapd has read its configuration
again in place nobody tells: so at every look the beacon's element is set anew.
Reference: OpenWrt's package/network/services/hostapd/src/src/ap/ubus.c.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from apd.events import (
    BEACON,
    AirtimeWeightFailed,
    AirtimeWeightsMissed,
    Event,
    HostapdConnected,
    HostapdLost,
    HostapdRefused,
    StationAssociated,
    StationLeft,
    StationsMeasured,
)
from apd.hostapd_table import (
    DEPARTURES,
    NOISE,
    PREV_AUTH_NOT_VALID,
    parse_clients,
    parse_measurements,
    parse_status,
)
from apd.hostapd_text import BssConfig
from apd.shells.comeback import Comeback
from apd.shells.ubus import Ubus, word
from apd.ubus_message import Attribute, Kind, Message, Status, Table, number, text
from wire.errors import DecodeError, ShellError
from wire.ids import MacAddress

LOOK_S = 30.0
"""What no notification told, or a reload lost, is right again after no longer."""
RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)

Found = Callable[[Table], None]


class HostapdUbus:
    """A conversation with the hostapd that serves `interface`."""

    def __init__(self, path: Path, interface: str, look_s: float = LOOK_S) -> None:
        self._path, self._name, self._look_s = path, f"hostapd.{interface}", look_s
        self._bus: Ubus | None = None
        self._theirs = self._mine = 0
        self._config: BssConfig | None = None  # None: nobody was told that it is there
        self._known: frozenset[MacAddress] = frozenset()  # as it was told
        self._gone: set[MacAddress] = set()  # who left since it was asked who is there
        self._asked = self._again = self._closed = False
        self._beacon: bytes | None = None
        self._comeback = Comeback(RETRY_S)
        self._look_timer: asyncio.TimerHandle | None = None

    def start(self, report: Callable[[Event], None]) -> None:
        """Connects, and reports what happens from the running loop."""
        self._loop = asyncio.get_running_loop()
        self._report = report
        self._connect()

    def set_element(self, info_id: int, payload: bytes) -> None:
        raise AssertionError(
            f"element {info_id}, {len(payload)} octets: the core knows that there is no ANQP"
        )

    def set_beacon_element(self, element: bytes) -> None:
        self._beacon = element
        self._set_beacon()

    def deauthenticate(self, station: MacAddress) -> None:
        """It may come back by the master key that hostapd keeps of it, and is not served then."""
        arguments: Table = {
            "addr": str(station),
            "reason": PREV_AUTH_NOT_VALID,
            "deauth": True,
            "ban_time": 0,
        }
        self._order("del_client", arguments)

    def weigh(self, _interface: str, station: MacAddress, weight: int) -> bool:
        """Hostapd does not say whether the driver took it, and says late that it has no such method at all."""
        if self._bus is not None and self._config is not None:
            arguments: Table = {"sta": str(station), "weight": weight}
            self._bus.call(
                self._theirs, "update_airtime", arguments, lambda status, _: self._weighed(station, status)
            )
        return True

    def measure_stations(self) -> None:
        """Nothing, if hostapd is not there."""
        if self._config is not None:
            self._ask("get_clients", lambda table: self._report(StationsMeasured(parse_measurements(table))))

    def close(self) -> None:
        self._closed = True
        self._hang_up()

    # ---- connecting

    def _connect(self) -> None:
        self._bus = Ubus(self._begin, self._lose, self._hear)
        self._bus.connect(self._path)

    def _begin(self) -> None:
        self._request(Kind.LOOKUP, {Attribute.OBJECT_PATH: text(self._name)}, self._looked_up)

    def _looked_up(self, found: Message) -> None:
        self._theirs = found.number(Attribute.OBJECT_ID)
        self._request(Kind.ADD_OBJECT, {}, self._added)

    def _added(self, found: Message) -> None:
        self._mine = found.number(Attribute.OBJECT_ID)
        watching: dict[int, bytes] = {
            Attribute.OBJECT_ID: number(self._mine),
            Attribute.TARGET: number(self._theirs),
        }
        self._request(Kind.SUBSCRIBE, watching, lambda _: self._look())

    def _request(self, kind: Kind, attributes: dict[int, bytes], then: Callable[[Message], None]) -> None:
        def done(status: int, replies: list[Message]) -> None:
            if status != Status.OK or (not replies and kind is not Kind.SUBSCRIBE):
                self._lose(f"{self._name}: {kind.name.lower()}: {word(status)}")
                return
            then(replies[0] if replies else Message(Kind.STATUS, 0))

        assert self._bus is not None, "it is ready"
        self._bus.request(kind, attributes, done)

    def _lose(self, detail: str) -> None:
        self._hang_up()
        if not self._closed:
            self._comeback.lost(self._connect, lambda: self._report(HostapdLost(detail)))

    def _hang_up(self) -> None:
        self._config, self._known, self._beacon = None, frozenset(), None
        self._gone.clear()
        self._asked = self._again = False
        self._comeback.stop()
        if self._look_timer is not None:
            self._look_timer.cancel()
            self._look_timer = None
        if self._bus is not None:
            self._bus.close()
            self._bus = None

    # ---- looking who is there

    def _look(self) -> None:
        """Which network it is, and who is there; and says again what a reload may have lost."""
        self._look_timer = self._loop.call_later(self._look_s, self._look)
        self._set_beacon()
        self._ask("get_status", self._identified)

    def _identified(self, table: Table) -> None:
        config = parse_status(table)
        if config is None:
            self._lose(f"{self._name}: the network is not up")
        elif config == self._config:
            self._see()
        else:
            self._config = None  # whoever hears it begins anew
            self._ask("get_clients", lambda clients: self._begin_anew(config, clients))

    def _begin_anew(self, config: BssConfig, clients: Table) -> None:
        present = parse_clients(clients)
        if present is None:
            self._lose(f"{self._name}: get_clients: no clients in its answer")
            return
        self._config, self._known, self._beacon = config, present, None
        self._gone.clear()
        self._comeback.succeeded()
        stations = tuple(StationAssociated(station, None) for station in sorted(present, key=str))
        self._report(HostapdConnected(config.ssid, config.bssid, stations))

    def _see(self) -> None:
        """Asks who is there; who asks while it is being asked is answered by one more question."""
        if self._config is None:
            return
        self._again = self._asked
        if not self._asked:
            self._asked = True
            gone, self._gone = self._gone, set()
            self._ask("get_clients", lambda table: self._compare(table, gone))

    def _compare(self, table: Table, gone: set[MacAddress]) -> None:
        """Tells what nobody has told. Who left and is there came back."""
        self._asked = False
        present = parse_clients(table)
        if present is None or self._config is None:
            return
        known, self._known = self._known, present
        for station in sorted(known - present | known & gone, key=str):
            self._report(StationLeft(station))
        for station in sorted(present - known | present & gone, key=str):
            self._report(StationAssociated(station, None))
        if self._again:
            self._see()

    # ---- what is asked, and heard

    def _ask(self, method: str, then: Found) -> None:
        """A method that hostapd has had for as long as it can be used at all: without it there is none."""

        def done(status: int, replies: list[Message]) -> None:
            if status != Status.OK or not replies:
                self._lose(f"{self._name}: {method}: {word(status)}")
                return
            then(replies[0].table(Attribute.DATA))

        if self._bus is not None:
            self._bus.call(self._theirs, method, {}, done)

    def _order(self, method: str, arguments: Table, info_id: int | None = None) -> None:
        """What it will not do is told; to one that is not there nothing is said, as it will be told all again."""

        def done(status: int, _replies: list[Message]) -> None:
            if status != Status.OK:
                self._report(HostapdRefused(f"{self._name}: {method}: {word(status)}", info_id))
            elif method == "del_client":
                self._see()  # of a station that it throws out itself hostapd tells nobody

        if self._bus is not None and self._config is not None:
            self._bus.call(self._theirs, method, arguments, done)

    def _set_beacon(self) -> None:
        """Without elements hostapd leaves beacons as they were, until they are updated."""
        if self._beacon is None:
            return
        self._order("set_vendor_elements", {"vendor_elements": self._beacon.hex()}, BEACON)
        if not self._beacon:
            self._order("update_beacon", {}, BEACON)

    def _weighed(self, station: MacAddress, status: int) -> None:
        if status == Status.METHOD_NOT_FOUND:
            self._report(AirtimeWeightsMissed())
        elif status not in (Status.OK, Status.NOT_FOUND):  # of a station that is gone nothing is wanted
            error = ShellError("hostapd", f"{self._name}: update_airtime: {word(status)}")
            self._report(AirtimeWeightFailed(error, station))

    def _hear(self, message: Message) -> None:
        assert self._bus is not None, "it is heard through it"
        if message.kind == Kind.UNSUBSCRIBE:
            self._lose(f"{self._name}: hostapd took its object away")
            return
        self._bus.reply(message, Status.OK)
        what = message.text(Attribute.METHOD)
        if what in NOISE:
            return
        if what in DEPARTURES and (station := _station(message)) is not None:
            self._gone.add(station)
        self._see()


def _station(message: Message) -> MacAddress | None:
    try:
        return MacAddress.parse(str(message.table(Attribute.DATA).get("address")))
    except (DecodeError, ValueError):
        return None
