"""`airgrant connect` and `airgrant deposits`: have what is wanted, whoever gives it. A shell: argv, terminal.

`connect` is the word that people know for it (`nmcli device connect`, `iwctl station connect`); `buy` buys one grant
from one provider, and this does whatever gets a rate for a time: device/going.py. All that happens on the way goes to
standard error, the receipt to standard output. How they speak, and what their exit status means: device/console.py.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.table import Table

from device.choice import Unsuitable
from device.console import (
    DONE,
    INTERRUPTED,
    NO,
    WORLD,
    Show,
    add_way,
    complain,
    make_parser,
    plain,
    print_json,
    read_way,
    run_command,
    stderr,
    typed,
)
from device.counters_file import Counted, add_counted, refuse_other_file
from device.deposits import fetch_deposits, keep_deposits, load_deposits
from device.going import TIME_IS_UP, Chose, Funds, HavingInterrupted, Looked, News, Paid, Prefer, Stay, have
from device.metered_choice import Manner, Want
from device.wallet import Wallet, load_wallet
from device.wants import parse_want
from wire.errors import ConfigError, ShellError
from wire.ids import PublicKey
from wire.units import format_duration, format_money, format_rate, format_size, parse_money, parse_size

LEDGER_VARIABLE = "AIRGRANT_LEDGER"

CONNECT_EXAMPLES = """\
examples:
  airgrant connect 2M for 20m --wallet wallet.pem --interface wlan0
  airgrant connect 2M/500k for 1h --wallet wallet.pem --interface wlan0 --at-most 0.5 --prefer metered
  airgrant connect 2M for 20m --expect 50MB ...       not at the full rate all the time: by the megabyte is cheaper then
  airgrant connect 5M for 10m --wallet wallet.pem --interface eth0 --over lobby
  airgrant connect 2M for 20m --wallet wallet.pem --interface wlan0 --json | jq .paid_ubc

Looks who sells, takes the best way, a grant or paying as it goes, and goes to the next access point when this one does
not serve, until the time is over. Pays as it goes out of deposits (`airgrant deposit`, `airgrant deposits`). Ctrl-C
leaves, and pays no more. Addresses (DHCP, SLAAC) are this machine's own matter.

exit status: 0 had for the whole time, 1 not so, 2 usage or wallet, 3 nobody answers or no such interface, 130 Ctrl-C
"""

DEPOSITS_EXAMPLES = f"""\
examples:
  airgrant deposits --wallet wallet.pem 02c1...9f --ledger http://127.0.0.1:8573      ask, and keep what it says
  airgrant deposits --wallet wallet.pem --ledger http://127.0.0.1:8573                 of the operators that are kept
  airgrant deposits --wallet wallet.pem                                                what is kept

Needed once after a deposit, while there is a network: `airgrant connect` has none before it is in. {LEDGER_VARIABLE}
says which ledger, too. To deposit: `airgrant deposit`.

