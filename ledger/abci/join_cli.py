"""`airgrant ledger join`: makes a ledger part of a network of others, in two steps.

First without a network: it makes the keys of this operator's CometBFT and prints the section that all of them put into
the description of their network. Then with that description: it writes CometBFT's home, the genesis of the common
ledger and the section [consensus] of its settings, and says what to start. Again, it writes them anew, as another
description or address may need. It never writes over a key, nor over the genesis of a ledger that has run.

A shell: argv, files, terminal, exit status. 0 done; 2 the command line, a file or the description is wrong; 3 the disk
failed.
"""

import argparse
import os
import re
import sys
from pathlib import Path

from ledger.abci.comet_home import (
    PRIVATE,
    SETTINGS,
    Place,
    StateSync,
    format_home,
    generate_keys,
    read_operator,
)
from ledger.abci.network import (
    Network,
    Operator,
    format_operator,
    parse_address,
    parse_name,
    parse_network,
)
from ledger.database import open_to_read
from ledger.genesis import write_genesis
from ledger.running import OK, run_command
from ledger.store import POSTGRESQL
from ledger.toml_file import read_toml
from wire.errors import ConfigError, VerificationError
from wire.ids import PublicKey
from wire.keys import PrivateKey

COMET = "comet"
MAX_POWER = 1_000_000
_TCP = "tcp://"
_LISTEN, _RPC = "0.0.0.0:26656", "127.0.0.1:26657"
_EXAMPLES = """examples:
  airgrant ledger init --joins --folder bandcoin                               keys and settings, once
  airgrant ledger join --folder bandcoin --name alice --address 192.0.2.1:26656
                                                     prints your section of network.toml: give it to the others
  airgrant ledger join --folder bandcoin --name alice --network network.toml   when all sections are in it
  airgrant ledger join ... --listen 127.0.0.1:26666 --rpc 127.0.0.1:26667      a second one on the same machine
  cometbft start --home bandcoin/comet  and  airgrant ledger run --config bandcoin/ledger.toml
"""
_CONSENSUS = """
[consensus]
socket = "comet/application.sock"
rpc = "http://{rpc}"
network = "{network}"
"""
_SECTION = re.compile(r"^\[consensus\][^\n]*\n(?:(?!\[)[^\n]*\n?)*", re.MULTILINE)


def main(argv: list[str]) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant ledger join",
        description="Makes a ledger part of a network of operators on CometBFT.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--folder", type=Path, required=True, help="of `airgrant ledger init`")
    parser.add_argument(
        "--name", type=_name, required=True, help="what the others call you: small letters and digits"
    )
    parser.add_argument(
        "--address", type=_address, metavar="HOST:PORT", help="where other nodes reach yours (first step)"
    )
    parser.add_argument(
        "--power", type=_power, default=1, metavar="N", help="your votes; 0: none (first step)"
    )
    parser.add_argument(
        "--network", type=Path, metavar="FILE", help="the description of the network (second step)"
    )
    parser.add_argument(
        "--listen",
        type=_address,
        metavar="HOST:PORT",
        help=f"for other nodes (default: as it was; at first {_LISTEN})",
    )
    parser.add_argument(
        "--rpc",
        type=_address,
        metavar="HOST:PORT",
        help=f"for your ledger only: never open it to others (default: as it was; at first {_RPC})",
    )
    parser.add_argument(
        "--one-host",
        action="store_true",
        help="several nodes come from one address: a trial on one machine, or operators behind one NAT; by itself "
        "where the addresses in FILE say so",
    )
    parser.add_argument(
        "--trust",
        metavar="HEIGHT:HASH",
        help="begin with the others' log, from a block that somebody whom you trust names",
    )
    parser.add_argument(
        "--ask", type=_address, action="append", metavar="HOST:PORT", help="RPC of two others, with --trust"
    )
    parser.set_defaults(run=_join)
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command("join", options, VerificationError)


def _join(options: argparse.Namespace) -> int:
    folder: Path = options.folder
    key = _read_gateway(folder)
    files = _keys(folder / COMET)
    if options.network is None:
        if options.address is None:
            raise ConfigError("give --address for your section of the network, or --network when it is whole")
        sys.stdout.write(
            format_operator(read_operator(files, options.name, key, options.address, options.power))
        )
        return OK
    network = parse_network(read_toml(options.network), options.network)
    state_sync = _state_sync(options)
    own = _find_own(network, options.name, options.network)
    _check_own(
        own, read_operator(files, own.name, key, own.address, own.validator.power if own.validator else 0)
    )
    _write_genesis(folder, network)
    place = _place(options, network)
    for name, text in format_home(network, own.name, place, state_sync).items():
        (folder / COMET / name).write_text(text)
    _write_consensus(folder / "ledger.toml", place.rpc.removeprefix(_TCP), options.network)
    _say(folder, network, place)
    return OK


