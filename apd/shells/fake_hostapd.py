"""A hostapd without a radio: a real control socket that answers as hostapd 2.10 does, with its limits.

For tests that have to make stations come and go, stop and hang; tests/system/test_hostapd.py holds it against the real
one, as far as that goes without a radio (`driver=none`).
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
        self.answers = True
        """False: it hangs."""
        self._listeners: set[str] = set()
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
        self.elements.clear()
        self.stations.clear()
        self.vendor_elements = b""

    def let_in(self, station: MacAddress, identity: str) -> None:
        self.stations[station] = identity
        self._tell(f"AP-STA-CONNECTED {station}")

    def leave(self, station: MacAddress) -> None:
        del self.stations[station]
        self._tell(f"AP-STA-DISCONNECTED {station}")

    def _tell(self, event: str) -> None:
        for listener in self._listeners:
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
            self.said.append(data.decode())
            if self.answers:
                self._send(self._answer(data.decode(), source), source)

    def _answer(self, command: str, source: str) -> str:
        name, _, rest = command.partition(" ")
        match name:
            case "PING":
                return "PONG\n"
            case "ATTACH":
                self._listeners.add(source)
                return "OK\n"
            case "GET_CONFIG":
                return f"bssid={self.bssid}\nssid={format_ssid(self.ssid)}\nwps_state=disabled\n"
            case "STA-FIRST":
                return self._describe(next(iter(self.stations), None), missing="")
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
        return "UNKNOWN COMMAND\n"

    def _station(self, name: str, rest: str) -> str:
        station = MacAddress.parse(rest)
        if name == "STA":
            return self._describe(station if station in self.stations else None, missing="FAIL\n")
        if station not in self.stations:
            return "FAIL\n"
        known = [*self.stations, None]
        return self._describe(known[known.index(station) + 1], missing="")

    def _describe(self, station: MacAddress | None, missing: str) -> str:
        if station is None:
            return missing
        return (
            f"{station}\nflags=[AUTH][ASSOC][AUTHORIZED][SHORT_PREAMBLE][MFP]\naid=1\nwpa=2\n"
            f"dot1xAuthSessionUserName={self.stations[station]}\nrx_packets=6\ntx_packets=4\nrx_bytes=688\n"
            "tx_bytes=463\nsignal=-30\nrx_rate_info=10\ntx_rate_info=540\nconnected_time=1\n"
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

    def _deauthenticate(self, rest: str) -> str:
        try:
            station = MacAddress.parse(rest.split(maxsplit=1)[0])
        except (ValueError, IndexError):
            return "FAIL\n"
        if station in self.stations:
            self.leave(station)
        return "OK\n"
