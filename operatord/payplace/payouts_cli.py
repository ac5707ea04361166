"""`airgrant payouts`: an operator's side of PayPlace, as a process of its own beside `operatord`.

Of its own, because hashing a large block takes seconds in which nobody's authorisation may wait. It reads what
operatord earned from operatord's database and writes nothing there. Exit status: 0 done; 1 the ledger says no; 2 the
command line or the configuration is wrong; 3 the ledger or the disk is not there.
"""

import argparse
import asyncio
import secrets
import signal
import sys
from pathlib import Path

from ledger.http import listen
from ledger.identity import read_key
from ledger.running import NO, OK, run_command, run_service
from ledger.toml_file import read_toml
from operatord.payplace.earnings import OperatordEarnings
from operatord.payplace.merchant_files import MerchantFiles
from operatord.payplace.opening import open_chain
from operatord.payplace.running import run_payouts
from operatord.payplace.settings import PayoutSettings, parse_payouts
from operatord.payplace.settling import Settler
from operatord.payplace.store import PayoutStore
from wire.errors import DecodeError
from wire.payplace_registration import RegisterOperator

EXAMPLES = """examples:
  airgrant payouts register payouts.toml    make the BLS key, and become an operator on the ledger
  airgrant payouts run payouts.toml         a block every period, in the foreground, until SIGTERM
"""


def main(argv: list[str]) -> int:
    """`airgrant payouts`; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant payouts",
        description="What an operator pays its merchants, by PayPlace.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, run, text in (
        ("register", _register, "become an operator, with the times of [payouts]"),
        ("run", _run, "serve merchants, and notarise a block every period"),
    ):
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("config", type=Path, metavar="CONFIG", help="payouts.toml")
        command.set_defaults(run=run)
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command("payouts", options, DecodeError)


def _register(options: argparse.Namespace) -> int:
    settings = parse_payouts(read_toml(options.config), options.config)
    account = read_key(settings.key)
    key = MerchantFiles(settings.folder).key(secrets.token_bytes(32))
    chain = open_chain(settings.chain, account.public, account)
    possession = key.prove_possession(chain.instance, account.public.octets)
    reason = chain.register(RegisterOperator(settings.times, key.public.eip2537, possession.eip2537))
    sys.stdout.write(f"operator {account.public} {reason or 'registered'}\n")
    return NO if reason else OK


def _run(options: argparse.Namespace) -> int:
    run_service(_serve(parse_payouts(read_toml(options.config), options.config)))
    return OK


async def _serve(settings: PayoutSettings) -> None:
    account = read_key(settings.key)
    key = MerchantFiles(settings.folder).key(secrets.token_bytes(32))
    chain = open_chain(settings.chain, account.public, account)
    store, earnings = PayoutStore(settings.folder), OperatordEarnings(settings.earnings)
    settler = Settler(store, chain, key, earnings, settings.rules, _tell)
    listening = listen(settings.host, settings.port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        async with asyncio.TaskGroup() as tasks:
            running = tasks.create_task(run_payouts(settler, listening, _tell))
            sys.stdout.write(f"payouts ready http=http://{settings.host}:{listening.getsockname()[1]}\n")
            sys.stdout.flush()
            await stop.wait()
            running.cancel()
    finally:
        store.close()
        earnings.close()


def _tell(text: str) -> None:
    """A line for whoever keeps our log."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
