"""`airgrant offer`, `airgrant account`, `airgrant report` and `airgrant ledger`: the ledger for people and scripts.

A shell: argv, terminal, files, exit status. Reads the ledger over HTTP, submits over MQTT with mutual TLS.
Exit status: 0 done; 1 the answer is no (rejected, not there, a verification failed); 2 the command line or a
key is wrong; 3 the world failed. With --json one JSON value on standard output, whatever happens.
"""

import argparse
import hashlib
import importlib
import json
import os
import re
import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from ledger.bundle import Audit, Bundle
from ledger.client import LedgerAway, LedgerClient, LedgerReader
from ledger.fetching import (
    Tell,
    fetch_bundle,
    fetch_genesis,
    fetch_key_ids,
    fetch_transfers,
    read_base64,
)
from ledger.identity import read_common_name, read_key
from ledger.pages import (
    AccountPage,
    GrantPage,
    OfferListPage,
    OfferPage,
    ProofPage,
    TransactionListPage,
    TransactionPage,
)
from ledger.recording import ACCOUNT_ENDED
from ledger.repayment import Missing, plan_partner_refund
from ledger.reports.whole import verify_further
from ledger.showing import show
from ledger.tables import (
    account_table,
    offer_details,
    offer_table,
    transaction_table,
)
from ledger.tls import client_context
from ledger.unanswered import Delivery, Fate, deliver, unanswered
from wire.attestation_result import read_attestation_result
from wire.band import Band
from wire.create import Create
from wire.enrolment import (
    EnrolmentRequest,
    prove_software_key,
    read_enrolment_reply,
    write_enrolment_request,
)
from wire.errors import ConfigError, DecodeError, ShellError
from wire.grant import read_grant
from wire.grant_price import read_grant_price, write_price_question
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.money_actions import Deposit, Transfer, Withdraw
from wire.post_offer import PostOffer, Reservation
from wire.qos import LatencyClass, Qos, RateLayer
from wire.receipt import read_receipt
from wire.refund import refund_nonce
from wire.transaction import NONCE_SIZE, Action, SignedTransaction, Transaction, sign_transaction
from wire.units import U63_MAX, parse_duration, parse_money, parse_rate, parse_size
from wire.usage_terms import UsageTerms

OK, NO, USAGE, WORLD = 0, 1, 2, 3
DEFAULT_LEDGER = "http://127.0.0.1:8573"
LEDGER_VARIABLE = "AIRGRANT_LEDGER"
DEFAULT_BROKER = "127.0.0.1:8883"
VALIDITY_S = 600
RATE_LAYERS = {"ip": RateLayer.IP, "frame": RateLayer.ETHERNET}
PATIENCE_S = 1.0
"""How long a person waits without being told what for."""

EXIT_CODES = "exit status: 0 done, 1 the answer is no, 2 usage or key file, 3 the world failed\n"

OFFER_EXAMPLES = f"""\
examples:
  airgrant offer                                          what is for sale
  airgrant offer show 02c1...9f                           one provider's offer, with what can be reserved
  airgrant offer post --key roof.key --authority authority.pem --certificate roof.pem \\
      --price 0.0025 --units 40 --for 10m --down 2M-20M --up 1M-5M --band 5170000-5250000/80000
  airgrant offer post ... --units 0                       stop selling
  airgrant offer post ... --beyond 2GB --step 1MB --step-price 0.0005 --at-most 0.2      use beyond is paid afterwards

The ledger is --ledger URL or the variable {LEDGER_VARIABLE}; by default {DEFAULT_LEDGER}.

{EXIT_CODES}"""

ACCOUNT_EXAMPLES = f"""\
examples:
  airgrant account 02c1...9f                    balance, transactions, and the proof that the state has it
  airgrant account create --key alice.key --authority authority.pem --certificate alice.pem
  airgrant account deposit 02c1...9f 25 --key exchange.key ...      as the exchange: put 25 BC in
  airgrant account transfer 03ab...11 1.5 --key alice.key ...       give 1.5 BC
  airgrant account refund 0f3e...20 --key roof.key ...          for what a partner's box did not deliver

Amounts are in bandcoins, with at most six decimals. A certificate of --certificate-key (default: the same key) logs in
at the broker; who pays is decided by --key alone.

{EXIT_CODES}"""


