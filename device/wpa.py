"""wpa_supplicant's control socket, as typed commands. A shell: it asks, listens and decides nothing.

Two Unix datagram sockets per interface: one asks, and each request has one reply; the other is attached, and hears
events. Each is bound to a path of its own, which is removed when it closes. Blobs hold certificates and keys, so that
no file with a key is needed (tried with wpa_supplicant 2.10 and OpenSSL 3.0: private_key takes a blob, too).
Every failure of the other side is a ShellError that says what to do. Reference: wpa_supplicant 2.10, README and
wpa_supplicant/ctrl_iface_unix.c.
"""

import contextlib
import os
import secrets
import socket
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from device.anqp import Found
from device.wpa_text import (
    KnownNetwork,
    WpaEvent,
    parse_event,
    parse_fields,
    parse_mac,
    parse_networks,
    parse_number,
    parse_octets,
)
from wire.errors import DecodeError, ShellError
from wire.ids import MacAddress

DEFAULT_FOLDER = Path("/run/wpa_supplicant")
"""Where Debian's and most others' wpa_supplicant has its control sockets, one per interface."""
REPLY_BYTES = 4_096
"""What wpa_supplicant has room for in one reply."""
GAS_PIECE_BYTES = 1_900
"""Of a long response per reply, as it is written in hexadecimal digits."""
MAX_BSS = 512
"""Basic service sets looked at per scan: who beacons invented ones by the thousand costs no more than these."""
MAX_NETWORKS = 4_096
TIMEOUT_S = 5.0
"""It answers within milliseconds, unless it is busy with a driver that hangs."""
MAX_EVENTS_AT_ONCE = 64
_ANQP = "00"
_MASK_ALL_BUT_ELEMENTS, _MASK_ELEMENTS = "0x283", "0x400"
"""WPA_BSS_MASK_ID, _BSSID, _LEVEL and _AGE; _IE. Apart, as elements alone may be too long for a reply."""


def control_path(folder: Path, interface: str) -> Path:
    """The socket of an interface."""
    return folder / interface


