"""What an operator can set of the ledger service, and what is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [ledger]   key = "ledger.key"  genesis = "genesis.cbor"  database = "ledger.db"
               store = "postgresql://ledger@/bandcoin" in place of database
               accept_software_keys = false  tpm_vendors = "vendors.pem"  max_accounts_per_minute = 600
    [broker]   host = "127.0.0.1"  port = 8883  authority = "ca.pem"
               certificate = "ledger.pem"  key = "ledger.key"
    [http]     host = "127.0.0.1"  port = 8573
    [consensus]  socket = "comet/application.sock"  rpc = "http://127.0.0.1:26657"  network = "network.toml"

    [clearing]   database = "clearing.db"      and who else keeps time keys: ledger/clearing/settings.py

Without [consensus] the ledger is this machine's alone. With it blocks are CometBFT's, which runs beside it.
With [clearing] a clearing house for auctions runs in the service.

Paths are relative to the folder of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ledger.clearing.settings import CLEARING_KEYS, ClearingSettings, parse_clearing
from ledger.section import Section, refuse_unknown
from ledger.store import POSTGRESQL, Place

DEFAULT_HTTP_PORT = 8573
DEFAULT_MQTT_PORT = 8883
DEFAULT_RPC = "http://127.0.0.1:26657"
"""Where CometBFT listens for its own operator."""
DEFAULT_ACCOUNTS_PER_MINUTE = 600
"""Ten a second: more than any crowd at a gate brings, and little enough to be noticed before it fills a disk."""

BROKER_KEYS = {"host", "port", "authority", "certificate", "key"}
_KEYS = {
    "ledger": {
        "key",
        "genesis",
        "database",
        "store",
        "accept_software_keys",
        "tpm_vendors",
        "max_accounts_per_minute",
    },
    "broker": BROKER_KEYS,
    "http": {"host", "port"},
    "consensus": {"socket", "rpc", "network"},
    "clearing": CLEARING_KEYS,
}


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """The MQTT broker, and the certificate whose common name is the ledger's name there."""

    host: str
    port: int
    authority: Path
    certificate: Path
    key: Path


@dataclass(frozen=True, slots=True)
class ConsensusSettings:
    """Where two programs meet: CometBFT asks at `socket`, we at `rpc`. `network` describes who shares the ledger."""

    socket: Path
    rpc: str
    network: Path


@dataclass(frozen=True, slots=True)
class LedgerSettings:
    """`store` has the log: a file, or the address of a PostgreSQL database. `key` signs receipts and grants.

    `tpm_vendors` (None: no TPM can be enrolled) are makers' certificates. `max_accounts_per_minute`: new accounts that
    are let in (ledger/turnstile.py).
    """

    key: Path
    genesis: Path
    store: Place
    broker: BrokerSettings
    http_host: str = "127.0.0.1"
    http_port: int = DEFAULT_HTTP_PORT
    accept_software_keys: bool = False
    tpm_vendors: Path | None = None
    max_accounts_per_minute: int = DEFAULT_ACCOUNTS_PER_MINUTE
    consensus: ConsensusSettings | None = None
    clearing: ClearingSettings | None = None


def parse_settings(page: Mapping[str, Any], file: Path) -> LedgerSettings:
    """From the content of a TOML file. Raises ConfigError."""
    refuse_unknown(page, _KEYS, file)
    ledger, broker, http = (Section(page.get(name, {}), name, file) for name in ("ledger", "broker", "http"))
    return LedgerSettings(
        key=ledger.path("key"),
        genesis=ledger.path("genesis"),
        store=_parse_store(ledger),
        broker=parse_broker(broker),
        http_host=http.text("host", "127.0.0.1"),
        http_port=http.port("port", DEFAULT_HTTP_PORT),
        accept_software_keys=ledger.switch("accept_software_keys"),
        tpm_vendors=ledger.path("tpm_vendors") if "tpm_vendors" in ledger.values else None,
        max_accounts_per_minute=ledger.number("max_accounts_per_minute", DEFAULT_ACCOUNTS_PER_MINUTE),
        consensus=_parse_consensus(Section(page["consensus"], "consensus", file))
        if "consensus" in page
        else None,
        clearing=parse_clearing(Section(page["clearing"], "clearing", file)) if "clearing" in page else None,
    )


def _parse_consensus(consensus: Section) -> ConsensusSettings:
    return ConsensusSettings(
        socket=consensus.path("socket"),
        rpc=consensus.text("rpc", DEFAULT_RPC),
        network=consensus.path("network"),
    )


def _parse_store(ledger: Section) -> Place:
    """A file of its own, or a PostgreSQL database."""
    if "store" not in ledger.values:
        return ledger.path("database")
    if "database" in ledger.values:
        raise ledger.error("store", "the log is in a file (database) or in PostgreSQL (store): remove one")
    store = ledger.text("store")
    if not store.startswith(POSTGRESQL):
        raise ledger.error("store", "does not begin with postgresql://; a file is named by `database`")
    return store


def parse_broker(broker: Section) -> BrokerSettings:
    """From the section [broker], as the operator's daemon has one too. Raises ConfigError."""
    return BrokerSettings(
        host=broker.text("host"),
        port=broker.port("port", DEFAULT_MQTT_PORT),
        authority=broker.path("authority"),
        certificate=broker.path("certificate"),
        key=broker.path("key"),
    )
