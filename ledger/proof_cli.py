"""`airgrant ledger proof`: fetch the proof of a grant, and verify one offline.

A shell: argv, terminal, files, exit status. 0 it holds; 1 it does not, or there is no such grant; 2 the command line is
wrong; 3 nobody answers, or a file cannot be read.
"""

import argparse
import base64
import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ledger.abci.network import parse_network
from ledger.client import LedgerReader
from ledger.fetching import fetch_genesis, fetch_proved_grant
from ledger.pages import show_band, show_qos
from ledger.running import NO, OK, USAGE, run_command
from ledger.toml_file import read_toml
from wire.comet_commit import MAX_SIGNED_BLOCK_BYTES, CometHeader, read_signed_block, verify_signed_block
from wire.errors import DecodeError
from wire.grant import Grant
from wire.grant_proof import MAX_GRANT_PROOF_BYTES, read_grant_proof, verify_grant_proof, verify_grant_under
from wire.ids import PublicKey

LEDGER_VARIABLE, DEFAULT_LEDGER = "AIRGRANT_LEDGER", "http://127.0.0.1:8573"
EXAMPLES = """\
examples:
  airgrant ledger proof fetch 61a48d02...000a --out grant.proof --ledger-id a0a1...bf
  airgrant ledger proof fetch 61a48d02...9f --consumer 02c1...9f --out grant.proof      by the purchase's id
  airgrant ledger proof verify grant.proof --key 025e...fd --ledger-id a0a1...bf
  curl -o block.json 'http://127.0.0.1:8573/v1/proofs/signed_block?height=HEIGHT'      of a shared ledger, then
  airgrant ledger proof verify grant.proof --network network.toml --signed-block block.json
  airgrant ledger proof verify grant.proof --app-hash 7d0a...31         known by other means

exit status: 0 it holds, 1 it does not or there is no such grant, 2 usage, 3 the world failed
"""


def main(argv: list[str]) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant ledger proof",
        description="That a signed block sold a grant, without the other consumers of its purchase.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    fetch = commands.add_parser("fetch", help="ask a ledger, verify what it says, keep it")
    fetch.add_argument("id", type=_id, metavar="ID", help="of a grant (32 digits) or of a transaction (64)")
    fetch.add_argument("--consumer", type=_account, metavar="ACCOUNT", help="of a transaction: whose grant")
    fetch.add_argument("--out", type=Path, required=True, metavar="FILE")
    default = os.environ.get(LEDGER_VARIABLE, DEFAULT_LEDGER)
    fetch.add_argument("--ledger", default=default, metavar="URL", help=f"default: {default}")
    fetch.add_argument("--ledger-id", type=_hash, metavar="ID", help="of the ledger that you mean, 64 digits")
    fetch.set_defaults(run=_fetch)
    verify = commands.add_parser(
        "verify", help="offline, trusting a key, a network's validators, or an app hash only"
    )
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--key", type=_account, metavar="KEY", help="the gateway's, 66 hexadecimal digits")
    verify.add_argument("--ledger-id", type=_hash, metavar="ID", help="64 hexadecimal digits")
    verify.add_argument("--app-hash", type=_hash, metavar="HASH", help="of its block, known by other means")
    verify.add_argument("--network", type=Path, metavar="FILE", help="who decides in a shared ledger")
    verify.add_argument(
        "--signed-block", type=Path, metavar="FILE", help="what /v1/proofs/signed_block says of the block"
    )
    verify.set_defaults(run=_verify)
    for command in (fetch, verify):
        command.add_argument("--json", action="store_true", help="one JSON value on standard output")
    try:
        options = parser.parse_args(argv)
        _check(parser, options)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    try:
        return run_command("proof", options, DecodeError)
    except LookupError as error:
        sys.stderr.write(f"proof: {error.args[0]}\n")
        return NO


