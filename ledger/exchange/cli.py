"""`airgrant ledger exchange`: serve, look, decide, reconcile; and for an owner of bandcoins, ask for a payout.

A shell: argv, terminal, files, exit status. Exit status: 0 done; 1 the books disagree, or the answer is no; 2 the
command line or the configuration is wrong; 3 the disk, the ledger or the network failed. With --json one JSON value
on standard output.
"""

import argparse
import asyncio
import getpass
import json
import os
import re
import secrets
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.x509.oid import NameOID

from ledger.asking import ask
from ledger.cli import DEFAULT_LEDGER, LEDGER_VARIABLE
from ledger.client import LedgerClient, LedgerReader
from ledger.exchange import braintree, saleor
from ledger.exchange.audit import AuditTable
from ledger.exchange.bank import Bank
from ledger.exchange.book import Book, Case
from ledger.exchange.desk import Desk
from ledger.exchange.payout_request import write_payout_request
from ledger.exchange.reconciling import compare_export, read_export, reconcile
from ledger.exchange.service import (
    Clerk,
    adopt,
    available_for,
    balance_of,
    check_ledger,
    log_of,
    own_transactions,
)
from ledger.exchange.settings import ExchangeSettings, parse_settings
from ledger.exchange.tables import case_table, line_table, payout_lines, reconciliation
from ledger.exchange.webhook import Door, create_app
from ledger.fetching import fetch_genesis
from ledger.genesis import Genesis
from ledger.http import listen, serve
from ledger.pages import LedgerPage
from ledger.running import NO, OK, run_command, run_service
from ledger.service import tls_context
from ledger.settings import BrokerSettings
from ledger.showing import show
from ledger.toml_file import read_toml
from ledger.unanswered import unanswered
from wire.errors import ConfigError, DecodeError, ShellError, VerificationError
from wire.keys import PrivateKey
from wire.money_actions import Transfer
from wire.transaction import NONCE_SIZE, Transaction, sign_transaction
from wire.units import format_money, parse_money

TRANSFER_VALIDITY_S = 3_600
MAX_ANSWER_BYTES = 64 * 1024
ANSWER_S = 10.0
_EXAMPLES = """examples:
  airgrant ledger exchange run exchange.toml                    serve, in the foreground, until SIGTERM
  airgrant ledger exchange audit exchange.toml                  what came, and how far it is
  airgrant ledger exchange audit exchange.toml --lines --case saleor:payment:T3JkZXI6MQ==
  airgrant ledger exchange payouts exchange.toml                what is due
  airgrant ledger exchange payouts exchange.toml --paid PAYOUT --reference "wire 4711"
  airgrant ledger exchange release exchange.toml saleor:payment:T3JkZXI6MQ==
  airgrant ledger exchange reconcile exchange.toml --export settled.csv --gateway braintree
  airgrant ledger exchange ask 25 EUR "AT61 1904 3002 3457 3201" --key roof.key --exchange https://pay.example
"""


