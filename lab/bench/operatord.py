"""How long a station waits for operatord, and how soon a trust directory stands, with ten thousand grants.

The real daemon in a process of its own, with its disk and a real broker, asked over HTTP as FreeRADIUS asks, one
question after the other: alone, and while ten thousand sessions are accounted for every minute. Beside it: starting a
Python that decides nothing for each question, as a script behind rlm_exec would. The ledger is away throughout.

In the time of a question is the admission's way to the broker and back, because the box has to have it first.
"""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.bench.meter_pages import measure_checkpoints
from lab.bench.result import RESULTS, Against, Figure
from lab.broker import OPERATOR, Broker, format_configuration, format_topic_rules
from lab.certificates import Authority
from lab.namespaces import Namespace
from lab.percentile import percentile
from lab.processes import Household
from operatord.commands import KeepPermit
from operatord.permit import GrantPermit
from operatord.shells.store import Store
from operatord.shells.trust import TrustDirectory
from wire.band import Band
from wire.errors import ShellError
from wire.grant import Grant, write_grant
from wire.keys import PrivateKey
from wire.qos import Qos

GOAL_MS = 20.0
"""Of the wait for a join, which is 1 s in the guest, one fiftieth."""
SESSIONS_REPORT_EVERY_S = 60.0
BAND, QOS = Band(5_170_000, 5_250_000, 80_000), Qos(2_000_000, 10_000_000, 1_000_000, 5_000_000)
LEDGER_ID = bytes(32)
HOST = "127.0.0.1"
READY_S = 60.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured."""

    grants: int = 10_000
    questions: int = 3_000
    processes: int = 20
    records: int = 43_200
    """Of a meter's chain: a month of minutes."""
    mqtt_port: int = 28_990
    http_port: int = 28_991


@dataclass(frozen=True, slots=True)
class Office:
    """Where the daemon is set up, and with which keys."""

    folder: Path
    sizes: Sizes
    ledger: PrivateKey
    provider: PrivateKey
    buyers: Sequence[PrivateKey]

    @property
    def trust(self) -> Path:
        return self.folder / "state" / "trust"


def run(progress: Callable[[str], None], sizes: Sizes = Sizes(), below: Path = RESULTS) -> list[Figure]:
    """All figures; files go below a folder that is taken away again."""
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".operatord-", dir=below))
    try:
        progress(f"signing {sizes.grants} grants")
        office = set_up(folder, sizes)
        with Household(folder / "logs") as household:
            figures = _measure(office, household, progress)
        return figures + measure_checkpoints(folder, sizes.records, progress)
    finally:
        shutil.rmtree(folder)


def set_up(folder: Path, sizes: Sizes) -> Office:
    ledger, provider = PrivateKey.generate(), PrivateKey.generate()
    buyers = [PrivateKey.from_secret(number) for number in range(1, sizes.grants + 1)]
    now_s = int(time.time())
    (folder / "state").mkdir()
    store = Store(folder / "state" / "operatord.db")
    permits = []
    for buyer in buyers:
        grant = Grant(
            buyer.public,
            provider.public.provider_id,
            secrets.token_bytes(16),
            1,
            now_s - 60,
            86_400,
            BAND,
            QOS,
        )
        permits.append(KeepPermit(GrantPermit(grant, write_grant(grant, ledger, LEDGER_ID))))
    store.save(permits)
    store.close()
    return Office(folder, sizes, ledger, provider, buyers)


def _measure(office: Office, household: Household, progress: Callable[[str], None]) -> list[Figure]:
    start_broker(office, household)
    progress("starting with an empty trust directory")
    write_settings(office)
    start_daemon(office, household)
    anchors_s, found_s, changed_ms = _measure_trust(office, progress)
    progress(f"{office.sizes.questions} questions")
    alone_ms = ask_all(office)
    with accounting(office):
        progress(f"{office.sizes.questions} questions, with accounting")
        busy_ms = ask_all(office)
    progress("processes that decide nothing")
    script = Against(
        "starting a Python for each question, p99", percentile(_start_processes(office.sizes), 0.99)
    )
    count = f"{office.sizes.grants:,} grants"
    return [
        Figure(f"authorise with {count}, p99", percentile(alone_ms, 0.99), "ms", GOAL_MS, "lower", script),
        Figure(f"authorise with {count}, p50", percentile(alone_ms, 0.5), "ms", None, "lower"),
        Figure(
            "authorise while as many sessions are accounted for each minute, p99",
            percentile(busy_ms, 0.99), "ms", GOAL_MS, "lower",
        ),
        Figure(f"trust directory made, {count}", anchors_s, "s", None, "lower"),
        Figure(f"trust directory found as it should be, {count}", found_s, "s", None, "lower"),
        Figure(f"one anchor taken away and one written, among {count}", changed_ms, "ms", None, "lower"),
    ]  # fmt: skip


def start_broker(office: Office, household: Household) -> None:
    authority = Authority.create(office.folder / "certificates")
    authority.issue_client(OPERATOR, PrivateKey.generate().key, label=OPERATOR)
    server = authority.issue_server("broker", [HOST])
    broker = Broker(
        household, Namespace("none"), HOST, "ledger", server, office.folder, office.sizes.mqtt_port
    )
    (office.folder / "mosquitto.conf").write_text("log_type information\n" + format_configuration(broker))
    (office.folder / "acl").write_text(format_topic_rules("ledger"))
    child = household.start("broker", ["mosquitto", "-c", office.folder / "mosquitto.conf"])
    child.wait_for_line(r"mosquitto version .* running")


