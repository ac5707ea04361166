"""GET / and GET /metrics, at the addresses of section [web], and nothing else: a few lines of HTTP/1.1 over asyncio.

For the owner and a monitoring server at home, never for stations or strangers: it listens only at loopback and private
addresses that this machine has, takes connections only from the interface that has the address, and refuses to start if
that is the stations' (or a bridge that theirs is in). An address that is not there yet is waited for. One question for
each connection; a handful of connections at a time; whoever is slow to ask or to read is cut off. It decides nothing:
what is shown is made elsewhere.
"""

import array
import asyncio
import fcntl
import pkgutil
import re
import resource
import socket
import struct
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from apd.commands import Command, Note
from apd.metrics import Tally, measure
from apd.settings import WebSettings
from apd.shells.clock import read_clock
from apd.state import State
from apd.status import describe
from apd.status_page import status_page, style_policy
from wire.errors import ShellError
from wire.metrics_text import CONTENT_TYPE, format_metrics

MAX_CONNECTIONS = 8
MAX_REQUEST_BYTES = 4_096
RETRY_S = 10.0
"""An address that is not there yet is looked for again: at boot, and where a network gets it by DHCP."""
DEADLINE_S = 5.0
"""From the first packet of a connection to the last octet of the answer."""
_HTML = "text/html; charset=utf-8"
_SIOCGIFCONF = 0x8912
_IFREQ_BYTES = 16 + (24 if struct.calcsize("P") == 8 else 16)
"""struct ifreq: a name, and a union whose largest member has two longs."""
_MAX_ADDRESSES = 256
_HOST = re.compile(rb"\r\nhost:[ \t]*([^\r\n]*?)[ \t]*(?=\r\n)", re.IGNORECASE)
_LITERAL = re.compile(rb"(\[[0-9a-fA-F:.]+\]|[0-9.]+|localhost)(:[0-9]{1,5})?", re.IGNORECASE)


class Web:
    """Serves from `serve` to `close`. `stations` are interfaces at which strangers are."""

    def __init__(
        self,
        settings: WebSettings,
        stations: Sequence[str],
        deadline_s: float = DEADLINE_S,
        retry_s: float = RETRY_S,
    ) -> None:
        self._settings = settings
        self._stations = stations
        self._deadline_s = deadline_s
        self._retry_s = retry_s
        self._retry: asyncio.TimerHandle | None = None
        self._trying: asyncio.Task[None] | None = None
        self._tally = Tally()
        self._servers: list[asyncio.Server] = []
        self._open: set[_Connection] = set()
        self.port = settings.port
        """Where it listens; another than in the settings if that is 0."""

    async def serve(self, state: Callable[[], State], tell: Callable[[Note], None] = lambda _: None) -> None:
        """Raises ShellError when it may not, or cannot, listen there. An address that this machine does not have, or
        not any more when the daemon starts, keeps nobody from buying: that is told, and tried again.
        """

        def metrics() -> str:
            status = describe(state(), read_clock())
            return format_metrics(measure(state(), status, self._tally, _resident_bytes()))

        file = pkgutil.get_data("apd", "status_page.html")  # a package may be a zip
        assert file is not None
        template = file.decode()
        policy = f"Content-Security-Policy: {style_policy(template)}\r\n"
        pages = {
            b"/": Page(lambda: status_page(template, describe(state(), read_clock())), _HTML, policy),
            b"/metrics": Page(metrics, CONTENT_TYPE),
        }

        loop = asyncio.get_running_loop()

        async def listen(addresses: Sequence[str], told: Sequence[str] = ()) -> None:
            missing = [address for address in addresses if not _interface_of(address)]
            for address in [address for address in addresses if address not in missing]:
                listening = _listen(address, self.port, self._stations)
                self.port = listening.getsockname()[1]
                server = await loop.create_server(
                    lambda: _Connection(self._open, pages, self._deadline_s), sock=listening
                )
                self._servers.append(server)
            for address in [address for address in missing if address not in told]:
                tell(Note("web_waits", f"listen: this machine has no address {address}"))
            if missing:
                self._retry = loop.call_later(self._retry_s, lambda: self._hold(try_again(missing)))

        async def try_again(missing: Sequence[str]) -> None:
            try:
                await listen(missing, missing)
            except (OSError, ShellError) as error:  # it sells without the page
                tell(Note("web_waits", str(error)))

        try:
            await listen(self._settings.listen)
        except OSError as error:
            self.close()
            raise ShellError("web", f"{self._settings.listen}, port {self.port}: {error}") from error

    def _hold(self, work: Coroutine[None, None, None]) -> None:
        self._trying = asyncio.get_running_loop().create_task(work)

    def watch(self, command: Command) -> None:
        """Each command of the core, once."""
        self._tally = self._tally.after(command)

    def close(self) -> None:
        """At once: whoever is being answered is cut off."""
        if self._retry is not None:
            self._retry.cancel()
        if self._trying is not None:
            self._trying.cancel()
        for server in self._servers:
            server.close()
        for connection in list(self._open):
            connection.cut()


