"""`airgrant lease`: what a licence holder should ask a micro-operator for spectrum, as a signed quote; checking one.

A shell: argv, terminal, files, clock. The numbers are market/leasing/quote.py's, the quote wire/lease_quote.py's. Asks
a ledger only for its id, unless that is given. Speaks as `airgrant account` does (ledger/cli.py).
Reference: micro-operator leasing (001).
"""

import argparse
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.table import Table

from ledger.cli import (
    EXIT_CODES,
    NO,
    OK,
    add_reading_options,
    add_subcommand,
    add_submitting_options,
    command_parser,
    parse_account,
    parse_band,
    read_file,
    reader_of,
    run_options,
    show_page,
    submit_action,
    typed,
    whole_number,
)
from ledger.contract import MAX_VALIDITY_S
from ledger.fetching import fetch_genesis
from ledger.identity import read_key
from ledger.pages import TransactionPage
from market.leasing.quote import MOST, Quote, Site, Unquoted, quote_lease
from wire.band import Band
from wire.errors import ConfigError, ShellError
from wire.lease_quote import (
    LeaseQuote,
    lease_transfer,
    read_lease_quote,
    read_lease_transfer,
    write_lease_quote,
)
from wire.transaction import sign_transaction
from wire.units import U32_MAX, format_duration, format_instant, format_money, parse_duration, parse_money

DEFAULT_VALID_S = 600
_COUNT = typed(whole_number, 1, MOST)
EXAMPLES = f"""\
examples:
  airgrant lease quote --users 200 --top 1 --unit 1000 --band 3700000-3720000/20000
      what to ask for up to 20 MHz, if 200 users pay up to 1 BC for the first MHz, for as long as the lease lasts
  airgrant lease quote ... --wholesale 0.15                  at this price of 1000 kHz, not at the best one
  airgrant lease quote ... --lessee 02c1...9f --for 1h --valid 10m --key roof.pem --out lease.quote
  airgrant lease verify lease.quote --provider 03ab...11     who may have what, and whether it is still valid
  airgrant lease pay lease.quote --provider 03ab...11 --key roof.pem --out lease.transfer --authority ...      take it
  airgrant lease verify lease.quote --provider 03ab...11 --transfer lease.transfer       whether that took it

The retail price is advice to the micro-operator, its profit an expectation of the model; the quote says neither.

{EXIT_CODES}"""


def main(argv: list[str], clock: Callable[[], float] = time.time) -> int:
    """`airgrant lease`; returns the exit status. `clock`: UTC seconds."""
    parser, commands = command_parser("airgrant lease", "Spectrum for micro-operators.", EXAMPLES)
    quote = add_subcommand(commands, "quote", "prices and bandwidth for a site; with --key signed", _quote)
    add = quote.add_argument
    add("--users", type=_COUNT, required=True, help="how many the micro-operator has")
    add("--top", type=typed(parse_money), required=True, help="bandcoins at which nobody wants a unit")
    add(
        "--unit",
        type=_COUNT,
        required=True,
        metavar="KHZ",
        help="so many that a user's second as many are worth half of his first",
    )
    add("--band", type=parse_band, required=True, metavar="FROM-TO/WIDTH", help="in kHz: what can be leased")
    add("--wholesale", type=typed(parse_money), help="bandcoins for a unit; default: what brings most")
    add("--lessee", type=parse_account, metavar="ACCOUNT", help="who may take it")
    add(
        "--for",
        dest="duration_s",
        type=typed(parse_duration, 1, U32_MAX),
        help="how long the lease lasts: 1h",
    )
    add(
        "--valid",
        type=typed(parse_duration, 1, MAX_VALIDITY_S),
        default=DEFAULT_VALID_S,
        help="from now on (default 10m)",
    )
    add("--key", type=Path, metavar="FILE", help="the licence holder's PEM key: sign the quote")
    add("--out", type=Path, metavar="FILE", help="where to put it")
    _ledger_options(quote)
    verify = add_subcommand(commands, "verify", "what a signed quote says, and whether it holds", _verify)
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument(
        "--provider", type=parse_account, required=True, metavar="ACCOUNT", help="who signed it"
    )
    verify.add_argument("--transfer", type=Path, metavar="FILE", help="by which it was taken, they say")
    _ledger_options(verify)
    pay = add_subcommand(commands, "pay", "take a quote: the one transfer that it fixes", _pay)
    pay.add_argument("file", type=Path, metavar="FILE")
    pay.add_argument("--provider", type=parse_account, required=True, metavar="ACCOUNT", help="who signed it")
    pay.add_argument("--out", type=Path, required=True, metavar="FILE", help="where to put the transfer")
    add_submitting_options(pay)
    parser.set_defaults(clock=clock)
    return run_options(parser, argv)


def _ledger_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ledger-id", metavar="ID", help="64 hexadecimal digits; default: ask the ledger")
    add_reading_options(parser)


def _ledger_id(options: argparse.Namespace) -> bytes:
    if options.ledger_id is None:
        return fetch_genesis(reader_of(options)).ledger_id
    if not re.fullmatch("[0-9a-f]{64}", options.ledger_id):
        raise ConfigError(f"--ledger-id {options.ledger_id!r}: want 64 hexadecimal digits")
    return bytes.fromhex(options.ledger_id)


