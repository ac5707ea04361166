"""What hostapd says over ubus: which network it is, and who is there, out of its tables.

In: tables as hostapd's object on an OpenWrt router answers them. Out: values, or None for what is not meant for us.
There is no identity in them: whose account a station is, the operator's signed admission says and nobody else.
Reference: OpenWrt's package/network/services/hostapd/src/src/ap/ubus.c (`get_status`, `get_clients`), 23.05 and 24.10.
"""

from collections.abc import Mapping

from apd.airtime import StationMeasurement
from apd.hostapd_text import BssConfig
from apd.ubus_message import Table, Value
from wire.ids import MacAddress

DEPARTURES = frozenset({"disassoc", "deauth", "inactive-deauth", "local-deauth"})
NOISE = frozenset({"probe", "auth", "assoc"})
"""Frames of whoever passes by; who is let in is told by `sta-authorized`."""
PREV_AUTH_NOT_VALID = 2
"""IEEE 802.11, reason code: what hostapd's own DEAUTHENTICATE gives."""


def parse_status(table: Table) -> BssConfig | None:
    """The reply to `get_status`; None while the network is not there. An SSID with a NUL in it ends before that."""
    ssid, bssid = table.get("ssid"), _address(table.get("bssid"))
    if table.get("status") != "ENABLED" or not isinstance(ssid, str) or not ssid or bssid is None:
        return None
    return BssConfig(ssid.encode(), bssid)


def parse_clients(table: Table) -> frozenset[MacAddress] | None:
    """Everybody who is let in, of the reply to `get_clients`; None if that is not what it is."""
    found = _clients(table)
    if found is None:
        return None
    return frozenset(station for station, told in found.items() if told.get("authorized") is True)


def parse_measurements(table: Table) -> tuple[StationMeasurement, ...]:
    """What the same reply says of links; frames that did not arrive it does not count."""
    return tuple(_measurement(station, told) for station, told in (_clients(table) or {}).items())


def _measurement(station: MacAddress, told: Table) -> StationMeasurement:
    """Rates are in kbit/s. A number that hostapd does not give is 0."""
    rate, octets, frames = (_table(told.get(name)) for name in ("rate", "bytes", "packets"))
    return StationMeasurement(
        station,
        tx_rate_bps=max(0, _number(rate.get("tx"))) * 1_000,
        rx_rate_bps=max(0, _number(rate.get("rx"))) * 1_000,
        signal_dbm=_number(told.get("signal")),
        tx_bytes=_count(octets.get("tx")),
        tx_frames=_count(frames.get("tx")),
        rx_bytes=_count(octets.get("rx")),
        rx_frames=_count(frames.get("rx")),
        tx_failed=0,
    )


def _clients(table: Table) -> dict[MacAddress, Table] | None:
    clients = table.get("clients")
    if not isinstance(clients, Mapping):
        return None
    found = {_address(name): _table(told) for name, told in clients.items()}
    return {station: told for station, told in found.items() if station is not None}


def _table(value: Value) -> Table:
    return value if isinstance(value, Mapping) else {}


def _number(value: Value) -> int:
    return value if isinstance(value, int) else 0


def _count(value: Value) -> int:
    """Hostapd's counters have no sign; of 32 bits the bus makes a negative number of a large one."""
    found = _number(value)
    return found if found >= 0 else found + 2**32 if found >= -(2**31) else 0


def _address(value: Value) -> MacAddress | None:
    try:
        return MacAddress.parse(value) if isinstance(value, str) else None
    except ValueError:
        return None