def write_settings(office: Office) -> None:
    folder, sizes = office.folder, office.sizes
    (folder / "operator.key").write_bytes(PrivateKey.generate().to_pem())
    (folder / "roof.secret").write_text("0123456789abcdef")
    (folder / "operatord.toml").write_text(
        f'[operator]\nkey = "operator.key"\nstate = "state"\n'
        f'[ledger]\nurl = "http://{HOST}:1"\nkey = "{office.ledger.public}"\nledger_id = "{LEDGER_ID.hex()}"\n'
        f'[broker]\nhost = "{HOST}"\nport = {sizes.mqtt_port}\nauthority = "certificates/authority.pem"\n'
        f'certificate = "certificates/{OPERATOR}.pem"\nkey = "certificates/{OPERATOR}.key"\n'
        f"[http]\nport = {sizes.http_port}\n"
        f'[radius]\ncertificate = "server.pem"\nkey = "server.key"\n'
        f'[boxes.roof]\nprovider = "{office.provider.public}"\naddress = "{HOST}"\nsecret = "roof.secret"\n'
    )


def start_daemon(office: Office, household: Household) -> None:
    argv: list[str | Path] = [sys.executable, "-m", "operatord", "run", office.folder / "operatord.toml"]
    child = household.start("operatord", argv)
    child.wait_for(lambda: _is_ready(office), "an answer over HTTP, and the broker", READY_S)


def _is_ready(office: Office) -> bool:
    try:
        return bool(Asker(office).status()["broker_connected"])
    except OSError:
        return False


def _measure_trust(office: Office, progress: Callable[[str], None]) -> tuple[float, float, float]:
    """(seconds to make it, seconds to find it as it should be, ms to change one), beside the daemon's own."""
    progress(f"a trust directory of {office.sizes.grants}")
    accounts, folder = [buyer.public for buyer in office.buyers], office.folder / "beside"
    began = time.perf_counter()
    TrustDirectory(folder).settle(accounts)
    made = time.perf_counter()
    again = TrustDirectory(folder)
    assert again.settle(accounts) == 0, "it is as it should be"
    found = time.perf_counter()
    again.remove(accounts[0])
    again.write(accounts[0])
    return made - began, found - made, (time.perf_counter() - found) * 1e3


class Asker:
    """FreeRADIUS's side: one connection that stays."""

    def __init__(self, office: Office) -> None:
        self._connection = http.client.HTTPConnection(HOST, office.sizes.http_port, timeout=10)

    def status(self) -> dict[str, object]:
        self._connection.request("GET", "/v1/status")
        page: dict[str, object] = json.loads(self._connection.getresponse().read())
        self._connection.close()
        return page

    def post(self, path: str, page: dict[str, object]) -> int:
        self._connection.request("POST", path, json.dumps(page), {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        answer.read()
        return answer.status

    def close(self) -> None:
        self._connection.close()


def ask_all(office: Office) -> list[float]:
    """Milliseconds of each question; every answer is a yes."""
    asker, spent_ms = Asker(office), []
    for number in range(office.sizes.questions):
        at = number * 7_919 % len(office.buyers)
        name = f"/UID={office.buyers[at].public}/CN=airgrant account"
        page: dict[str, object] = {
            "issuer": name, "subject": name, "station": station_name(at),
            "called_station": "02-00-00-00-00-00:airgrant", "nas_identifier": "roof", "address": HOST,
        }  # fmt: skip
        began = time.perf_counter()
        status = asker.post("/v1/authorise", page)
        spent_ms.append((time.perf_counter() - began) * 1e3)
        if status != 200:
            raise ShellError("operatord", f"answered {status} to an honest question")
    asker.close()
    return spent_ms


@contextmanager
def accounting(office: Office) -> Iterator[None]:
    """An interim update of another session as often as that many sessions make."""
    stop, grants = threading.Event(), grant_ids(office)

    def account() -> None:
        asker, number = Asker(office), 0
        while not stop.wait(SESSIONS_REPORT_EVERY_S / len(grants)):
            number += 1
            at = number % len(grants)
            asker.post("/v1/accounting", interim(grants[at], at))
        asker.close()

    thread = threading.Thread(target=account)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def grant_ids(office: Office) -> list[str]:
    store = Store(office.folder / "state" / "operatord.db")
    ids = {permit.account: permit.permit_id.hex() for permit in store.permits()}
    store.close()
    return [ids[buyer.public] for buyer in office.buyers]


def interim(grant_id: str, at: int) -> dict[str, object]:
    return {
        "Packet-Src-IP-Address": HOST, "Acct-Status-Type": 3, "Acct-Session-Id": f"{at:016X}", "NAS-Identifier": "roof",
        "Class": f"0x{grant_id}", "Calling-Station-Id": station_name(at),
        "Called-Station-Id": "02-00-00-00-00-00:airgrant", "Event-Timestamp": int(time.time()), "Acct-Session-Time": 60,
        "Acct-Input-Octets": 1_000 * at,
        "Acct-Output-Octets": 1_000 * at, "Acct-Input-Packets": at, "Acct-Output-Packets": at,
    }  # fmt: skip


def station_name(at: int) -> str:
    return (0x02_00_00_00_00_00 + at).to_bytes(6, "big").hex("-")


def _start_processes(sizes: Sizes) -> list[float]:
    spent_ms = []
    for _ in range(sizes.processes):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        spent_ms.append((time.perf_counter() - began) * 1e3)
    return spent_ms