def main(argv: list[str]) -> int:
    """`airgrant ledger exchange`; returns the exit status."""
    try:
        options = _parser().parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    try:
        return run_command("exchange", options, VerificationError)
    except LookupError as error:
        sys.stderr.write(f"exchange: {error.args[0]}\n")
        return NO


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "airgrant ledger exchange",
        description="Real money against bandcoins, each way, once.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, run: Callable[[argparse.Namespace], int]) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        one.set_defaults(run=run)
        one.add_argument("--json", action="store_true", help="one JSON value on standard output")
        return one

    run = command("run", "take notifications and requests, deposit and pay out, until SIGTERM", _run)
    run.add_argument("config", type=Path, metavar="CONFIG")
    run.add_argument(
        "--adopt", action="store_true", help="begin an empty table on a ledger with old deposits"
    )
    audit = command("audit", "every case, or with --lines every line of the table", _audit)
    audit.add_argument("config", type=Path, metavar="CONFIG")
    audit.add_argument("--case", metavar="CASE", help="one only")
    audit.add_argument("--open", action="store_true", help="only what is not finished, or waits for a person")
    audit.add_argument("--lines", action="store_true", help="line by line")
    payouts = command("payouts", "what is to be paid out; what a person paid, or never will", _payouts)
    payouts.add_argument("config", type=Path, metavar="CONFIG")
    decided = payouts.add_mutually_exclusive_group()
    decided.add_argument("--paid", metavar="PAYOUT", help="it was paid, under --reference")
    decided.add_argument(
        "--refused", metavar="PAYOUT", help="it never will be, for --reason: the bandcoins go back"
    )
    payouts.add_argument("--reference", default="", metavar="TEXT")
    payouts.add_argument("--reason", default="", metavar="TEXT")
    release = command(
        "release", "let a refused payment or payout go on, or a payout before its time", _release
    )
    release.add_argument("config", type=Path, metavar="CONFIG")
    release.add_argument("case", metavar="CASE")
    books = command("reconcile", "compare table, ledger and the gateway's export", _reconcile)
    books.add_argument("config", type=Path, metavar="CONFIG")
    books.add_argument(
        "--export", type=Path, metavar="CSV", help="payment_id, amount, currency; settled sales only"
    )
    books.add_argument("--gateway", choices=(braintree.GATEWAY, saleor.GATEWAY), help="whose export that is")
    ask = command("ask", "as the owner of bandcoins: have them paid out", _ask)
    ask.add_argument("amount_ubc", type=parse_money, metavar="AMOUNT", help="bandcoins, e.g. 25")
    ask.add_argument("currency", metavar="CURRENCY")
    ask.add_argument("destination", metavar="DESTINATION", help="whatever the exchange's bank understands")
    ask.add_argument("--key", type=Path, required=True, metavar="FILE", help="of the account that pays")
    ask.add_argument("--exchange", required=True, metavar="URL")
    ask.add_argument("--ledger", default=os.environ.get(LEDGER_VARIABLE, DEFAULT_LEDGER), metavar="URL")
    return parser


# ---- Serving


def _run(options: argparse.Namespace) -> int:
    settings = _settings(options)
    run_service(_serve(settings, willing=options.adopt))
    return OK


async def _serve(settings: ExchangeSettings, *, willing: bool) -> None:
    key = PrivateKey.from_pem(_read_secret(settings.key), str(settings.key))
    reader = LedgerReader(settings.ledger_url)
    genesis = check_ledger(reader, settings.ledger_id, key)
    desk = Desk(settings.table, settings.rules, _now_s)
    try:
        desk.table.be_the_only_service()
        adopt(desk, genesis, own_transactions(reader, genesis), willing=willing)
        connection = _Connection(settings.broker)
        clerk = Clerk(
            desk, key, genesis, connection.open, balance_of(reader), log_of(reader), _bank(settings), _tell
        )
        available = available_for(reader)
        door = Door(desk, genesis, clerk.woken.set, available, _credentials(settings), _shop(settings))
        listening = listen(settings.http_host, settings.http_port)
        sys.stdout.write(f"exchange ready http=http://{settings.http_host}:{listening.getsockname()[1]}\n")
        sys.stdout.flush()
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        async with asyncio.TaskGroup() as tasks:
            working = tasks.create_task(asyncio.to_thread(_work, clerk, connection, loop, stop))
            serving = tasks.create_task(serve(create_app(door), listening))
            await stop.wait()
            clerk.stop()
            serving.cancel()
            await working
    finally:
        desk.close()


def _work(
    clerk: Clerk, connection: "_Connection", loop: asyncio.AbstractEventLoop, stop: asyncio.Event
) -> None:
    try:
        clerk.run()
    finally:
        connection.close()
        with suppress(RuntimeError):  # the loop is closed already
            loop.call_soon_threadsafe(stop.set)


class _Connection:
    """To the ledger's broker: opened when it is needed, and anew after it failed."""

    def __init__(self, broker: BrokerSettings) -> None:
        self._broker = broker
        self._tls = tls_context(broker)
        self._name = _common_name(_read(broker.certificate), broker.certificate)
        self._client: LedgerClient | None = None
        self._lock = threading.Lock()

    def open(self) -> LedgerClient:
        with self._lock:
            if self._client is None:
                client = LedgerClient(self._broker.host, self._broker.port, self._name, self._tls)
                self._client = client.__enter__()
            return self._client

    def close(self) -> None:
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None


def _bank(settings: ExchangeSettings) -> Bank | None:
    if settings.bank_url is None or settings.bank_secret is None:
        return None
    return Bank(settings.bank_url, _read_secret(settings.bank_secret).strip())


