"""`airgrant offers`, `airgrant grants`, `airgrant leave`: look before you buy, and after; go without waiting. A shell:
argv, terminal.

How they speak, and what their exit status means: device/console.py.
"""

import argparse
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from device.choice import Candidate, PinnedLedger
from device.console import (
    DONE,
    NO,
    Show,
    add_way,
    describe_offer,
    make_parser,
    print_json,
    print_offers,
    read_way,
    run_command,
    stderr,
)
from device.deposits import load_deposits
from device.events import ShowOffer
from device.experience import load_reputation
from device.keeping import grant_path, load_kept
from device.library import Over, Way, leave_network
from device.reputation import rate
from device.state import HeldGrant, Signed
from device.survey import sort_offers, survey_air, survey_lobby
from device.udp import read_clock
from device.wallet import Wallet, load_wallet
from wire.errors import ConfigError, ShellError
from wire.units import format_duration, format_money, format_rate

OFFERS_EXAMPLES = """\
examples:
  airgrant offers --interface wlan0                          who sells here, at what price, verified
  airgrant offers --interface wlan0 --over air --wallet wallet.pem
  airgrant offers --interface wlan0 --json | jq '.offers[] | select(.suitable) | .price_ubc'

Nothing is bought, and over the air nothing is joined. With a wallet, what another ledger sells is marked, and a price
counts for more where a seller did not keep its word (`airgrant scores`). Prices are for one unit, in bandcoins; the
cheapest per guaranteed bit comes first.

exit status: 0 somebody sells, 1 nobody does, 2 usage or wallet, 3 no such interface, no wpa_supplicant
"""

LEAVE_EXAMPLES = """\
examples:
  airgrant leave --interface wlan0

Removes the network that `airgrant buy` added to wpa_supplicant, and enables again what was enabled before. What was
paid for lasts until its time is over: `airgrant buy` comes back with it.

exit status: 0 left, 1 there was nothing to leave, 2 usage, 3 no wpa_supplicant there
"""

GRANTS_EXAMPLES = """\
examples:
  airgrant grants --wallet wallet.pem                        what is paid for, and until when
  airgrant grants --wallet wallet.pem --json | jq -r '.grants[] | select(.live) | .file'

Also purchases that were sent and of which nobody signed what became of them: `airgrant buy` asks for them first.

exit status: 0 something is paid for or asked for, 1 nothing is, 2 usage or wallet, 3 the disk
"""


def offers(argv: list[str]) -> int:
    """Lists what is on sale; returns the exit status."""
    parser = make_parser("airgrant offers", "List what access points around here sell.", OFFERS_EXAMPLES)
    add_way(parser)
    parser.add_argument(
        "--wallet", type=Path, metavar="FILE", help="mark what is not sold through this wallet's ledger"
    )
    return run_command(parser, argv, _offers)


def grants(argv: list[str]) -> int:
    """Lists what is kept beside a wallet; returns the exit status."""
    parser = make_parser("airgrant grants", "List what you have paid for.", GRANTS_EXAMPLES)
    parser.add_argument("--wallet", type=Path, required=True, metavar="FILE", help="whose grants")
    return run_command(parser, argv, _grants)


def leave(argv: list[str]) -> int:
    """Leaves the network of a purchase; returns the exit status."""
    parser = make_parser(
        "airgrant leave", "Leave the Wi-Fi network that you bought your way into.", LEAVE_EXAMPLES
    )
    add_way(parser)
    return run_command(parser, argv, _leave)


def _offers(arguments: argparse.Namespace) -> int:
    wallet = load_wallet(arguments.wallet) if arguments.wallet else None
    pinned = wallet.pinned if wallet else None
    with Show(quiet=arguments.json) as show:
        show.say("listening")
        found = sort_offers(_rated(_survey(read_way(arguments), pinned, show), wallet))
    for_sale = any(isinstance(shown.seen, Candidate) for shown in found)
    if arguments.json:
        print_json({"ok": for_sale, "offers": [describe_offer(shown) for shown in found]})
    elif found:
        print_offers(Console(highlight=False), found)
    else:
        stderr().print("nobody sells here")
    return DONE if for_sale else NO


