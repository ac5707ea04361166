"""hostapd as its operator would run it: the settings of a BSS in each way of joining, and the running daemon.

`PaidBss` is what the product needs (WPA2-Enterprise with protected management frames, interworking, accounting, a
port for Disconnect); `LobbyBss` is open and isolated; `PskBss` is what it is compared with. The text of hostapd.conf
is a value that the documentation shows too; nothing in it is the lab's own but channel and addresses.

Reference: hostapd.conf(5), 2.10.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace
from lab.processes import Child, Household
from lab.wifi.control import Control

CHANNEL = 1
READY_DEADLINE_S = 20.0


@dataclass(frozen=True, slots=True)
class RadiusServer:
    """Where a RADIUS server is, and what it shares with us."""

    address: str
    secret: str
    authentication_port: int = 1812
    accounting_port: int = 1813


def radius_lines(radius: RadiusServer, nas_identifier: str) -> tuple[str, ...]:
    """What any RADIUS server wants; `operatord hostapd` writes what ours wants."""
    return (
        "wpa=2",
        "wpa_key_mgmt=WPA-EAP",
        "rsn_pairwise=CCMP",
        "ieee8021x=1",
        "ieee80211w=1",
        "disable_pmksa_caching=1",
        f"nas_identifier={nas_identifier}",
        f"auth_server_addr={radius.address}",
        f"auth_server_port={radius.authentication_port}",
        f"auth_server_shared_secret={radius.secret}",
        f"acct_server_addr={radius.address}",
        f"acct_server_port={radius.accounting_port}",
        f"acct_server_shared_secret={radius.secret}",
    )


@dataclass(frozen=True, slots=True)
class PaidBss:
    """The BSS of those who bought: joined by EAP, as the `radius` lines say; with interworking, for offers and
    purchases.
    """

    ssid: str
    radius: tuple[str, ...]
    bridge: str = ""
    inactivity_s: int = 300
    """A station that is silent for so long, and does not answer when asked, is gone."""

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            f"ssid={self.ssid}",
            *((f"bridge={self.bridge}",) if self.bridge else ()),
            "ap_isolate=1",
            f"ap_max_inactivity={self.inactivity_s}",
            *self.radius,
            "interworking=1",
            "access_network_type=2",
            "internet=1",
        )


@dataclass(frozen=True, slots=True)
class PskBss:
    """The BSS that everybody knows: one passphrase."""

    ssid: str
    passphrase: str
    bridge: str = ""

    @property
    def lines(self) -> tuple[str, ...]:
        return (
            f"ssid={self.ssid}",
            *((f"bridge={self.bridge}",) if self.bridge else ()),
            "ap_isolate=1",
            "wpa=2",
            "wpa_key_mgmt=WPA-PSK",
            "rsn_pairwise=CCMP",
            "ieee80211w=1",
            f"wpa_passphrase={self.passphrase}",
        )


@dataclass(frozen=True, slots=True)
class LobbyBss:
    """Open, isolated, and joined to nothing: whoever is in it hears the daemon and nobody else."""

    ssid: str

    @property
    def lines(self) -> tuple[str, ...]:
        return (f"ssid={self.ssid}", "ap_isolate=1")


Bss = PaidBss | PskBss | LobbyBss


@dataclass(frozen=True, slots=True)
class Hostapd:
    """The running daemon, and where its control sockets are."""

    child: Child
    sockets: Path

    def control(self, interface: str) -> Control:
        return Control(self.sockets / interface)


def format_settings(interfaces: Sequence[tuple[str, Bss]], sockets: Path, channel: int = CHANNEL) -> str:
    """The text of hostapd.conf for one radio with these BSSes, the first of which has the radio's own address."""
    first, *others = interfaces
    lines = [
        f"interface={first[0]}",
        "driver=nl80211",
        f"ctrl_interface={sockets}",
        "hw_mode=g",
        f"channel={channel}",
        "ieee80211n=1",
        "wmm_enabled=1",
        *first[1].lines,
    ]
    for interface, bss in others:
        lines += [f"bss={interface}", f"ctrl_interface={sockets}", "wmm_enabled=1", *bss.lines]
    return "\n".join(lines) + "\n"


def start_hostapd(
    household: Household,
    namespace: Namespace,
    folder: Path,
    interfaces: Sequence[tuple[str, Bss]],
    *,
    name: str = "hostapd",
    channel: int = CHANNEL,
) -> Hostapd:
    """Settings in `folder`, the daemon in `namespace`; returns once every BSS is up. Raises ShellError."""
    folder.mkdir(parents=True, exist_ok=True)
    settings, sockets = folder / f"{name}.conf", folder / f"control-of-{name}"
    settings.touch(mode=0o600)
    settings.write_text(format_settings(interfaces, sockets, channel))
    child = household.start(name, ["hostapd", settings], namespace=namespace)
    child.wait_for_line(f"{interfaces[0][0]}: AP-ENABLED", READY_DEADLINE_S)
    return Hostapd(child, sockets)
