"""A hostapd without a radio: a real control socket that answers as hostapd 2.10 does, with its limits.

For tests that have to make stations come and go, stop and hang, lose events and die between two requests;
tests/system/test_apd_hostapd.py holds it against the real one, as far as that goes without a radio (`driver=none`).
"""

import asyncio
import re
import socket
from pathlib import Path

from apd.hostapd_text import MAX_COMMAND_BYTES, format_ssid
from wire.ids import MacAddress

INFO_IDS = 65_536
"""hostapd keeps the lower 16 bits of whatever it is given."""
NO_BSSID = MacAddress(bytes(6))
"""What hostapd says without a radio."""


class FakeHostapd:
    """Listens from `start` to `stop`, in the running loop. What it was told is in its attributes."""

    def __init__(self, path: Path, ssid: bytes = b"airgrant", bssid: MacAddress = NO_BSSID) -> None:
        self.path, self.ssid, self.bssid = path, ssid, bssid
        self.said: list[str] = []
        """Every command."""
        self.elements: dict[int, bytes] = {}
        self.vendor_elements = b""
        self.beacons = 0
        """How often they were updated."""
        self.stations: dict[MacAddress, str] = {}
        """Identities of those that are let in."""
        self.denied: list[str] = []
        self.takes_denials = True
        """False: as before it had such a list."""
        self.strangers: list[MacAddress] = []
        """Who said a word and was never let in: listed first, as newcomers are, and gone without an event."""
        self.fleeting = False
        """A stranger is gone as soon as its entry was read."""
        self.answers = True
        """False: it hangs. What it is asked meanwhile waits for `catch_up`."""
        self.dies_after = ""
        """The command after the answer to which it dies."""
        self.events_lost = False
        """Its listeners' queues are full."""
        self._unanswered: list[tuple[str, str]] = []
        self._listeners: list[str] = []
        self._socket: socket.socket | None = None

    def start(self) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self._socket.bind(str(self.path))
        asyncio.get_running_loop().add_reader(self._socket, self._read)

    def stop(self) -> None:
        """As on SIGTERM: it says so, and its socket is gone."""
        self._tell("CTRL-EVENT-TERMINATING")
        self.kill()

    def kill(self) -> None:
        """Without a word. What it knew is forgotten."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None
            self.path.unlink()
        self._listeners.clear()
        self._unanswered.clear()
        self.elements.clear()
        self.stations.clear()
        self.strangers.clear()
        self.denied.clear()
        self.vendor_elements = b""

    def reload(self) -> None:
        """As on SIGHUP: what it was set is forgotten, its stations have to come again, and that is all that it says."""
        self.elements.clear()
        self.denied.clear()
        self.vendor_elements = b""
        for station in [*self.stations]:
            self.leave(station)

    def let_in(self, station: MacAddress, identity: str) -> None:
        self.stations[station] = identity
        self._tell(f"AP-STA-CONNECTED {station}")

    def leave(self, station: MacAddress) -> None:
        del self.stations[station]
        self._tell(f"AP-STA-DISCONNECTED {station}")

    def catch_up(self) -> None:
        """It hung, and answers what it was asked."""
        self.answers = True
        for command, source in self._unanswered:
            self._send(self._answer(command, source), source)
        self._unanswered.clear()

    def drop_listeners(self) -> None:
        """As after some events that could not be sent; nobody is told."""
        self._listeners.clear()

    def _tell(self, event: str) -> None:
        for listener in () if self.events_lost else self._listeners:
            self._send(f"<3>{event}", listener)

    def _send(self, text: str, to: str) -> None:
        if self._socket is not None:
            try:
                self._socket.sendto(text.encode(), to)
            except OSError:
                return  # whoever asked is gone

    def _read(self) -> None:
        while self._socket is not None:
            try:
                data, source = self._socket.recvfrom(MAX_COMMAND_BYTES)  # what is longer loses its end
            except BlockingIOError:
                return
            command = data.decode()
            self.said.append(command)
            if not self.answers:
                self._unanswered.append((command, source))
                continue
            self._send(self._answer(command, source), source)
            if command == self.dies_after:
                self.dies_after = ""
                self.kill()

    def _answer(self, command: str, source: str) -> str:
        name, _, rest = command.partition(" ")
        match name:
            case "PING":
                return "PONG\n"
            case "ATTACH":
                self._listeners += [source] if source not in self._listeners else []
                return "OK\n"
            case "DETACH":
                return self._detach(source)
            case "GET_CONFIG":
                return f"bssid={self.bssid}\nssid={format_ssid(self.ssid)}\nwps_state=disabled\n"
            case "STA-FIRST":
                return self._describe(next(iter([*self.strangers, *self.stations]), None))
            case "STA" | "STA-NEXT":
                return self._station(name, rest)
            case "SET":
                return "OK\n" if self._set(rest) else "FAIL\n"
            case "UPDATE_BEACON":
                self.beacons += 1
                return "OK\n"
            case "PMKSA_FLUSH":
                return "OK\n"
            case "DEAUTHENTICATE":
                return self._deauthenticate(rest)
            case "DENY_ACL" if self.takes_denials:
                return self._deny(rest)
        return "UNKNOWN COMMAND\n"

    def _detach(self, source: str) -> str:
        if source not in self._listeners:
            return "FAIL\n"
        self._listeners.remove(source)
        return "OK\n"

    def _station(self, name: str, rest: str) -> str:
        station = MacAddress.parse(rest)
        everybody = [*self.strangers, *self.stations]
        if station not in everybody:
            return "FAIL\n"
        if name == "STA":
            return self._describe(station)
        following = [*everybody, None][everybody.index(station) + 1]
        return self._describe(following)

    def _describe(self, station: MacAddress | None) -> str:
        if station is None:
            return ""
        if station in self.strangers:
            if self.fleeting:
                self.strangers.remove(station)
            return (
                f"{station}\nflags=[AUTH]\naid=0\nrx_packets=1\ntx_packets=1\nsignal=-80\nconnected_time=0\n"
            )
        return (
            f"{station}\nflags=[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][MFP]\naid=1\nwpa=2\n"
            f"dot1xAuthSessionUserName={self.stations[station]}\nlast_eap_type_as=13 (TLS)\nlast_eap_type_sta=0 "
            "(unknown)\nrx_packets=6\ntx_packets=4\nrx_bytes=688\ntx_bytes=463\nsignal=-30\nrx_rate_info=10\n"
            "tx_rate_info=540\nconnected_time=1\n"
        )

    def _set(self, rest: str) -> bool:
        name, _, value = rest.partition(" ")
        if name == "anqp_elem":
            match = re.fullmatch(r"(\d{1,5}):((?:[0-9a-fA-F]{2})*)", value)
            if match is None:
                return False
            self.elements[int(match[1]) % INFO_IDS] = bytes.fromhex(match[2])
            return True
        if name == "vendor_elements":
            try:
                self.vendor_elements = bytes.fromhex(value)
            except ValueError:
                return False
            return True
        return False

    def _deny(self, rest: str) -> str:
        name, _, address = rest.partition(" ")
        if name == "SHOW":
            return "".join(f"{one} VLAN_ID=0\n" for one in self.denied)
        if name != "ADD_MAC":
            return "FAIL\n"
        self.denied += [address] if address not in self.denied else []
        return "OK\n"

    def _deauthenticate(self, rest: str) -> str:
        try:
            station = MacAddress.parse(rest.split(maxsplit=1)[0])
        except (ValueError, IndexError):
            return "FAIL\n"
        if station in self.stations:
            self.leave(station)
        return "OK\n"
