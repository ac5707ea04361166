"""`airgrant keygen` and `airgrant buy`: the device for people and scripts. A shell: argv, terminal, exit status.

How they speak, and what their exit status means: device/console.py.
"""

import argparse
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from device.choice import PinnedLedger, Wish
from device.console import (
    DONE,
    Show,
    add_way,
    describe_offer,
    make_parser,
    plain,
    print_json,
    print_offers,
    read_way,
    run_command,
    stderr,
    typed,
    where_the_grant_is,
)
from device.events import Failure, ShowOffer, Source
from device.library import Before, Progress, PurchaseFailed, Session, rejoin
from device.library import buy as buy_session
from device.state import COME_BACK
from device.wallet import Wallet, create_wallet, ledger_path, load_wallet, parse_pinned
from wire.errors import ConfigError, ShellError
from wire.units import format_duration, format_money, format_rate, parse_duration, parse_money, parse_rate

KEYGEN_EXAMPLES = """\
examples:
  airgrant keygen --out wallet.pem
  airgrant keygen --out wallet.pem --ledger 02c1...9f --ledger-id 7d0a...31
  airgrant keygen --out wallet.pem --json | jq -r .account

The public half is the account. Only the key opens it: `airgrant account create --key wallet.pem ...`; then have the
exchange put money in.
The key file is not encrypted and readable by nobody else; whoever has it has the money.
"""

BUY_EXAMPLES = """\
examples:
  airgrant buy --wallet wallet.pem --interface wlan0 --down 2Mbit/s --up 512k --max-price 1.5
  airgrant buy --wallet wallet.pem --interface wlan0 --down 5M --at-least 10m --leave
  airgrant buy --wallet wallet.pem --interface wlan0 --new                     another, whatever was bought before
  airgrant buy --wallet wallet.pem --interface wlan0 --grant session.grant     join with this grant
  airgrant buy --wallet wallet.pem --interface wlan0 --over air --down 5M      before anything is joined
  airgrant buy --wallet wallet.pem --interface wwan0 --cell 10.45.0.1          on a small cell, from its box
  airgrant buy --wallet wallet.pem --interface wlan0 --json | jq .ends_s

Rates are guaranteed ones, at the IP layer. The cheapest offer per guaranteed bit that meets the wish is bought; without
a wish, the cheapest of all. Who did not keep its word counts as dearer (`airgrant scores`). Prices are in bandcoins.
What is bought is kept beside the wallet (`airgrant grants`): until its time is over, who buys again from the same
provider for the same wish comes back with it and pays nothing. A purchase of which nobody signed what became of it is
asked for first.

exit status: 0 in, 1 the answer is no, 2 usage or wallet, 3 nobody answers or no such interface
"""


def keygen(argv: list[str]) -> int:
    """Makes a wallet; returns the exit status."""
    parser = make_parser("airgrant keygen", "Make a key; its public half is your account.", KEYGEN_EXAMPLES)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the key file to make (PEM, mode 0600)"
    )
    parser.add_argument(
        "--ledger", metavar="KEY", help="pin this ledger: its public key, 66 hexadecimal digits"
    )
    parser.add_argument("--ledger-id", metavar="ID", help="pin this ledger: its id, 64 hexadecimal digits")
    return run_command(parser, argv, _keygen)


def buy(argv: list[str]) -> int:
    """Buys and joins; returns the exit status."""
    parser = make_parser(
        "airgrant buy", "Buy a guaranteed rate from an access point and join it.", BUY_EXAMPLES
    )
    parser.add_argument(
        "--wallet", type=Path, required=True, metavar="FILE", help="the key file that `keygen` made"
    )
    add_way(parser)
    parser.add_argument(
        "--down", type=typed(parse_rate), default=0, metavar="RATE", help="guaranteed rate towards you"
    )
    parser.add_argument(
        "--up", type=typed(parse_rate), default=0, metavar="RATE", help="guaranteed rate from you"
    )
    parser.add_argument(
        "--max-price", type=typed(parse_money), metavar="BC", help="pay at most this, in bandcoins"
    )
    parser.add_argument(
        "--pay-beyond",
        type=typed(parse_money),
        default=0,
        metavar="BC",
        help="agree to pay at most this afterwards for use beyond what is included; default: nothing",
    )
    parser.add_argument(
        "--at-least", type=typed(parse_duration), default=1, metavar="TIME", help="shortest duration"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="keep the grant here too, to come back with --grant"
    )
    parser.add_argument(
        "--grant", type=Path, metavar="FILE", help="buy nothing: join with this grant, paid for before"
    )
    parser.add_argument(
        "--new",
        action="store_true",
        help="buy, whatever was paid for before, and without asking what became of a purchase: you may pay twice",
    )
    parser.add_argument(
        "--leave", action="store_true", help="stay until the time is over; Ctrl-C leaves at once"
    )
    return run_command(parser, argv, _buy)