LEDGER_COMMANDS = {
    "init": ("ledger.__main__", "init", "make keys, a genesis and a configuration"),
    "run": ("ledger.__main__", "run", "serve, in the foreground, until SIGTERM"),
    "join": ("ledger.abci.join_cli", "main", "make a ledger part of a network of operators"),
    "status": ("ledger.abci.status_cli", "main", "how a ledger stands, and who shares it"),
    "verify": ("ledger.__main__", "verify", "apply the whole log of a database again"),
    "export": ("ledger.log_cli", "export", "write the whole log to a file, a line for each item"),
    "replay": ("ledger.log_cli", "replay", "apply such a file again; with --into make a ledger of it"),
    "auction": ("ledger.clearing.cli", "main", "open an auction, bid in one, see what came of it"),
    "exchange": (
        "ledger.exchange.cli", "main", "real money at a payment gateway against bandcoins, each way, once",
    ),
    "usage": ("ledger.usage_cli", "main", "what use beyond the included bytes costs: terms, charge, pay, owed"),
    "proof": ("ledger.proof_cli", "main", "that a signed block sold a grant: fetch it, verify it offline"),
    "gateway": (
        "ledger.gateway_cli", "main", "one of several processes between the boxes' broker and the ledger",
    ),
}  # fmt: skip
"""Subcommands of `airgrant ledger`: module and function(argv), imported only when it is asked for."""


def ledger(argv: list[str]) -> int:
    """`airgrant ledger`; returns the exit status."""
    if argv and argv[0] in LEDGER_COMMANDS:
        module, function, _ = LEDGER_COMMANDS[argv[0]]
        return int(getattr(importlib.import_module(module), function)(argv[1:]))
    asked = bool(argv) and argv[0] in {"-h", "--help"}
    lines = [f"  {name:<10} {text}" for name, (_, _, text) in LEDGER_COMMANDS.items()]
    text = "\n".join(["usage: airgrant ledger COMMAND [OPTION...]", "", "commands:", *lines, ""])
    (sys.stdout if asked else sys.stderr).write(text)
    return OK if asked else USAGE


def offer(argv: list[str]) -> int:
    """`airgrant offer`; returns the exit status."""
    parser, commands = command_parser(
        "airgrant offer", "What providers sell, and posting what you sell.", OFFER_EXAMPLES
    )
    listing = add_subcommand(commands, "list", "what is for sale", _offer_list)
    add_reading_options(listing)
    show = add_subcommand(commands, "show", "one provider's offer", _offer_show)
    show.add_argument("provider", type=parse_account, metavar="PROVIDER")
    add_reading_options(show)
    post = add_subcommand(
        commands, "post", "replace your offer; the ledger gives it the next epoch", _offer_post
    )
    _offer_options(post)
    add_submitting_options(post)
    return run_options(parser, with_default(argv, commands, "list"))


def account(argv: list[str]) -> int:
    """`airgrant account`; returns the exit status."""
    parser, commands = command_parser("airgrant account", "Balances, and moving money.", ACCOUNT_EXAMPLES)
    show = add_subcommand(commands, "show", "balance, transactions and proof", _account_show)
    show.add_argument("account", type=parse_account, metavar="ACCOUNT")
    show.add_argument("--transactions", type=int, default=20, metavar="N", help="the last N (default 20)")
    add_reading_options(show)
    create = add_subcommand(commands, "create", "open the account of --key", _account_create)
    add_submitting_options(create)
    for name, text in (
        ("deposit", "as the exchange: put money into an account"),
        ("withdraw", "as the exchange: take money out of an account"),
        ("transfer", "give money to an account"),
    ):
        moving = add_subcommand(commands, name, text, _account_move)
        moving.add_argument("account", type=parse_account, metavar="ACCOUNT")
        moving.add_argument(
            "amount_ubc", type=typed(parse_money), metavar="AMOUNT", help="bandcoins, e.g. 1.5"
        )
        add_submitting_options(moving)
    text = "your box was stolen, with the key of --key on it: this account meters and sells nothing any more"
    retire = add_subcommand(commands, "retire", text, _account_retire)
    retire.add_argument(
        "--for-good", action="store_true", required=True, help="say it: this account sells never again"
    )
    add_submitting_options(retire)
    refund = add_subcommand(
        commands, "refund", "pay for what partners' boxes did not deliver of a grant", _account_refund
    )
    refund.add_argument("grant", type=parse_grant_id, metavar="GRANT", help="its id, 32 hexadecimal digits")
    add_submitting_options(refund)
    return run_options(parser, with_default(argv, commands, "show"))