def _check(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """What argparse cannot say about arguments that go together."""
    if options.run is _fetch:
        if (len(options.id) == 64) != (options.consumer is not None):
            parser.error("--consumer goes with the id of a transaction, and with nothing else")
        return
    key, network = (options.key, options.ledger_id), (options.network, options.signed_block)
    given = [one is not None for one in (*key, options.app_hash, *network)]
    if given not in ([1, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 1]):
        parser.error("wants --key and --ledger-id, or --network and --signed-block, or --app-hash")


def _fetch(options: argparse.Namespace) -> int:
    reader = LedgerReader(options.ledger)
    genesis = fetch_genesis(reader)
    if options.ledger_id not in (None, genesis.ledger_id):
        raise DecodeError(
            f"{reader.url}: is the ledger {genesis.ledger_id.hex()}, not {options.ledger_id.hex()}"
        )
    consumer = f"/{options.consumer}" if options.consumer else ""
    found = fetch_proved_grant(reader, genesis, f"{options.id}{consumer}")
    encoded, key, grant = found.proof, found.key, found.grant
    options.out.write_bytes(encoded)
    says = f"kept: {reader.url} signs that this grant was sold, block {read_grant_proof(encoded).height}; "
    if options.ledger_id is None:
        says += (
            "which ledger that is, it says itself: name yours by --ledger-id, or verify by a key of your own"
        )
    else:
        says += f"its key {key} is a gateway's of the ledger {genesis.ledger_id.hex()}"
    return _show(options, grant, len(encoded), says)


def _verify(options: argparse.Namespace) -> int:
    with options.file.open("rb") as file:
        encoded = file.read(MAX_GRANT_PROOF_BYTES + 1)
    if options.network is not None:
        header = _read_signed(options.network, options.signed_block)
        grant = verify_grant_under(encoded, header.app_hash)
        says = (
            f"the proof holds: more than two thirds of the votes of {header.chain_id} signed that it was sold"
        )
    elif options.app_hash is None:
        grant = verify_grant_proof(encoded, options.key, options.ledger_id)
        says = f"the proof holds: gateway {options.key} signed that this grant was sold"
    else:
        grant = verify_grant_under(encoded, options.app_hash)
        says = "the proof holds if that app hash is the ledger's: no signature was looked at"
    return _show(options, grant, len(encoded), says)


def _read_signed(network_file: Path, block_file: Path) -> CometHeader:
    """Of a block that the validators of this description signed. Raises ConfigError, DecodeError."""
    network = parse_network(read_toml(network_file), network_file)
    with block_file.open("rb") as file:
        data = file.read(4 * MAX_SIGNED_BLOCK_BYTES)
    try:
        encoded = base64.b64decode(json.loads(data)["signed_block"], validate=True)
    except (ValueError, LookupError, TypeError) as error:
        raise DecodeError(f"{block_file}: not a page of /v1/proofs/signed_block: {error}") from error
    return verify_signed_block(read_signed_block(encoded), network.chain_id, network.validators)


def _show(options: argparse.Namespace, grant: Grant, size: int, says: str) -> int:
    facts: dict[str, str | int] = {
        "grant_id": grant.grant_id.hex(),
        "consumer": str(grant.consumer),
        "provider_id": grant.provider_id.hex(),
        "epoch": grant.epoch,
        "starts_s": grant.starts_s,
        "ends_s": grant.ends_s,
        "allocations": grant.allocations,
        "bytes": size,
    }
    if options.json:
        terms = {"band": show_band(grant.band).model_dump(), "qos": show_qos(grant.qos).model_dump()}
        sys.stdout.write(json.dumps({"ok": True, **facts, **terms}) + "\n")
        return OK
    table = Table.grid(padding=(0, 2))
    for name, value in facts.items():
        shown = datetime.fromtimestamp(int(value), UTC) if name.endswith("_s") else None
        table.add_row(name, str(value) if shown is None else f"{value}, {shown:%Y-%m-%d %H:%M:%S} UTC")
    console = Console(highlight=False)
    console.print(says)
    console.print(table)
    return OK


def _id(text: str) -> str:
    if len(text) not in (32, 64) or not _is_hexadecimal(text):
        raise argparse.ArgumentTypeError(
            "want 32 hexadecimal digits of a grant's id, or 64 of a transaction's"
        )
    return text.lower()


def _hash(text: str) -> bytes:
    if len(text) != 64 or not _is_hexadecimal(text):
        raise argparse.ArgumentTypeError("want 64 hexadecimal digits")
    return bytes.fromhex(text)


def _is_hexadecimal(text: str) -> bool:
    return all(digit in "0123456789abcdefABCDEF" for digit in text)


def _account(text: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
