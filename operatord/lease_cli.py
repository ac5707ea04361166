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
    _account,
    _band,
    _command,
    _read_file,
    _reader,
    _reading_options,
    _run,
    _show,
    _subcommand,
    _typed,
)
from ledger.fetching import fetch_genesis
from ledger.identity import read_key
from market.leasing.quote import Quote, Site, Unquoted, quote_lease
from wire.band import Band
from wire.errors import ConfigError, ShellError
from wire.lease_quote import LeaseQuote, read_lease_quote, write_lease_quote
from wire.units import format_duration, format_instant, format_money, parse_duration, parse_money

DEFAULT_VALID_S = 600
EXAMPLES = f"""\
examples:
  airgrant lease quote --users 200 --top 1 --unit 1000 --band 3700000-3720000/20000
      what to ask for up to 20 MHz, if 200 users pay up to 1 BC for the first MHz, for as long as the lease lasts
  airgrant lease quote ... --wholesale 0.15                  at this price of 1000 kHz, not at the best one
  airgrant lease quote ... --lessee 02c1...9f --for 1h --valid 10m --key roof.pem --out lease.quote
  airgrant lease verify lease.quote --provider 03ab...11     who may have what, and whether it is still valid

The retail price is advice to the micro-operator, its profit an expectation of the model; the quote says neither.

{EXIT_CODES}"""


def main(argv: list[str], clock: Callable[[], float] = time.time) -> int:
    """`airgrant lease`; returns the exit status. `clock`: UTC seconds."""
    parser, commands = _command("airgrant lease", "Spectrum for micro-operators.", EXAMPLES)
    quote = _subcommand(commands, "quote", "prices and bandwidth for a site; with --key signed", _quote)
    add = quote.add_argument
    add("--users", type=int, required=True, help="how many the micro-operator has")
    add("--top", type=_typed(parse_money), required=True, help="bandcoins at which nobody wants a unit")
    add("--unit", type=int, required=True, metavar="KHZ", help="of which a user's second is worth half")
    add("--band", type=_band, required=True, metavar="FROM-TO/WIDTH", help="in kHz: what can be leased")
    add("--wholesale", type=_typed(parse_money), help="bandcoins for a unit; default: what brings most")
    add("--lessee", type=_account, metavar="ACCOUNT", help="who may take it")
    add("--for", dest="duration_s", type=_typed(parse_duration), help="how long the lease lasts: 1h")
    add("--valid", type=_typed(parse_duration), default=DEFAULT_VALID_S, help="from now on (default 10m)")
    add("--key", type=Path, metavar="FILE", help="the licence holder's PEM key: sign the quote")
    add("--out", type=Path, metavar="FILE", help="where to put it")
    _ledger_options(quote)
    verify = _subcommand(commands, "verify", "what a signed quote says, and whether it holds", _verify)
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--provider", type=_account, required=True, metavar="ACCOUNT", help="who signed it")
    _ledger_options(verify)
    parser.set_defaults(clock=clock)
    return _run(parser, argv)


def _ledger_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ledger-id", metavar="ID", help="64 hexadecimal digits; default: ask the ledger")
    _reading_options(parser)


def _ledger_id(options: argparse.Namespace) -> bytes:
    if options.ledger_id is None:
        return fetch_genesis(_reader(options)).ledger_id
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
    return _show(options, page, lambda: [_table(found, page)])


def _sign(options: argparse.Namespace, found: Quote) -> str:
    """Writes the signed quote to its file, whose name it returns."""
    leased = Band(options.band.from_frequency_khz, options.band.to_frequency_khz, found.bandwidth_khz)
    until_s = int(options.clock()) + options.valid
    quote = LeaseQuote(options.lessee, leased, found.rent_ubc, options.duration_s, until_s)
    signed = write_lease_quote(quote, read_key(options.key), _ledger_id(options))
    try:
        options.out.write_bytes(signed)
    except OSError as error:
        raise ShellError(str(options.out), error.strerror or str(error)) from error
    return str(options.out)


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
    quote = read_lease_quote(_read_file(options.file), options.provider, _ledger_id(options))
    valid = int(options.clock()) <= quote.valid_until_s
    page = {
        "lessee": str(quote.lessee),
        "from_frequency_khz": quote.band.from_frequency_khz,
        "to_frequency_khz": quote.band.to_frequency_khz,
        "bandwidth_khz": quote.band.bandwidth_khz,
        "price_ubc": quote.price_ubc,
        "duration_s": quote.duration_s,
        "valid_until_s": quote.valid_until_s,
        "valid": valid,
    }
    leased = f"{quote.band.bandwidth_khz:,} kHz for {format_duration(quote.duration_s)}"
    lines = [
        f"{leased}: {format_money(quote.price_ubc)}, for {quote.lessee}",
        f"{'valid until' if valid else 'no longer valid since'} {format_instant(quote.valid_until_s)}",
    ]
    _show(options, page, lambda: lines)
    return OK if valid else NO
