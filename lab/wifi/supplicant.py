"""wpa_supplicant at a station, and the ways to join: by a passphrase, by EAP-TLS, by EAP-TTLS.

It is started with an empty configuration and told everything through its control socket, as a network manager would
do it. `join` measures: the clock runs from SELECT_NETWORK, with the access point already in the scan results, to the
end of the four-way handshake. What the product's device does by itself (`device/`) is not done here.

Reference: wpa_supplicant.conf(5), 2.10.   Units: seconds.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace
from lab.processes import Child, Household
from lab.wifi.control import Control, parse_lines
from lab.wifi.radios import STATION_INTERFACE

READY_DEADLINE_S = 15.0
JOIN_DEADLINE_S = 20.0

CONFIGURATION = "ctrl_interface={sockets}\nupdate_config=0\npmf=1\nfast_reauth=0\n"


@dataclass(frozen=True, slots=True)
class Supplicant:
    """The running daemon of one station."""

    child: Child
    socket: Path

    def control(self) -> Control:
        return Control(self.socket)

    def borrow_mac(self, namespace: Namespace, mac: str) -> None:
        """Take another MAC address, while wpa_supplicant looks away."""
        with self.control() as control:
            control.ask("REMOVE_NETWORK all")
            control.ask("ABORT_SCAN")
        device = STATION_INTERFACE
        namespace.ip(f"link set {device} down", f"link set {device} address {mac}", f"link set {device} up")


def start_supplicant(household: Household, namespace: Namespace, folder: Path, name: str) -> Supplicant:
    """Returns once its control socket is there. Raises ShellError."""
    folder.mkdir(parents=True, exist_ok=True)
    sockets = folder / f"{name}-wpa"
    settings = folder / f"{name}-wpa.conf"
    settings.write_text(CONFIGURATION.format(sockets=sockets))
    child = household.start(
        f"wpa-{name}",
        ["wpa_supplicant", "-i", STATION_INTERFACE, "-D", "nl80211", "-c", settings],
        namespace=namespace,
    )
    socket = sockets / STATION_INTERFACE
    child.wait_for(socket.exists, "its control socket", READY_DEADLINE_S)
    return Supplicant(child, socket)


def psk(ssid: str, passphrase: str) -> dict[str, str]:
    """The network block for a passphrase."""
    return {"ssid": f'"{ssid}"', "key_mgmt": "WPA-PSK", "psk": f'"{passphrase}"', "ieee80211w": "1"}


def eap_tls(ssid: str, certificate: Path, key: Path, authority: Path | str, **more: str) -> dict[str, str]:
    """The network block for EAP-TLS; `authority` is a file, or a name such as blob://operator."""
    return {
        "ssid": f'"{ssid}"',
        "key_mgmt": "WPA-EAP",
        "eap": "TLS",
        "identity": '"anonymous"',
        "ca_cert": f'"{authority}"',
        "client_cert": f'"{certificate}"',
        "private_key": f'"{key}"',
        "ieee80211w": "1",
        **more,
    }


def eap_ttls(ssid: str, user: str, password: str, authority: Path) -> dict[str, str]:
    """The network block for EAP-TTLS with a password inside, as subscribers use it."""
    return {
        "ssid": f'"{ssid}"',
        "key_mgmt": "WPA-EAP",
        "eap": "TTLS",
        "identity": f'"{user}"',
        "anonymous_identity": '"anonymous"',
        "password": f'"{password}"',
        "phase2": '"auth=PAP"',
        "ca_cert": f'"{authority}"',
        "ieee80211w": "1",
    }


def scan(control: Control, ssid: str, frequency_mhz: int = 2_412) -> str:
    """The BSSID of this network, once a scan has shown it. Raises ShellError."""
    deadline = time.monotonic() + READY_DEADLINE_S
    while True:
        since = control.mark()
        if control.ask(f"SCAN freq={frequency_mhz}") == "OK":
            control.wait_for("CTRL-EVENT-SCAN-RESULTS", READY_DEADLINE_S, since=since)
        for line in control.ask("SCAN_RESULTS").splitlines()[1:]:
            columns = line.split("\t")
            if len(columns) == 5 and columns[4] == ssid:
                return columns[0]
        if time.monotonic() > deadline:
            control.wait_for(f"a beacon of {ssid}", 0.01)


def join(control: Control, network: Mapping[str, str], deadline_s: float = JOIN_DEADLINE_S) -> float:
    """Join, and the seconds that it took. Raises ShellError when it does not come to that."""
    number = add_network(control, network)
    since = control.mark()
    began = time.monotonic()
    control.order(f"SELECT_NETWORK {number}")
    return control.wait_for("CTRL-EVENT-CONNECTED", deadline_s, since=since).t_s - began


def add_network(control: Control, network: Mapping[str, str]) -> int:
    """A network block, and its number; the others are forgotten, and so are their keys."""
    control.order("REMOVE_NETWORK all")
    control.order("PMKSA_FLUSH")
    number = int(control.ask("ADD_NETWORK"))
    for name, value in network.items():
        control.order(f"SET_NETWORK {number} {name} {value}")
    return number


def ask_anqp(control: Control, bssid: str, query: bytes) -> bytes:
    """The answer to one ANQP query (GAS, advertisement protocol 0). Raises ShellError."""
    since = control.mark()
    control.order(f"GAS_REQUEST {bssid} 00 {query.hex()}")
    said = control.wait_for("GAS-RESPONSE-INFO", since=since).text
    fields = dict(word.split("=", 1) for word in said.split() if "=" in word)
    return bytes.fromhex(control.ask(f"GAS_RESPONSE_GET {fields['addr']} {fields['dialog_token']}"))


def pin(control: Control, bssid: str) -> None:
    """The present network only at this access point from now on."""
    number = parse_lines(control.ask("STATUS"))["id"]
    control.order(f"SET_NETWORK {number} bssid {bssid}")


def leave(control: Control) -> None:
    """Say good-bye, and forget."""
    since = control.mark()
    control.order("REMOVE_NETWORK all")
    control.wait_for("CTRL-EVENT-DISCONNECTED", since=since)
