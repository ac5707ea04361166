"""A ledger service with its broker, on this host's loopback, for the tests of everything around it.

Real mosquitto with the lab's settings and mutual TLS, the real `python -m ledger run` in a process of its
own.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from apd.shells.software_key import SoftwareKey
from lab.broker import Broker
from lab.certificates import Authority
from lab.meter_chain import MeterChain
from lab.namespaces import Namespace
from lab.processes import Child, Household
from ledger.client import LedgerClient, LedgerReader
from ledger.genesis import Genesis, read_genesis, write_genesis
from tests.ledger_world import BAND, QOS
from wire.allocate import Allocate
from wire.create import Create
from wire.enrolment import EnrolmentRequest, read_enrolment_reply, write_enrolment_request
from wire.grant import Grant, read_grant
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.meter_record import UsageRow
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.receipt import Receipt, read_receipt
from wire.transaction import Action, Transaction, sign_transaction

PRICE_UBC = 100
FILE = 'database = "ledger.db"'
"""Where the log is, as the settings have it."""
READY = r"ledger ready id=([0-9a-f]{64}) mqtt=(\S+) http=(\S+)"


class LedgerHouse:
    """Keys, files and processes of one ledger."""

    def __init__(
        self, folder: Path, household: Household, port: int, settings: str = "", store: str = FILE
    ) -> None:
        self.folder = folder
        self.household = household
        self.key, self.exchange = PrivateKey.generate(), PrivateKey.generate()
        self.genesis = Genesis((self.key.public,), self.exchange.public, int(time.time()) - 1, 60)
        self.ledger_id = self.genesis.ledger_id
        self.authority = Authority.create(folder / "certificates")
        self.port = port
        self.service: Child | None = None
        self.broker: Child | None = None
        self.reader = LedgerReader("http://127.0.0.1:1")
        self._write_files(f"{store}\n{settings}")

    def start_broker(self) -> None:
        self.broker = self.household.start("broker", ["mosquitto", "-c", str(self.folder / "mosquitto.conf")])
        self.broker.wait_for_line(r"mosquitto version .* running")

    def start_ledger(self) -> None:
        config = self.folder / "ledger.toml"
        self.service = self.household.start(
            "ledger", [sys.executable, "-m", "ledger", "run", "--config", config]
        )
        found = self.service.wait_for_line(READY, 20)
        self.reader = LedgerReader(found[3])

    def client(
        self, key: PrivateKey, identity: PrivateKey | None = None, timeout_s: float = 15
    ) -> LedgerClient:
        """A connection that shows the certificate of `identity` (default: of the key)."""
        holder = identity or key
        files = self.authority.issue_client(str(holder.public), holder.key)
        return LedgerClient("127.0.0.1", self.port, str(holder.public), files.client_context(), timeout_s)

    def sign(self, action: Action, key: PrivateKey, valid_s: int = 300) -> bytes:
        transaction = Transaction(action, os.urandom(8), int(time.time()) + valid_s)
        return sign_transaction(transaction, key, self.ledger_id).envelope.encoded

    def submit(self, client: LedgerClient, action: Action, key: PrivateKey) -> Receipt:
        reply = client.submit(self.sign(action, key))
        return read_receipt(reply.receipt, self.key.public, self.ledger_id)

    def receipt(self, reply: LedgerReply) -> Receipt:
        return read_receipt(reply.receipt, self.key.public, self.ledger_id)

    def grant(self, encoded: bytes) -> Grant:
        return read_grant(encoded, self.key.public, self.ledger_id)

    def new_provider(self, action: PostOffer | None = None) -> PrivateKey:
        """A provider with an offer; by default ten units for a minute."""
        key = PrivateKey.generate()
        with self.client(key) as client:
            assert self.submit(client, Create(key.public), key).executed
            assert self.submit(client, action or sixty_seconds(), key).executed
        return key

    def new_buyer(self) -> PrivateKey:
        """Somebody with 1,000 ubc."""
        key = PrivateKey.generate()
        with self.client(key) as client:
            assert self.submit(client, Create(key.public), key).executed
            assert self.submit(client, Deposit(key.public, 1_000), self.exchange).executed
        return key

    def enrol(self, client: LedgerClient, provider: PrivateKey, meter: SoftwareKey) -> bytes:
        """The attestation result of a software key."""
        request = EnrolmentRequest(
            provider.public, software_key=meter.public_key, software_proof=meter.prove(provider.public)
        )
        asked = client.ask("enrolment", write_enrolment_request(request, provider, self.ledger_id))
        reply = read_enrolment_reply(asked)
        assert reply.attestation_result, reply
        return reply.attestation_result

    def records(self, provider: PrivateKey, buyer: PrivateKey, meter: SoftwareKey) -> list[bytes]:
        """A boot record and two reports about a grant that is really bought."""
        with self.client(buyer) as client:
            grant = self.grant(client.submit(self.sign(purchase(provider), buyer)).grants[0])
        chain = MeterChain(meter, grant.starts_s * 1_000)
        row = UsageRow(grant.grant_id, 1_000_000, 50_000, 1_200_000, 50_000)
        return [chain.boot(), chain.usage(5_000, row), chain.usage(5_000, row)]

    def _write_files(self, settings: str) -> None:
        folder = self.folder
        (folder / "ledger.key").write_bytes(self.key.to_pem())
        (folder / "genesis.cbor").write_bytes(write_genesis(self.genesis))
        assert read_genesis(write_genesis(self.genesis)) == self.genesis
        client = self.authority.issue_client(str(self.key.public), self.key.key, label="ledger")
        server = self.authority.issue_server("broker", ["127.0.0.1"])
        (folder / "ledger.toml").write_text(
            f'[ledger]\nkey = "ledger.key"\ngenesis = "genesis.cbor"\n{settings}\n'
            f'[broker]\nhost = "127.0.0.1"\nport = {self.port}\nauthority = "{client.authority}"\n'
            f'certificate = "{client.certificate}"\nkey = "{client.key}"\n[http]\nport = 0\n'
        )
        lab_broker = Broker(
            self.household, Namespace("unused"), "127.0.0.1", str(self.key.public), server, folder, self.port
        )
        lab_broker._write_settings()
        conf = folder / "mosquitto.conf"
        conf.write_text("set_tcp_nodelay true\nlog_type information\n" + conf.read_text())


def sixty_seconds(max_allocations: int = 10, duration_s: int = 60, **changes: object) -> PostOffer:
    """An offer of ten units for a minute, with changes."""
    return PostOffer(PRICE_UBC, BAND, max_allocations, duration_s, QOS, **changes)  # type: ignore[arg-type]


def purchase(provider: PrivateKey, epoch: int = 1) -> Allocate:
    """One unit of it."""
    return Allocate(provider.public, PRICE_UBC, BAND, epoch)


@contextmanager
def ledger_house(folder: Path, port: int, settings: str = "", store: str = FILE) -> Iterator[LedgerHouse]:
    """Broker and ledger, started; stopped at the end whatever happens."""
    with Household(folder / "logs") as household:
        house = LedgerHouse(folder, household, port, settings, store)
        house.start_broker()
        house.start_ledger()
        yield house