def _keygen(arguments: argparse.Namespace) -> int:
    if (arguments.ledger is None) != (arguments.ledger_id is None):
        raise ConfigError("--ledger and --ledger-id go together: the key says who signs, the id which ledger")
    pinned = _pinned(arguments.ledger, arguments.ledger_id) if arguments.ledger else None
    wallet = create_wallet(arguments.out, pinned)
    if arguments.json:
        print_json(
            {
                "ok": True,
                "account": str(wallet.account),
                "wallet": str(wallet.path),
                "pinned": pinned is not None,
            }
        )
        return DONE
    console = Console(highlight=False)
    console.print(f"account  [bold]{wallet.account}[/]")
    console.print(f"key      {wallet.path} (mode 0600, unencrypted: keep it to yourself)", soft_wrap=True)
    if pinned is not None:
        console.print(f"ledger   {pinned.key}, pinned in {ledger_path(wallet.path)}", soft_wrap=True)
    else:
        console.print(
            "ledger   none pinned: the first access point you buy from will be trusted, and it will say so"
        )
    return DONE


def _pinned(ledger: str, ledger_id: str) -> PinnedLedger:
    try:
        return parse_pinned(ledger, ledger_id)
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _buy(arguments: argparse.Namespace) -> int:
    wallet = load_wallet(arguments.wallet)
    with Show(quiet=arguments.json) as show, _open(arguments, wallet, show.progress) as session:
        kept = where_the_grant_is(arguments, session.encoded_grant)
        show.stop()
        if arguments.json:
            print_json(_describe(session, show.offers))
        else:
            _print_session(session, show.offers, kept)
        if arguments.leave:
            _stay_or_tell(session, show, quiet=arguments.json)
    return DONE


def _open(arguments: argparse.Namespace, wallet: Wallet, progress: Progress) -> Session:
    if arguments.grant is not None:
        return rejoin(wallet, read_way(arguments), arguments.grant.read_bytes(), progress)
    wish = Wish(arguments.down, arguments.up, arguments.max_price, arguments.at_least, arguments.pay_beyond)
    before = Before.NOTHING if arguments.new else Before.USE
    return buy_session(wallet, read_way(arguments), wish, progress, before=before)


def _stay_or_tell(session: Session, told: Show, *, quiet: bool) -> None:
    try:
        _stay(session, told, quiet=quiet)
    except ShellError as error:
        failure = Failure("shell_error", f"{error}. {COME_BACK}", Source.MACHINE)
        raise PurchaseFailed(failure, session.encoded_grant) from error


def _stay(session: Session, told: Show, *, quiet: bool) -> None:
    """Until the time is over or the user has had enough. `told` hears the news of the session."""
    try:
        with Show(quiet=quiet) as show:
            while not session.wait(1.0):
                left = format_duration_left(session.ends_s - int(time.time()))
                show.say(f"{told.news}; {left} left, Ctrl-C leaves")
    except KeyboardInterrupt:
        session.leave()
    if not quiet:
        stderr().print(plain(told.news))


def _print_session(session: Session, offers: list[ShowOffer], kept: str) -> None:
    console = Console(highlight=False)
    if offers:
        print_offers(console, offers, (session.provider, session.bssid))
    charged = (
        "nothing, it was paid for before" if session.price_ubc is None else format_money(session.price_ubc)
    )
    qos = session.grant.total_qos
    console.print(f"charged    [bold]{charged}[/]")
    console.print(
        f"rate       at least {format_rate(qos.floor_down_bps)} down and {format_rate(qos.floor_up_bps)} up, "
        f"at most {format_rate(qos.ceil_down_bps)} and {format_rate(qos.ceil_up_bps)}"
    )
    console.print(
        f"until      [bold]{_local(session.ends_s)}[/] ({format_duration(session.grant.duration_s)} in all)"
    )
    console.print(f"grant      {session.grant.grant_id.hex()}{plain(kept)}", soft_wrap=True)


def _describe(session: Session, offers: list[ShowOffer]) -> dict[str, object]:
    qos = session.grant.total_qos
    return {
        "ok": True,
        "grant": session.grant.grant_id.hex(),
        "encoded_grant": session.encoded_grant.hex(),
        "transaction": session.transaction_id.hex() if session.transaction_id else None,
        "provider": str(session.provider),
        "bssid": str(session.bssid),
        "station": str(session.station),
        "charged_ubc": session.price_ubc,
        "starts_s": session.grant.starts_s,
        "ends_s": session.ends_s,
        "floor_down_bps": qos.floor_down_bps,
        "ceil_down_bps": qos.ceil_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "ceil_up_bps": qos.ceil_up_bps,
        "data_cap_bytes": qos.data_cap_bytes,
        "ssid": session.network.ssid.decode(errors="backslashreplace") if session.network else None,
        "dropped": session.dropped,
        "offers": [describe_offer(shown) for shown in offers],
    }


def format_duration_left(left_s: int) -> str:
    """`9:59`, for a count-down."""
    minutes, seconds = divmod(max(0, left_s), 60)
    return f"{minutes}:{seconds:02d}"


def _local(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