exit status: 0 something is deposited, 1 nothing is, 2 usage or wallet, 3 the ledger or the disk
"""


def connect(argv: list[str]) -> int:
    """Has what is wanted; returns the exit status."""
    parser = make_parser(
        "airgrant connect", "Have a rate for a time, and pay for what is served.", CONNECT_EXAMPLES
    )
    parser.add_argument(
        "want", nargs="+", metavar="RATE for TIME", help="rate towards you[/from you], and for how long"
    )
    parser.add_argument(
        "--wallet", type=Path, required=True, metavar="FILE", help="the key file that `keygen` made"
    )
    add_way(parser)
    parser.add_argument(
        "--at-most", "--max-price", type=typed(parse_money), metavar="BC", help="pay at most this, in all"
    )
    parser.add_argument(
        "--prefer",
        choices=[one.value for one in Prefer],
        default=Prefer.CHEAPEST.value,
        help="what comes first, whatever it costs: a `grant`, paying as it goes (`metered`), or the `cheapest`",
    )
    parser.add_argument(
        "--expect",
        type=typed(parse_size),
        metavar="SIZE",
        help="so much will be transferred; default: all the rate",
    )
    parser.add_argument(
        "--counters",
        type=Path,
        metavar="FILE",
        help="add what was counted of each grant to this file, for `airgrant report compare --device`",
    )
    add_ledger(parser)
    return run_command(parser, argv, _connect)


def deposits(argv: list[str]) -> int:
    """Shows and keeps deposits; returns the exit status."""
    parser = make_parser("airgrant deposits", "What is deposited with operators.", DEPOSITS_EXAMPLES)
    parser.add_argument("operators", nargs="*", metavar="OPERATOR", help="accounts of operators to ask about")
    parser.add_argument("--wallet", type=Path, required=True, metavar="FILE", help="whose deposits")
    add_ledger(parser)
    return run_command(parser, argv, _deposits)


def add_ledger(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--ledger",
        default=os.environ.get(LEDGER_VARIABLE),
        metavar="URL",
        help=f"ask this ledger what is deposited; default: {LEDGER_VARIABLE}, else what was kept",
    )


# ---- airgrant connect


class Follow:
    """Tells a person what happens."""

    def __init__(self, show: Show, counters: Path | None = None) -> None:
        self.found = 0
        """How many answered that they sell, suitable or not."""
        self.unsuitable: list[str] = []
        self._show = show
        self._counters = counters
        self._stayed = False

    def tell(self, news: News) -> None:
        match news:
            case Looked(sellers):
                self.found += sellers
                self._tell_ways(news)
            case Chose(chosen, why):
                moving = "moving on to" if self._stayed else "by"
                bssid = chosen.candidate.offer.bssid
                self._show.note(f"{moving} {bssid}, {MANNERS[chosen.manner]}: {why}")
            case Paid(bssid, paid_ubc, intervals, left_s):
                times = "payment" if intervals == 1 else "payments"
                left = format_duration(left_s)
                self._show.say(
                    f"at {bssid}: {intervals} {times}, {format_money(paid_ubc)}; {left} left, Ctrl-C leaves"
                )
            case Stay():
                self._stayed = True
                self._count(news)
                if news.reason != TIME_IS_UP:
                    self._show.note(f"{news.bssid}: {news.reason}: {news.detail}")

    def _count(self, stay: Stay) -> None:
        """What the disk does not take is told; what was bought is had all the same."""
        if self._counters is None or not stay.grant_id:
            return
        began_utc_s = stay.ended_utc_s - stay.seconds
        counted = Counted(stay.grant_id, began_utc_s, stay.ended_utc_s, stay.down_bytes, stay.up_bytes)
        try:
            add_counted(self._counters, counted)
        except (ConfigError, ShellError) as error:
            self._show.note(f"what was counted is not kept: {error}")

    def _tell_ways(self, looked: Looked) -> None:
        for one in looked.plans:
            qos, network = one.candidate.qos, one.candidate.network
            if one.manner is Manner.METERED and network is not None and network.tariff is not None:
                qos = network.tariff.qos
            price, rate = format_money(one.price_ubc), format_rate(qos.floor_down_bps)
            self._show.note(
                f"found {one.candidate.offer.bssid}: {MANNERS[one.manner]}, {price}, at least {rate} down"
            )
        for shown in looked.unsuitable:
            if isinstance(shown.seen, Unsuitable):
                why = f"{shown.address}: {shown.seen.reason}: {shown.seen.detail}"
                if why not in self.unsuitable:
                    self.unsuitable.append(why)
                    self._show.note(f"not from {why}")


MANNERS = {Manner.GRANT: "a grant", Manner.METERED: "paying as it goes"}


def _connect(arguments: argparse.Namespace) -> int:
    wallet, want = load_wallet(arguments.wallet), _read_want(arguments)
    if arguments.counters is not None:
        refuse_other_file(arguments.counters)
    interrupted = False
    with Show(quiet=arguments.json) as show:
        funds = Funds(known_deposits(arguments, wallet, show), {}, arguments.ledger or "")
        follow = Follow(show, arguments.counters)
        try:
            stays = have(
                wallet, read_way(arguments), want, funds, show.progress,
                tell=follow.tell, prefer=Prefer(arguments.prefer),
            )  # fmt: skip
        except HavingInterrupted as error:
            if error.grant or error.transaction_id:
                if error.stays and not arguments.json:
                    _print_receipt(arguments, want, list(error.stays), "interrupted")
                raise
            stays, interrupted = list(error.stays), True
    if interrupted:
        _print_receipt(arguments, want, stays, "interrupted")
        return INTERRUPTED
    if not stays:
        return _complain_of_nothing(arguments, follow)
    last = stays[-1]
    _print_receipt(arguments, want, stays, last.reason)
    return DONE if last.reason == TIME_IS_UP else NO


def _read_want(arguments: argparse.Namespace) -> Want:
    try:
        want = parse_want(" ".join(arguments.want))
    except ValueError as error:
        raise ConfigError(str(error)) from None
    return replace(want, expected_bytes=arguments.expect, max_price_ubc=arguments.at_most)


def _complain_of_nothing(arguments: argparse.Namespace, follow: Follow) -> int:
    if not follow.found:
        detail = "nobody who sells answered; is the interface up, is this the right --over?"
        return complain(arguments, WORLD, "no_access_point", detail, source="network")
    detail = "; ".join(follow.unsuitable) or "nothing that is for sale here is within --at-most"
    return complain(arguments, NO, "nothing_suitable", detail)


def _print_receipt(arguments: argparse.Namespace, want: Want, stays: list[Stay], reason: str) -> None:
    total = {
        "had_s": sum(stay.seconds for stay in stays),
        "paid_ubc": sum(stay.paid_ubc for stay in stays),
        "up_bytes": sum(stay.up_bytes for stay in stays),
        "down_bytes": sum(stay.down_bytes for stay in stays),
    }
    if arguments.json:
        print_json({
            "ok": reason == TIME_IS_UP, "reason": reason, "source": "device",
            "detail": stays[-1].detail if stays else "nothing was had",
            "wanted": {
                "floor_down_bps": want.floor_down_bps, "floor_up_bps": want.floor_up_bps,
                "duration_s": want.duration_s, "at_most_ubc": want.max_price_ubc,
            },
            **total, "stays": [_describe(stay) for stay in stays],
        })  # fmt: skip
        return
    console = Console(highlight=False)
    table = Table("access point", "how", "for", "down", "up", "paid", "ended", box=None, header_style="dim")
    for stay in stays:
        table.add_row(
            str(stay.bssid), MANNERS[stay.manner], format_duration(stay.seconds), format_size(stay.down_bytes),
            format_size(stay.up_bytes), format_money(stay.paid_ubc), plain(stay.reason),
        )  # fmt: skip
    if stays:
        console.print(table)
    wanted, had = format_duration(want.duration_s), format_duration(total["had_s"])
    console.print(f"paid [bold]{format_money(total['paid_ubc'])}[/] in all, for {had} of {wanted}")


def _describe(stay: Stay) -> dict[str, object]:
    return {
        "bssid": str(stay.bssid), "manner": stay.manner.value, "seconds": stay.seconds, "paid_ubc": stay.paid_ubc,
        "up_bytes": stay.up_bytes, "down_bytes": stay.down_bytes, "reason": stay.reason, "detail": stay.detail,
    }  # fmt: skip


# ---- Deposits


def known_deposits(arguments: argparse.Namespace, wallet: Wallet, show: Show) -> dict[PublicKey, int]:
    """What was kept, and of a ledger that can be reached what it says now."""
    kept = load_deposits(wallet.path)
    if arguments.ledger is None or not kept:
        return kept
    show.say("asking the ledger what is deposited")
    try:
        found = fetch_deposits(arguments.ledger, wallet.account, kept)
    except ShellError as error:
        show.note(f"deposits are those that were kept; {error}")
        return kept
    keep_deposits(wallet.path, found)
    return found


def _deposits(arguments: argparse.Namespace) -> int:
    wallet = load_wallet(arguments.wallet)
    try:
        named = [PublicKey.parse(text) for text in arguments.operators]
    except ValueError as error:
        raise ConfigError(f"OPERATOR: {error}") from None
    found = load_deposits(wallet.path)
    if arguments.ledger is not None:
        found = fetch_deposits(arguments.ledger, wallet.account, dict.fromkeys([*found, *named]))
        keep_deposits(wallet.path, found)
    elif named:
        raise ConfigError(f"no ledger to ask: say --ledger URL, or set {LEDGER_VARIABLE}")
    there = any(found.values())
    if arguments.json:
        page = [{"operator": str(one), "deposited_ubc": ubc} for one, ubc in found.items()]
        print_json({"ok": there, "deposits": page})
    else:
        for operator, ubc in found.items():
            Console(highlight=False).print(f"{operator}  [bold]{format_money(ubc)}[/]", soft_wrap=True)
        if not there:
            stderr().print("nothing is deposited")
    return DONE if there else NO
