"""`airgrant deposit`: puts money behind a consumer's channels with operators, shows it, and moves what is unspent.

A shell: argv, terminal, key files, the ledger over HTTP and MQTT. Speaks as `airgrant account` does (ledger/cli.py).
Reference: PayPlace 6.4 (Consumers), 6.7 (several operators, shifts and challenges).
"""

import argparse
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
    reader_of,
    run_options,
    show_page,
    submit_action,
    typed,
    with_default,
)
from ledger.client import LedgerReader
from ledger.payplace.pages import PayChannelPage, PayNumberPage
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.payplace_deposit import PayplaceDeposit, Split
from wire.payplace_shift import FinishShift, Shift
from wire.units import format_money, parse_money

EXAMPLES = f"""\
examples:
  airgrant deposit 02c1...9f=5 03ab...11=2.5 --key wallet.pem --authority ca.pem --certificate wallet.crt
  airgrant deposit 02c1...9f=5 --consumer 02dd...07 --key parent.pem ...    behind somebody else's channel
  airgrant deposit show 02dd...07 02c1...9f 03ab...11                       what it has with these operators
  airgrant deposit shift 02c1...9f 03ab...11 1 --key wallet.pem ...         1 BC goes from the first to the second,
  airgrant deposit finish 02c1...9f 02dd...07 --key wallet.pem ...          once nobody can challenge that any more

Money that is deposited is spent on service, here or, after a shift, with another operator. Amounts are in bandcoins.
A device that is to pay by it keeps what it has: `airgrant deposits`.

{EXIT_CODES}"""


def main(argv: list[str]) -> int:
    """`airgrant deposit`; returns the exit status."""
    parser, commands = command_parser("airgrant deposit", "Money behind channels with operators.", EXAMPLES)
    add = add_subcommand(commands, "add", "split so much of the account of --key over operators", _add)
    add.add_argument("splits", nargs="+", type=read_split, metavar="OPERATOR=AMOUNT")
    add.add_argument(
        "--consumer",
        type=parse_account,
        metavar="ACCOUNT",
        help="who will pay by it; default: the account of --key",
    )
    add_submitting_options(add)
    show = add_subcommand(commands, "show", "what a consumer has with operators", _deposits)
    show.add_argument("consumer", type=parse_account, metavar="CONSUMER")
    show.add_argument("operators", nargs="+", type=parse_account, metavar="OPERATOR")
    add_reading_options(show)
    shift = add_subcommand(commands, "shift", "move unspent money from one operator to another", _shift)
    shift.add_argument("source", type=parse_account, metavar="FROM")
    shift.add_argument("target", type=parse_account, metavar="TO")
    shift.add_argument("amount_ubc", type=typed(parse_money), metavar="AMOUNT", help="bandcoins, e.g. 1.5")
    add_submitting_options(shift)
    finish = add_subcommand(commands, "finish", "end a shift that nobody challenged in time", _finish)
    finish.add_argument("operator", type=parse_account, metavar="FROM")
    finish.add_argument("consumer", type=parse_account, metavar="CONSUMER")
    add_submitting_options(finish)
    return run_options(parser, with_default(argv, commands, "add"))


def read_split(text: str) -> Split:
    """`02c1...9f=1.5`. Raises argparse.ArgumentTypeError."""
    operator, equals, amount = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not OPERATOR=AMOUNT, e.g. 02c1...9f=1.5")
    return Split(parse_account(operator), typed(parse_money)(amount))


def _add(options: argparse.Namespace) -> int:
    def deposit(key: PrivateKey) -> PayplaceDeposit:
        return PayplaceDeposit(options.consumer or key.public, tuple(options.splits))

    return submit_action(options, deposit)


def _shift(options: argparse.Namespace) -> int:
    return submit_action(options, lambda _key: Shift(options.source, options.target, options.amount_ubc))


def _finish(options: argparse.Namespace) -> int:
    return submit_action(options, lambda _key: FinishShift(options.operator, options.consumer))


def _deposits(options: argparse.Namespace) -> int:
    reader = reader_of(options)
    found = [_deposit(reader, operator, options.consumer) for operator in options.operators]

    def table() -> list[Table]:
        table = Table("operator", "deposited", "withdrawn", "leaving", box=None, header_style="dim")
        for one in found:
            amounts = (one["deposited_ubc"], one["withdrawn_ubc"], one["shifting_ubc"])
            table.add_row(one["operator"], *(format_money(ubc) for ubc in amounts))
        return [table]

    show_page(options, {"consumer": str(options.consumer), "deposits": found}, table)
    return OK if any(one["deposited_ubc"] for one in found) else NO


def _deposit(reader: LedgerReader, operator: PublicKey, consumer: PublicKey) -> dict[str, Any]:
    about = f"payplace/{operator}"
    try:
        number = reader.read(PayNumberPage, f"{about}/consumers/{consumer}").number
        page = reader.read(PayChannelPage, f"{about}/channels/{number}")
    except LookupError:
        return {"operator": str(operator), "deposited_ubc": 0, "withdrawn_ubc": 0, "shifting_ubc": 0}
    return {
        "operator": str(operator), "channel": number, "deposited_ubc": page.deposited_ubc,
        "withdrawn_ubc": page.withdrawn_ubc, "shifting_ubc": page.shifting_ubc,
    }  # fmt: skip
