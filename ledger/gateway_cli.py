"""`airgrant ledger gateway`: runs one gateway, in the foreground, until SIGTERM.

Exit status: 0 done; 2 the command line or the configuration is wrong; 3 a broker or the ledger is not there.
"""

import argparse
import signal
import ssl
import sys
import threading
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from ledger.client import LedgerReader
from ledger.fetching import fetch_genesis
from ledger.gateway import Gateway
from ledger.gateway_settings import parse_gateway
from ledger.running import OK, run_command
from ledger.service import tls_context
from ledger.settings import BrokerSettings
from ledger.toml_file import read_toml
from wire.errors import ConfigError, DecodeError


def main(argv: list[str]) -> int:
    """`airgrant ledger gateway`; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant ledger gateway",
        description="One of several processes between the boxes' broker and the ledger.",
        epilog="example:\n  airgrant ledger gateway run gateway-1.toml\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="serve, in the foreground, until SIGTERM")
    run.add_argument("config", type=Path, metavar="CONFIG")
    run.set_defaults(run=_run)
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command("gateway", options, DecodeError)


def _run(options: argparse.Namespace) -> int:
    settings = parse_gateway(read_toml(options.config), options.config)
    reader = LedgerReader(settings.ledger_url)
    genesis = fetch_genesis(reader)
    if genesis.ledger_id != settings.ledger_id:
        raise ConfigError(
            f"{reader.url}: is ledger {genesis.ledger_id.hex()}, not {settings.ledger_id.hex()}"
        )
    names = {_common_name(broker) for broker in (settings.front, settings.back)}
    if len(names) != 1:
        raise ConfigError(
            f"{options.config}: the two certificates name {' and '.join(sorted(names))}: it has one name"
        )
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    name = names.pop()
    with Gateway(name, settings.group, genesis, _tell) as gateway:
        gateway.connect(_address(settings.front), _address(settings.back))
        sys.stdout.write(f"gateway ready name={name}\n")
        sys.stdout.flush()
        stop.wait()
    _tell(", ".join(f"{what}: {count}" for what, count in sorted(gateway.counters.items())) or "nothing came")
    return OK


def _address(broker: BrokerSettings) -> tuple[str, int, ssl.SSLContext | None]:
    return broker.host, broker.port, tls_context(broker)


def _common_name(broker: BrokerSettings) -> str:
    try:
        subject = x509.load_pem_x509_certificate(broker.certificate.read_bytes()).subject
        return str(subject.get_attributes_for_oid(NameOID.COMMON_NAME)[-1].value)
    except (OSError, ValueError, IndexError) as error:
        raise ConfigError(f"{broker.certificate}: no certificate with a common name: {error}") from error


def _tell(text: str) -> None:
    """A line for whoever keeps our log."""
    sys.stderr.write(f"gateway: {text}\n")
    sys.stderr.flush()
