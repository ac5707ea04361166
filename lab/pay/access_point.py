"""An access point: the real box program, and what stands for the hostapd beside it.

`apd` runs in a namespace between devices and operators: it takes the operator's admissions by MQTT, opens its gate in
the kernel for the station that they name, shapes and meters it, and signs what it counted. Here is what hostapd and
FreeRADIUS do around it: a station that comes is asked for at the operator (HTTP, docs/operatord.md), the box is told
that it is there, sessions are accounted for, and Disconnect-Requests that are signed with the secret (RFC 5176) are
obeyed. What there is not: radio, RADIUS and EAP, which `make lab-wifi` has.

`stop_serving` is its owner's cheat, behind the back of `apd`: payments are forwarded and nothing else.
"""

import json
import select
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from pyrad import packet as radius

from lab.counters import parse_sets
from lab.namespaces import Namespace
from lab.pay.cast import BSSIDS
from lab.pay.radio import Radio
from lab.processes import Child
from wire.errors import ShellError
from wire.ids import MacAddress, PublicKey
from wire.tariff import PAYMENT_PORT

DAS_PORT = 3799
_CALLING_STATION_ID = 31
_POLL_S = 0.05
_START, _STOP = 1, 2
_GATE_WITHIN_S = 10.0
_CHEAT = f"""table ip cheat {{
  chain passing {{
    type filter hook forward priority 0; policy drop;
    udp dport {PAYMENT_PORT} accept
    udp sport {PAYMENT_PORT} accept
  }}
}}
"""


COUNT_WHAT_COMES = """table ip comes {
  set to4 { type ipv4_addr; size 64; flags dynamic; counter; }
  chain passing {
    type filter hook prerouting priority raw;
    iifname != "lo" add @to4 { ip daddr }
  }
}
"""
"""In a device's namespace. What its own kernel tells it, that nobody answers, comes by `lo`."""


@dataclass(frozen=True, slots=True)
class Station:
    """A device as an access point sees it."""

    name: str
    account: PublicKey
    mac: MacAddress
    address: str
    space: Namespace


@dataclass(slots=True)
class Visit:
    """One station's time here. Seconds of a clock that nobody sets; bytes are IP's, by the kernel."""

    station: Station
    point: str
    permit: str
    opened_s: float
    bytes_at_opening: int
    closed_s: float = 0.0
    why: str = ""
    served_bytes: int = 0
    later_bytes: int = 0
    """What came through after it was over."""