def _quote(options: argparse.Namespace) -> int:
    signing = [options.lessee, options.duration_s, options.key, options.out]
    if any(one is not None for one in signing) and None in signing:
        raise ConfigError("--lessee, --for, --key and --out go together: a signed quote needs all of them")
    band: Band = options.band
    found = quote_lease(Site(options.users, options.top, options.unit, band.bandwidth_khz), options.wholesale)
    if isinstance(found, Unquoted):
        raise LookupError(f"no quote: {found.value}")
    page = _page(found, options.unit)
    if options.key is not None:
        page["quote"] = _sign(options, found)
    return show_page(options, page, lambda: [_table(found, page)])


def _sign(options: argparse.Namespace, found: Quote) -> str:
    """Writes the signed quote to its file, whose name it returns."""
    leased = Band(options.band.from_frequency_khz, options.band.to_frequency_khz, found.bandwidth_khz)
    until_s = int(options.clock()) + options.valid
    quote = LeaseQuote(options.lessee, leased, found.rent_ubc, options.duration_s, until_s)
    signed = write_lease_quote(quote, read_key(options.key), _ledger_id(options))
    _write_file(options.out, signed)
    return str(options.out)


def _write_file(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise ShellError(str(file), error.strerror or str(error)) from error


def _pay(options: argparse.Namespace) -> int:
    """The transfer is in its file before it is sent. Asked for again it is the same, which a ledger executes once."""
    key, data = read_key(options.key), read_file(options.file)
    ledger_id = fetch_genesis(reader_of(options)).ledger_id
    quote = read_lease_quote(data, options.provider, ledger_id)
    if quote.lessee != key.public:
        raise LookupError(f"this quote is for {quote.lessee}, whose key takes it")
    transfer = lease_transfer(data, options.provider, ledger_id)
    _write_file(options.out, sign_transaction(transfer, key, ledger_id).envelope.encoded)
    return submit_action(options, lambda _key: transfer.action, transfer.nonce, transfer.valid_until_s)


def _page(found: Quote, unit_khz: int) -> dict[str, Any]:
    return {
        "unit_khz": unit_khz,
        "wholesale_ubc": found.wholesale_ubc,
        "retail_ubc": found.retail_ubc,
        "bandwidth_khz": found.bandwidth_khz,
        "rent_ubc": found.rent_ubc,
        "takings_ubc": found.takings_ubc,
        "profit_ubc": found.profit_ubc,
    }


def _table(found: Quote, page: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False)
    for name, text in (
        ("bandwidth", f"{found.bandwidth_khz:,} kHz"),
        ("rent", format_money(found.rent_ubc)),
        (f"wholesale price of {page['unit_khz']:,} kHz", format_money(found.wholesale_ubc)),
        ("retail price, as advice", format_money(found.retail_ubc)),
        ("the micro-operator keeps, if the model holds", format_money(found.profit_ubc)),
        *([("signed quote", page["quote"])] if "quote" in page else []),
    ):
        table.add_row(name, text)
    return table


def _verify(options: argparse.Namespace) -> int:
    data, ledger_id = read_file(options.file), _ledger_id(options)
    quote = read_lease_quote(data, options.provider, ledger_id)
    if options.transfer is not None:
        return _verify_taken(options, quote, data, ledger_id)
    valid = int(options.clock()) <= quote.valid_until_s
    lines = [
        _said(quote),
        f"{'valid until' if valid else 'no longer valid since'} {format_instant(quote.valid_until_s)}",
    ]
    show_page(options, _quote_page(quote) | {"valid": valid}, lambda: lines)
    return OK if valid else NO


def _verify_taken(options: argparse.Namespace, quote: LeaseQuote, data: bytes, ledger_id: bytes) -> int:
    """Who signed what, anybody can check; that it was executed, the ledger says. It was in time if it was at all."""
    signed = read_lease_transfer(read_file(options.transfer), data, options.provider, ledger_id)
    name = signed.transaction_id.hex()
    try:
        height = reader_of(options).read(TransactionPage, f"transactions/{name}").height
    except LookupError as error:
        raise LookupError(f"the transfer is the one that takes it, and was not executed: {name}") from error
    lines = [_said(quote), f"taken in block {height} by transaction {name}"]
    return show_page(options, _quote_page(quote) | {"transaction": name, "height": height}, lambda: lines)


def _said(quote: LeaseQuote) -> str:
    leased = f"{quote.band.bandwidth_khz:,} kHz for {format_duration(quote.duration_s)}"
    return f"{leased}: {format_money(quote.price_ubc)}, for {quote.lessee}"


def _quote_page(quote: LeaseQuote) -> dict[str, Any]:
    return {
        "lessee": str(quote.lessee),
        "from_frequency_khz": quote.band.from_frequency_khz,
        "to_frequency_khz": quote.band.to_frequency_khz,
        "bandwidth_khz": quote.band.bandwidth_khz,
        "price_ubc": quote.price_ubc,
        "duration_s": quote.duration_s,
        "valid_until_s": quote.valid_until_s,
    }
