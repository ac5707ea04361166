"""What an operator can set of the ledger service, and what is refused.

Pure: a mapping as TOML gives it comes in, settings come out, or ConfigError that names the file and the key.

    [ledger]   key = "ledger.key"  genesis = "genesis.cbor"  database = "ledger.db"
               accept_software_keys = false  tpm_vendors = "vendors.pem"  max_accounts_per_minute = 600
    [broker]   host = "127.0.0.1"  port = 8883  authority = "ca.pem"
               certificate = "ledger.pem"  key = "ledger.key"
    [http]     host = "127.0.0.1"  port = 8573

Paths are relative to the folder of the file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wire.errors import ConfigError

DEFAULT_HTTP_PORT = 8573
DEFAULT_MQTT_PORT = 8883
DEFAULT_ACCOUNTS_PER_MINUTE = 600
"""Ten a second: more than any crowd at a gate brings, and little enough to be noticed before it fills a disk."""

_KEYS = {
    "ledger": {
        "key",
        "genesis",
        "database",
        "accept_software_keys",
        "tpm_vendors",
        "max_accounts_per_minute",
    },
    "broker": {"host", "port", "authority", "certificate", "key"},
    "http": {"host", "port"},
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
class LedgerSettings:
    """`key` signs receipts and grants. `tpm_vendors` (None: no TPM can be enrolled) are makers' certificates.

    `max_accounts_per_minute`: new accounts that are let in (ledger/turnstile.py).
    """

    key: Path
    genesis: Path
    database: Path
    broker: BrokerSettings
    http_host: str = "127.0.0.1"
    http_port: int = DEFAULT_HTTP_PORT
    accept_software_keys: bool = False
    tpm_vendors: Path | None = None
    max_accounts_per_minute: int = DEFAULT_ACCOUNTS_PER_MINUTE


def parse_settings(page: Mapping[str, Any], file: Path) -> LedgerSettings:
    """From the content of a TOML file. Raises ConfigError."""
    _refuse_unknown(page, file)
    ledger, broker, http = (_Section(page.get(name, {}), name, file) for name in ("ledger", "broker", "http"))
    return LedgerSettings(
        key=ledger.path("key"),
        genesis=ledger.path("genesis"),
        database=ledger.path("database"),
        broker=BrokerSettings(
            host=broker.text("host"),
            port=broker.port("port", DEFAULT_MQTT_PORT),
            authority=broker.path("authority"),
            certificate=broker.path("certificate"),
            key=broker.path("key"),
        ),
        http_host=http.text("host", "127.0.0.1"),
        http_port=http.port("port", DEFAULT_HTTP_PORT),
        accept_software_keys=ledger.switch("accept_software_keys"),
        tpm_vendors=ledger.path("tpm_vendors") if "tpm_vendors" in ledger.values else None,
        max_accounts_per_minute=ledger.number("max_accounts_per_minute", DEFAULT_ACCOUNTS_PER_MINUTE),
    )


def _refuse_unknown(page: Mapping[str, Any], file: Path) -> None:
    for section, values in page.items():
        if section not in _KEYS:
            raise ConfigError(f"{file}: {section}: there is no such section")
        if not isinstance(values, dict):
            raise ConfigError(f"{file}: {section}: is not a section")
        for key in values:
            if key not in _KEYS[section]:
                raise ConfigError(f"{file}: {section}.{key}: there is no such setting")


@dataclass(frozen=True, slots=True)
class _Section:
    values: Mapping[str, Any]
    name: str
    file: Path

    def text(self, key: str, default: str | None = None) -> str:
        value = self.values.get(key, default)
        if not isinstance(value, str) or not value:
            raise self._error(key, "a text is needed")
        return value

    def path(self, key: str) -> Path:
        return self.file.parent / self.text(key)

    def port(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= 65_535:
            raise self._error(key, f"{value!r} is not a port")
        return value

    def number(self, key: str, default: int) -> int:
        value = self.values.get(key, default)
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self._error(key, f"{value!r} is not a number of at least 0")
        return value

    def switch(self, key: str) -> bool:
        value = self.values.get(key, False)
        if not isinstance(value, bool):
            raise self._error(key, f"{value!r} is neither true nor false")
        return value

    def _error(self, key: str, text: str) -> ConfigError:
        return ConfigError(f"{self.file}: {self.name}.{key}: {text}")