# ---- airgrant offer


def _offer_list(options: argparse.Namespace) -> int:
    offers = [page.model_dump() for page in reader_of(options).listed(OfferListPage, "offers", "offers")]
    return show_page(options, offers, lambda: [offer_table(offers)])


def _offer_show(options: argparse.Namespace) -> int:
    page = reader_of(options).read(OfferPage, f"offers/{options.provider}").model_dump()
    return show_page(options, page, lambda: offer_details(page))


def _offer_post(options: argparse.Namespace) -> int:
    return submit_action(options, lambda _key: _offer_action(options))


def _offer_action(options: argparse.Namespace) -> PostOffer:
    floor_down, ceil_down = options.down
    floor_up, ceil_up = options.up
    return PostOffer(
        price_ubc=options.price,
        band=options.band,
        max_allocations=options.units,
        allocation_duration_s=options.duration,
        qos=Qos(
            floor_down,
            ceil_down,
            floor_up,
            ceil_up,
            options.data_cap,
            LatencyClass.INTERACTIVE if options.interactive else LatencyClass.BEST_EFFORT,
            RATE_LAYERS[options.rate_layer],
            _usage_terms(options),
        ),
        volume_discount_multiplier_ppm=options.volume_multiplier,
        reservation_discount_multiplier_ppm=options.reservation_multiplier,
        reservations=dict(options.reserve or []),
    )


def _usage_terms(options: argparse.Namespace) -> UsageTerms | None:
    """From four options that are given together or not at all."""
    given = [options.beyond, options.step, options.step_price, options.at_most]
    if all(one is None for one in given):
        return None
    if any(one is None for one in given):
        raise ConfigError("--beyond, --step, --step-price and --at-most go together")
    return UsageTerms(*given)


def add_link_options(parser: argparse.ArgumentParser) -> None:
    """How long a unit lasts, which rates it has, and on which band: of an offer, and of what is auctioned."""
    add = parser.add_argument
    add(
        "--for",
        dest="duration",
        type=typed(parse_duration),
        required=True,
        help="how long a unit lasts: 10m",
    )
    add(
        "--down",
        type=_rate_range,
        required=True,
        metavar="FLOOR-CEILING",
        help="e.g. 2M-20M, towards the station",
    )
    add("--up", type=_rate_range, required=True, metavar="FLOOR-CEILING", help="e.g. 1M-5M")
    add(
        "--band",
        type=parse_band,
        required=True,
        metavar="FROM-TO/WIDTH",
        help="in kHz: 5170000-5250000/80000",
    )


def _offer_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--price", type=typed(parse_money), required=True, help="bandcoins for one unit")
    add("--units", type=int, required=True, help="most units at any time; 0 stops selling")
    add_link_options(parser)
    add("--data-cap", type=typed(parse_size), default=0, help="of one unit, both directions: 250MB; 0: none")
    add("--beyond", type=typed(parse_size), help="bytes of one unit beyond which use is paid afterwards: 2GB")
    add("--step", type=typed(parse_size), help="each begun step beyond is charged: 1MB")
    add("--step-price", type=typed(parse_money), help="bandcoins for a step")
    add("--at-most", type=typed(parse_money), help="bandcoins: all that use of one unit can ever cost")
    add(
        "--rate-layer",
        choices=RATE_LAYERS,
        default="ip",
        help="rates count IP packets (default) or whole Ethernet frames",
    )
    add("--interactive", action="store_true", help="a queue for calls and games, within the same rate")
    add("--volume-multiplier", type=int, default=1_000_000, metavar="PPM", help="price of each further unit")
    add("--reservation-multiplier", type=int, default=1_000_000, metavar="PPM", help="price per period ahead")
    add(
        "--reserve",
        type=_reservation,
        action="append",
        metavar="PERIOD=PRICEx UNITS",
        help="e.g. 1234=0.002x10",
    )


# ---- airgrant account


def _account_show(options: argparse.Namespace) -> int:
    reader = reader_of(options)
    page = reader.read(AccountPage, f"accounts/{options.account}").model_dump()
    page["proof"] = reader.read(ProofPage, f"proofs/accounts/{options.account}").model_dump()
    listed = reader.listed(TransactionListPage, "transactions", "transactions", account=str(options.account))
    shown = [one.model_dump() for one in deque(listed, maxlen=max(0, options.transactions))]
    page["transactions"] = shown
    return show_page(options, page, lambda: [account_table(page), transaction_table(shown, options.account)])


