"""`airgrant merchant`: keys, registering, signing what an operator pays, withdrawing.

Exit status: 0 done; 1 the contract or the operator says no, or a block was refused; 2 the command line or the
configuration is wrong; 3 the ledger, the operator or the disk is not there. With --json one JSON value on standard
output. A merchant's folder has its key and everything that it signed for: with it and the ledger alone it withdraws.
"""

import argparse
import json
import random
import secrets
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.identity import read_key
from ledger.payplace.merchant_check import BlockRefused
from ledger.running import NO, OK, WORLD, run_command
from ledger.toml_file import read_toml
from operatord.payplace.merchant import Idle, Merchant, Signed, Withdrawn
from operatord.payplace.merchant_files import MerchantFiles
from operatord.payplace.office import HttpOffice
from operatord.payplace.opening import open_chain
from operatord.payplace.settings import parse_merchant
from operatord.payplace.watching import watch_for_ever
from wire.errors import DecodeError

EXAMPLES = """examples:
  airgrant merchant register merchant.toml     make the key, ask the operator for its word, register on the ledger
  airgrant merchant watch merchant.toml        look at every block and sign it, until SIGINT
  airgrant merchant status merchant.toml --json
  airgrant merchant withdraw merchant.toml     everything that is confirmed, to the account
  airgrant merchant withdraw merchant.toml --exit
"""


def main(argv: list[str]) -> int:
    """`airgrant merchant`; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant merchant",
        description="What a merchant does with an operator that pays it by PayPlace.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="merchant.toml")
        command.add_argument("--json", action="store_true", help="one JSON value on standard output")
        command.set_defaults(run=run)
        return command

    add("register", _register, "become a merchant of the operator")
    watch = add("watch", _watch, "look at each block, and sign it if it holds")
    watch.add_argument("--once", action="store_true", help="look once, and say what was found")
    add("status", _status, "what is confirmed")
    withdraw = add("withdraw", _withdraw, "take everything that is confirmed")
    withdraw.add_argument(
        "--accept-less", action="store_true", help="also if not all of it is there now: the rest is lost"
    )
    withdraw.add_argument("--exit", action="store_true", dest="leaving", help="and be a merchant no longer")
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command("merchant", options, DecodeError)


def open_merchant(config: Path) -> Merchant:
    """Raises ConfigError, ShellError."""
    settings = parse_merchant(read_toml(config), config)
    files = MerchantFiles(settings.folder)
    chain = open_chain(settings.chain, settings.operator, read_key(settings.key))
    return Merchant(files, chain, HttpOffice(settings.url), files.key(secrets.token_bytes(32)), _tell)


def _register(options: argparse.Namespace) -> int:
    merchant = open_merchant(options.config)
    reason = merchant.register()
    return _say(options, {"ok": not reason, "merchant": merchant.id.hex(), "reason": reason})


def _watch(options: argparse.Namespace) -> int:
    merchant = open_merchant(options.config)
    if options.once:
        return _say(options, _look(merchant))
    sys.stdout.write(f"merchant ready id={merchant.id.hex()}\n")
    sys.stdout.flush()
    pause = threading.Event()
    watch_for_ever(lambda: _look(merchant), lambda page: _say(options, page), pause.wait, random.random)
    return OK


def _look(merchant: Merchant) -> dict[str, Any]:
    try:
        found = merchant.watch()
    except BlockRefused as refused:
        return {"ok": False, "refused": refused.rule.value, "detail": refused.detail}
    except DecodeError as error:
        return {"ok": False, "refused": "by_operator", "detail": str(error)}
    match found:
        case Idle(why):
            return {"ok": True, "idle": why}
        case Signed(head, income_ubc, again):
            page = {"ok": True, "period": head.period, "root": head.root.hex(), "income_ubc": income_ubc}
            return page | ({"again": True} if again else {})


def _status(options: argparse.Namespace) -> int:
    merchant = open_merchant(options.config)
    return _say(
        options, {"ok": True, "merchant": merchant.id.hex(), "confirmed_ubc": merchant.confirmed_ubc()}
    )


def _withdraw(options: argparse.Namespace) -> int:
    merchant = open_merchant(options.config)
    try:
        done = merchant.withdraw(leaving=options.leaving, accept_less=options.accept_less)
    except LookupError as error:
        done = Withdrawn(str(error.args[0]))
    page = {"withdrawn_ubc": done.at_least_ubc, "given_up_ubc": done.given_up_ubc, "reason": done.reason}
    return _say(options, {"ok": not done.reason} | page)


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _say(options: argparse.Namespace, page: dict[str, Any]) -> int:
    if options.json:
        sys.stdout.write(json.dumps(page) + "\n")
    else:
        sys.stdout.write(", ".join(f"{name} {value}" for name, value in page.items() if value != "") + "\n")
    sys.stdout.flush()
    if "trouble" in page:
        return WORLD
    return OK if page["ok"] else NO
