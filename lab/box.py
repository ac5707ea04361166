"""One box alone: `python -m apd run` on a veth pair, with a broker and a ledger that this process plays.

For tests and figures of the daemon itself. The station on the other end of the cable has no daemon of its own: this
file says in the lobby what a station would, for as many stations as it likes (the consumer's signature names the one
that is let in). The played ledger sells to its accounts, enrols every TPM of its vendor, and keeps every piece of
evidence that it ever received, in order of arrival. Run it only inside the lab's sandbox.
"""

import hashlib
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from apd.shells.control import ask_status
from lab.broker import Broker, broker
from lab.certificates import Authority, Identity
from lab.ledger_process import format_ledger_section
from lab.namespaces import Namespace, Port, create, delete, plug
from lab.processes import Child, Household, wait_until
from lab.software_tpm import SoftwareTpm
from ledger.enrolling import Enrolling
from ledger.enrolment import read_vendors
from nas_tunnel.lobby import (
    GROUP,
    PORT,
    Announcement,
    Discover,
    Join,
    Leave,
    LobbyMessage,
    read_lobby,
    write_lobby,
)
from wire.allocate import Allocate
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.band import Band
from wire.cose import MAX_ENVELOPE_BYTES
from wire.enrolment import EnrolmentReply, read_enrolment, write_enrolment_reply
from wire.errors import DecodeError, ShellError
from wire.evidence import Evidence, read_evidence
from wire.grant import Grant, grant_id_of, write_grant
from wire.ids import MacAddress, PublicKey
from wire.join_request import JoinPurpose, JoinRequest, write_join_request
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply, write_ledger_reply
from wire.meter_record import MeterRecord, read_meter_record, record_hash
from wire.offer_state import OfferState, write_offer_state
from wire.qos import Qos
from wire.receipt import Receipt, write_receipt
from wire.registration import Registration, read_registration_question, write_registration
from wire.transaction import read_transaction

INTERFACE = "wlan0"
BOX_MAC = "02:00:00:00:77:00"
STATION_MAC = "02:00:00:00:77:01"
ADDRESS = "127.0.0.1"
QOS = Qos(2_000_000, 8_000_000, 1_000_000, 4_000_000)
BAND = Band(5_170_000, 5_250_000, 80_000)
ANSWER_DEADLINE_S = 5.0
READY_DEADLINE_S = 20.0


def station_mac(number: int) -> MacAddress:
    """Station 1 is the one that has a cable."""
    return MacAddress(b"\x02\0\0\0" + (0x7700 + number).to_bytes(2, "big"))


