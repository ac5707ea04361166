"""What gateways before a ledger cost and carry: meter records of many boxes, durable, with their receipts back.

*direct*: boxes at the ledger's own broker. *through one*, *through three*: boxes at a broker of their own, gateways
between. The same boxes, records and ledger process in turns; records are signed beforehand by software keys, 50 of
each box under way. *latency*: one record at a time, nothing else going on, from sending to its receipt. Everything
runs on this machine, the boxes included, which need a processor for themselves: what the figures compare is one
machine's work, not three machines'.
"""

from __future__ import annotations

import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from apd.shells.software_key import SoftwareKey
from lab.bench.result import RESULTS, Against, Figure
from lab.broker import Broker, format_configuration, format_topic_rules
from lab.certificates import Authority
from lab.ledger_process import HTTP_PORT, start_ledger, wait_for_ledger
from lab.meter_chain import MeterChain
from lab.namespaces import Namespace
from lab.processes import Child, Household
from ledger.client import LedgerClient
from ledger.genesis import Genesis
from wire.create import Create
from wire.enrolment import EnrolmentRequest, read_enrolment_reply, write_enrolment_request
from wire.errors import ShellError
from wire.keys import PrivateKey
from wire.ledger_reply import read_ledger_reply
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction

HOST = "127.0.0.1"
BACK_PORT, FRONT_PORT = 28_870, 28_871
WINDOW = 50
NAMES = ("gateway-1", "gateway-2", "gateway-3")


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much is measured: rounds of which the median counts, and in each so many boxes with so many records."""

    rounds: int = 3
    boxes: int = 8
    records: int = 200
    alone: int = 100


def run(progress: Callable[[str], None], sizes: Sizes = Sizes(), below: Path = RESULTS) -> list[Figure]:
    """All figures; files go below a folder that is taken away again."""
    below.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=".gateway-", dir=below))
    try:
        with ExitStack() as stack:
            site = Site(folder, stack.enter_context(Household(folder / "logs")))
            return _measure(site, sizes, progress)
    finally:
        shutil.rmtree(folder)


class Site:
    """Two brokers and a ledger; gateways are started and stopped as a measurement wants them."""

    def __init__(self, folder: Path, household: Household) -> None:
        self.folder, self.household = folder, household
        self.key, exchange = PrivateKey.generate(), PrivateKey.generate()
        self.genesis = Genesis((self.key.public,), exchange.public, int(time.time()) - 1)
        self.authority = Authority.create(folder / "certificates")
        self.gateways: list[Child] = []
        progress = "topic readwrite airgrant/v1/gateway/progress\n"
        self._broker("back", BACK_PORT, "".join(f"user {name}\n{progress}" for name in NAMES))
        rules = "topic read airgrant/v1/up/+/+\ntopic write airgrant/v1/down/#\n"
        self._broker("front", FRONT_PORT, "".join(f"user {name}\n{rules}" for name in NAMES))
        identity = self.authority.issue_client("ledger", self.key.key)
        ledger = start_ledger(
            household, None, folder, HOST, self.genesis, self.key, identity, None, BACK_PORT
        )
        wait_for_ledger(ledger)

    def use_gateways(self, names: Sequence[str]) -> int:
        """The port for boxes."""
        while self.gateways:
            self.gateways.pop().stop()
        for name in names:
            files = self.authority.issue_client(name, PrivateKey.generate().key)
            there = (
                f'authority = "{files.authority}"\ncertificate = "{files.certificate}"\nkey = "{files.key}"\n'
            )
            config = self.folder / f"{name}.toml"
            config.write_text(
                f'[ledger]\nurl = "http://{HOST}:{HTTP_PORT}"\nledger_id = "{self.genesis.ledger_id.hex()}"\n'
                f'[broker]\nhost = "{HOST}"\nport = {FRONT_PORT}\n{there}'
                f'[back]\nhost = "{HOST}"\nport = {BACK_PORT}\n{there}'
            )
            words = [sys.executable, "-m", "airgrant", "ledger", "gateway", "run", str(config)]
            self.gateways.append(self.household.start(name, words))
            self.gateways[-1].wait_for_line("gateway ready", 20)
        return FRONT_PORT if names else BACK_PORT

    def client(self, name: str, port: int) -> LedgerClient:
        files = self.authority.issue_client(name, PrivateKey.generate().key)
        return LedgerClient(HOST, port, name, files.client_context(), timeout_s=60)

    def new_chain(self, client: LedgerClient) -> MeterChain:
        """Of a new provider with an enrolled software key."""
        key, meter = PrivateKey.generate(), SoftwareKey(PrivateKey.generate())
        create = Transaction(Create(key.public), bytes(NONCE_SIZE), int(time.time()) + 300)
        client.submit(sign_transaction(create, key, self.genesis.ledger_id).envelope.encoded)
        proof = meter.prove(key.public)
        request = EnrolmentRequest(key.public, software_key=meter.public_key, software_proof=proof)
        asked = client.ask("enrolment", write_enrolment_request(request, key, self.genesis.ledger_id))
        assert read_enrolment_reply(asked).attestation_result, "not enrolled"
        return MeterChain(meter, self.genesis.time_s * 1_000)

    def must_accept(self, reply: bytes) -> None:
        receipt = read_receipt(read_ledger_reply(reply).receipt, self.key.public, self.genesis.ledger_id)
        if not receipt.executed:
            raise ShellError("ledger", f"a record was refused: {receipt.reason}: {receipt.detail}")

    def _broker(self, name: str, port: int, rules: str) -> None:
        folder = self.folder / name
        folder.mkdir()
        server = self.authority.issue_server(name, [HOST])
        broker = Broker(self.household, Namespace("none"), HOST, "ledger", server, folder, port)
        (folder / "mosquitto.conf").write_text("log_type information\n" + format_configuration(broker))
        (folder / "acl").write_text(rules + format_topic_rules("ledger"))
        child = self.household.start(name, ["mosquitto", "-c", str(folder / "mosquitto.conf")])
        child.wait_for_line(r"mosquitto version .* running")


def _measure(site: Site, sizes: Sizes, progress: Callable[[str], None]) -> list[Figure]:
    ways = {"direct": (), "one": NAMES[:1], "three": NAMES}
    rates: dict[str, list[float]] = {way: [] for way in ways}
    waits: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(sizes.rounds):
        for way, names in ways.items():
            progress(f"meter records, {way}, round {turn + 1} of {sizes.rounds}")
            port = site.use_gateways(names)
            rates[way].append(_throughput(site, sizes, port))
            waits[way] += _latencies(site, sizes.alone, port)
    site.use_gateways(())
    rate = {way: statistics.median(values) for way, values in rates.items()}
    wait = {way: statistics.median(values) * 1_000 for way, values in waits.items()}
    direct, alone = Against("no gateway", rate["direct"]), Against("no gateway", wait["direct"])
    what = f"meter records of {sizes.boxes} boxes into one ledger, durable, through"
    idle = "receipt of one meter record, idle, median, through"
    return [
        Figure(f"{what} one gateway", rate["one"], "records/s", None, "higher", direct),
        Figure(f"{what} three gateways", rate["three"], "records/s", None, "higher", direct),
        Figure(f"{idle} one gateway", wait["one"], "ms", None, "lower", alone),
        Figure(f"{idle} three gateways", wait["three"], "ms", None, "lower", alone),
    ]


def _throughput(site: Site, sizes: Sizes, port: int) -> float:
    """Records a second, from the first that is sent to the last receipt."""
    with ExitStack() as stack:
        clients = [stack.enter_context(site.client(f"box-{at}", port)) for at in range(sizes.boxes)]
        chains = [site.new_chain(client) for client in clients]
        records = [
            [chain.boot(), *(chain.usage(1_000) for _ in range(sizes.records - 1))] for chain in chains
        ]
        began = time.perf_counter()
        with ThreadPoolExecutor(sizes.boxes) as pool:
            jobs = [
                pool.submit(_send, site, client, mine) for client, mine in zip(clients, records, strict=True)
            ]
            for job in jobs:
                job.result()
        return sizes.boxes * sizes.records / (time.perf_counter() - began)


def _send(site: Site, client: LedgerClient, records: Sequence[bytes]) -> None:
    for at in range(0, len(records), WINDOW):
        for reply in client.ask_all("report", records[at : at + WINDOW]):
            site.must_accept(reply)


def _latencies(site: Site, count: int, port: int) -> list[float]:
    """Seconds, one record after the other."""
    taken = list[float]()
    with site.client("box-alone", port) as client:
        chain = site.new_chain(client)
        site.must_accept(client.ask("report", chain.boot()))
        for _ in range(count):
            record = chain.usage(1_000)
            began = time.perf_counter()
            site.must_accept(client.ask("report", record))
            taken.append(time.perf_counter() - began)
    return taken