def _account_create(options: argparse.Namespace) -> int:
    return submit_action(options, lambda key: Create(key.public))


def _account_move(options: argparse.Namespace) -> int:
    actions: dict[str, Callable[[PublicKey, int], Action]]
    actions = {"deposit": Deposit, "withdraw": Withdraw, "transfer": Transfer}
    return submit_action(options, lambda _key: actions[options.command](options.account, options.amount_ubc))


def _account_retire(options: argparse.Namespace) -> int:
    """The account enrols itself, after which the ledger takes no record, enrolment or offer of it."""
    key, genesis = read_key(options.key), fetch_genesis(reader_of(options))
    proof = prove_software_key(key, key.public)
    request = EnrolmentRequest(key.public, software_key=key.public, software_proof=proof)
    question = write_enrolment_request(request, key, genesis.ledger_id)
    with client_of(options) as client:
        reply = read_enrolment_reply(client.ask("enrolment", question))
    said, result = "executed", reply.attestation_result
    if result:
        word = read_attestation_result(result, genesis.signer(result), genesis.ledger_id)
        done = word.provider == word.attestation_key == key.public
    else:
        receipt = read_receipt(reply.receipt, genesis.signer(reply.receipt), genesis.ledger_id)
        said = receipt.reason
        done = said == ACCOUNT_ENDED and str(key.public) in receipt.detail
    words = "has ended, for good" if done else f"goes on: {said}"
    show_page(options, {"account": str(key.public), "said": said}, lambda: [f"account {key.public} {words}"])
    return OK if done else NO


def _account_refund(options: argparse.Namespace) -> int:
    """The seller has the money, and a partner's signed reports say what was missing: each chain is verified first.
    Run again it pays what later reports add, and else nothing.
    """
    key, reader = read_key(options.key), reader_of(options)
    genesis = fetch_genesis(reader)
    page = reader.read(GrantPage, f"grants/{options.grant.hex()}")
    encoded = read_base64(page.grant, reader.url)
    grant = read_grant(encoded, genesis.signer(encoded), genesis.ledger_id)
    if grant.grant_id != options.grant or grant.provider_id != key.public.provider_id:
        raise LookupError(f"grant {options.grant.hex()} was sold by another provider: who has the money pays")
    if grant.ends_s > time.time():
        raise LookupError(f"grant {options.grant.hex()} goes on until {grant.ends_s}")
    with client_of(options) as client:
        answer = client.ask("query", write_price_question(options.grant))
    price = read_grant_price(answer, genesis.signer(answer), genesis.ledger_id)
    own, elsewhere = Missing(), Missing()
    with progress(quiet=options.json) as tell:
        for key_id in fetch_key_ids(reader):
            audit = audit_bundle(fetch_bundle(reader, genesis, key_id, tell), None, tell)
            use = audit.usage.get(options.grant)
            if use is None:
                continue
            if not audit.ok:
                raise LookupError(
                    f"meter {key_id} names it and does not verify: airgrant report verify says why"
                )
            missing = use.down_shortfall_bytes, use.up_shortfall_bytes
            if audit.enrolment.provider.provider_id == grant.provider_id:
                own = own.plus(*missing)
            else:
                elsewhere = elsewhere.plus(*missing)
    transfers = fetch_transfers(reader, str(price.payer))
    amount_ubc, why = plan_partner_refund(grant, price.price_ubc, own, elsewhere, transfers)
    if not amount_ubc:
        raise LookupError(f"grant {options.grant.hex()}: {why}")
    return submit_action(options, lambda _key: Transfer(price.payer, amount_ubc), refund_nonce(options.grant))


# ---- Files and progress


def audit_bundle(bundle: Bundle, ledger_id: str | None, tell: Tell) -> Audit:
    there = bundle.genesis.ledger_id.hex()
    if ledger_id is not None and ledger_id.lower() != there:
        raise LookupError(f"this is a report to ledger {there}, not to {ledger_id}")
    count = len(bundle.records)
    return verify_further(bundle, lambda number: tell(f"verifying record {number} of {count}"))


