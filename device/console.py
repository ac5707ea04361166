"""How the device's commands speak with people and scripts. A shell: argv, terminal, exit status.

Exit status: 0 done; 1 the answer is no (nothing suits, the ledger or the access point said no); 2 the command line or
the wallet is wrong; 3 the world failed (no such interface, nobody answers). With --json one object on standard output,
whatever happens; all that is said while it runs goes to standard error. A peer's words are printed without what a
terminal would obey.
"""

import argparse
import json
import sys
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.status import Status
from rich.table import Table

from device.choice import Candidate
from device.events import PinLedger, ShowOffer, Source, Tell
from device.keeping import find_grant
from device.library import Over, PurchaseFailed, PurchaseInterrupted, Way
from device.wpa import DEFAULT_FOLDER
from market.reliability import UNKNOWN, percent
from wire.errors import ConfigError, DecodeError, ShellError
from wire.ids import MacAddress, PublicKey
from wire.units import format_duration, format_money, format_rate, format_size

DONE, NO, USAGE, WORLD, INTERRUPTED = 0, 1, 2, 3, 130

HINTS = {
    "unknown_issuer": ". This ledger does not know your account yet: open it with "
    "`airgrant account create --key wallet.pem ...`, then have the exchange put money in",
    "insufficient_funds": ". Have the exchange put money into your account",
    "price_differs": ". Several units may have a discount that is not announced: ask for the rates of one unit",
    "no_access_point": ". Is the interface up, and is there an access point behind it?",
    "no_supplicant": ". Do so when wpa_supplicant can be reached",
    "unknown_authority": ". Somebody else uses this network's name here, or the provider named the wrong operator",
    "rejected": ". Should the operator go on saying no: its log names this account; `airgrant buy --new` buys another",
}
"""What a person can do about it, by reason."""


def make_parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=name,
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output, for scripts")
    return parser


def add_way(parser: argparse.ArgumentParser) -> None:
    """The options by which all commands find access points."""
    parser.add_argument(
        "--interface", required=True, metavar="NAME", help="the interface that access points are behind"
    )
    parser.add_argument(
        "--over",
        choices=[over.value for over in Over],
        default=Over.AUTO.value,
        help="where to look: on the `air` by wpa_supplicant, before anything is joined; in the `lobby` behind the "
        "interface as it is; `auto`: on the air if wpa_supplicant works the interface, else in the lobby",
    )
    parser.add_argument(
        "--control",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="FOLDER",
        help=f"where wpa_supplicant has its control sockets ({DEFAULT_FOLDER})",
    )
    parser.add_argument(
        "--cell",
        metavar="ADDRESS",
        help="on a small cell, behind the modem's interface: the IP address of the box that sells",
    )


def read_way(arguments: argparse.Namespace) -> Way:
    """Raises ConfigError."""
    if arguments.cell is None:
        return Way(arguments.interface, Over(arguments.over), arguments.control)
    try:
        cell = ip_address(arguments.cell)
    except ValueError as error:
        raise ConfigError(f"--cell: {error}") from None
    if arguments.over == Over.AIR.value:
        raise ConfigError("--cell: a cell is not asked over 802.11: leave out --over air")
    return Way(arguments.interface, Over.LOBBY, arguments.control, cell)


def typed(parse: Callable[[str], int]) -> Callable[[str], int]:
    """Argparse shows the reason of an ArgumentTypeError, and hides that of a ValueError."""

    def convert(text: str) -> int:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return convert


def run_command(
    parser: argparse.ArgumentParser, argv: list[str], command: Callable[[argparse.Namespace], int]
) -> int:
    try:
        arguments = parser.parse_args(argv)
    except SystemExit as stop:  # argparse has said what is wrong, or printed the help
        return int(stop.code or 0)
    try:
        return command(arguments)
    except ConfigError as error:
        return complain(arguments, USAGE, "configuration", str(error), source="this machine")
    except DecodeError as error:
        return complain(arguments, NO, "grant_invalid", str(error))
    except (ShellError, OSError) as error:
        return complain(arguments, WORLD, "shell_error", str(error), source="this machine")
    except PurchaseFailed as error:
        failure = error.failure
        world = failure.source is Source.NETWORK or failure.reason == "shell_error"
        detail = failure.detail + HINTS.get(failure.reason, "") + where_the_grant_is(arguments, error.grant)
        paid = _describe_paid(error.grant, error.transaction_id)
        source = failure.source.value
        return complain(arguments, WORLD if world else NO, failure.reason, detail, source, paid)
    except PurchaseInterrupted as error:
        detail = f"{error}{where_the_grant_is(arguments, error.grant)}"
        paid = _describe_paid(error.grant, error.transaction_id)
        return complain(arguments, INTERRUPTED, "interrupted", detail, paid=paid)


def complain(
    arguments: argparse.Namespace,
    status: int,
    reason: str,
    detail: str,
    source: str = "device",
    paid: dict[str, str] | None = None,
) -> int:
    if arguments.json:
        print_json({"ok": False, "reason": reason, "detail": detail, "source": source, **(paid or {})})
    else:
        stderr().print(f"[red]no:[/] {source} says [bold]{reason}[/]: {plain(detail)}")
    return status