def _credentials(settings: ExchangeSettings) -> braintree.Credentials | None:
    if settings.braintree_public_key is None or settings.braintree_private_key is None:
        return None
    private_key = _read_secret(settings.braintree_private_key).decode("ascii").strip()
    return braintree.Credentials(settings.braintree_public_key, private_key, settings.merchant_accounts)


def _shop(settings: ExchangeSettings) -> saleor.Shop | None:
    if settings.saleor_secret is not None:
        secret = _read_secret(settings.saleor_secret).decode().strip()
        return saleor.Shop(saleor.Keys({}, secret), settings.saleor_packs)
    if settings.saleor_jwks is None:
        return None
    try:
        return saleor.Shop(saleor.read_jwks(_read(settings.saleor_jwks)), settings.saleor_packs)
    except DecodeError as error:
        raise ConfigError(f"{settings.saleor_jwks}: {error}") from error


# ---- Looking and deciding


def _audit(options: argparse.Namespace) -> int:
    settings = _settings(options)
    with _there(settings) as table:
        entries = table.read_after(0)
    book = Book(entries)
    if options.lines:
        shown = [one for one in entries if options.case in (None, one.key)]
        page = [{**asdict(one), "step": one.step.value, "hash": one.hash.hex()} for one in shown]
        return _show(options, page, lambda: [line_table(shown)])
    cases = [case for case in book.cases.values() if options.case in (None, case.key)]
    if options.open:
        cases = [case for case in cases if case.is_open or case.refused]
    return _show(
        options,
        [_case_json(case) for case in cases],
        lambda: [case_table(cases, "cases", settings.rules.rates)],
    )


def _payouts(options: argparse.Namespace) -> int:
    settings = _settings(options)
    named = options.paid or options.refused
    if named:
        _decide(settings, lambda desk: _note(desk, options, named, settings.bank_url))
    with _there(settings) as table:
        cases = list(Book(table.read_after(0)).cases.values())
    page = [_case_json(case) for case in cases if case.kind == "payout"]
    return _show(options, page, lambda: payout_lines(cases, settings.rules.rates))


def _note(desk: Desk, options: argparse.Namespace, named: str, bank: str | None) -> None:
    key = desk.find_payout(named)
    case = desk.book.cases.get(key)
    if options.paid and bank is not None and case is not None and case.paying and not case.paid:
        raise LookupError(
            f"{key}: the bank was asked, and says itself whether it paid: whoever pays too pays twice (without [bank] "
            "in the configuration a person says it)"
        )
    if options.paid:
        desk.note_paid(key, options.reference)
    else:
        desk.note_unpaid(key, options.reason, getpass.getuser())


def _release(options: argparse.Namespace) -> int:
    settings = _settings(options)
    _decide(settings, lambda desk: desk.release(desk.find_payout(options.case), getpass.getuser()))
    return OK


def _decide(settings: ExchangeSettings, decide: Callable[[Desk], None]) -> None:
    _there(settings).close()
    desk = Desk(settings.table, settings.rules, _now_s)
    try:
        decide(desk)
    finally:
        desk.close()


def _reconcile(options: argparse.Namespace) -> int:
    settings = _settings(options)
    if (options.export is None) != (options.gateway is None):
        raise ConfigError("--export and --gateway go together")
    key = PrivateKey.from_pem(_read_secret(settings.key), str(settings.key))
    reader = LedgerReader(settings.ledger_url)
    genesis = check_ledger(reader, settings.ledger_id, key)
    with _there(settings) as table:
        book = Book(table.read_after(0))
    ledger = reader.read(LedgerPage, "ledger")
    exchange = str(genesis.exchange)
    findings, sums = reconcile(
        book,
        own_transactions(reader, genesis),
        genesis.exchange.key_id.hex(),
        exchange,
        (ledger.deposited_ubc, ledger.withdrawn_ubc),
        balance_of(reader)(exchange),
    )
    if options.export is not None:
        findings += compare_export(book, options.gateway, read_export(_read(options.export).decode()))
    page = {"ok": not findings, "sums": asdict(sums), "findings": [asdict(one) for one in findings]}
    _show(options, page, lambda: reconciliation(findings, sums))
    return NO if findings else OK


# ---- An owner's request