@contextmanager
def progress(*, quiet: bool, patience_s: float = PATIENCE_S) -> Iterator[Tell]:
    """Says on standard error how far we are, once it takes longer than a person waits in silence."""
    began, status = time.monotonic(), Console(stderr=True).status("")

    def tell(text: str) -> None:
        if not quiet and time.monotonic() - began > patience_s:
            status.update(escape(text))
            status.start()

    try:
        yield tell
    finally:
        status.stop()


def read_file(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


# ---- Submitting


def submit_action(
    options: argparse.Namespace,
    make_action: Callable[[PrivateKey], Action],
    nonce: bytes | None = None,
    valid_until_s: int | None = None,
) -> int:
    """Signs with --key, submits, and shows the signed receipt. Status 1 if the ledger says no. `nonce`: default random;
    `valid_until_s`: default some minutes. What an earlier command like this one was not told about is sent again, the
    same bytes, and nothing is signed.

    Raises ConfigError for an action that cannot be sent, before anything is.
    """
    key = read_key(options.key)
    try:
        action = make_action(key)
    except DecodeError as error:
        raise ConfigError(str(error)) from error
    reader = reader_of(options)
    genesis = fetch_genesis(reader)

    def sign() -> SignedTransaction:
        until_s = int(time.time()) + VALIDITY_S if valid_until_s is None else valid_until_s
        transaction = Transaction(action, nonce or secrets.token_bytes(NONCE_SIZE), until_s)
        return sign_transaction(transaction, key, genesis.ledger_id)

    meaning = meaning_of(action, nonce, key, genesis.ledger_id)
    with unanswered(options.key, meaning) as kept, client_of(options) as client:
        delivery = deliver(kept, sign, client.submit, lambda name: has_run(reader, name), genesis)
    page = {"account": str(key.public), **delivery_page(delivery)}
    show_page(options, page, lambda: delivery_lines(delivery, "executed"))
    return OK if delivery.fate is Fate.RAN else NO


def meaning_of(action: Action, nonce: bytes | None, key: PrivateKey, ledger_id: bytes) -> bytes:
    """What tells one thing that is asked for from another: what it does, or the nonce by which it is done once."""
    if nonce is not None:
        return hashlib.sha256(ledger_id + key.public.octets + nonce).digest()
    return sign_transaction(Transaction(action, bytes(NONCE_SIZE), 0), key, ledger_id).transaction_id


def has_run(reader: LedgerReader, transaction_id: str) -> bool:
    """Whether the ledger has it in a block."""
    try:
        reader.read(TransactionPage, f"transactions/{transaction_id}")
    except LookupError:
        return False
    return True


def delivery_page(delivery: Delivery) -> dict[str, Any]:
    """What came of it, for scripts."""
    receipt = delivery.receipt
    return {
        "transaction": delivery.signed.transaction_id.hex(),
        "executed": delivery.fate is Fate.RAN,
        "height": receipt.height,
        "time_s": receipt.utc_s,
        "reason": receipt.reason,
        "detail": receipt.detail,
        "again": delivery.again,
    }


def delivery_lines(delivery: Delivery, done: str) -> list[str]:
    """What came of it, in words; `done` is what it is called if it ran."""
    receipt, until_s = delivery.receipt, delivery.signed.transaction.valid_until_s
    said = f"{receipt.reason}: {receipt.detail}"
    if delivery.fate is Fate.RAN:
        said = f"{done} in block {receipt.height}" if receipt.executed else f"{done}"
    lines = [f"[bold]{escape(said)}[/]  transaction {delivery.signed.transaction_id.hex()}"]
    if delivery.again:
        lines.append(
            "an earlier command was not answered: its transaction was sent again, and no other was signed"
        )
    if delivery.fate is Fate.MAY_RUN:
        until = time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(until_s))
        lines.append(f"it may still run until {until} UTC: the same command asks again, with the same bytes")
    if delivery.fate is Fate.EXPIRED:
        lines.append("it never ran, and never will: the same command now signs another")
    return lines


def client_of(options: argparse.Namespace) -> LedgerClient:
    """Of `add_submitting_options`. Raises ConfigError."""
    host, _, port = options.broker.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--broker {options.broker!r} is not HOST:PORT")
    name = read_common_name(options.certificate)
    tls = client_context(options.authority, options.certificate, options.certificate_key or options.key)
    return LedgerClient(host, int(port), name, tls)


# ---- Command lines