class WpaControl:
    """An interface of a running wpa_supplicant; closes with the `with` block. Every method raises ShellError."""

    def __init__(self, path: Path, timeout_s: float = TIMEOUT_S) -> None:
        self.path = path
        self._timeout_s = timeout_s
        self._requests = self._connect()
        try:
            self._events = self._connect()
        except BaseException:
            _close(self._requests)
            raise
        try:
            self._attach()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with contextlib.suppress(OSError):  # whoever is gone needs no farewell
            self._events.send(b"DETACH")
        for one in (self._events, self._requests):
            _close(one)

    def fileno(self) -> int:
        """Readable when an event waits."""
        return self._events.fileno()

    def attach_again(self) -> None:
        """For whoever did not listen for a while: what waited is forgotten, what comes is heard."""
        self._events.settimeout(self._timeout_s)
        with contextlib.suppress(ShellError):
            self._exchange(self._events, "DETACH")
        self._attach()

    def receive(self) -> list[WpaEvent]:
        """The events that wait, those that concern us; never blocks."""
        found: list[WpaEvent] = []
        for _ in range(MAX_EVENTS_AT_ONCE):
            try:
                data = self._events.recv(REPLY_BYTES)
            except BlockingIOError:
                break
            except OSError as error:
                raise self._error(error.strerror or str(error)) from None
            event = parse_event(data.decode(errors="replace"))
            if event is not None:
                found.append(event)
        return found

    def request(self, command: str) -> str:
        """The reply, whatever it is, without the newline at its end."""
        return self._exchange(self._requests, command)

    def order(self, command: str, what: str) -> str:
        """A reply that is no failure. `what` stands for the command in an error, as it may hold a key."""
        reply = self.request(command)
        if reply.startswith(("FAIL", "UNKNOWN COMMAND")):
            raise self._error(f"{what}: {reply}")
        return reply

    def ping(self) -> None:
        self.order("PING", "PING")

    # ---- Looking around

    def scan(self) -> None:
        """Begins one, which ends with an event. Nothing is joined because of it."""
        self.order("SCAN TYPE=ONLY", "SCAN")

    def list_bss(self) -> tuple[Found, ...]:
        """What the last scans found, MAX_BSS at most; one that cannot be read is passed over."""
        found: list[Found] = []
        which = "FIRST"
        for _ in range(MAX_BSS):
            fields = parse_fields(self.request(f"BSS {which} MASK={_MASK_ALL_BUT_ELEMENTS}"))
            if "id" not in fields:
                break
            try:
                number = parse_number(fields, "id")
                which = f"NEXT-{number}"
                found.append(self._read_bss(number, fields))
            except DecodeError:
                if which == "FIRST":
                    break
        return tuple(found)

    def _read_bss(self, number: int, fields: dict[str, str]) -> Found:
        elements = parse_fields(self.request(f"BSS ID-{number} MASK={_MASK_ELEMENTS}")).get("ie", "")
        return Found(
            parse_mac(fields, "bssid"),
            parse_number(fields, "level"),
            parse_octets(elements, "ie"),
            parse_number(fields, "age"),
        )

    def query(self, bssid: MacAddress, query: bytes) -> None:
        """Begins an ANQP query, which ends with an event."""
        self.order(f"GAS_REQUEST {bssid} {_ANQP} {query.hex()}", "GAS_REQUEST")

    def fetch(self, bssid: MacAddress, dialog_token: int, size: int) -> bytes:
        """The response of a query, in as many replies as it takes. Raises DecodeError too."""
        pieces: list[bytes] = []
        for at in range(0, size, GAS_PIECE_BYTES):
            length = min(GAS_PIECE_BYTES, size - at)
            asked = f"GAS_RESPONSE_GET {bssid} {dialog_token} {at},{length}"
            piece = parse_octets(self.order(asked, "GAS_RESPONSE_GET"), "a GAS response")
            if len(piece) != length:
                raise DecodeError(f"wpa_supplicant: {len(piece)} bytes of a GAS response, not {length}")
            pieces.append(piece)
        return b"".join(pieces)

    # ---- Networks

    def status(self) -> dict[str, str]:
        return parse_fields(self.order("STATUS", "STATUS"))

    def list_networks(self) -> tuple[KnownNetwork, ...]:
        """All, however many replies they take."""
        found: list[KnownNetwork] = []
        while more := parse_networks(self.order(_list_after(found), "LIST_NETWORKS")):
            found += more
            if len(found) > MAX_NETWORKS:
                raise self._error(f"more than {MAX_NETWORKS} networks")
        return tuple(found)

    def get_network(self, network_id: int, name: str) -> str:
        """A setting as it is written, or nothing."""
        reply = self.request(f"GET_NETWORK {network_id} {name}")
        return "" if reply.startswith("FAIL") else reply

    def add_network(self) -> int:
        reply = self.order("ADD_NETWORK", "ADD_NETWORK")
        return parse_number({"ADD_NETWORK": reply}, "ADD_NETWORK")

    def set_network(self, network_id: int, name: str, value: str) -> None:
        self.order(f"SET_NETWORK {network_id} {name} {value}", f"SET_NETWORK {name}")

    def set_blob(self, name: str, content: bytes) -> None:
        self.order(f"SET blob {name} {content.hex()}", f"SET blob {name}")

    def select_network(self, network_id: int) -> None:
        """Joins it, now, and disables all others."""
        self.order(f"SELECT_NETWORK {network_id}", "SELECT_NETWORK")

    def enable_network(self, network_id: int) -> None:
        self.order(f"ENABLE_NETWORK {network_id}", "ENABLE_NETWORK")

    def remove_network(self, network_id: int) -> None:
        self.order(f"REMOVE_NETWORK {network_id}", "REMOVE_NETWORK")

    def disconnect(self) -> None:
        self.order("DISCONNECT", "DISCONNECT")

    def reconnect(self) -> None:
        """After `disconnect`: joins what is enabled."""
        self.order("RECONNECT", "RECONNECT")

    # ---- The sockets

    def _connect(self) -> socket.socket:
        one = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            one.settimeout(self._timeout_s)
            one.bind(_own_path())
            one.connect(str(self.path))
        except OSError as error:
            _close(one)
            raise self._error(explain(error, self.path)) from None
        return one

    def _attach(self) -> None:
        if self._exchange(self._events, "ATTACH") != "OK":
            raise self._error("it would not let us listen to events")
        self._events.setblocking(False)

    def _exchange(self, one: socket.socket, command: str) -> str:
        try:
            one.send(command.encode())
            for _ in range(MAX_EVENTS_AT_ONCE):
                data = one.recv(REPLY_BYTES)
                if not data.startswith(b"<"):  # an event, between ATTACH and its reply
                    return data.decode(errors="replace").removesuffix("\n")
        except TimeoutError:
            self._renew(one)
            raise self._error(
                f"no answer to {command.split(' ', maxsplit=1)[0]} within {self._timeout_s:g} s"
            ) from None
        except OSError as error:
            raise self._error(explain(error, self.path)) from None
        raise self._error("only events, and no answer")

    def _renew(self, late: socket.socket) -> None:
        """A late reply must not be taken for the next one's."""
        if late is self._requests:
            _close(late)
            self._requests = self._connect()

    def _error(self, detail: str) -> ShellError:
        return ShellError(f"wpa_supplicant at {self.path}", detail)


def _list_after(found: list[KnownNetwork]) -> str:
    return f"LIST_NETWORKS LAST_ID={found[-1].network_id}" if found else "LIST_NETWORKS"


def _own_path() -> str:
    """Among temporary files, where the other side can write to it, under a name that nobody can take first."""
    return f"{tempfile.gettempdir()}/airgrant-{os.getpid()}-{secrets.token_hex(6)}"


def _close(one: socket.socket) -> None:
    try:
        path = one.getsockname()
    except OSError:
        path = ""
    one.close()
    if path:
        Path(path).unlink(missing_ok=True)


def explain(error: OSError, path: Path) -> str:
    """What went wrong, and what a person can do."""
    match error:
        case FileNotFoundError():
            return (
                "no control socket there. Is the interface right, and does wpa_supplicant run with "
                f"`ctrl_interface={path.parent}` in its configuration (or `-C {path.parent}`)? "
                "Another folder: --control"
            )
        case PermissionError():
            return (
                "not permitted. Add your user to the group that owns the socket, often netdev "
                "(`sudo usermod -aG netdev $USER`, then log in again), or set it with `ctrl_interface_group`"
            )
        case ConnectionRefusedError() | ConnectionResetError():
            return "nobody listens there any more: wpa_supplicant has ended, or was started anew"
    return error.strerror or str(error)
