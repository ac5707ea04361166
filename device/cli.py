"""`airgrant keygen` and `airgrant buy`: the device for people and scripts. A shell: argv, terminal, exit status.

Exit status: 0 done; 1 the answer is no (nothing suits, the ledger or the access point said no); 2 the command line or
the wallet is wrong; 3 the world failed (no such interface, nobody answers). With --json one object on standard output,
whatever happens; all that is said while it runs goes to standard error.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from device.choice import Candidate, PinnedLedger, Wish
from device.events import PinLedger, ShowOffer, Source, Tell
from device.library import Progress, PurchaseFailed, Session, rejoin
from device.library import buy as buy_session
from device.wallet import Wallet, create_wallet, ledger_path, load_wallet, parse_pinned
from wire.errors import ConfigError, DecodeError, ShellError
from wire.units import format_duration, format_money, format_rate, parse_duration, parse_money, parse_rate

DONE, NO, USAGE, WORLD = 0, 1, 2, 3

HINTS = {
    "unknown_issuer": ". This ledger does not know your account yet: open it with "
    "`airgrant account create --key wallet.pem ...`, then have the exchange put money in",
    "insufficient_funds": ". Have the exchange put money into your account",
    "price_differs": ". Several units may have a discount that is not announced: ask for the rates of one unit",
    "no_access_point": ". Is the interface up, and is there an access point behind it?",
}
"""What a person can do about it, by reason."""

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
  airgrant buy --wallet wallet.pem --interface wlan0 --grant session.grant      come back with what is paid for
  airgrant buy --wallet wallet.pem --interface wlan0 --json | jq .ends_s

Rates are guaranteed ones, at the IP layer. The cheapest offer per guaranteed bit that meets the wish is bought; without
a wish, the cheapest of all. Prices are in bandcoins.

exit status: 0 in, 1 the answer is no, 2 usage or wallet, 3 nobody answers or no such interface
"""


def keygen(argv: list[str]) -> int:
    """Makes a wallet; returns the exit status."""
    parser = _parser("airgrant keygen", "Make a key; its public half is your account.", KEYGEN_EXAMPLES)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the key file to make (PEM, mode 0600)"
    )
    parser.add_argument(
        "--ledger", metavar="KEY", help="pin this ledger: its public key, 66 hexadecimal digits"
    )
    parser.add_argument("--ledger-id", metavar="ID", help="pin this ledger: its id, 64 hexadecimal digits")
    return _run(parser, argv, _keygen)


def buy(argv: list[str]) -> int:
    """Buys and joins; returns the exit status."""
    parser = _parser("airgrant buy", "Buy a guaranteed rate from an access point and join it.", BUY_EXAMPLES)
    parser.add_argument(
        "--wallet", type=Path, required=True, metavar="FILE", help="the key file that `keygen` made"
    )
    parser.add_argument(
        "--interface", required=True, metavar="NAME", help="the interface that the access point is behind"
    )
    parser.add_argument(
        "--down", type=_typed(parse_rate), default=0, metavar="RATE", help="guaranteed rate towards you"
    )
    parser.add_argument(
        "--up", type=_typed(parse_rate), default=0, metavar="RATE", help="guaranteed rate from you"
    )
    parser.add_argument(
        "--max-price", type=_typed(parse_money), metavar="BC", help="pay at most this, in bandcoins"
    )
    parser.add_argument(
        "--at-least", type=_typed(parse_duration), default=1, metavar="TIME", help="shortest duration"
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="keep the grant here, to come back with --grant"
    )
    parser.add_argument(
        "--grant", type=Path, metavar="FILE", help="buy nothing: join with this grant, paid for before"
    )
    parser.add_argument(
        "--leave", action="store_true", help="stay until the time is over; Ctrl-C leaves at once"
    )
    return _run(parser, argv, _buy)


def _parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, for scripts")
    return parser


def _typed(parse: Callable[[str], int]) -> Callable[[str], int]:
    """Argparse shows the reason of an ArgumentTypeError, and hides that of a ValueError."""

    def convert(text: str) -> int:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def _run(
    parser: argparse.ArgumentParser, argv: list[str], command: Callable[[argparse.Namespace], int]
) -> int:
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    try:
        return command(arguments)
    except ConfigError as error:
        return _complain(arguments, USAGE, "configuration", str(error), source="this machine")
    except DecodeError as error:
        return _complain(arguments, NO, "grant_invalid", str(error))
    except (ShellError, OSError) as error:
        return _complain(arguments, WORLD, "shell_error", str(error), source="this machine")
    except PurchaseFailed as error:
        failure = error.failure
        status = WORLD if failure.source is Source.NETWORK else NO
        kept = _save(arguments.save, error.grant) + HINTS.get(failure.reason, "")
        return _complain(
            arguments, status, failure.reason, failure.detail + kept, source=failure.source.value
        )


def _complain(
    arguments: argparse.Namespace, status: int, reason: str, detail: str, source: str = "device"
) -> int:
    if arguments.json:
        _print_json({"ok": False, "reason": reason, "detail": detail, "source": source})
    else:
        _stderr().print(f"[red]no:[/] {source} says [bold]{reason}[/]: {_plain(detail)}")
    return status