def command_parser(
    name: str, text: str, examples: str
) -> tuple[argparse.ArgumentParser, "argparse._SubParsersAction[argparse.ArgumentParser]"]:
    parser = argparse.ArgumentParser(
        name, description=text, epilog=examples, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    return parser, parser.add_subparsers(required=True, metavar="COMMAND", dest="command")


def add_subcommand(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = commands.add_parser(
        name, help=text, description=text[0].upper() + text[1:] + ".", epilog=EXIT_CODES
    )
    parser.set_defaults(run=run)
    return parser


def with_default(
    argv: list[str], commands: "argparse._SubParsersAction[argparse.ArgumentParser]", default: str
) -> list[str]:
    """`airgrant account 02c1...` means `airgrant account show 02c1...`."""
    if argv and (argv[0] in commands.choices or argv[0] in ("-h", "--help")):
        return argv
    return [default, *argv]


def add_reading_options(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get(LEDGER_VARIABLE, DEFAULT_LEDGER)
    parser.add_argument("--ledger", default=default, metavar="URL", help=f"default: {default}")
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")


def add_submitting_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--key", type=Path, required=True, metavar="FILE", help="PEM key that signs the transaction"
    )
    parser.add_argument(
        "--broker", default=DEFAULT_BROKER, metavar="HOST:PORT", help=f"default: {DEFAULT_BROKER}"
    )
    parser.add_argument(
        "--authority", type=Path, required=True, metavar="FILE", help="certificate of the authority"
    )
    parser.add_argument("--certificate", type=Path, required=True, metavar="FILE", help="client certificate")
    parser.add_argument("--certificate-key", type=Path, metavar="FILE", help="its key (default: --key)")
    add_reading_options(parser)


def run_options(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else USAGE
    try:
        return int(options.run(options))
    except LookupError as error:
        return _fail(options, NO, str(error.args[0]))
    except ConfigError as error:
        return _fail(options, USAGE, str(error))
    except DecodeError as error:
        return _fail(options, NO, str(error))
    except LedgerAway as error:
        hint = f"is the ledger running? --ledger URL or {LEDGER_VARIABLE} says where"
        return _fail(options, WORLD, f"{error}; {hint}")
    except ShellError as error:
        return _fail(options, WORLD, str(error))


def show_page(options: argparse.Namespace, page: object, make_lines: Callable[[], Sequence[Any]]) -> int:
    show(page, make_lines, as_json=options.json)
    return OK


def _fail(options: argparse.Namespace, status: int, text: str) -> int:
    if options.json:
        sys.stdout.write(json.dumps({"error": text}) + "\n")
    sys.stderr.write(f"airgrant: {text}\n")
    return status


def reader_of(options: argparse.Namespace) -> LedgerReader:
    try:
        return LedgerReader(options.ledger)
    except ValueError as error:
        raise ConfigError(str(error)) from error


def typed(parse: Callable[[str], int], least: int = 0, most: int = U63_MAX) -> Callable[[str], int]:
    """For argparse: what `parse` reads, within these bounds. `parse` raises ValueError."""

    def read(text: str) -> int:
        try:
            number = parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is outside {least}..{most}")
        return number

    return read


def whole_number(text: str) -> int:
    """Decimal digits, as many as 2^63 has. Raises ValueError."""
    if not re.fullmatch("[0-9]{1,19}", text):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


def parse_grant_id(text: str) -> bytes:
    """For argparse: 32 hexadecimal digits."""
    if not re.fullmatch("[0-9a-f]{32}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a grant id: want 32 hexadecimal digits")
    return bytes.fromhex(text)


def parse_account(text: str) -> PublicKey:
    try:
        return PublicKey.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _rate_range(text: str) -> tuple[int, int]:
    floor, _, ceiling = text.partition("-")
    read = typed(parse_rate)
    return read(floor), read(ceiling or floor)


def parse_band(text: str) -> Band:
    match = re.fullmatch(r"(\d{1,9})-(\d{1,9})/(\d{1,9})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a band such as 5170000-5250000/80000 (kHz)")
    try:
        return Band(int(match[1]), int(match[2]), int(match[3]))
    except DecodeError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _reservation(text: str) -> tuple[int, Reservation]:
    match = re.fullmatch(r"(\d{1,15})=([\d.]+)x(\d{1,9})", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is not a reservation such as 1234=0.002x10")
    try:
        return int(match[1]), Reservation(parse_money(match[2]), int(match[3]))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
