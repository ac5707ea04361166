"""`airgrant ledger auction`: a provider opens an auction and answers for it; a bidder looks, bids, sees the end.

A shell: argv, terminal, files, exit status. Exit status: 0 done; 1 the answer is no (refused, not there, lost); 2 the
command line or a key is wrong; 3 the house or the network failed. With --json one JSON value on standard output.
"""

import argparse
import asyncio
import base64
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, Any

from rich.markup import escape
from rich.table import Table

from ledger.clearing.audit import Audit, LedgerWord, audit_log, convict, wanted_funds
from ledger.clearing.bidding import most_afterwards_ubc, opens_alone, strangers
from ledger.clearing.door import Refusal, read_bid
from ledger.clearing.house_client import HouseClient
from ledger.clearing.ledger_word import AskedLedger, ReplayedLedger
from ledger.clearing.offer_desk import create_desk
from ledger.cli import (
    DEFAULT_LEDGER,
    LEDGER_VARIABLE,
    RATE_LAYERS,
    add_link_options,
    parse_account,
    typed,
)
from ledger.client import LedgerReader
from ledger.database import is_there, open_snapshot
from ledger.http import listen, serve
from ledger.identity import read_key
from ledger.pages import LedgerPage, OfferPage
from ledger.running import NO, OK, run_command, run_service
from ledger.showing import show
from wire.auction import Auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt
from wire.auction_terms import GUARD_S, AuctionKind, AuctionMark, AuctionTerms
from wire.errors import ConfigError, DecodeError
from wire.ids import PublicKey
from wire.key_agreement import SEAL_KEY_SIZE
from wire.keys import PrivateKey
from wire.qos import LatencyClass, Qos
from wire.transaction import NONCE_SIZE, read_transaction
from wire.units import (
    format_duration,
    format_instant,
    format_money,
    format_rate,
    format_size,
    parse_duration,
    parse_money,
    parse_size,
)

KINDS = {"vickrey": AuctionKind.VICKREY, "propshare": AuctionKind.PROPSHARE}
_EXAMPLES = f"""examples:
  airgrant ledger auction                                    what is being auctioned
  airgrant ledger auction show 7d0a...31                     one auction, with its bids as far as they may be seen
  airgrant ledger auction create --key roof.key --kind vickrey --units 40 --minimum 0.001 --in 5m --for 10m \\
      --down 2M-20M --up 1M-5M --band 5170000-5250000/80000 --callback http://roof.example:8600/offer
  airgrant ledger auction serve --key roof.key --listen 0.0.0.0:8600     sign what the house found, until SIGTERM
  airgrant ledger auction bid 7d0a...31 0.004 --key alice.key            sealed, if the auction is
  airgrant ledger auction status 7d0a...31 02c1...9f                     of a bid, by the name that `bid` printed
  airgrant ledger auction verify --ledger-log ledger.db      check winners, prices and balances again: log against log

A sealed bid can be read before the clearing time if enough of the auction's keepers want to. Say with --keeper whom
you trust (default: the house); with too many strangers among them no bid is sent. The house is that of --ledger URL or
the variable {LEDGER_VARIABLE}; by default {DEFAULT_LEDGER}.

Bids are taken until {GUARD_S} s before the clearing time. What every bidder has is noted then: who has less than he bid
takes no part, and a winner who spends his money later ends the auction for all.

exit status: 0 done, 1 the answer is no (of `verify`: something is wrong, or could not be checked),
2 usage or key file, 3 the world failed
"""


