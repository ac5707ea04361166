"""`python -m ledger`: makes a ledger, runs its service, and checks its file.

Exit status: 0 done; 1 the file does not verify; 2 the command line or the configuration is wrong; 3 the disk,
the broker or the network failed.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from ledger.abci.consensus import Consensus
from ledger.abci.network import parse_network
from ledger.abci.pages import Shared, add_network_pages
from ledger.abci.snapshots import LogSnapshots
from ledger.answering import Answers
from ledger.application import Application
from ledger.archive import Archive
from ledger.clearing.log import ClearingLog
from ledger.clearing.settings import ClearingSettings
from ledger.clearing_service import ClearingService, add_routes
from ledger.clubs.pages import add_club_pages, add_club_proofs
from ledger.database import is_there, open_snapshot, open_to_read
from ledger.engine import Engine
from ledger.enrolling import Enrolling
from ledger.enrolment import read_vendors
from ledger.genesis import Genesis, read_genesis, write_genesis
from ledger.http import Shelves, create_app, listen, serve
from ledger.opening import open_application, replay
from ledger.ordering import Alone, Orderer
from ledger.payplace.pages import add_payplace_pages
from ledger.payplace.summary_pages import add_summary_pages, add_summary_proofs
from ledger.running import OK, run_command, run_service
from ledger.service import Service
from ledger.settings import ConsensusSettings, LedgerSettings, parse_settings
from ledger.status_http import add_status_page
from ledger.toml_file import read_toml
from ledger.turnstile import Turnstile
from ledger.verifying import Verifiers
from wire.errors import ConfigError, ShellError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.log_line import TOLD, format_log_line
from wire.units import parse_duration

_EXAMPLES = """examples:
  airgrant ledger init --folder /var/lib/airgrant/ledger        keys, genesis and a configuration to complete
  airgrant ledger run --config /var/lib/airgrant/ledger/ledger.toml
  airgrant ledger verify /var/lib/airgrant/ledger/ledger.db     apply the whole log again, from the genesis
"""

_CONFIGURATION = """\
[ledger]
key = "ledger.key"
genesis = "genesis.cbor"
database = "ledger.db"
# Boxes without a TPM may enrol a software key; their reports are marked as unattested.
accept_software_keys = {software}
# Certificates of the makers of TPMs that you trust; without them no TPM can be enrolled.
# tpm_vendors = "vendors.pem"
# New accounts that are let in each minute: they cost nothing and stay.
# max_accounts_per_minute = 600

# docs/ledger.md sets up a broker, and makes these certificates.
[broker]
host = "127.0.0.1"
port = 8883
authority = "authority.pem"
# A client certificate for ledger.key; its common name is what the broker's rules call the ledger.
certificate = "ledger.pem"
key = "ledger.key"

[http]
host = "127.0.0.1"
port = 8573