def _place(options: argparse.Namespace, network: Network) -> Place:
    """Where this node is: as it is told, else as it was."""
    home: Path = options.folder / COMET
    before = read_toml(home / SETTINGS) if (home / SETTINGS).exists() else {}
    p2p, rpc = before.get("p2p", {}), before.get("rpc", {})
    hosts = [one.address.rpartition(":")[0] for one in network.operators]
    return Place(
        application=f"unix://{(home / 'application.sock').absolute()}",
        rpc=_TCP + (options.rpc or str(rpc.get("laddr", _RPC)).removeprefix(_TCP)),
        listen=options.listen or str(p2p.get("laddr", _LISTEN)).removeprefix(_TCP),
        one_host=bool(options.one_host or p2p.get("allow_duplicate_ip") or len(set(hosts)) < len(hosts)),
    )


def _read_gateway(folder: Path) -> PublicKey:
    file = folder / "ledger.key"
    if not file.exists():
        raise ConfigError(f"{file}: is not there: make it with `airgrant ledger init --folder {folder}`")
    return PrivateKey.from_pem(file.read_bytes(), str(file)).public


def _keys(home: Path) -> dict[str, str]:
    """Those that are there, or new ones."""
    for part in ("config", "data"):
        (home / part).mkdir(parents=True, exist_ok=True)
    there = [name for name in PRIVATE if (home / name).exists()]
    if not there:
        for name, text in generate_keys().items():
            _write_private(home / name, text)
    elif len(there) != len(PRIVATE):
        missing = next(name for name in PRIVATE if name not in there)
        raise ConfigError(
            f"{home / missing}: is missing, and without it nobody knows what the key has signed already"
        )
    return {name: (home / name).read_text() for name in PRIVATE}


def _find_own(network: Network, name: str, file: Path) -> Operator:
    for operator in network.operators:
        if operator.name == name:
            return operator
    raise ConfigError(f"{file}: operators.{name}: is not in it")


def _check_own(said: Operator, own: Operator) -> None:
    for what in ("gateway", "validator", "node"):
        if getattr(said, what) != getattr(own, what):
            raise ConfigError(f"operators.{said.name}.{what}: is not the one of this folder's keys")


def _write_genesis(folder: Path, network: Network) -> None:
    file, encoded = folder / "genesis.cbor", write_genesis(network.genesis)
    where = _find_other(folder, encoded)
    if where:
        raise ConfigError(f"{where}: is a ledger that has run, and not this network's")
    file.write_bytes(encoded)


def _find_other(folder: Path, encoded: bytes) -> str:
    """The database that the settings name, if a ledger of another genesis is in it. Raises ShellError if it is in
    PostgreSQL and nobody answers there.
    """
    settings = folder / "ledger.toml"
    section = read_toml(settings).get("ledger", {}) if settings.exists() else {}
    store = str(section.get("store", ""))
    if not store.startswith(POSTGRESQL):
        database, genesis = folder / str(section.get("database", "ledger.db")), folder / "genesis.cbor"
        same = not database.exists() or (genesis.exists() and genesis.read_bytes() == encoded)
        return "" if same else str(database)
    reader = open_to_read(store)
    try:
        return "" if reader.genesis() in (None, encoded) else reader.name
    finally:
        reader.close()


def _state_sync(options: argparse.Namespace) -> StateSync | None:
    if options.trust is None:
        if options.ask:
            raise ConfigError("join: --ask says whom to ask about the block that --trust names: give both")
        return None
    height, _, block = options.trust.partition(":")
    if not height.isdecimal() or not re.fullmatch("[0-9a-fA-F]{64}", block):
        raise ConfigError(
            f"join: --trust {options.trust!r} is not HEIGHT:HASH, a number and 64 hexadecimal digits"
        )
    if len(options.ask or []) < 2:
        raise ConfigError("join: --trust needs --ask twice: two others who say the same")
    return StateSync(tuple(options.ask), int(height), block.upper())


def _write_consensus(file: Path, rpc: str, network: Path) -> None:
    """The section of the settings, in place of the one that is there."""
    text = file.read_text() if file.exists() else ""
    text = _SECTION.sub("", text).rstrip("\n") + "\n"
    file.write_text(text + _CONSENSUS.format(rpc=rpc, network=network.absolute()))


def _say(folder: Path, network: Network, place: Place) -> None:
    votes = sum(one.power for one in network.validators)
    sys.stdout.write(
        f"network id {network.id.hex()}  (compare it with the others')\n"
        f"ledger id {network.genesis.ledger_id.hex()}\n"
        f"{len(network.operators)} operators, {votes} votes: {2 * votes // 3 + 1} decide\n"
        f"other nodes reach yours at {place.listen}, your ledger at {place.rpc.removeprefix(_TCP)}"
        f"{'; several nodes may come from one address' if place.one_host else ''}\n"
        f"start:  cometbft start --home {folder / COMET}\n"
        f"        airgrant ledger run --config {folder / 'ledger.toml'}\n"
    )


def _write_private(file: Path, text: str) -> None:
    """Unreadable to others from its first moment on."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


def _name(text: str) -> str:
    try:
        return parse_name(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _address(text: str) -> str:
    try:
        return parse_address(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _power(text: str) -> int:
    if not text.isdecimal() or int(text) > MAX_POWER:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of votes, 0 to {MAX_POWER}")
    return int(text)