@dataclass(slots=True)
class PlayedLedger:
    """Answers on MQTT from a thread of its own, unless `answers` is False: then it hears nothing at all."""

    namespace: Namespace
    identity: Identity
    key: PrivateKey
    ledger_id: bytes
    enrolling: Enrolling
    evidence: list[bytes] = field(default_factory=list)
    """Everything that came on the report topic, duplicates included."""
    enrolment: AttestationResult | None = None
    answers: bool = True
    accounts: list[PublicKey] = field(default_factory=list)
    """Who may buy, and pays nothing."""
    sold: dict[bytes, bytes] = field(default_factory=dict)
    """The grants that it gave, by transaction: what comes again runs no second time."""
    _client: Any = None
    _changed: threading.Event = field(default_factory=threading.Event)

    def connect(self, port: int) -> None:
        """Answers from now on. Raises ShellError without a broker."""
        client: Any = paho.Client(
            callback_api_version=CallbackAPIVersion.VERSION2,
            client_id=f"ledger-{secrets.token_hex(4)}",
            protocol=paho.MQTTv5,
        )
        client.tls_set_context(self.identity.client_context())
        client.on_message = self._take
        # By its argument: a client that its own callback holds is closed by the collector, in any order.
        client.on_connect = lambda this, *_: this.subscribe("airgrant/v1/up/#", qos=1)
        ready = threading.Event()
        client.on_subscribe = lambda *_: ready.set()
        try:
            self.namespace.call(lambda: client.connect(ADDRESS, port))
        except OSError as error:
            raise ShellError("played ledger", str(error)) from error
        client.loop_start()
        self._client = client
        if not ready.wait(ANSWER_DEADLINE_S):
            raise ShellError("played ledger", "the broker grants no subscription")

    def disconnect(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None

    def publish(self, topic: str, data: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, data, qos=1, retain=retain).wait_for_publish(ANSWER_DEADLINE_S)

    def records(self) -> dict[int, tuple[MeterRecord, Evidence]]:
        """What it has, by sequence. Two different records of one number are an AssertionError."""
        found: dict[int, tuple[MeterRecord, Evidence]] = {}
        for data in list(self.evidence):
            evidence = read_evidence(data)
            record = read_meter_record(evidence.record)
            known = found.setdefault(record.sequence, (record, evidence))
            assert known[0] == record, f"two records of number {record.sequence}"
        return found

    def unique_evidence(self) -> list[bytes]:
        """Each record's evidence once, in order of sequence: what an auditor reads."""
        by_sequence: dict[int, bytes] = {}
        for data in list(self.evidence):
            by_sequence.setdefault(read_meter_record(read_evidence(data).record).sequence, data)
        return [by_sequence[sequence] for sequence in sorted(by_sequence)]

    def _take(self, _client: Any, _data: Any, message: Any) -> None:
        kind = message.topic.rpartition("/")[2]
        if not self.answers:
            return
        if kind == "report":
            self.evidence.append(message.payload)
            self._reply(message, self._receipt(record_hash(read_evidence(message.payload).record)))
        elif kind == "enrolment":
            self._reply(message, self._enrol(message.payload))
        elif kind == "transaction":
            self._reply(message, self._sell(message.payload))
        elif kind == "query":
            with suppress(DecodeError):  # what a grant cost it does not know
                self._reply(message, self._confirm(read_registration_question(message.payload)))

    def _sell(self, data: bytes) -> bytes:
        """One unit of what is on offer, from now; once."""
        signed = read_transaction(data, self.ledger_id, MAX_ENVELOPE_BYTES)
        action, now_s, subject = signed.transaction.action, int(time.time()), signed.transaction_id
        assert isinstance(action, Allocate), action
        buyer = next((one for one in self.accounts if one.key_id == signed.issuer_key_id), None)
        if buyer is None:
            return self._refuse(subject, "unknown_issuer")
        try:
            signed.verify(buyer)
        except DecodeError:  # whose it is nobody knows, so that these octets are its subject
            return self._refuse(hashlib.sha256(data).digest(), "bad_signature")
        if subject in self.sold:
            return self._refuse(subject, "replayed", self.sold[subject])
        grant = Grant(
            consumer=buyer,
            provider_id=action.provider.provider_id,
            grant_id=grant_id_of(subject),
            epoch=1,
            starts_s=now_s,
            duration_s=600,
            band=BAND,
            qos=QOS,
        )
        self.sold[subject] = write_grant(grant, self.key, self.ledger_id)
        receipt = write_receipt(Receipt(subject, 1, now_s), self.key, self.ledger_id)
        return write_ledger_reply(LedgerReply(receipt, (self.sold[subject],)))

    def _refuse(self, subject: bytes, reason: str, *grants: bytes) -> bytes:
        receipt = Receipt(subject, 1, int(time.time()), reason, "so it is played")
        return write_ledger_reply(LedgerReply(write_receipt(receipt, self.key, self.ledger_id), grants))

    def _confirm(self, account: PublicKey) -> bytes:
        """Every account exists."""
        return write_registration(Registration(account, 1, int(time.time())), self.key, self.ledger_id)

    def _receipt(self, subject: bytes) -> bytes:
        receipt = Receipt(subject, height=1, utc_s=int(time.time()))
        return write_ledger_reply(LedgerReply(write_receipt(receipt, self.key, self.ledger_id)))

    def _enrol(self, data: bytes) -> bytes:
        request = read_enrolment(data, self.ledger_id)
        word = self.enrolling.take(request, os.urandom(32), int(time.time()))
        if not isinstance(word, AttestationResult):
            return write_enrolment_reply(EnrolmentReply(challenge=word))
        self.enrolment = word
        signed = write_attestation_result(word, self.key, self.ledger_id)
        return write_enrolment_reply(EnrolmentReply(attestation_result=signed))

    def _reply(self, message: Any, data: bytes) -> None:
        properties: Any = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        properties.CorrelationData = message.properties.CorrelationData
        self._client.publish(message.properties.ResponseTopic, data, qos=1, properties=properties)


@dataclass(slots=True)
class BoxSite:
    """The box and what is around it. Start apd with `start`."""

    namespace: Namespace
    station: Namespace
    folder: Path
    household: Household
    broker: Broker
    ledger: PlayedLedger
    provider: PrivateKey
    consumer: PrivateKey
    tpm: SoftwareTpm | None
    config: Path
    _lobby: socket.socket
    apd: Child | None = None

    def start(self, *, ready: bool = True) -> Child:
        """`python -m apd run`; returns when it sells."""
        words: list[str | Path] = [sys.executable, "-m", "apd", "run", self.config]
        self.apd = self.household.start("apd", words, namespace=self.namespace)
        if ready:
            self.apd.wait_for_line('"ready"', READY_DEADLINE_S)
        return self.apd

    @property
    def process(self) -> Child:
        assert self.apd is not None, "apd was never started"
        return self.apd

    @property
    def control_socket(self) -> Path:
        return self.folder / "apd.sock"

    def status(self) -> dict[str, Any]:
        return ask_status(self.control_socket)

    def wait_for_status(self, name: str, value: object, deadline_s: float = READY_DEADLINE_S) -> None:
        """Until the status says so."""
        self.process.wait_for(lambda: self.status()[name] == value, f"{name} = {value}", deadline_s)

    def wait_until_it_sells(self) -> None:
        """An enrolled box, connected, with an offer."""
        self.process.wait_for(
            lambda: bool(self.status()["offer"] and self.status()["enrolled"]), "an offer", READY_DEADLINE_S
        )

    def sell(self, epoch: int = 1, height: int = 1) -> None:
        """The ledger's word on what the box sells."""
        word = OfferState(
            provider=self.provider.public,
            height=height,
            epoch=epoch,
            price_ubc=1_000,
            band=BAND,
            allocation_duration_s=600,
            qos=QOS,
            allocations_left=1_000,
        )
        data = write_offer_state(word, self.ledger.key, self.ledger.ledger_id)
        self.ledger.publish(f"airgrant/v1/offer/{self.provider.public}", data, retain=True)

    def grant(self, number: int = 1, duration_s: int = 600, qos: Qos = QOS) -> Grant:
        """The consumer's `number`-th purchase, from now."""
        return Grant(
            consumer=self.consumer.public,
            provider_id=self.provider.public.provider_id,
            grant_id=number.to_bytes(16, "big"),
            epoch=1,
            starts_s=int(time.time()),
            duration_s=duration_s,
            band=BAND,
            qos=qos,
        )

    def join(self, grant: Grant, station: MacAddress | None = None) -> LobbyMessage:
        """What the box answers to this grant."""
        shown = write_grant(grant, self.ledger.key, self.ledger.ledger_id)
        return self.ask(Join(shown, self._request(JoinPurpose.JOIN, grant, station)))

    def leave(self, grant: Grant, station: MacAddress | None = None) -> LobbyMessage:
        return self.ask(Leave(grant.grant_id, self._request(JoinPurpose.LEAVE, grant, station)))

    def ask(self, message: LobbyMessage) -> LobbyMessage:
        """Say something in the lobby; the answer, asked for again when a datagram was lost."""
        deadline = time.monotonic() + ANSWER_DEADLINE_S
        while time.monotonic() < deadline:
            self.say(write_lobby(message))
            try:
                return read_lobby(self._lobby.recv(2_048))
            except TimeoutError:
                continue
        raise ShellError("lobby", f"no answer to {type(message).__name__} within {ANSWER_DEADLINE_S} s")

    def say(self, data: bytes) -> None:
        """Bytes into the lobby."""
        index = self.station.call(lambda: socket.if_nametoindex(INTERFACE))
        self._lobby.sendto(data, (GROUP, PORT, 0, index))

    def _request(self, purpose: JoinPurpose, grant: Grant, station: MacAddress | None) -> bytes:
        announcement = self.ask(Discover())
        if not isinstance(announcement, Announcement):
            raise ShellError("lobby", f"nothing on offer: {announcement}")
        request = JoinRequest(
            purpose=purpose,
            grant_id=grant.grant_id,
            station=station or station_mac(1),
            bssid=MacAddress.parse(BOX_MAC),
            challenge=announcement.challenge,
        )
        return write_join_request(request, self.consumer)


@contextmanager
def box_site(folder: Path, *, tpm: bool = False, settings: str = "", shaper: str = "") -> Iterator[BoxSite]:
    """The site, with broker and ledger up, for the length of a block. `settings` and `shaper` are lines of the
    sections [box] and [shaper].
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        namespace, station = (_namespace(stack, name) for name in ("solo-box", "solo-sta"))
        plug(Port(namespace, INTERFACE, BOX_MAC), Port(station, INTERFACE, STATION_MAC))
        for side in (namespace, station):  # the kernel takes its time to see the carrier
            wait_until(partial(_has_address, side), f"{side.name} on the link", READY_DEADLINE_S)
        household = stack.enter_context(Household(folder / "logs"))
        software_tpm = stack.enter_context(SoftwareTpm(folder / "tpm")) if tpm else None
        keys = {name: PrivateKey.generate() for name in ("ledger", "provider", "consumer")}
        authority = Authority.create(folder / "pki")
        identities = {
            name: authority.issue_client(str(key.public), key.key, label=name) for name, key in keys.items()
        }
        mosquitto = broker(
            household,
            namespace,
            ADDRESS,
            authority=authority,
            ledger_account=str(keys["ledger"].public),
            folder=folder / "broker",
        )
        mosquitto.start()
        ledger = PlayedLedger(
            namespace=namespace,
            identity=identities["ledger"],
            key=keys["ledger"],
            ledger_id=os.urandom(32),
            enrolling=Enrolling(_vendors(software_tpm), accept_software_keys=not tpm),
        )
        ledger.connect(mosquitto.port)
        stack.callback(ledger.disconnect)
        config = _write_config(folder, keys, identities["provider"], ledger, software_tpm, settings, shaper)
        lobby = station.call(_open_lobby)
        stack.callback(lobby.close)
        site = BoxSite(
            namespace=namespace,
            station=station,
            folder=folder,
            household=household,
            broker=mosquitto,
            ledger=ledger,
            provider=keys["provider"],
            consumer=keys["consumer"],
            tpm=software_tpm,
            config=config,
            _lobby=lobby,
        )
        site.sell()
        yield site


def _namespace(stack: ExitStack, name: str) -> Namespace:
    made = create(name)
    stack.callback(delete, made)
    return made


def _has_address(namespace: Namespace) -> bool:
    return "fe80:" in namespace.run(["ip", "-6", "route", "show", "dev", INTERFACE])


def _vendors(tpm: SoftwareTpm | None) -> Any:
    if tpm is None:
        return None
    return read_vendors(b"".join(certificate.read_bytes() for certificate in tpm.vendor_certificates))


def _open_lobby() -> socket.socket:
    lobby = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    index = socket.if_nametoindex(INTERFACE)
    lobby.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
    lobby.settimeout(0.5)
    lobby.bind(("::", 0))
    return lobby


def _write_config(
    folder: Path,
    keys: dict[str, PrivateKey],
    identity: Identity,
    ledger: PlayedLedger,
    tpm: SoftwareTpm | None,
    settings: str,
    shaper: str,
) -> Path:
    key_file = folder / "provider.pem"
    key_file.touch(mode=0o600)
    key_file.write_bytes(keys["provider"].to_pem())
    meter = f'tpm = "{tpm.tcti}"' if tpm else 'software_key_file = "meter.pem"\naccept_unattested = true'
    config = folder / "apd.toml"
    config.write_text(
        f"""\
[box]
{settings}

[shaper]
interface = "{INTERFACE}"
downlink_capacity_bps = "500Mbit/s"
uplink_capacity_bps = "500Mbit/s"
{shaper}

{format_ledger_section(ADDRESS, identity, ledger.key.public, ledger.ledger_id)}
[meter]
{meter}

[files]
provider_key_file = "provider.pem"
store = "apd.sqlite"
control_socket = "apd.sock"
"""
    )
    return config


def wait_for_records(site: BoxSite, count: int, deadline_s: float = READY_DEADLINE_S) -> None:
    """Until the ledger has at least so many different records."""
    wait_until(lambda: len(site.ledger.records()) >= count, f"{count} records at the ledger", deadline_s)