def _keygen(arguments: argparse.Namespace) -> int:
    if (arguments.ledger is None) != (arguments.ledger_id is None):
        raise ConfigError("--ledger and --ledger-id go together: the key says who signs, the id which ledger")
    pinned = _pinned(arguments.ledger, arguments.ledger_id) if arguments.ledger else None
    wallet = create_wallet(arguments.out, pinned)
    if arguments.json:
        _print_json(
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
    with _Show(quiet=arguments.json) as show, _open(arguments, wallet, show.progress) as session:
        kept = _save(arguments.save, session.encoded_grant)
        show.stop()
        if arguments.json:
            _print_json(_describe(session, show.offers))
        else:
            _print_session(session, show.offers, kept)
        if arguments.leave:
            _stay(session, quiet=arguments.json)
    return DONE


def _open(arguments: argparse.Namespace, wallet: Wallet, progress: Progress) -> Session:
    if arguments.grant is not None:
        return rejoin(wallet, arguments.interface, arguments.grant.read_bytes(), progress)
    wish = Wish(arguments.down, arguments.up, arguments.max_price, arguments.at_least)
    return buy_session(wallet, arguments.interface, wish, progress)


def _save(path: Path | None, grant: bytes) -> str:
    if path is None or not grant:
        return ""
    path.write_bytes(grant)
    return f" (grant kept in {path})"


def _stay(session: Session, *, quiet: bool) -> None:
    """Until the time is over or the user has had enough."""
    try:
        with _Show(quiet=quiet) as show:
            while not session.wait(1.0):
                show.say(f"in; {format_duration_left(session.ends_s - int(time.time()))} left, Ctrl-C leaves")
    except KeyboardInterrupt:
        session.leave()
        if not quiet:
            _stderr().print("left")


class _Show:
    """What a person sees while it runs: a spinner with a sentence, and a note when something deserves to stay."""

    def __init__(self, *, quiet: bool) -> None:
        self.offers: list[ShowOffer] = []
        self._console = Console(stderr=True, highlight=False, quiet=quiet)
        self._status: Status = self._console.status("starting")

    def __enter__(self) -> Self:
        self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._status.stop()

    def say(self, text: str) -> None:
        self._status.update(_plain(text))

    def progress(self, event: ShowOffer | Tell | PinLedger) -> None:
        match event:
            case ShowOffer():
                self.offers.append(event)
            case Tell(text):
                self.say(text)
            case PinLedger(ledger):
                self._console.print(
                    f"[yellow]trusting the ledger {ledger.key} from now on, because this access point named it.[/] "
                    "Compare it with what your operator publishes.",
                    soft_wrap=True,
                )


def _print_session(session: Session, offers: list[ShowOffer], kept: str) -> None:
    console = Console(highlight=False)
    if offers:
        console.print(_offer_table(session, offers))
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
    console.print(f"grant      {session.grant.grant_id.hex()}{kept}", soft_wrap=True)


def _offer_table(session: Session, offers: list[ShowOffer]) -> Table:
    table = Table(
        "", "price", "down", "up", "duration", "provider", "access point", box=None, header_style="dim"
    )
    for shown in offers:
        match shown.seen:
            case Candidate() as offer:
                bought = (offer.announcement.provider, offer.offer.bssid) == (session.provider, session.bssid)
                table.add_row(
                    "[green]bought[/]" if bought else "",
                    format_money(offer.price_ubc),
                    format_rate(offer.qos.floor_down_bps),
                    format_rate(offer.qos.floor_up_bps),
                    format_duration(offer.offer.allocation_duration_s),
                    f"{str(offer.announcement.provider)[:16]}…",
                    str(offer.offer.bssid),
                )
            case unsuitable:
                table.add_row(
                    f"[dim]{unsuitable.reason}[/]", "", "", "", "", _plain(unsuitable.detail), shown.address
                )
    return table


def _describe(session: Session, offers: list[ShowOffer]) -> dict[str, object]:
    qos = session.grant.total_qos
    return {
        "ok": True,
        "grant": session.grant.grant_id.hex(),
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
        "offers": [_describe_offer(shown) for shown in offers],
    }


def _describe_offer(shown: ShowOffer) -> dict[str, object]:
    match shown.seen:
        case Candidate() as offer:
            return {
                "suitable": True,
                "address": shown.address,
                "provider": str(offer.announcement.provider),
                "bssid": str(offer.offer.bssid),
                "epoch": offer.offer.epoch,
                "units": offer.units,
                "price_ubc": offer.price_ubc,
                "floor_down_bps": offer.qos.floor_down_bps,
                "floor_up_bps": offer.qos.floor_up_bps,
                "duration_s": offer.offer.allocation_duration_s,
            }
        case unsuitable:
            return {
                "suitable": False,
                "address": shown.address,
                "reason": unsuitable.reason,
                "detail": unsuitable.detail,
            }


def format_duration_left(left_s: int) -> str:
    """`9:59`, for a count-down."""
    minutes, seconds = divmod(max(0, left_s), 60)
    return f"{minutes}:{seconds:02d}"


def _local(utc_s: int) -> str:
    return datetime.fromtimestamp(utc_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")


def _plain(text: str) -> str:
    """A peer's words, without what a terminal or rich would obey."""
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))


def _stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def _print_json(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
