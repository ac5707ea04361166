"""What wpa_supplicant says on its control socket, as values. Pure.

Replies are `OK`, `FAIL...`, or lines; events begin with a level such as `<3>`. SSIDs and certificates' names inside
them come from strangers, so nothing is taken from a text but what stands at its place; an event that is not of
interest, or is not in its form, is None.
Reference: wpa_supplicant 2.10, src/common/wpa_ctrl.h and wpa_supplicant/ctrl_iface.c.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wire.errors import DecodeError
from wire.ids import MacAddress

MAX_DETAIL_CHARACTERS = 160
"""How much of a stranger's certificate or of an event is told on."""
NOBODY = MacAddress(bytes(6))
_OUT = frozenset({"DISCONNECTED", "INTERFACE_DISABLED", "INACTIVE", "SCANNING"})
"""States of wpa_supplicant in which no link is there or being made."""
_MAC = r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}"


@dataclass(frozen=True, slots=True)
class ScanResults:
    """A scan has ended, whoever asked for it."""


@dataclass(frozen=True, slots=True)
class ScanAborted:
    """The driver would not scan."""

    detail: str


@dataclass(frozen=True, slots=True)
class GasResponse:
    """A query has ended; `size` is -1 if nothing came back."""

    bssid: MacAddress
    dialog_token: int
    status: int
    size: int


@dataclass(frozen=True, slots=True)
class Connected:
    """The keys of the link are done."""

    bssid: MacAddress
    network_id: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """With the reason code of IEEE 802.11-2020 clause 9.4.1.7."""

    bssid: MacAddress
    reason: int


@dataclass(frozen=True, slots=True)
class CertificateRefused:
    """Of the server, by us."""

    detail: str


@dataclass(frozen=True, slots=True)
class EapFailed:
    """The server said no, or we did just before."""


@dataclass(frozen=True, slots=True)
class KeyUnusable:
    """wpa_supplicant asks for a passphrase: it could not read the certificate or the key that it was given."""


@dataclass(frozen=True, slots=True)
class Refused:
    """By the access point, before EAP."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotFound:
    """No basic service set of an enabled network is in range."""


@dataclass(frozen=True, slots=True)
class Terminating:
    """wpa_supplicant ends."""


WpaEvent = (
    ScanResults
    | ScanAborted
    | GasResponse
    | Connected
    | Disconnected
    | CertificateRefused
    | EapFailed
    | KeyUnusable
    | Refused
    | NotFound
    | Terminating
)


@dataclass(frozen=True, slots=True)
class KnownNetwork:
    """A line of LIST_NETWORKS."""

    network_id: int
    enabled: bool


_EVENTS: Mapping[str, Callable[[re.Match[str]], WpaEvent]] = {
    r"CTRL-EVENT-SCAN-RESULTS\b.*": lambda _: ScanResults(),
    r"CTRL-EVENT-SCAN-FAILED (ret=-?\d+).*": lambda m: ScanAborted(m[1]),
    rf"GAS-RESPONSE-INFO addr=({_MAC}) dialog_token=(\d+) status_code=(\d+) resp_len=(-?\d+)": lambda m: (
        GasResponse(MacAddress.parse(m[1]), int(m[2]), int(m[3]), int(m[4]))
    ),
    rf"CTRL-EVENT-CONNECTED - Connection to ({_MAC}) completed \[id=(\d+) .*": lambda m: Connected(
        MacAddress.parse(m[1]), int(m[2])
    ),
    rf"CTRL-EVENT-DISCONNECTED bssid=({_MAC}) reason=(\d+).*": lambda m: Disconnected(
        MacAddress.parse(m[1]), int(m[2])
    ),
    r"CTRL-EVENT-EAP-TLS-CERT-ERROR .* err='([^']*)'": lambda m: CertificateRefused(_cut(m[1])),
    r"CTRL-EVENT-EAP-FAILURE\b.*": lambda _: EapFailed(),
    r"CTRL-REQ-(?:PASSPHRASE|PIN)-\d+:.*": lambda _: KeyUnusable(),
    r"CTRL-EVENT-(?:ASSOC|AUTH)-REJECT\b.* (status_code=\d+).*": lambda m: Refused(m[1]),
    r"CTRL-EVENT-NETWORK-NOT-FOUND\b.*": lambda _: NotFound(),
    r"CTRL-EVENT-TERMINATING\b.*": lambda _: Terminating(),
}
"""The whole of an event's text, and what it becomes."""


def parse_event(text: str) -> WpaEvent | None:
    """An unsolicited message, with its level before it, or None if it does not concern us."""
    said = re.sub(r"^<\d>", "", text, count=1).rstrip("\n ")
    for pattern, make in _EVENTS.items():
        if found := re.fullmatch(pattern, said, re.DOTALL | re.ASCII):
            return make(found)
    return None


def parse_fields(reply: str) -> dict[str, str]:
    """`name=value` lines, such as BSS and STATUS give; of two with one name the first."""
    fields: dict[str, str] = {}
    for line in reply.split("\n"):
        name, equals, value = line.partition("=")
        if equals:
            fields.setdefault(name, value)
    return fields


def parse_status(fields: Mapping[str, str]) -> Connected | Disconnected | None:
    """What STATUS says, as the event that may have been lost; None while it is about to change."""
    try:
        if fields.get("wpa_state") == "COMPLETED":
            return Connected(parse_mac(fields, "bssid"), parse_number(fields, "id"))
    except DecodeError:
        return None
    return Disconnected(NOBODY, 0) if fields.get("wpa_state") in _OUT else None


def parse_number(fields: Mapping[str, str], name: str) -> int:
    """Raises DecodeError."""
    text = fields.get(name, "")
    if not re.fullmatch(r"-?\d{1,10}", text, re.ASCII):
        raise DecodeError(f"wpa_supplicant: {name} is {_cut(text)!r}, not a number")
    return int(text)


def parse_mac(fields: Mapping[str, str], name: str) -> MacAddress:
    """Raises DecodeError."""
    try:
        return MacAddress.parse(fields.get(name, ""))
    except ValueError as error:
        raise DecodeError(f"wpa_supplicant: {name}: {error}") from None


def parse_octets(text: str, what: str) -> bytes:
    """From hexadecimal digits. Raises DecodeError."""
    try:
        return bytes.fromhex(text.strip())
    except ValueError:
        raise DecodeError(f"wpa_supplicant: {what} is {_cut(text)!r}, not hexadecimal digits") from None


def parse_networks(reply: str) -> tuple[KnownNetwork, ...]:
    """Of LIST_NETWORKS: id, SSID, BSSID and flags with tabs between; the SSID is escaped and has none."""
    found: list[KnownNetwork] = []
    for line in reply.splitlines():
        columns = line.split("\t")
        if len(columns) == 4 and columns[0].isascii() and columns[0].isdecimal():
            found.append(KnownNetwork(int(columns[0]), "[DISABLED]" not in columns[3]))
    return tuple(found)


def _cut(text: str) -> str:
    return text[:MAX_DETAIL_CHARACTERS]
