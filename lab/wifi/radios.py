"""Virtual radios: mac80211_hwsim's, one for each computer of the lab, moved into its namespace.

Frames reach every other radio on the same channel, wherever it was moved. Nothing is far away, nothing is lost and
nothing takes airtime, so that rates are those of the shaper and of the processor. `hwsim0` in the first namespace
hears everything that is sent, as a monitor with radiotap headers.

Reference: Linux drivers/net/wireless/mac80211_hwsim.c.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace, run
from wire.errors import ShellError

MONITOR = "hwsim0"
STATION_INTERFACE = "wlan0"
PHYS = Path("/sys/class/ieee80211")


@dataclass(frozen=True, slots=True)
class Radio:
    """One radio: its phy, and its MAC address as it was made."""

    phy: str
    mac: str

    def move(self, namespace: Namespace, interface: str = STATION_INTERFACE) -> None:
        """Into a namespace, where its network interface gets this name."""
        before = _interface(self.phy)
        run(["iw", "phy", self.phy, "set", "netns", "name", namespace.name])
        if before != interface:
            namespace.ip(f"link set {before} name {interface}")

    def set_mac(self, namespace: Namespace, mac: str, interface: str = STATION_INTERFACE) -> None:
        """Another MAC address; wpa_supplicant or hostapd must not be using the interface."""
        namespace.ip(
            f"link set {interface} down", f"link set {interface} address {mac}", f"link set {interface} up"
        )


@contextmanager
def radios(count: int) -> Iterator[tuple[Radio, ...]]:
    """So many radios, for the length of a block; their interfaces go with them. Raises ShellError without hwsim."""
    if _loaded():
        run(["modprobe", "-r", "mac80211_hwsim"])
    try:
        run(["modprobe", "mac80211_hwsim", f"radios={count}"])
    except ShellError as error:
        raise ShellError(
            "mac80211_hwsim", f"this kernel has none ({error}); run it by lab/guest.sh"
        ) from error
    try:
        run(["ip", "link", "set", MONITOR, "up"])
        phys = sorted((path.name for path in PHYS.iterdir()), key=lambda name: int(name.removeprefix("phy")))
        yield tuple(Radio(phy, (PHYS / phy / "macaddress").read_text().strip()) for phy in phys)
    finally:
        run(["modprobe", "-r", "mac80211_hwsim"])


def _loaded() -> bool:
    return Path("/sys/module/mac80211_hwsim").exists()


def _interface(phy: str) -> str:
    for path in (PHYS / phy / "device" / "net").iterdir():
        return path.name
    raise ShellError(phy, "has no network interface")