@dataclass(slots=True)
class AccessPoint:
    """`url`: where the operator listens for FreeRADIUS, in `world`. A context manager around its Disconnects."""

    name: str
    namespace: Namespace
    world: Namespace
    url: str
    address: str
    secret: bytes
    radio: Radio
    apd: Child
    visits: list[Visit] = field(default_factory=list)
    stopped_s: float = 0.0
    """Since when it serves nobody; 0: it serves."""
    orders: list[str] = field(default_factory=list)
    """Disconnects that were obeyed: whose."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _end: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        opened = self.namespace.call(partial(_open, self.address))
        self._thread = threading.Thread(target=self._listen, args=(opened,), name=f"das-{self.name}")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    # ---- What stations do

    def join(self, station: Station) -> Visit:
        """Raises ShellError with the operator's reason if it says no."""
        status, answer = self._ask("authorise", self._request(station))
        if status != HTTPStatus.OK:
            raise ShellError(f"{station.name} at {self.name}", _attribute(answer, "Reply-Message"))
        permit = _permit_id(answer["reply:Class"]["value"])
        before = _bytes_to(station)
        self.radio.let_in(station.mac, station.account)
        self._wait_for_gate(station, is_open=True)
        visit = Visit(station, self.name, permit, time.monotonic(), before)
        self.visits.append(visit)
        self._account(visit, _START)
        return visit

    def leave(self, visit: Visit, why: str = "left") -> None:
        """Once; whoever comes second finds it over."""
        with self._lock:
            if visit.closed_s:
                return
            self.radio.leave(visit.station.mac)
            self._wait_for_gate(visit.station, is_open=False)
            visit.served_bytes = _bytes_to(visit.station) - visit.bytes_at_opening
            visit.closed_s, visit.why = time.monotonic(), why
        self._account(visit, _STOP)

    def stop_serving(self) -> None:
        """Nothing but payments passes from now on."""
        self.namespace.run(["nft", "-f", "-"], given=_CHEAT)
        self.stopped_s = time.monotonic()

    def _wait_for_gate(self, station: Station, *, is_open: bool) -> None:
        """What the kernel says: apd has put the station into its map, or taken it out."""

        def is_so() -> bool:
            gate = self.namespace.run(["nft", "list", "map", "netdev", "airgrant", "down"])
            return (str(station.mac) in gate) is is_open

        what = f"{station.name} let {'in' if is_open else 'go'}"
        self.apd.wait_for(is_so, what, _GATE_WITHIN_S)

    def count_later(self) -> None:
        """What came through to each station since its last visit was over."""
        last = {visit.station.name: visit for visit in self.visits}
        for visit in last.values():
            visit.later_bytes = _bytes_to(visit.station) - visit.bytes_at_opening - visit.served_bytes

    # ---- The operator

    def _account(self, visit: Visit, status: int) -> None:
        page = {
            "Acct-Status-Type": status, "Acct-Session-Id": f"{visit.station.name}-{int(visit.opened_s * 1_000)}",
            "Packet-Src-IP-Address": self.address, "NAS-Identifier": self.name, "Class": f"0x{visit.permit}",
            "Calling-Station-Id": str(visit.station.mac), "Called-Station-Id": f"{BSSIDS[self.name]}:airgrant",
            "Acct-Session-Time": int(max(visit.closed_s, visit.opened_s) - visit.opened_s),
            "Acct-Output-Octets": visit.served_bytes, "Event-Timestamp": int(time.time()),
        }  # fmt: skip
        said, _ = self._ask("accounting", page)
        if said != HTTPStatus.NO_CONTENT:
            raise ShellError(f"accounting of {self.name}", f"the operator answers {said}")

    def _request(self, station: Station) -> dict[str, Any]:
        name = f"/UID={station.account}/CN=airgrant account"
        return {
            "issuer": name, "subject": name, "station": str(station.mac),
            "called_station": f"{BSSIDS[self.name]}:airgrant", "nas_identifier": self.name, "address": self.address,
        }  # fmt: skip

    def _ask(self, path: str, page: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        return self.world.call(partial(_post, f"{self.url}/v1/{path}", page))

    # ---- Disconnects

    def _listen(self, opened: socket.socket) -> None:
        with opened:
            while not self._end.is_set():
                if select.select([opened], [], [], _POLL_S)[0]:
                    octets, sender = opened.recvfrom(4_096)
                    answer = self._obey(octets)
                    if answer:
                        opened.sendto(answer, sender)

    def _obey(self, octets: bytes) -> bytes:
        """Empty for what the operator did not sign."""
        request = radius.CoAPacket(packet=octets, secret=self.secret)
        if not request.VerifyCoARequest() or request.code != radius.DisconnectRequest:
            return b""
        mac = MacAddress.parse(request[_CALLING_STATION_ID][0].decode())
        open_visits = [one for one in self.visits if one.station.mac == mac and not one.closed_s]
        for visit in open_visits:
            self.leave(visit, "disconnected")
            self.orders.append(visit.station.name)
        code = radius.DisconnectACK if open_visits else radius.DisconnectNAK
        answer = request.CreateReply()
        answer.code = code
        octets_back: bytes = answer.ReplyPacket()
        return octets_back


def _bytes_to(station: Station) -> int:
    """What has reached the device, by its own kernel."""
    listing = station.space.run(["nft", "-j", "list", "table", "ip", "comes"])
    seen = parse_sets(listing).get(station.address)
    return 0 if seen is None else seen.to_bytes


def _open(address: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind((address, DAS_PORT))
    return opened


def _post(url: str, page: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and answer; loopback only. Raises ShellError if nobody answers."""
    request = urllib.request.Request(url, json.dumps(page).encode())  # noqa: S310 our own operator
    try:
        with urllib.request.urlopen(request, timeout=15) as answer:  # noqa: S310 our own operator
            return int(answer.status), _parse(answer.read)
    except urllib.error.HTTPError as error:
        with error:
            if error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise ShellError(url, f"answers {error.code}: look at the operator's log") from None
            return error.code, _parse(error.read)
    except OSError as error:
        raise ShellError(url, str(error)) from error


def _parse(read: Callable[[], bytes]) -> dict[str, Any]:
    text = read()
    return dict(json.loads(text)) if text else {}


def _attribute(answer: dict[str, Any], name: str) -> str:
    return str(answer.get(f"reply:{name}", {}).get("value", ["said no"])[0])


def _permit_id(classes: list[str]) -> str:
    """The Class of 16 octets, in hex; FreeRADIUS takes them as 0x and digits."""
    return next(one.removeprefix("0x") for one in classes if len(one.removeprefix("0x")) == 32)