@dataclass(frozen=True, slots=True)
class Page:
    """How it is made, when it is asked for, and what it is."""

    make: Callable[[], str]
    kind: str
    headers: str = ""
    """More lines of the answer's head."""


class _Connection(asyncio.Protocol):
    """One question and its answer."""

    def __init__(self, others: "set[_Connection]", pages: Mapping[bytes, Page], deadline_s: float) -> None:
        self._others = others
        self._pages = pages
        self._deadline_s = deadline_s
        self._asked = b""
        self._answered = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if len(self._others) >= MAX_CONNECTIONS:
            transport.abort()
            return
        self._others.add(self)
        self._timer = asyncio.get_running_loop().call_later(self._deadline_s, self.cut)

    def data_received(self, data: bytes) -> None:
        if self._answered or self not in self._others:
            return
        self._asked += data[: MAX_REQUEST_BYTES + 1]
        if b"\r\n\r\n" in self._asked or len(self._asked) > MAX_REQUEST_BYTES:
            self._answered = True
            self._transport.write(_answer(self._asked, self._pages))
            self._transport.close()  # once it is sent, or the timer's

    def connection_lost(self, _error: Exception | None) -> None:
        if self in self._others:
            self._others.remove(self)
            self._timer.cancel()

    def cut(self) -> None:
        self._transport.abort()


def _answer(asked: bytes, pages: Mapping[bytes, Page]) -> bytes:
    line, _, rest = asked.partition(b"\r\n")
    words = line.split(b" ")
    host = _HOST.search(b"\r\n" + rest)
    if b"\r\n\r\n" not in asked:
        return _format_answer("431 Request Header Fields Too Large", "too long\n")
    if len(words) != 3 or words[2] not in (b"HTTP/1.1", b"HTTP/1.0"):
        return _format_answer("400 Bad Request", "not HTTP/1.1\n")
    if host is not None and not _LITERAL.fullmatch(
        host[1]
    ):  # a web page elsewhere may have made that name up
        return _format_answer("421 Misdirected Request", "ask by address, not by name\n")
    if words[0] != b"GET":
        return _format_answer("405 Method Not Allowed", "only GET\n", "Allow: GET\r\n")
    page = pages.get(words[1].partition(b"?")[0])
    if page is None:
        return _format_answer("404 Not Found", "only / and /metrics\n")
    return _format_answer("200 OK", page.make(), page.headers, page.kind)


def _format_answer(status: str, body: str, more: str = "", kind: str = "text/plain; charset=utf-8") -> bytes:
    octets = body.encode()
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(octets)}\r\n{more}"
        "Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + octets


def _listen(text: str, port: int, stations: Sequence[str]) -> socket.socket:
    """Raises OSError, ShellError."""
    address, interface = ip_address(text), _interface_of(text)
    if not interface:
        raise OSError(f"this machine has no address {address} any more")
    if interface in {name for station in stations for name in (station, _master(station)) if name}:
        raise ShellError("web", f"listen: {address} is of {interface}, and stations are there: take another")
    listening = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Without this the kernel would answer for the address on any interface, the stations' too.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
        listening.bind((text, port))
    except OSError:
        listening.close()
        raise
    return listening


def _interface_of(text: str) -> str:
    """Which has the address; nothing if none has."""
    address = ip_address(text)
    found = next((name for name, known in _addresses() if known == address), "")
    return found or ("lo" if address.is_loopback else "")


def _addresses() -> list[tuple[str, object]]:
    """Every address of this machine, with its interface. An alias (`eth0:1`) is its interface's."""
    buffer = array.array("B", bytes(_IFREQ_BYTES * _MAX_ADDRESSES))
    question = bytearray(struct.pack("iP", len(buffer), buffer.buffer_info()[0]))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        fcntl.ioctl(asking, _SIOCGIFCONF, question)
    found: list[tuple[str, object]] = []
    for start in range(0, struct.unpack_from("i", question)[0], _IFREQ_BYTES):
        row = buffer[start : start + 24].tobytes()
        name = row[:16].partition(b"\0")[0].decode()
        found.append((name.partition(":")[0], ip_address(row[20:])))
    try:
        lines = Path("/proc/self/net/if_inet6").read_text().splitlines()
    except FileNotFoundError:  # a kernel without IPv6
        lines = []
    return [*found, *((line.split()[-1], IPv6Address(bytes.fromhex(line.split()[0]))) for line in lines)]


def _master(interface: str) -> str:
    """The bridge that it is in, if any."""
    link = Path(f"/sys/class/net/{interface}/master")
    return link.resolve().name if link.exists() else ""


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()
