"""The radio, by generic netlink: a monitor interface beside an access point, and a station's share of the air.

In: names and addresses. Out: nothing, or what the radio cannot do. It decides nothing. Every method raises ShellError
when the kernel refuses; one answers within a millisecond, and blocks until then.
Reference: Linux include/uapi/linux/nl80211.h and genetlink.h.
"""

import errno
import socket
import struct

from apd.airtime import StationMeasurement
from apd.station_dump import read_station
from tc_shaper import rtnetlink
from tc_shaper.attributes import NLM_F_ACK, Message, attribute, nested, read_attributes
from tc_shaper.netlink import NetlinkSocket, RefusedError
from wire.errors import ShellError
from wire.ids import MacAddress

_GENERIC_PROTOCOL = 16
_CONTROL_FAMILY, _GET_FAMILY = 0x10, 3
_FAMILY_ID, _FAMILY_NAME = 1, 2
_NEW_INTERFACE, _GET_STATION, _SET_STATION = 7, 17, 18
_IFINDEX, _IFNAME, _IFTYPE, _MAC, _MONITOR_FLAGS, _AIRTIME_WEIGHT = 3, 4, 5, 6, 23, 274
_MONITOR = 6
_GENERIC_HEADER = struct.Struct("=BBH")
_U16, _U32 = struct.Struct("=H"), struct.Struct("=I")


class Nl80211:
    """Open sockets to the kernel's 802.11. ShellError where there is no 802.11 at all."""

    def __init__(self) -> None:
        self._generic = NetlinkSocket(_GENERIC_PROTOCOL, "nl80211")
        try:
            self._family = self._find_family()
        except ShellError:
            self._generic.close()
            raise

    def close(self) -> None:
        self._generic.close()

    def add_monitor(self, radio: str, name: str) -> None:
        """A monitor interface `name` on the radio of interface `radio`, up."""
        body = (
            attribute(_IFINDEX, _U32.pack(_index(radio))),
            attribute(_IFNAME, name.encode() + b"\0"),
            attribute(_IFTYPE, _U32.pack(_MONITOR)),
            nested(_MONITOR_FLAGS),
        )
        self._run(_NEW_INTERFACE, body, f"make monitor interface {name} on the radio of {radio}")
        _set_up(name)

    def set_airtime_weight(self, interface: str, station: MacAddress, weight: int) -> bool:
        """The station's share of the air against others' (256 is usual). False: this radio's driver knows no shares."""
        body = (
            attribute(_IFINDEX, _U32.pack(_index(interface))),
            attribute(_MAC, station.octets),
            attribute(_AIRTIME_WEIGHT, _U16.pack(weight)),
        )
        try:
            self._run(_SET_STATION, body, f"airtime weight of {station}")
        except ShellError as error:
            if isinstance(error.__cause__, RefusedError) and error.__cause__.code == errno.EOPNOTSUPP:
                return False
            raise
        return True

    def measure_stations(self, interface: str) -> tuple[StationMeasurement, ...]:
        """What the kernel knows of every station of this interface, at one instant."""
        request = _request(self._family, _GET_STATION, (attribute(_IFINDEX, _U32.pack(_index(interface))),))
        try:
            answers = self._generic.dump(request)
        except RefusedError as error:
            raise ShellError("nl80211", f"stations of {interface}: {error}") from error
        found = (read_station(answer.body[_GENERIC_HEADER.size :]) for answer in answers)
        return tuple(one for one in found if one is not None)

    def _find_family(self) -> int:
        request = _request(_CONTROL_FAMILY, _GET_FAMILY, (attribute(_FAMILY_NAME, b"nl80211\0"),))
        try:
            answers = self._generic.batch([request])
        except RefusedError as error:
            raise ShellError("nl80211", f"this kernel has no 802.11: {error}") from error
        found = (
            read_attributes(answers[0].body, _GENERIC_HEADER.size).get(_FAMILY_ID, b"") if answers else b""
        )
        if len(found) != _U16.size:
            raise ShellError("nl80211", "the kernel does not tell its number")
        return int(_U16.unpack(found)[0])

    def _run(self, command: int, attributes: tuple[bytes, ...], what: str) -> None:
        try:
            self._generic.batch([_request(self._family, command, attributes)])
        except RefusedError as error:
            raise ShellError("nl80211", f"{what}: {error}") from error


def add_monitor(radio: str, name: str) -> None:
    """Makes it and goes: what exists already, on whatever kind of device, needs no 802.11 here."""
    if _exists(name):
        _set_up(name)
        return
    opened = Nl80211()
    try:
        opened.add_monitor(radio, name)
    finally:
        opened.close()


def set_airtime_weight(interface: str, station: MacAddress, weight: int) -> bool:
    """The same, by a socket of its own: it is rare."""
    radio = Nl80211()
    try:
        return radio.set_airtime_weight(interface, station, weight)
    finally:
        radio.close()


def measure_stations(interface: str) -> tuple[StationMeasurement, ...]:
    """The same, by a socket of its own: once in some seconds."""
    radio = Nl80211()
    try:
        return radio.measure_stations(interface)
    finally:
        radio.close()


def _set_up(name: str) -> None:
    route = NetlinkSocket(rtnetlink.ROUTE_PROTOCOL, "rtnetlink")
    try:
        route.batch([rtnetlink.set_link_up(_index(name))])
    except RefusedError as error:
        raise ShellError("nl80211", f"set {name} up: {error}") from error
    finally:
        route.close()


def _request(family: int, command: int, attributes: tuple[bytes, ...]) -> Message:
    return Message(family, NLM_F_ACK, _GENERIC_HEADER.pack(command, 1, 0) + b"".join(attributes))


def _exists(name: str) -> bool:
    return name in [known for _, known in socket.if_nameindex()]


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise ShellError("nl80211", f"{name}: {error}") from error
