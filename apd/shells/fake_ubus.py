"""A bus without a router: a ubusd on a socket, and on it a hostapd without a radio.

It takes and says what ubusd_proto.c, ubusd_obj.c and OpenWrt's hostapd (src/ap/ubus.c) do, with their limits and their
oddities; that is read from their sources and has not been held against the real ones, which no Debian has
(docs/field-test.md). For tests that have to make stations come and go, and hostapd restart, forget and refuse.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from apd.ubus_message import (
    Attribute,
    Kind,
    Message,
    Status,
    Table,
    Value,
    number,
    read_message,
    write_message,
    write_table,
)
from wire.errors import DecodeError
from wire.ids import MacAddress

Answer = tuple[int, Table | None]
Handler = Callable[[str, Table], Answer]
FIRST_ID = 0x10000


@dataclass(slots=True)
class _Object:
    path: str
    owner: "_Client | None"
    handler: Handler | None = None
    signature: bytes = b""
    subscribers: list[int] = field(default_factory=list)


class FakeUbusd:
    """Listens from `start` to `stop`, in the running loop."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.objects: dict[int, _Object] = {}
        self.clients: list[_Client] = []
        self.requests: list[Kind] = []
        self.silent = False
        """It takes everything, and says nothing."""
        self._last_id = FIRST_ID
        self._server: asyncio.Server | None = None
        self._calls: dict[tuple[int, int], _Client] = {}

    async def start(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_unix_server(lambda: _Client(self), str(self.path))

    def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
            self.path.unlink(missing_ok=True)
        for client in [*self.clients]:
            client.hang_up()

    def publish(self, path: str, handler: Handler) -> int:
        """An object of a program that is not played."""
        return self.add(_Object(path, None, handler))

    def withdraw(self, object_id: int) -> None:
        """Subscribers are told."""
        for watcher in self.objects.pop(object_id).subscribers:
            self._tell(watcher, Kind.UNSUBSCRIBE, {Attribute.OBJECT_ID: watcher, Attribute.TARGET: object_id})

    def notify(self, object_id: int, method: str, table: Table) -> None:
        """As `ubus_notify` without a reply: one INVOKE for each subscriber."""
        for watcher in self.objects[object_id].subscribers:
            owner = self.objects[watcher].owner
            attributes: dict[int, bytes] = {
                Attribute.NO_REPLY: b"\1",
                Attribute.OBJECT_ID: number(watcher),
                Attribute.METHOD: method.encode() + b"\0",
                Attribute.DATA: write_table(table),
            }
            if owner is not None:
                owner.send(Message(Kind.INVOKE, 0, object_id, attributes))

    def find(self, path: str) -> int | None:
        return next((one for one, known in self.objects.items() if known.path == path), None)

    async def call(self, path: str, method: str, arguments: Table) -> Answer:
        """As the program `ubus call`: raises KeyError if nobody has such an object."""
        object_id = self.find(path)
        if object_id is None:
            raise KeyError(path)
        owner = self.objects[object_id].owner
        assert owner is not None, "objects of the fake's own are called by their handlers"
        caller = _Caller(self)
        attributes: dict[int, bytes] = {
            Attribute.OBJECT_ID: number(object_id),
            Attribute.METHOD: method.encode() + b"\0",
            Attribute.USER: b"root\0",
            Attribute.GROUP: b"root\0",
            Attribute.DATA: write_table(arguments),
        }
        self._calls[(caller.peer, 1)] = caller
        owner.send(Message(Kind.INVOKE, 1, caller.peer, attributes))
        async with asyncio.timeout(5):
            return await caller.answered

    # ---- of its clients

    def add(self, made: _Object) -> int:
        self._last_id += 1
        self.objects[self._last_id] = made
        return self._last_id

    def take(self, client: "_Client", message: Message) -> None:
        self.requests.append(Kind(message.kind))
        if self.silent:
            return
        if message.kind in (Kind.DATA, Kind.STATUS):
            caller = self._calls.get((message.peer, message.sequence))
            if caller is not None:
                caller.send(message)
            return
        try:
            status = self._obey(client, message)
        except DecodeError:
            status = Status.INVALID_ARGUMENT
        if status is not None:
            client.send(
                Message(Kind.STATUS, message.sequence, message.peer, {Attribute.STATUS: number(status)})
            )

    def forget(self, client: "_Client") -> None:
        for object_id in [one for one, known in self.objects.items() if known.owner is client]:
            self.withdraw(object_id)
            for known in self.objects.values():
                known.subscribers = [one for one in known.subscribers if one != object_id]
        self.clients = [one for one in self.clients if one is not client]

    def _obey(self, client: "_Client", message: Message) -> Status | None:
        """None: the reply is somebody else's."""
        match message.kind:
            case Kind.LOOKUP:
                found = self.find(message.text(Attribute.OBJECT_PATH))
                if found is None:
                    return Status.NOT_FOUND
                client.say(message, {Attribute.OBJECT_ID: number(found)})
                return Status.OK
            case Kind.ADD_OBJECT:
                path = (
                    message.text(Attribute.OBJECT_PATH) if Attribute.OBJECT_PATH in message.attributes else ""
                )
                if path and self.find(path) is not None:
                    return Status.INVALID_ARGUMENT
                made = _Object(path, client, None, message.attributes.get(Attribute.SIGNATURE, b""))
                client.say(message, {Attribute.OBJECT_ID: number(self.add(made))})
                return Status.OK
            case Kind.SUBSCRIBE:
                mine, target = message.number(Attribute.OBJECT_ID), message.number(Attribute.TARGET)
                if mine not in self.objects or target not in self.objects:
                    return Status.NOT_FOUND
                self.objects[target].subscribers.append(mine)
                return Status.OK
            case Kind.INVOKE:
                return self._invoke(client, message)
        return Status.INVALID_COMMAND

    def _invoke(self, client: "_Client", message: Message) -> Status | None:
        object_id, method = message.number(Attribute.OBJECT_ID), message.text(Attribute.METHOD)
        called = self.objects.get(object_id)
        if called is None or called.handler is None:
            return Status.NOT_FOUND
        status, answer = called.handler(method, message.table(Attribute.DATA))
        if answer is not None:
            mine: dict[int, bytes] = {
                Attribute.OBJECT_ID: number(object_id),
                Attribute.DATA: write_table(answer),
            }
            client.send(Message(Kind.DATA, message.sequence, object_id, mine))
        done: dict[int, bytes] = {Attribute.STATUS: number(status), Attribute.OBJECT_ID: number(object_id)}
        client.send(Message(Kind.STATUS, message.sequence, object_id, done))
        return None

    def _tell(self, watcher: int, kind: Kind, words: dict[Attribute, int]) -> None:
        known = self.objects.get(watcher)
        if known is not None and known.owner is not None:
            known.owner.send(Message(kind, 0, 0, {name: number(value) for name, value in words.items()}))


class _Client(asyncio.Protocol):
    def __init__(self, bus: FakeUbusd) -> None:
        self._bus = bus
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._bus.clients.append(self)
        self.send(Message(Kind.HELLO, 0, 1 + len(self._bus.clients)))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (found := read_message(self._buffer)) is not None:
            del self._buffer[: found[1]]
            self._bus.take(self, found[0])

    def connection_lost(self, _: Exception | None) -> None:
        self._bus.forget(self)

    def send(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(write_message(message))

    def say(self, to: Message, attributes: dict[int, bytes]) -> None:
        self.send(Message(Kind.DATA, to.sequence, to.peer, attributes))

    def say_octets(self, octets: bytes) -> None:
        """Whatever they are."""
        if self._transport is not None:
            self._transport.write(octets)

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.abort()


class _Caller(_Client):
    """Somebody who called an object of a client, and waits."""

    def __init__(self, bus: FakeUbusd) -> None:
        super().__init__(bus)
        self.peer = id(self) & 0xFFFFFFFF
        self.answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._data: Table | None = None

    def send(self, message: Message) -> None:
        if message.kind == Kind.DATA:
            self._data = message.table(Attribute.DATA)
        elif not self.answered.done():
            self.answered.set_result((message.number(Attribute.STATUS), self._data))


class FakeHostapd:
    """Of `interface`, as OpenWrt 24.10 builds it. What it was told is in its attributes."""

    def __init__(self, bus: FakeUbusd, interface: str, ssid: str, bssid: MacAddress) -> None:
        self.bus, self.interface, self.ssid, self.bssid = bus, interface, ssid, bssid
        self.said: list[tuple[str, Table]] = []
        self.stations: dict[MacAddress, bool] = {}
        """Who said a word, and whether it was let in."""
        self.status = "ENABLED"
        self.weights: dict[str, Value] = {}
        self.vendor_elements = ""
        self.on_air = ""
        """The elements in its beacons: behind `vendor_elements` until beacons are updated."""
        self.missing: frozenset[str] = frozenset()
        """Methods that this build does not have."""
        self._object_id = 0

    def start(self) -> None:
        self._object_id = self.bus.publish(f"hostapd.{self.interface}", self._answer)

    def stop(self) -> None:
        """Its object goes with it, and what it knew."""
        self.bus.withdraw(self._object_id)
        self.reload()
        self.stations.clear()

    def reload(self) -> None:
        """It reads its configuration again in place, and tells nobody."""
        self.vendor_elements = self.on_air = ""

    def let_in(self, station: MacAddress) -> None:
        self.stations[station] = True
        self.notify("sta-authorized", station)

    def leave(self, station: MacAddress, word: str = "disassoc") -> None:
        self.notify(word, station)
        self.stations.pop(station, None)

    def notify(self, word: str, station: MacAddress) -> None:
        self.bus.notify(self._object_id, word, {"address": str(station), "ifname": self.interface})

    def _answer(self, method: str, table: Table) -> Answer:
        self.said.append((method, table))
        if method in self.missing:
            return Status.METHOD_NOT_FOUND, None
        match method:
            case "get_status":
                told: Table = {
                    "status": self.status,
                    "bssid": str(self.bssid),
                    "ssid": self.ssid,
                    "freq": 5180,
                }
                return Status.OK, told
            case "get_clients":
                clients = {str(station): _client(known) for station, known in self.stations.items()}
                return Status.OK, {"freq": 5180, "clients": clients}
            case "del_client":
                return self._delete(table), None
            case "set_vendor_elements":
                return self._set(table.get("vendor_elements")), None
            case "update_beacon":
                self.on_air = self.vendor_elements
                return Status.OK, None
            case "update_airtime":
                return self._weigh(table), None
        return Status.METHOD_NOT_FOUND, None

    def _delete(self, table: Table) -> Status:
        """Of a station that is not there too, and without a word to anybody."""
        try:
            self.stations.pop(MacAddress.parse(str(table.get("addr"))), None)
        except ValueError:
            return Status.INVALID_ARGUMENT
        return Status.OK

    def _set(self, elements: Value) -> Status:
        """None leave the beacons as they were: the source returns before it updates them."""
        if not isinstance(elements, str) or len(elements) % 2:
            return Status.INVALID_ARGUMENT
        try:
            bytes.fromhex(elements)
        except ValueError:
            return Status.INVALID_ARGUMENT
        self.vendor_elements = elements
        if elements:
            self.on_air = elements
        return Status.OK

    def _weigh(self, table: Table) -> Status:
        try:
            station = MacAddress.parse(str(table.get("sta")))
        except ValueError:
            return Status.INVALID_ARGUMENT
        if station not in self.stations:
            return Status.NOT_FOUND
        self.weights[str(station)] = table.get("weight")
        return Status.OK


def _client(authorized: bool) -> Table:  # noqa: FBT001 - as hostapd's own flag
    """What a driver says is the same for everybody; the signal comes as it is packed, -30 in 32 bits."""
    return {
        "auth": True,
        "assoc": authorized,
        "authorized": authorized,
        "preauth": False,
        "mfp": True,
        "rrm": [0, 0, 0, 0, 0],
        "extended_capabilities": [],
        "aid": 1,
        "bytes": {"rx": 688, "tx": 463},
        "airtime": {"rx": 0, "tx": 0},
        "packets": {"rx": 6, "tx": 4},
        "rate": {"rx": 1_000, "tx": 54_000},
        "signal": -30,
        "capabilities": {},
    }