def main(argv: list[str]) -> int:
    """`airgrant ledger auction`; returns the exit status."""
    parser = _parser()
    try:
        arguments = parser.parse_args(["list", *argv] if _names_no_command(argv) else argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    arguments.run = _no_for_refusals(arguments.run)
    return run_command("airgrant ledger auction", arguments, DecodeError)


def _names_no_command(argv: Sequence[str]) -> bool:
    """Options alone are those of `list`."""
    return not argv or (argv[0].startswith("-") and argv[0] not in {"-h", "--help"})


def _no_for_refusals(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    """What a house or a ledger says no to has status 1."""

    def run_it(arguments: argparse.Namespace) -> int:
        try:
            return run(arguments)
        except LookupError as error:
            raise DecodeError(str(error.args[0])) from error

    return run_it


def _list(arguments: argparse.Namespace) -> int:
    found = list(_pages(_house(arguments), "auctions?limit=100&", "auctions"))
    return _show(arguments, found, _auction_lines(found))


def _show_one(arguments: argparse.Namespace) -> int:
    house, path = _house(arguments), f"auctions/{arguments.auction.hex()}"
    page: dict[str, Any] = house.page(path)
    if page["after"] is not None:
        page["bids"] += _pages(house, f"{path}/bids?limit=1000&", "bids", page["after"])
        page["after"] = None
    return _show(arguments, page, [_auction_facts(page), _bid_table(page["bids"])])


def _pages(house: HouseClient, path: str, items: str, after: object = 0) -> Iterator[dict[str, Any]]:
    """Every item of a list that comes in pages."""
    while after is not None:
        page: dict[str, Any] = house.page(f"{path}after={after}")
        yield from page[items]
        after = page["after"]


def _create(arguments: argparse.Namespace) -> int:
    key, house = read_key(arguments.key), _house(arguments)
    now_s = int(time.time())
    mark = AuctionMark(KINDS[arguments.kind], now_s + arguments.clears_in, arguments.minimum)
    reader = LedgerReader(arguments.ledger)
    auction = _auction(arguments, key, house, mark, _next_epoch(reader, key.public))
    receipt = house.create(write_auction(auction, key, house.ledger_id))
    said = (
        f"auction {receipt.auction_id.hex()} takes bids until {format_instant(mark.bids_until_s)}, "
        f"clears at {format_instant(mark.clearing_s)}"
    )
    _warn_of_lone_keeper(auction, house.house)
    return _say(arguments, receipt, said)


def _auction(
    arguments: argparse.Namespace, key: PrivateKey, house: HouseClient, mark: AuctionMark, epoch: int
) -> Auction:
    (down_floor, down_ceil), (up_floor, up_ceil) = arguments.down, arguments.up
    latency = LatencyClass.INTERACTIVE if arguments.interactive else LatencyClass.BEST_EFFORT
    layer = RATE_LAYERS[arguments.rate_layer]
    qos = Qos(down_floor, down_ceil, up_floor, up_ceil, arguments.data_cap, latency, layer)
    terms = AuctionTerms(key.public, mark, arguments.band, arguments.units, arguments.duration, qos)
    sealed = mark.kind is AuctionKind.VICKREY or arguments.sealed
    urls = (arguments.keeper_at or [arguments.ledger]) if sealed else []
    keys = [HouseClient(url, house.house, house.ledger_id).time_key(mark.clearing_s)[0] for url in urls]
    threshold = (arguments.threshold or len(keys)) if keys else 0
    return Auction(terms, epoch, arguments.callback, house.house, threshold, tuple(keys))


def _next_epoch(reader: LedgerReader, provider: PublicKey) -> int:
    try:
        return reader.read(OfferPage, f"offers/{provider}").epoch + 1
    except LookupError:
        return 1


def _bid(arguments: argparse.Namespace) -> int:
    key, house = read_key(arguments.key), _house(arguments)
    auction = house.auction(arguments.auction)
    unknown = strangers(auction, {house.house, *(arguments.keeper or [])})
    if unknown:
        named = ", ".join(map(str, unknown))
        raise DecodeError(
            f"keepers that you did not name could read the bid together: {named} (see --keeper)"
        )
    _check_afterwards(auction, arguments.units, arguments.pay_beyond)
    _warn_of_lone_keeper(auction, house.house)
    nonce, wants = secrets.token_bytes(NONCE_SIZE), (arguments.units, arguments.slots)
    bid = make_bid(auction, arguments.price, key, house.ledger_id, nonce, *wants)
    if auction.terms.mark.kind is AuctionKind.SESSION:  # it is sealed: the house could say no only afterwards
        wrong = read_bid(bid, auction, key.public, 0, house.ledger_id)
        if isinstance(wrong, Refusal):
            raise DecodeError(f"{wrong.reason}: {wrong.detail}")
    transaction = read_transaction(bid, house.ledger_id).transaction_id.hex()
    if auction.is_sealed:
        chance = secrets.token_bytes(SEAL_KEY_SIZE)
        bid = conceal_bid(auction, bid, key, PrivateKey.generate(), house.ledger_id, chance)
    file: Path = arguments.receipt or arguments.key.with_name(
        f"{arguments.key.stem}-{transaction[:16]}.receipt"
    )
    with _new_file(file) as kept, _new_file(_sent_beside(file)) as sent:
        sent.write(bid)
        signed, receipt = house.place_bid(arguments.auction, bid)
        kept.write(signed)
    said = (
        f"bid {receipt.bid_id} is {receipt.status.name.lower()}; if it wins, its transaction is {transaction}\n"
        f"the house's receipt is in {file}, the bid beside it in {_sent_beside(file).name}: keep both until the "
        "auction is over (`auction verify --receipt`)"
    )
    return _say(arguments, receipt, said, transaction, str(file))


def _check_afterwards(auction: Auction, units: int, agreed_ubc: int) -> None:
    """Nobody bids on terms of use that are paid afterwards without having agreed to them. Raises DecodeError."""
    usage, most_ubc = auction.terms.qos.usage, most_afterwards_ubc(auction, units)
    if usage is None or most_ubc <= agreed_ubc:
        return
    raise DecodeError(
        f"who wins pays afterwards for what he uses beyond {format_size(usage.included_bytes)} a unit: "
        f"{format_money(usage.price_ubc)} for each begun {format_size(usage.step_bytes)}, at most "
        f"{format_money(most_ubc)} in all (agree with --pay-beyond)"
    )


def _sent_beside(receipt: Path) -> Path:
    """Where the bid is that a receipt is for."""
    return receipt.with_name(f"{receipt.name}.bid")


@contextmanager
def _new_file(file: Path) -> Iterator[IO[bytes]]:
    """Made before it is needed, as nobody bids without a receipt; gone again if there is none. Raises ConfigError."""
    try:
        opened = file.open("xb")
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    try:
        with opened:
            yield opened
    except BaseException:
        file.unlink(missing_ok=True)
        raise


def _warn_of_lone_keeper(auction: Auction, house: PublicKey) -> None:
    """To standard error: where the house's own time key is enough, the house can read the bids."""
    if opens_alone(auction, house):
        sys.stderr.write(
            "warning: the house can open the bids of this auction by itself before the clearing time: "
            "its own key is enough (create --keeper-at for each of several keepers, and --threshold above 1)\n"
        )


def _status(arguments: argparse.Namespace) -> int:
    receipt = _house(arguments).bid_status(arguments.auction, arguments.bid)
    why = f" ({receipt.reason}: {receipt.detail})" if receipt.reason else ""
    status = _say(arguments, receipt, f"bid {arguments.bid} is {receipt.status.name.lower()}{why}")
    return status if receipt.status in {Status.PENDING, Status.EXECUTED} else NO


def _verify(arguments: argparse.Namespace) -> int:
    house = _house(arguments)
    entries = [base64.b64decode(one["entry"]) for one in _pages(house, "clearing-log?limit=500&", "entries")]
    with _ledger_word(arguments, house, entries) as ledger:
        audit = audit_log(entries, house.ledger_id, ledger)
    receipts = [_check_receipt(file, house, entries, audit) for file in arguments.receipt]
    pages: list[dict[str, Any]] = [
        {
            "auction_id": one.auction_id.hex(),
            "settled": one.settled,
            "winners": len(one.awards),
            "paid_ubc": sum(award.price_ubc for award in one.awards),
            "dropped": one.dropped,
            "wrong": one.wrong,
            "unchecked": one.unchecked,
        }
        for one in audit.auctions
    ]
    ok = audit.holds and not any(one["wrong"] for one in receipts)
    head = audit.heads[-1].hex() if audit.heads else ""
    table = Table(
        "auction", "settled", "winners", "paid", "bids that took no part", "does not hold", "not checked"
    )
    for one in pages:
        paid = format_money(one["paid_ubc"])
        settled = "yes" if one["settled"] else "no"
        words = [one["auction_id"], settled, str(one["winners"]), paid, str(one["dropped"])]
        table.add_row(*words, one["wrong"], one["unchecked"])
    wrong, unchecked = list(audit.wrong), list(audit.unchecked)
    page = {
        "ok": ok,
        "entries": len(entries),
        "head": head,
        "wrong": wrong,
        "unchecked": unchecked,
        "auctions": pages,
        "receipts": receipts,
    }
    lines = [
        table,
        *(f"does not hold: {one}" for one in wrong),
        *(f"not checked: {one}" for one in unchecked),
    ]
    lines += [f"{one['file']}: {one['wrong'] or 'holds'}" for one in receipts]
    _show(arguments, page, [*lines, "everything holds" if ok else "not everything holds, or was checked"])
    return OK if ok else NO


@contextmanager
def _ledger_word(
    arguments: argparse.Namespace, house: HouseClient, entries: Sequence[bytes]
) -> Iterator[LedgerWord]:
    """Of a log that is here, or of the ledger's pages."""
    place: str | None = arguments.ledger_log
    if place is None:
        yield AskedLedger(LedgerReader(arguments.ledger))
        return
    if not is_there(place):
        raise ConfigError(f"{place}: is not there")
    with closing(open_snapshot(place)) as store:
        yield ReplayedLedger(store, house.ledger_id, wanted_funds(entries))


def _check_receipt(file: Path, house: HouseClient, entries: Sequence[bytes], audit: Audit) -> dict[str, Any]:
    try:
        receipt = read_auction_receipt(file.read_bytes(), house.house, house.ledger_id)
        sent = _sent_beside(file).read_bytes() if _sent_beside(file).exists() else None
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except DecodeError as error:
        return {"file": str(file), "number": 0, "wrong": f"is no receipt of this house: {error}"}
    wrong = convict(receipt, entries, audit, house.ledger_id, sent)
    return {"file": str(file), "number": receipt.number, "wrong": wrong}


def _serve(arguments: argparse.Namespace) -> int:
    key, house = read_key(arguments.key), _house(arguments)
    host, _, port = arguments.listen.rpartition(":")
    if not host or not port.isdigit():
        raise ConfigError(f"--listen {arguments.listen!r} is not HOST:PORT")
    run_service(_answer_for(key, house, host, int(port)))
    return OK


async def _answer_for(key: PrivateKey, house: HouseClient, host: str, port: int) -> None:
    listening = listen(host, port)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    desk = create_desk(key, house.house, house.ledger_id, _tell)
    async with asyncio.TaskGroup() as tasks:
        serving = tasks.create_task(serve(desk, listening))
        print(f"offer desk ready http://{host}:{listening.getsockname()[1]}/offer", flush=True)
        await stop.wait()
        serving.cancel()


def _tell(text: str) -> None:
    sys.stderr.write(f"offer desk: {text}\n")
    sys.stderr.flush()


# ---- What is shown


def _say(
    arguments: argparse.Namespace,
    receipt: AuctionReceipt,
    text: str,
    transaction: str | None = None,
    file: str | None = None,
) -> int:
    page = {
        "auction_id": receipt.auction_id.hex(),
        "bid_id": None if receipt.bid_id is None else str(receipt.bid_id),
        "status": receipt.status.name.lower(),
        "number": receipt.number,
        "at_ns": receipt.at_ns,
        "head": receipt.head.hex(),
        "reason": receipt.reason,
        "detail": receipt.detail,
        "wins_above_ubc": receipt.wins_above_ubc,
        "transaction": transaction,
        "receipt": file,
    }
    return _show(arguments, page, [text])


def _show(arguments: argparse.Namespace, page: object, lines: Sequence[Any]) -> int:
    show(page, lambda: lines, as_json=arguments.json)
    return OK


def _auction_lines(pages: Sequence[dict[str, Any]]) -> list[str]:
    """Two lines for each: its id is as long as a screen is wide, and is typed again."""
    lines = []
    for page in pages:
        sold = f"{page['kind']}, {page['max_allocations']} units for {_duration(page)}"
        until = f"bids until {format_instant(page['bids_until_s'])}, {page['bid_count']} bids"
        lines += [
            f"[bold]{page['auction_id']}[/]  {escape(_state(page))}",
            f"    {sold}, from {format_money(page['min_price_ubc'])} on, {until}",
        ]
    return lines or ["no auctions"]


def _auction_facts(page: dict[str, Any]) -> Table:
    """One auction, and what one unit of it is."""
    qos, band, sealed = page["qos"], page["band"], "bids are open"
    if page["sealed"]:
        sealed = f"bids are sealed to {page['threshold']} of {len(page['keepers'])} keepers"
    table = Table.grid(padding=(0, 2))
    for name, value in (
        ("auction", page["auction_id"]),
        ("sold by", page["provider"]),
        ("kind", f"{page['kind']}, {sealed}"),
        ("state", _state(page)),
        ("units", f"{page['max_allocations']}, each for {_duration(page)}"),
        *([("free in each slot", " ".join(map(str, page["forecast"])))] if page["forecast"] else []),
        (
            "lowest bid",
            format_money(page["min_price_ubc"]) + (" for a unit and slot" if page["forecast"] else ""),
        ),
        ("bids until", format_instant(page["bids_until_s"])),
        ("clears at", format_instant(page["clearing_s"])),
        ("bids", str(page["bid_count"])),
        ("down", f"{format_rate(qos['floor_down_bps'])} to {format_rate(qos['ceil_down_bps'])}"),
        ("up", f"{format_rate(qos['floor_up_bps'])} to {format_rate(qos['ceil_up_bps'])}"),
        ("band", f"{band['from_frequency_khz']}-{band['to_frequency_khz']}/{band['bandwidth_khz']} kHz"),
        ("data cap", format_size(qos["data_cap_bytes"]) if qos["data_cap_bytes"] else "none"),
        ("afterwards", f"{_afterwards(qos['usage'])} is paid"),
    ):
        table.add_row(f"[dim]{name}[/]", escape(value))
    return table


def _state(page: dict[str, Any]) -> str:
    """Of an active one why it stands still, if it does; of one that is over why nothing was sold."""
    why = f"{page['reason']}: {page['detail']}" if page["reason"] else ""
    if page["status"] == "active":
        return f"active, waits: {why}" if why else "active"
    return f"over, nothing was sold: {why}" if why else "over, settled"


def _duration(page: dict[str, Any]) -> str:
    return format_duration(page["allocation_duration_s"])


def _afterwards(usage: dict[str, int] | None) -> str:
    if usage is None:
        return "nothing"
    step = f"{format_money(usage['price_ubc'])} for each begun {format_size(usage['step_bytes'])}"
    return f"{step} beyond {format_size(usage['included_bytes'])}, at most {format_money(usage['most_ubc'])}"


def _bid_table(pages: Sequence[dict[str, Any]]) -> Table:
    table = Table("bid", "status", "price", "units", "paid", "reason")
    for page in pages:
        price = "sealed" if page["price_ubc"] is None else format_money(page["price_ubc"])
        paid = format_money(page["paid_ubc"])
        table.add_row(page["bid_id"], page["status"], price, str(page["units"]), paid, page["reason"])
    return table


# ---- The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "airgrant ledger auction",
        description="Auctions of a clearing house.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _command(commands, "list", "what is being auctioned").set_defaults(run=_list)
    show = _command(commands, "show", "one auction, and its bids as far as they may be seen")
    show.add_argument("auction", type=_auction_id, metavar="AUCTION")
    show.set_defaults(run=_show_one)
    _create_options(_command(commands, "create", "open an auction"))
    desk = _command(commands, "serve", "sign what the house found, until SIGTERM")
    desk.add_argument("--key", type=Path, required=True, help="PEM key of the provider")
    desk.add_argument(
        "--listen", required=True, metavar="HOST:PORT", help="where --callback of `create` leads"
    )
    desk.set_defaults(run=_serve)
    bid = _command(commands, "bid", "bid in an auction, sealed if it is")
    bid.add_argument("auction", type=_auction_id, metavar="AUCTION")
    bid.add_argument(
        "price",
        type=typed(parse_money),
        metavar="PRICE",
        help="the most that you pay, in bandcoins; in a proportional share for all that you get",
    )
    bid.add_argument("--key", type=Path, required=True, help="PEM key of your account")
    bid.add_argument(
        "--keeper", type=parse_account, action="append", help="a keeper that you trust (default: the house)"
    )
    bid.add_argument(
        "--pay-beyond",
        type=typed(parse_money),
        default=0,
        metavar="PRICE",
        help="agree to pay at most this afterwards for use beyond what is included; default: nothing",
    )
    bid.add_argument("--units", type=int, default=1, help="in a session auction: how many in each slot")
    bid.add_argument(
        "--slots", type=int, default=0, help="in a session auction: for how many from the first one on"
    )
    bid.set_defaults(run=_bid)
    bid.add_argument(
        "--receipt",
        type=Path,
        metavar="FILE",
        help="where the house's receipt is kept (default: beside the key)",
    )
    verify = _command(commands, "verify", "check the house's log against the ledger, and against receipts")
    verify.add_argument(
        "--ledger-log",
        metavar="DATABASE",
        help="a ledger's log that is applied again: a file, or postgresql://... "
        "(default: the pages of --ledger, which cannot say what bidders had)",
    )
    verify.add_argument(
        "--receipt", type=Path, metavar="FILE", action="append", default=[], help="a receipt that `bid` kept"
    )
    verify.set_defaults(run=_verify)
    status = _command(commands, "status", "what became of a bid")
    status.add_argument("auction", type=_auction_id, metavar="AUCTION")
    status.add_argument("bid", type=parse_account, metavar="BID", help="the name that `bid` printed")
    status.set_defaults(run=_status)
    return parser


def _create_options(create: argparse.ArgumentParser) -> None:
    add = create.add_argument
    add("--key", type=Path, required=True, help="PEM key of the provider")
    add("--kind", choices=KINDS, default="vickrey")
    add("--units", type=int, required=True, help="how many are sold")
    add("--minimum", type=typed(parse_money), default=0, help="the lowest bid, in bandcoins")
    add(
        "--in",
        dest="clears_in",
        type=typed(parse_duration),
        required=True,
        help="when it is cleared: 5m from now",
    )
    add_link_options(create)
    add("--data-cap", type=typed(parse_size), default=0, help="of one unit: 250MB; 0: none")
    add("--rate-layer", choices=RATE_LAYERS, default="ip")
    add("--interactive", action="store_true", help="a queue for calls and games, within the same rate")
    add(
        "--callback",
        required=True,
        metavar="URL",
        help="where `auction serve` listens, as the house reaches it",
    )
    add("--sealed", action="store_true", help="seal the bids of a proportional share, too")
    add(
        "--keeper-at",
        action="append",
        metavar="URL",
        help="a house that keeps a time key (default: this one)",
    )
    add("--threshold", type=int, help="how many of them open a bid (default: all)")
    create.set_defaults(run=_create)


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    default = os.environ.get(LEDGER_VARIABLE, DEFAULT_LEDGER)
    parser.add_argument("--ledger", default=default, metavar="URL", help=f"default: {default}")
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")
    return parser


def _auction_id(text: str) -> bytes:
    try:
        if len(text) == 64:
            return bytes.fromhex(text)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"{text!r} is not an auction: want 64 hexadecimal digits")


def _house(arguments: argparse.Namespace) -> HouseClient:
    """The house beside the ledger; it signs with the ledger's key."""
    page = LedgerReader(arguments.ledger).read(LedgerPage, "ledger")
    return HouseClient(arguments.ledger, PublicKey.parse(page.ledger_key), bytes.fromhex(page.ledger_id))