def _ask(options: argparse.Namespace) -> int:
    key = PrivateKey.from_pem(_read(options.key), str(options.key))
    genesis = fetch_genesis(LedgerReader(options.ledger))
    asked = f"{options.amount_ubc} {options.currency} {options.destination}".encode()
    with unanswered(options.key, sha256(genesis.ledger_id + key.public.octets + asked).digest()) as kept:
        again = bool(kept.earlier)
        if not again:
            kept.keep(_make_request(options, key, genesis))
        try:
            page = _post(f"{options.exchange.rstrip('/')}/payouts", kept.earlier)
        except LookupError:
            kept.forget()
            raise
        except ShellError as error:
            advice = "the request is signed and may have arrived: the same command sends the same bytes again"
            raise ShellError(error.what, f"{error.detail}; {advice}") from error
        kept.forget()
    pays = f"{format_money(options.amount_ubc)} for {page.get('pays')} {page.get('currency')}"
    lines = [f"[bold]{page.get('stage')}[/]  {pays}, payout {page.get('payout')}"]
    if again:
        lines.append(
            "an earlier command was not answered: its request was sent again, and no other was signed"
        )
    return _show(options, page, lambda: lines)


def _make_request(options: argparse.Namespace, key: PrivateKey, genesis: Genesis) -> bytes:
    action = Transfer(genesis.exchange, options.amount_ubc)
    transaction = Transaction(action, secrets.token_bytes(NONCE_SIZE), _now_s() + TRANSFER_VALIDITY_S)
    transfer = sign_transaction(transaction, key, genesis.ledger_id).envelope.encoded
    return write_payout_request(transfer, options.currency, options.destination, key, genesis.ledger_id)


def _post(url: str, body: bytes) -> dict[str, Any]:
    """The JSON answer; LookupError for a no, ShellError where nobody says so. It bears being sent again."""
    if not re.match("https?://", url):
        raise ConfigError(f"--exchange {url!r} is no address such as https://pay.example")
    answer = ask(url, body, {"Content-Type": "application/cose"}, MAX_ANSWER_BYTES, ANSWER_S)
    said = answer.content.decode(errors="replace")
    if answer.status == 400:
        raise LookupError(f"{url}: {_sentence(said)}")
    if not 200 <= answer.status < 300:
        raise ShellError(url, f"answers {answer.status}: {_sentence(said)}")
    try:
        return dict(json.loads(said))
    except (ValueError, TypeError) as error:
        raise ShellError(url, str(error)) from error


def _sentence(said: str) -> str:
    """Of an error page its detail; of anything else all of it."""
    try:
        page = json.loads(said)
    except ValueError:
        return said
    return str(page.get("detail", said)) if isinstance(page, dict) else said


# ---- What they share


def _settings(options: argparse.Namespace) -> ExchangeSettings:
    return parse_settings(read_toml(options.config), options.config)


def _there(settings: ExchangeSettings) -> AuditTable:
    """Looking makes no empty table."""
    if not settings.table.exists():
        raise ShellError(str(settings.table), "is not there: has the exchange been run?")
    return AuditTable(settings.table)


def _case_json(case: Case) -> dict[str, Any]:
    shown = {name: value for name, value in case.event.fields.items() if name != "transfer"}
    return {"key": case.key, "time_s": case.event.time_s, "stage": case.stage, "open": case.is_open, **shown}


def _show(options: argparse.Namespace, page: object, make_lines: Callable[[], Sequence[Any]]) -> int:
    show(page, make_lines, as_json=options.json)
    return OK


def _common_name(certificate: bytes, file: Path) -> str:
    try:
        names = x509.load_pem_x509_certificate(certificate).subject.get_attributes_for_oid(
            NameOID.COMMON_NAME
        )
        return str(names[-1].value)
    except (ValueError, IndexError) as error:
        raise ConfigError(f"{file}: no certificate with a common name: {error}") from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def _read_secret(file: Path) -> bytes:
    """Refuses what others on the machine can read."""
    content = _read(file)
    if file.stat().st_mode & 0o077:
        raise ConfigError(f"{file}: others on this machine can read it: chmod go= {file}")
    return content


def _tell(text: str) -> None:
    """A line for whoever keeps our log."""
    sys.stderr.write(f"exchange: {text}\n")
    sys.stderr.flush()


def _now_s() -> int:
    return int(time.time())
