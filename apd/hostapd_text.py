"""What hostapd says on its control socket: replies and events as text, and the limits of what it takes.

In: text as hostapd 2.10 writes it. Out: values, or None for what is not meant for us. One field is a stranger's: the
identity of a station, raw, whatever octets it called itself by last or the operator's Access-Accept named. It may
bring lines of its own, which are never read as hostapd's; whose account it is, the operator's admission says.
Reference: hostapd's ctrl_iface.c, ctrl_iface_ap.c, ieee802_1x.c (`ieee802_1x_get_mib_sta`), common.c (`printf_encode`).
"""

import re
from collections.abc import Mapping
from enum import Enum

from apd.airtime import StationMeasurement
from apd.events import StationAssociated
from wire.frozen import dataclass
from wire.ids import MacAddress, PublicKey

MAX_COMMAND_BYTES = 4_095
"""hostapd's buffer; what is longer loses its end, and fails."""
_IDENTITY, _AFTER_IDENTITY = "\ndot1xAuthSessionUserName=", "\nlast_eap_type_as="
"""hostapd writes the identity between these, and nothing that comes from a station before or after them."""
_ESCAPES = {'"': 0x22, "\\": 0x5C, "e": 0x1B, "n": 0x0A, "r": 0x0D, "t": 0x09}


class EventKind(Enum):
    """Events that mean something to us; values are hostapd's words."""

    CONNECTED = "AP-STA-CONNECTED"
    DISCONNECTED = "AP-STA-DISCONNECTED"
    ENABLED = "AP-ENABLED"
    TERMINATING = "CTRL-EVENT-TERMINATING"


@dataclass(frozen=True, slots=True)
class HostapdEvent:
    """`station` for the two that have one."""

    kind: EventKind
    station: MacAddress | None = None


@dataclass(frozen=True, slots=True)
class BssConfig:
    """Which network it is."""

    ssid: bytes
    bssid: MacAddress


def is_event(text: str) -> bool:
    """Events begin with their level, `<3>`; no reply does."""
    return re.match(r"<\d>", text) is not None


def parse_event(text: str) -> HostapdEvent | None:
    """None for all the others."""
    words = re.sub(r"^<\d>", "", text).split()
    if not words or words[0] not in [kind.value for kind in EventKind]:
        return None
    kind = EventKind(words[0])
    if kind not in (EventKind.CONNECTED, EventKind.DISCONNECTED):
        return HostapdEvent(kind)
    station = _address(words[1] if len(words) > 1 else "")
    return None if station is None else HostapdEvent(kind, station)


def parse_config(text: str) -> BssConfig | None:
    """The reply to GET_CONFIG; None if that is not what it is."""
    fields = _fields(text)
    bssid, ssid = _address(fields.get("bssid", "")), parse_ssid(fields.get("ssid", ""))
    return None if bssid is None or not ssid else BssConfig(ssid, bssid)


def parse_station(text: str) -> StationAssociated | None:
    """The reply to STA, STA-FIRST or STA-NEXT; None if there is no station, or one that is not let in."""
    station, (own, identity) = station_address(text), _part(text)
    if station is None or "[AUTHORIZED]" not in _fields(own).get("flags", ""):
        return None
    try:
        return StationAssociated(station, PublicKey.parse(identity))
    except ValueError:
        return StationAssociated(station, None)


def parse_measurement(text: str) -> StationMeasurement | None:
    """What the same reply says of the link; None if there is no station. A number that hostapd does not give is 0.

    Its rates are in units of 100 kbit/s and may be followed by ` mcs 7` and the like.
    """
    station, fields = station_address(text), _fields(_part(text)[0])
    if station is None:
        return None
    return StationMeasurement(
        station,
        tx_rate_bps=_number(fields.get("tx_rate_info", "")) * 100_000,
        rx_rate_bps=_number(fields.get("rx_rate_info", "")) * 100_000,
        signal_dbm=_number(fields.get("signal", "")),
        tx_bytes=_number(fields.get("tx_bytes", "")),
        tx_frames=_number(fields.get("tx_packets", "")),
        rx_bytes=_number(fields.get("rx_bytes", "")),
        rx_frames=_number(fields.get("rx_packets", "")),
        tx_failed=_number(fields.get("tx_failed", "")),
    )


def station_address(text: str) -> MacAddress | None:
    """The first line of such a reply."""
    return _address(text.split("\n", 1)[0])


def parse_ssid(text: str) -> bytes:
    """The octets of an SSID that hostapd escaped for printing; empty if it did not."""
    octets, at = bytearray(), 0
    while at < len(text):
        match = re.compile(r'\\x([0-9a-fA-F]{2})|\\(["\\enrt])|([^\\])').match(text, at)
        if match is None or not (match[3] or "a").isascii():
            return b""
        octets.append(int(match[1], 16) if match[1] else _ESCAPES[match[2]] if match[2] else ord(match[3]))
        at = match.end()
    return bytes(octets)


def format_ssid(ssid: bytes) -> str:
    """As hostapd prints it."""
    escaped = {octet: f"\\{letter}" for letter, octet in _ESCAPES.items()}
    return "".join(
        escaped.get(octet, chr(octet) if 32 <= octet < 127 else f"\\x{octet:02x}") for octet in ssid
    )


def format_element(info_id: int, payload: bytes) -> str:
    """The command that sets an ANQP element."""
    return f"SET anqp_elem {info_id}:{payload.hex()}"


def _part(text: str) -> tuple[str, str]:
    """(what hostapd says itself, the identity; empty if there is none).

    Of an identity that has the second mark in it hostapd's own comes later. What follows an identity without that
    mark is nobody's word.
    """
    before, _, rest = text.partition(_IDENTITY)
    identity, mark, after = rest.rpartition(_AFTER_IDENTITY)
    if not mark:
        identity, after = rest, ""
    return before + mark + after, re.sub(r"\nauthMultiSessionId=[0-9A-F]{16}\Z", "", identity)


def _fields(text: str) -> Mapping[str, str]:
    """Of two with one name the first."""
    fields: dict[str, str] = {}
    for name, separator, value in (line.partition("=") for line in text.split("\n")):
        if separator:
            fields.setdefault(name, value)
    return fields


def _number(text: str) -> int:
    """The whole number that a text begins with, as long as any counter can be."""
    match = re.match(r"-?[0-9]{1,20}", text)
    return int(match[0]) if match else 0


def _address(text: str) -> MacAddress | None:
    try:
        return MacAddress.parse(text.strip())
    except ValueError:
        return None
