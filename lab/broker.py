"""The MQTT broker of the lab: mosquitto, generated settings, mutual TLS, one name for each client.

Whoever connects shows a certificate of the lab's authority; its common name becomes the user name, whatever the
client claims in CONNECT. The name is an address for answers and nothing else (docs/decisions/0016). The topic rules
follow from it alone, so a new device needs no entry anywhere:

every client    writes airgrant/v1/up/<itself>/#, reads airgrant/v1/down/<itself>/# and airgrant/v1/offer/#
the ledger      reads airgrant/v1/up/#, writes airgrant/v1/down/# and airgrant/v1/offer/#
the operator    ("operator") reads airgrant/v1/up/+/grant, writes airgrant/v1/down/+/admission and .../+/command

Everything else is refused by mosquitto: an MQTT 5 client sees reason code 135 (not authorized) for a
publication. A *subscription* to a foreign topic is granted and then stays silent: with an acl_file mosquitto
filters at delivery. There is no listener without TLS. Delivery is not this file's promise: senders keep an
outbox (see the architecture).

Reference: mosquitto.conf(5), MQTT 5.0.   Tried with mosquitto 2.0.11 (Debian 12).
"""

import socket
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from lab.certificates import Authority, Identity
from lab.namespaces import Namespace
from lab.processes import Child, Household
from wire.errors import ShellError

MQTT_TLS_PORT = 8883
"""IANA secure-mqtt."""

OPERATOR = "operator"
"""The name of the operator's daemon at the broker: the common name of its certificate."""

MAX_PACKET_BYTES = 4 * 1024 * 1024
"""A bulk allocation of 50,000 consumers with its keys is 1.7 MB; the rest is room."""

READY_DEADLINE_S = 10.0

CONFIGURATION = """\
per_listener_settings true
set_tcp_nodelay true
user root
max_packet_size {max_packet_bytes}
max_queued_messages 100000
persistence {persistence}
persistence_location {folder}/
log_dest stderr
log_type error
log_type warning
log_type notice
connection_messages true

listener {port} {address}
protocol mqtt
allow_anonymous false
cafile {authority}
certfile {certificate}
keyfile {key}
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
acl_file {folder}/acl
"""

TOPIC_RULES = """\
user {ledger}
topic read airgrant/v1/up/#
topic write airgrant/v1/down/#
topic readwrite airgrant/v1/offer/#

user {operator}
topic read airgrant/v1/up/+/grant
topic write airgrant/v1/down/+/admission
topic write airgrant/v1/down/+/command

pattern write airgrant/v1/up/%u/#
pattern read airgrant/v1/down/%u/#
pattern read airgrant/v1/offer/#
"""


@dataclass(slots=True)
class Broker:
    """One mosquitto; `start`, `stop`, `kill`, `start` again, as often as a story needs."""

    household: Household
    namespace: Namespace | None
    """None: where we are."""
    address: str
    ledger_account: str
    server: Identity
    folder: Path
    port: int = MQTT_TLS_PORT
    keeps_sessions: bool = False
    """Whether sessions and retained messages survive an orderly stop (mosquitto's snapshot, lost by a kill)."""
    child: Child | None = field(default=None, init=False)

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.running

    def start(self) -> None:
        """Write the settings, start mosquitto and return once it completes a TLS handshake; ShellError if
        not.
        """
        assert not self.running, "the broker runs already"
        settings = self._write_settings()
        self.child = self.household.start(
            "broker", ["mosquitto", "-c", str(settings)], namespace=self.namespace
        )
        self.child.wait_for(self._answers, f"TLS on {self.address} port {self.port}", READY_DEADLINE_S)

    def stop(self) -> None:
        """Ask it to end: it writes its snapshot and closes every connection."""
        self._running_child().stop()

    def kill(self) -> None:
        """SIGKILL, as a power cut does it."""
        self._running_child().kill()

    def restart(self) -> None:
        """Stop if it runs, then start."""
        if self.running:
            self.stop()
        self.start()

    def _running_child(self) -> Child:
        if self.child is None:
            raise ShellError("broker", "was never started")
        return self.child

    def _write_settings(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        settings = self.folder / "mosquitto.conf"
        settings.write_text(format_configuration(self))
        rules = self.folder / "acl"
        rules.write_text(format_topic_rules(self.ledger_account))
        for file in (settings, rules):
            file.chmod(0o600)
        return settings

    def _answers(self) -> bool:
        context = ssl.create_default_context(cafile=str(self.server.authority))

        def shake_hands() -> bool:
            try:
                with socket.create_connection((self.address, self.port), timeout=1.0) as plain:
                    context.wrap_socket(plain, server_hostname=self.address).close()
            except OSError:  # refused, or TLS not up yet: not there, look again
                return False
            return True

        return shake_hands() if self.namespace is None else self.namespace.call(shake_hands)


def broker(
    household: Household,
    namespace: Namespace,
    address: str,
    *,
    authority: Authority,
    ledger_account: str,
    folder: Path,
    port: int = MQTT_TLS_PORT,
    keeps_sessions: bool = False,
) -> Broker:
    """A broker (not started) with a fresh server certificate for `address` and for the name "broker"."""
    server = authority.issue_server("broker", [address, "broker"])
    return Broker(household, namespace, address, ledger_account, server, folder, port, keeps_sessions)


def format_configuration(broker: Broker) -> str:
    """The text of mosquitto.conf; per_listener_settings comes first or allow_anonymous would be global."""
    return CONFIGURATION.format(
        max_packet_bytes=MAX_PACKET_BYTES,
        persistence="true" if broker.keeps_sessions else "false",
        folder=broker.folder.absolute(),
        port=broker.port,
        address=broker.address,
        authority=broker.server.authority.absolute(),
        certificate=broker.server.certificate.absolute(),
        key=broker.server.key.absolute(),
    )


def format_topic_rules(ledger_account: str) -> str:
    """The text of the acl_file; ValueError for a name that would mean more than one topic level."""
    if not ledger_account or set(ledger_account) & set("+#/ \n"):
        raise ValueError(f"ledger account {ledger_account!r} cannot be a topic level")
    return TOPIC_RULES.format(ledger=ledger_account, operator=OPERATOR)