def _rated(offers: list[ShowOffer], wallet: Wallet | None) -> list[ShowOffer]:
    """With what is known of their sellers beside a wallet."""
    if wallet is None:
        return offers
    known, operators, now_s = load_reputation(wallet.path), load_deposits(wallet.path), read_clock().utc_s
    return [
        replace(one, seen=rate(one.seen, known, operators, now_s)) if isinstance(one.seen, Candidate) else one
        for one in offers
    ]


def _survey(way: Way, pinned: PinnedLedger | None, show: Show) -> list[ShowOffer]:
    if way.over is Over.LOBBY:
        return survey_lobby(way.interface, pinned, way.cell)
    try:
        found = survey_air(way.socket_path, pinned)
    except ShellError as error:
        if way.over is Over.AIR:
            raise
        show.say(f"asking in the lobby, not on the air; {error}")
        found = []
    if found or way.over is Over.AIR:
        return found
    return survey_lobby(way.interface, pinned)


def _grants(arguments: argparse.Namespace) -> int:
    wallet, now_s = load_wallet(arguments.wallet), read_clock().utc_s
    kept = load_kept(wallet, now_s)
    live = [held for held in kept.grants if held.grant.ends_s > now_s]
    found = bool(live or kept.purchases)
    if arguments.json:
        print_json({
            "ok": found,
            "grants": [_describe_grant(wallet.path, held, now_s) for held in kept.grants],
            "purchases": [_describe_purchase(signed) for signed in kept.purchases],
            "unreadable": [str(path) for path in kept.unreadable],
        })  # fmt: skip
        return DONE if found else NO
    console = Console(highlight=False)
    for held in live:
        qos = held.grant.total_qos
        console.print(
            f"[bold]{format_duration(held.grant.ends_s - now_s)}[/] left   {format_rate(qos.floor_down_bps)} down, "
            f"{format_rate(qos.floor_up_bps)} up   {grant_path(wallet.path, held.grant.grant_id)}",
            soft_wrap=True,
        )
    for signed in kept.purchases:
        price = format_money(signed.allocate.price_ubc)
        console.print(
            f"unknown whether charged: {price}, transaction {signed.transaction_id.hex()}", soft_wrap=True
        )
    for path in kept.unreadable:
        console.print(f"[yellow]not of this account and ledger, or damaged:[/] {path}", soft_wrap=True)
    if not found:
        stderr().print("nothing is paid for now")
    return DONE if found else NO


def _describe_grant(wallet: Path, held: HeldGrant, now_s: int) -> dict[str, object]:
    grant, qos = held.grant, held.grant.total_qos
    return {
        "grant": grant.grant_id.hex(),
        "live": grant.ends_s > now_s,
        "provider_id": grant.provider_id.hex(),
        "starts_s": grant.starts_s,
        "ends_s": grant.ends_s,
        "floor_down_bps": qos.floor_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "file": str(grant_path(wallet, grant.grant_id)),
        "encoded_grant": held.encoded.hex(),
    }


def _describe_purchase(signed: Signed) -> dict[str, object]:
    return {
        "transaction": signed.transaction_id.hex(),
        "provider": str(signed.allocate.provider),
        "price_ubc": signed.allocate.price_ubc,
        "valid_until_s": signed.valid_until_s,
    }


def _leave(arguments: argparse.Namespace) -> int:
    if arguments.over == Over.LOBBY.value:
        raise ConfigError(
            "--over lobby: a session in the lobby is left by the command that joined, with Ctrl-C"
        )
    left = leave_network(replace(read_way(arguments), over=Over.AIR))
    if arguments.json:
        print_json({"ok": left})
    else:
        stderr().print("left" if left else "there is no network of ours to leave")
    return DONE if left else NO
