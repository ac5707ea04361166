"""A ledger behind gateways, on this host's loopback: two brokers, the ledger's own and the boxes', and gateways between
them.

Real mosquitto with mutual TLS on both, the real `airgrant ledger gateway run` in processes of their own. The brokers'
settings are those of docs/exchange.md's neighbour, docs/gateway.md.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from apd.shells.software_key import SoftwareKey
from lab.broker import Broker
from lab.certificates import Identity
from lab.meter_chain import MeterChain
from lab.namespaces import Namespace
from lab.processes import Child, Household
from ledger.client import LedgerClient
from tests.ledger_house import LedgerHouse
from wire.create import Create
from wire.keys import PrivateKey
from wire.ledger_reply import read_ledger_reply

READY = r"gateway ready name=(\S+)"


class GatewayHouse:
    """`front_port` is where boxes connect, `house` is the ledger with its own broker."""

    def __init__(self, folder: Path, household: Household, port: int, gateways: int) -> None:
        self.household, self.folder, self.front_port = household, folder, port + 1
        (folder / "back").mkdir()
        self.house = LedgerHouse(folder / "back", household, port, "accept_software_keys = true")
        self.names = [f"gateway-{number}" for number in range(1, gateways + 1)]
        self.gateways: dict[str, Child] = {}
        self._write_back()
        self._write_front()

    def start(self) -> None:
        self.house.start_broker()
        self.house.start_ledger()
        self.front = self.start_front()
        for name in self.names:
            self.start_gateway(name)

    def start_front(self) -> Child:
        words = ["mosquitto", "-c", str(self.folder / "front" / "mosquitto.conf")]
        self.front = self.household.start("front", words)
        self.front.wait_for_line(r"mosquitto version .* running")
        return self.front

    def start_gateway(self, name: str) -> Child:
        self.run_gateway(name, self.house.authority.issue_client(name, PrivateKey.generate().key))
        self.gateways[name].wait_for_line(READY, 20)
        return self.gateways[name]

    def run_gateway(self, name: str, files: Identity, environment: Mapping[str, str] | None = None) -> Child:
        """With this key and certificate, and whatever comes of it."""
        house = self.house
        certificate = (
            f'authority = "{files.authority}"\ncertificate = "{files.certificate}"\nkey = "{files.key}"\n'
        )
        config = self.folder / f"{name}.toml"
        config.write_text(
            f'[ledger]\nurl = "{house.reader.url}"\nledger_id = "{house.ledger_id.hex()}"\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.front_port}\n{certificate}'
            f'[back]\nhost = "127.0.0.1"\nport = {house.port}\n{certificate}'
        )
        command = [sys.executable, "-m", "airgrant", "ledger", "gateway", "run", str(config)]
        self.gateways[name] = self.household.start(name, command, environment=environment)
        return self.gateways[name]

    def client(self, key: PrivateKey, timeout_s: float = 30) -> LedgerClient:
        """A connection to the boxes' broker."""
        files = self.house.authority.issue_client(str(key.public), key.key)
        return LedgerClient("127.0.0.1", self.front_port, str(key.public), files.client_context(), timeout_s)

    def counters(self, name: str) -> dict[str, int]:
        """What a gateway that was told to end says that it did."""
        self.gateways[name].stop()
        said = self.gateways[name].said.strip().splitlines()[-1].removeprefix("gateway: ")
        return {what: int(count) for what, _, count in (one.rpartition(": ") for one in said.split(", "))}

    def new_box(self) -> tuple[PrivateKey, MeterChain]:
        """A provider with an enrolled meter, through the gateways."""
        key, meter = PrivateKey.generate(), SoftwareKey(PrivateKey.generate())
        with self.client(key) as client:
            assert self.house.submit(client, Create(key.public), key).executed
            self.house.enrol(client, key, meter)
        return key, MeterChain(meter, self.house.genesis.time_s * 1_000)

    def deliver(self, client: LedgerClient, records: list[bytes], window: int = 50) -> int:
        """As a box does: many under way, in order, and again whatever was refused. How many were."""
        again, waiting = 0, list(records)
        while waiting:
            replies = zip(waiting[:window], client.ask_all("report", waiting[:window]), strict=True)
            refused = [
                one for one, reply in replies if not self.house.receipt(read_ledger_reply(reply)).executed
            ]
            again += len(refused)
            waiting = refused + waiting[window:]
        return again

    def _write_back(self) -> None:
        folder = self.house.folder
        acl = (folder / "acl").read_text()
        for name in self.names:
            acl += f"\nuser {name}\ntopic readwrite airgrant/v1/gateway/progress\n"
        (folder / "acl").write_text(acl)
        bridge = self.house.authority.issue_client("bridge", PrivateKey.generate().key)
        with (folder / "mosquitto.conf").open("a") as conf:
            conf.write(
                f"\nconnection offers\naddress 127.0.0.1:{self.front_port}\ntopic airgrant/v1/offer/# out 1\n"
                "bridge_protocol_version mqttv50\nnotifications false\n"
                f"bridge_cafile {bridge.authority}\nbridge_certfile {bridge.certificate}\nbridge_keyfile {bridge.key}\n"
            )

    def _write_front(self) -> None:
        folder = self.folder / "front"
        server = self.house.authority.issue_server("front", ["127.0.0.1"])
        lab_broker = Broker(
            self.household, Namespace("unused"), "127.0.0.1", "bridge", server, folder, self.front_port
        )
        conf = lab_broker._write_settings()
        conf.write_text("log_type information\n" + conf.read_text())
        acl = "user bridge\ntopic readwrite airgrant/v1/offer/#\n\n"
        for name in self.names:
            acl += f"user {name}\ntopic read airgrant/v1/up/+/+\ntopic write airgrant/v1/down/#\n\n"
        for line in ("write airgrant/v1/up/%u/#", "read airgrant/v1/down/%u/#", "read airgrant/v1/offer/#"):
            acl += f"pattern {line}\n"
        (folder / "acl").write_text(acl)


@contextmanager
def gateway_house(folder: Path, port: int, gateways: int) -> Iterator[GatewayHouse]:
    """Everything started; stopped at the end whatever happens."""
    with Household(folder / "logs") as household:
        made = GatewayHouse(folder, household, port, gateways)
        made.start()
        yield made