# A clearing house for auctions, under the ledger's key.
# [clearing]
# database = "clearing.db"
"""


def main(argv: list[str] | None = None, name: str = "python -m ledger") -> int:
    """Entry point; returns the exit status."""
    return run_command("ledger", _parser(name).parse_args(argv), VerificationError)


def init(argv: list[str]) -> int:
    """`airgrant ledger init`; returns the exit status."""
    return main(["init", *argv], "airgrant ledger")


def run(argv: list[str]) -> int:
    """`airgrant ledger run`; returns the exit status."""
    return main(["run", *argv], "airgrant ledger")


def verify(argv: list[str]) -> int:
    """`airgrant ledger verify`; returns the exit status."""
    return main(["verify", *argv], "airgrant ledger")


def _parser(name: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        name,
        description="The Bandcoin ledger.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="make keys, a genesis and a configuration")
    init.add_argument("--folder", type=Path, required=True, help="where they go; made if it is not there")
    init.add_argument("--exchange", metavar="ACCOUNT", help="the exchange's account; default: a new key")
    init.add_argument("--period", default="15m", help="length of the slots that reservations are sold by")
    init.add_argument(
        "--licensee", action="append", metavar="ACCOUNT", help="a provider that may post offers"
    )
    init.add_argument("--accept-software-keys", action="store_true", help="boxes without a TPM may enrol")
    init.add_argument(
        "--joins",
        action="store_true",
        help="a key and a configuration alone, for `airgrant ledger join`: the network says the rest",
    )
    _json_option(init)
    init.set_defaults(run=_init)
    run = commands.add_parser("run", help="serve, in the foreground, until SIGTERM")
    run.add_argument("--config", type=Path, required=True, metavar="FILE")
    run.set_defaults(run=_run)
    verify = commands.add_parser("verify", help="apply the whole log again and compare every app hash")
    verify.add_argument("database", metavar="DATABASE", help="a file, or postgresql://...")
    _json_option(verify)
    verify.set_defaults(run=_verify)
    return parser


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")


def _init_to_join(arguments: argparse.Namespace) -> int:
    """Of an operator among several, who has no genesis and no exchange of his own."""
    if arguments.exchange or arguments.licensee:
        raise ConfigError(
            "init: exchange and licensees of a shared ledger are in the description of its network"
        )
    folder, ledger = arguments.folder, PrivateKey.generate()
    folder.mkdir(parents=True, exist_ok=True)
    _write_new(folder / "ledger.key", ledger.to_pem())
    configuration = _write_configuration(arguments)
    if arguments.json:
        print(json.dumps({"ledger": str(ledger.public), "configuration": str(configuration)}))
        return OK
    print(f"gateway   {ledger.public}")
    print(f"then: airgrant ledger join --folder {folder} --name NAME --address HOST:PORT")
    return OK


def _write_configuration(arguments: argparse.Namespace) -> Path:
    file: Path = arguments.folder / "ledger.toml"
    software = "true" if arguments.accept_software_keys else "false"
    _write_new(file, _CONFIGURATION.format(software=software).encode())
    return file


def _init(arguments: argparse.Namespace) -> int:
    if arguments.joins:
        return _init_to_join(arguments)
    folder: Path = arguments.folder
    ledger, own_exchange = PrivateKey.generate(), PrivateKey.generate()
    exchange = own_exchange.public if arguments.exchange is None else PublicKey.parse(arguments.exchange)
    licensees = arguments.licensee and tuple(sorted(map(PublicKey.parse, set(arguments.licensee))))
    period_s = parse_duration(arguments.period)
    genesis = Genesis((ledger.public,), exchange, int(time.time()), period_s, licensees)
    folder.mkdir(parents=True, exist_ok=True)  # here nothing is wrong any more with what was asked for
    _write_new(folder / "ledger.key", ledger.to_pem())
    if arguments.exchange is None:
        _write_new(folder / "exchange.key", own_exchange.to_pem())
    _write_new(folder / "genesis.cbor", write_genesis(genesis))
    configuration = _write_configuration(arguments)
    if arguments.json:
        names = {"ledger": str(ledger.public), "exchange": str(exchange)}
        print(
            json.dumps({**names, "ledger_id": genesis.ledger_id.hex(), "configuration": str(configuration)})
        )
        return OK
    print(f"ledger    {ledger.public}\nexchange  {exchange}\nledger id {genesis.ledger_id.hex()}")
    print(f"complete {configuration}, then: airgrant ledger run --config {configuration}")
    return OK


def _run(arguments: argparse.Namespace) -> int:
    settings = parse_settings(read_toml(arguments.config), arguments.config)
    run_service(_serve(settings))
    return OK


def _verify(arguments: argparse.Namespace) -> int:
    place: str = arguments.database
    if not is_there(place):
        raise ShellError(place, "is not there")
    store = open_snapshot(place)
    head = replay(store)
    store.close()
    if arguments.json:
        print(json.dumps({"ok": True, "blocks": head.height, "app_hash": head.app_hash.hex()}))
        return OK
    print(f"{store.name}: {head.height} blocks hold; app hash {head.app_hash.hex()}")
    return OK


async def _serve(settings: LedgerSettings) -> None:
    key = PrivateKey.from_pem(settings.key.read_bytes(), str(settings.key))
    if not settings.genesis.exists():
        words = "is not there: `airgrant ledger join --network FILE` makes it on a ledger that several share"
        raise ConfigError(f"{settings.genesis}: {words}")
    genesis = read_genesis(settings.genesis.read_bytes())
    if key.public not in genesis.gateways:
        raise ConfigError(f"{settings.key}: is no gateway's key of the ledger in {settings.genesis}")
    application = open_application(settings.store, genesis)
    shared = _read_network(genesis, settings)
    consensus = (
        None if settings.consensus is None else _join_network(application, settings, settings.consensus)
    )
    archive = Archive(settings.store, genesis)
    answers = Answers(archive, key, genesis)
    vendors = None if settings.tpm_vendors is None else read_vendors(settings.tpm_vendors.read_bytes())
    enrolling = Enrolling(vendors, settings.accept_software_keys, shared=len(genesis.gateways) > 1)
    turnstile = Turnstile(settings.max_accounts_per_minute)
    orderer = consensus or Alone(Engine(application))
    clearing = _open_house(orderer, key, settings.clearing)
    service = Service(
        orderer,
        answers,
        key,
        enrolling,
        settings.broker,
        _tell,
        turnstile,
        Verifiers(_tell, key, None if consensus is None else 0),
        None if clearing is None else clearing.ask,
    )
    if consensus is not None:
        consensus.counters = service.counters
    shelves = Shelves(application, archive, answers, service.counters)
    app = create_app(shelves)
    add_network_pages(app, shared)
    add_payplace_pages(app, shelves.application, shelves.now_s)
    add_club_pages(app, shelves.application)
    add_club_proofs(app, shelves.application, shelves.sign_header)
    add_summary_pages(app, shelves.application)
    add_summary_proofs(app, shelves.application, shelves.sign_header)
    add_status_page(app, shelves, shared, list if clearing is None else clearing.running)
    if clearing is not None:
        add_routes(app, clearing, key)
    listening = listen(settings.http_host, settings.http_port)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with asyncio.TaskGroup() as tasks:
        running = [
            *([] if consensus is None else [tasks.create_task(consensus.run())]),
            tasks.create_task(service.run()),
            *([] if clearing is None else [tasks.create_task(clearing.run())]),
            tasks.create_task(serve(app, listening)),
            tasks.create_task(_say_ready(service, listening, settings, genesis)),
        ]
        await stop.wait()
        for task in running:
            task.cancel()
    if clearing is not None:
        clearing.close()
    archive.close()
    application.store.close()


def _open_house(
    orderer: Orderer, key: PrivateKey, settings: ClearingSettings | None
) -> ClearingService | None:
    """The clearing house, with its log applied; None if there is to be none."""
    if settings is None:
        return None
    log = ClearingLog(settings.database, key.public.octets, orderer.application.ledger_id)
    return ClearingService(orderer, key, log, settings.keepers, _tell)


def _read_network(genesis: Genesis, settings: LedgerSettings) -> Shared | None:
    """Who shares the ledger; None if it is ours alone. Raises ConfigError."""
    if settings.consensus is None:
        return None
    network = parse_network(read_toml(settings.consensus.network), settings.consensus.network)
    if network.genesis != genesis:
        raise ConfigError(
            f"{settings.consensus.network}: is not the network of the ledger in {settings.genesis}"
        )
    return Shared(network, settings.consensus.rpc)


def _join_network(
    application: Application, settings: LedgerSettings, consensus: ConsensusSettings
) -> Consensus:
    network = parse_network(read_toml(consensus.network), consensus.network)
    nodes = frozenset(one.node for one in network.operators)
    shelf = LogSnapshots(application, open_to_read(settings.store), _tell)
    return Consensus(application, shelf, consensus, _tell, nodes)


async def _say_ready(
    service: Service, listening: socket.socket, settings: LedgerSettings, genesis: Genesis
) -> None:
    """One line, once both doors are open, for whoever started us."""
    await service.connected.wait()
    broker = f"{settings.broker.host}:{settings.broker.port}"
    print(
        f"ledger ready id={genesis.ledger_id.hex()} mqtt={broker} http=http://{settings.http_host}:{listening.getsockname()[1]}",
        flush=True,
    )


def _tell(text: str) -> None:
    """A line for whoever keeps our log."""
    sys.stderr.write(format_log_line(time.time_ns() // 1_000_000, TOLD, text))
    sys.stderr.flush()


def _write_new(file: Path, content: bytes) -> None:
    """Never over something that is there; unreadable to others from its first moment on."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise ConfigError(f"{file}: is there already") from None
    with os.fdopen(descriptor, "wb") as opened:
        opened.write(content)


if __name__ == "__main__":
    sys.exit(main())