def _describe_paid(grant: bytes, transaction_id: bytes) -> dict[str, str]:
    """What must not be lost, whatever failed."""
    named = {"encoded_grant": grant.hex(), "transaction": transaction_id.hex()}
    return {name: value for name, value in named.items() if value}


def where_the_grant_is(arguments: argparse.Namespace, grant: bytes) -> str:
    """Beside the wallet or where it came from, in the file of --save too, or, if the disk would not take it, here."""
    if not grant:
        return ""
    kept = find_grant(arguments.wallet, grant) or getattr(arguments, "grant", None)
    where = f"in {kept}" if kept else f"not on disk: {grant.hex()}"
    return f" (the grant is {where}{save_grant(getattr(arguments, 'save', None), grant)})"


def save_grant(path: Path | None, grant: bytes) -> str:
    """What to tell of it. Never an exception: whoever is in shall not go out because a disk is full."""
    if path is None:
        return ""
    try:
        path.write_bytes(grant)
    except OSError as error:
        return f", not in {path}: {error.strerror}"
    return f", in {path} too"


class Show:
    """What a person sees while it runs: a spinner with a sentence, and a note when something deserves to stay."""

    def __init__(self, *, quiet: bool) -> None:
        self.offers: list[ShowOffer] = []
        self.news = ""
        """The last sentence that was told."""
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
        self._status.update(plain(text))

    def note(self, text: str) -> None:
        """What deserves to stay."""
        self._console.print(plain(text), soft_wrap=True)

    def progress(self, event: ShowOffer | Tell | PinLedger) -> None:
        match event:
            case ShowOffer():
                self.offers.append(event)
            case Tell(text):
                self.news = text
                self.say(text)
            case PinLedger(ledger):
                self._console.print(
                    f"[yellow]trusting the ledger {ledger.key} from now on, because this access point named it.[/] "
                    "Compare it with what your operator publishes.",
                    soft_wrap=True,
                )


def print_offers(
    console: Console, offers: list[ShowOffer], bought: tuple[PublicKey, MacAddress] | None = None
) -> None:
    """A table of what is for sale, `bought` marked, and a line about each that is not."""
    table = Table(
        "",
        "price",
        "down",
        "up",
        "duration",
        "signal",
        "provider",
        "access point",
        box=None,
        header_style="dim",
    )
    for shown in offers:
        if isinstance(shown.seen, Candidate):
            table.add_row(*_offer_cells(shown.seen, bought))
    if table.row_count:
        console.print(table)
    for shown in offers:
        if not isinstance(shown.seen, Candidate):
            why = f"{shown.seen.reason}: {shown.seen.detail}"
            console.print(f"[dim]not from {plain(shown.address)}: {plain(why)}[/]", soft_wrap=True)


def _offer_cells(offer: Candidate, bought: tuple[PublicKey, MacAddress] | None) -> tuple[str, ...]:
    ours = (offer.announcement.provider, offer.offer.bssid) == bought
    return (
        "[green]bought[/]" if ours else "",
        format_money(offer.price_ubc) + _later(offer),
        format_rate(offer.qos.floor_down_bps),
        format_rate(offer.qos.floor_up_bps),
        format_duration(offer.offer.allocation_duration_s),
        f"{offer.signal_dbm} dBm" if offer.signal_dbm else "",
        f"{str(offer.announcement.provider)[:16]}…{_served(offer)}",
        str(offer.offer.bssid),
    )


def _served(offer: Candidate) -> str:
    """Nothing of whom nothing is known."""
    return "" if offer.score == UNKNOWN else f" {percent(offer.score.ppm)} %"


def _later(offer: Candidate) -> str:
    """` + up to 0.2 BC beyond 2 GB`, paid afterwards; nothing where use costs nothing more."""
    usage = offer.qos.usage
    if usage is None:
        return ""
    return f" + up to {format_money(usage.most_ubc)} beyond {format_size(usage.included_bytes)}"


def describe_offer(shown: ShowOffer) -> dict[str, object]:
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
                "most_ubc": offer.most_ubc,
                "floor_down_bps": offer.qos.floor_down_bps,
                "floor_up_bps": offer.qos.floor_up_bps,
                "duration_s": offer.offer.allocation_duration_s,
                "signal_dbm": offer.signal_dbm or None,
                "served_ppm": offer.score.ppm,
                "network": _describe_network(offer),
            }
        case unsuitable:
            return {
                "suitable": False,
                "address": shown.address,
                "reason": unsuitable.reason,
                "detail": unsuitable.detail,
            }


def _describe_network(offer: Candidate) -> dict[str, str] | None:
    network = offer.network
    if network is None:
        return None
    ssid = network.ssid.decode(errors="backslashreplace")
    return {"ssid": ssid, "operator": str(network.operator)}


def plain(text: str) -> str:
    """A peer's words, without what a terminal or rich would obey."""
    return escape("".join(letter if letter.isprintable() else "?" for letter in text))


def stderr() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


def print_json(value: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
