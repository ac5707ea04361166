"""Paying as one goes: how fast micropayments are made and verified, and an operator of a thousand sessions.

The operator is the real daemon in a process of its own, with its disk and a real broker. A thousand stations join by
their channels over HTTP, as FreeRADIUS asks; then each of them sends a payment and a question in every interval, by
UDP, and others join meanwhile. Who loses what when somebody cheats is played by both state machines in tests/operatord.
"""

from __future__ import annotations

import http.client
import json
import os
import select
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from lab.bench.result import RESULTS, Figure
from lab.broker import OPERATOR, Broker, format_configuration, format_topic_rules
from lab.certificates import Authority
from lab.namespaces import Namespace
from lab.percentile import percentile
from lab.processes import Child, Household
from market.metered import increment_ubc
from operatord.channel import Channel
from operatord.commands import KeepChannel
from operatord.shells.store import Store
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_statement import MeterStatement, read_meter_statement, write_meter_statement
from wire.micropayment import Micropayment, instance_of, read_micropayment, write_micropayment
from wire.payment import Payment, write_datagram
from wire.qos import Qos
from wire.tariff import Tariff, terms_id

HOST = "127.0.0.1"
BSSID = MacAddress.parse("02:00:00:00:00:01")
GOAL_PER_S, GOAL_BYTES, GOAL_MS = 10_000, 299, 50.0
READY_S = 60.0
LEDGER_ID = bytes(32)
TICK_HZ = os.sysconf("SC_CLK_TCK")
DOORS = 64
"""Sockets of all devices: each has at most one payment under way."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    sessions: int = 1_000
    joins: int = 400
    """While the others pay."""
    interval_s: int = 10
    seconds: float = 30.0
    times: int = 20_000
    """Micropayments made, and verified."""
    ports: int = 28_994
    """Three from here on."""


def run(progress: Callable[[str], None], sizes: Sizes = Sizes(), below: Path = RESULTS) -> list[Figure]:
    """All figures; files go below a folder that is taken away again."""
    progress("micropayments")
    figures = measure_micropayments(sizes)
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".channels-", dir=below))
    try:
        with Household(folder / "logs") as household:
            return figures + _measure(Office.set_up(folder, sizes), household, progress)
    finally:
        shutil.rmtree(folder)


def measure_micropayments(sizes: Sizes) -> list[Figure]:
    """Made and verified one by one, each of another amount, on one core."""
    key, instance = PrivateKey.generate(), bytes(32)
    numbers = iter(range(1, 2**40))
    money = write_micropayment(Micropayment(instance, key.public, 1), key)
    said = write_meter_statement(MeterStatement(bytes(16), bytes(8), 0, 0, 0), key)

    def make() -> None:
        write_micropayment(Micropayment(instance, key.public, next(numbers)), key)

    def verify_both() -> None:
        read_micropayment(money, instance)
        read_meter_statement(said, key.public)

    verified, both = (lambda: read_micropayment(money, instance)), verify_both
    found = {
        name: _per_s(step, sizes.times)
        for name, step in (("make", make), ("verify", verified), ("both", both))
    }
    size = float(len(write_datagram(Payment(money, said))))
    return [
        Figure("micropayments made, one core", found["make"], "per s", GOAL_PER_S),
        Figure("micropayments verified, one core", found["verify"], "per s", GOAL_PER_S),
        Figure("payments verified, micropayment and statement, one core", found["both"], "per s"),
        Figure("a payment with everything, datagram", size, "bytes", GOAL_BYTES, "lower"),
    ]


def _per_s(step: Callable[[], object], times: int) -> float:
    """By the processor time of this thread: what else runs on the machine is hardly in it."""
    step()
    began = time.thread_time()
    for _ in range(times):
        step()
    return times / max(time.thread_time() - began, 1e-9)


@dataclass(slots=True)
class Office:
    """Where the daemon is set up, and with which keys."""

    folder: Path
    sizes: Sizes
    operator: PrivateKey
    devices: list[PrivateKey]
    instance: bytes = b""
    terms: bytes = b""

    @classmethod
    def set_up(cls, folder: Path, sizes: Sizes) -> Office:
        office = cls(
            folder,
            sizes,
            PrivateKey.generate(),
            [PrivateKey.from_secret(number + 1) for number in range(sizes.sessions + sizes.joins)],
        )
        office.instance = instance_of(LEDGER_ID, office.operator.public.octets)
        office.terms = terms_id(office.tariff, office.instance, BSSID)
        (folder / "state").mkdir()
        store = Store(folder / "state" / "operatord.db")
        store.save([KeepChannel(Channel(key.public, at, 10**9)) for at, key in enumerate(office.devices)])
        store.close()
        return office

    @property
    def tariff(self) -> Tariff:
        qos = Qos(1_000_000, 2_000_000, 0, 2_000_000)
        return Tariff(60_000, 0, self.sizes.interval_s, qos, IPv4Address(HOST), self.sizes.ports + 2)

    def payment(self, at: int, interval: int) -> bytes:
        """What this device sends for this interval."""
        key, cumulative_ubc = self.devices[at], increment_ubc(self.tariff) * (interval + 1)
        session = at.to_bytes(16, "big")
        return write_datagram(
            Payment(
                write_micropayment(Micropayment(self.instance, key.public, cumulative_ubc), key),
                write_meter_statement(MeterStatement(session, self.terms, interval, 0, 0), key),
            )
        )


def _measure(office: Office, household: Household, progress: Callable[[str], None]) -> list[Figure]:
    sizes = office.sizes
    child = _start(office, household)
    progress(f"{sizes.sessions} stations join")
    idle_kb = _resident_kb(child)
    _join(office, range(sizes.sessions))
    progress(f"{sizes.sessions} sessions pay every {sizes.interval_s} s, for {sizes.seconds:.0f} s")
    with _paying(office) as heard:
        began, spent = time.monotonic(), _cpu_s(child)
        joined_ms = _join(office, range(sizes.sessions, sizes.sessions + sizes.joins), spread_s=sizes.seconds)
        while time.monotonic() < began + sizes.seconds:
            time.sleep(0.1)
        took_s, used_s = time.monotonic() - began, _cpu_s(child) - spent
    if len(heard.waited_ms) < 0.9 * heard.sent:
        raise ShellError("operatord", f"{len(heard.waited_ms)} of {heard.sent} payments were answered")
    page = _status(office)
    counters = page["counters"]
    assert isinstance(counters, dict)
    served = counters.get("payment: served", 0)
    count = f"{sizes.sessions:,} metered sessions"
    return [
        Figure(f"authorise while {count} pay, p99", percentile(joined_ms, 0.99), "ms", GOAL_MS, "lower"),
        Figure(f"authorise while {count} pay, p50", percentile(joined_ms, 0.5), "ms", None, "lower"),
        Figure(
            f"a payment until its word, on disk, of {count}, p99",
            percentile(heard.waited_ms, 0.99),
            "ms",
            None,
            "lower",
        ),
        Figure(f"payments and questions served, {count}", served / took_s, "per s"),
        Figure(f"processor of {count}", 100 * used_s / took_s, "% of one core", None, "lower"),
        Figure(f"memory of {count}", _resident_kb(child) / 1_000, "MB", None, "lower"),
        Figure("memory before they joined", idle_kb / 1_000, "MB", None, "lower"),
    ]


def _start(office: Office, household: Household) -> Child:
    authority = Authority.create(office.folder / "certificates")
    authority.issue_client(OPERATOR, office.operator.key, label=OPERATOR)
    server = authority.issue_server("broker", [HOST])
    broker = Broker(household, Namespace("none"), HOST, "ledger", server, office.folder, office.sizes.ports)
    (office.folder / "mosquitto.conf").write_text("log_type information\n" + format_configuration(broker))
    (office.folder / "acl").write_text(format_topic_rules("ledger"))
    child = household.start("broker", ["mosquitto", "-c", office.folder / "mosquitto.conf"])
    child.wait_for_line(r"mosquitto version .* running")
    _write_settings(office)
    argv: list[str | Path] = [sys.executable, "-m", "operatord", "run", office.folder / "operatord.toml"]
    daemon = household.start("operatord", argv)
    daemon.wait_for(lambda: _is_ready(office), "an answer over HTTP, and the broker", READY_S)
    return daemon


def _write_settings(office: Office) -> None:
    folder, sizes = office.folder, office.sizes
    provider = PrivateKey.generate()
    (folder / "operator.key").write_bytes(office.operator.to_pem())
    (folder / "roof.secret").write_text("0123456789abcdef")
    (folder / "operatord.toml").write_text(
        f'[operator]\nkey = "operator.key"\nstate = "state"\n'
        f'[ledger]\nurl = "http://{HOST}:1"\nkey = "{provider.public}"\nledger_id = "{LEDGER_ID.hex()}"\n'
        f'[broker]\nhost = "{HOST}"\nport = {sizes.ports}\nauthority = "certificates/authority.pem"\n'
        f'certificate = "certificates/{OPERATOR}.pem"\nkey = "certificates/{OPERATOR}.key"\n'
        f"[http]\nport = {sizes.ports + 1}\n"
        f'[radius]\ncertificate = "server.pem"\nkey = "server.key"\n'
        f'[boxes.roof]\nprovider = "{provider.public}"\naddress = "{HOST}"\nsecret = "roof.secret"\n'
        f'[metered]\naddress = "{HOST}"\nlisten = "{HOST}"\nport = {sizes.ports + 2}\ninterval_s = {sizes.interval_s}\n'
        f'floor_down = "1M"\nceil_down = "2M"\nfloor_up = "0"\nceil_up = "2M"\nmissed_allowed = 1000\n'
        f'[tariffs.roof]\nbssids = ["{BSSID}"]\nper_minute_ubc = 60000\n'
    )


def _ask(office: Office, method: str, path: str, page: dict[str, object] | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(HOST, office.sizes.ports + 1, timeout=20)
    try:
        connection.request(
            method, path, json.dumps(page) if page else None, {"Content-Type": "application/json"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _status(office: Office) -> dict[str, object]:
    page: dict[str, object] = json.loads(_ask(office, "GET", "/v1/status")[1])
    return page


def _is_ready(office: Office) -> bool:
    try:
        return bool(_status(office)["broker_connected"])
    except OSError:
        return False


def _join(office: Office, devices: range, spread_s: float = 0.0) -> list[float]:
    """Milliseconds of each question; every answer is a yes."""
    spent_ms, began_s = [], time.monotonic()
    for number, at in enumerate(devices):
        name = f"/UID={office.devices[at].public}/CN=airgrant account"
        page: dict[str, object] = {
            "issuer": name, "subject": name, "station": (0x02_00_00_00_00_00 + at).to_bytes(6, "big").hex("-"),
            "called_station": f"{BSSID}:airgrant", "nas_identifier": "roof", "address": HOST,
        }  # fmt: skip
        time.sleep(max(0.0, began_s + spread_s * number / len(devices) - time.monotonic()))
        asked = time.perf_counter()
        status, said = _ask(office, "POST", "/v1/authorise", page)
        spent_ms.append((time.perf_counter() - asked) * 1e3)
        if status != 200:
            raise ShellError("operatord", f"answered {status} to an honest question: {said!r}")
    return spent_ms


@dataclass(slots=True)
class _Payers:
    """Every session sends a payment, and the same octets once more, in each interval; one thread for all of them."""

    office: Office
    stop: threading.Event = field(default_factory=threading.Event)
    sent: int = 0
    waited_ms: list[float] = field(default_factory=list)
    _latest: dict[int, bytes] = field(default_factory=dict)
    _asked: dict[socket.socket, float] = field(default_factory=dict)
    _doors: list[socket.socket] = field(default_factory=list)

    def pay(self) -> None:
        sizes = self.office.sizes
        due_s, began = sizes.interval_s / (2 * sizes.sessions), time.monotonic()
        for _ in range(DOORS):
            door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            door.connect((HOST, sizes.ports + 2))
            door.setblocking(False)
            self._doors.append(door)
        while not self.stop.is_set():
            turn, at = divmod(self.sent, sizes.sessions)
            self._send(at, turn)
            while time.monotonic() < began + self.sent * due_s and not self.stop.wait(0.001):
                self._listen()
        for door in self._doors:
            door.close()

    def _send(self, at: int, turn: int) -> None:
        if turn % 2 == 0:
            self._latest[at] = self.office.payment(at, turn // 2)
        door = self._doors[at % DOORS]
        self._asked[door] = time.perf_counter()
        door.send(self._latest[at])
        self.sent += 1

    def _listen(self) -> None:
        for door in select.select(self._doors, [], [], 0)[0]:
            door.recv(2_000)
            self.waited_ms.append((time.perf_counter() - self._asked[door]) * 1e3)


@contextmanager
def _paying(office: Office) -> Iterator[_Payers]:
    payers = _Payers(office)
    thread = threading.Thread(target=payers.pay)
    thread.start()
    try:
        yield payers
    finally:
        payers.stop.set()
        thread.join()


def _cpu_s(child: Child) -> float:
    fields = Path(f"/proc/{child.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK_HZ


def _resident_kb(child: Child) -> int:
    said = Path(f"/proc/{child.process.pid}/status").read_text()
    return int(said.partition("VmRSS:")[2].split()[0])
