"""`airgrant bid`: a bid in an access point's next session auction, and the way in for who wins. A shell: argv,
terminal, the lobby's socket, the disk.

    wallet.kept/<transaction id>.bid        before it is sent, until house or ledger have signed what became of it
    wallet.kept/<transaction id>.receipt    the house's last word on it, as `airgrant ledger auction verify` reads it

What is decided is device/bidding.py's. Who is cut off asks first for every bid that is kept and not over when he bids
again, and has what he paid for. How it speaks, and what its exit status means: device/console.py.
"""

import argparse
import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from device.bidding import (
    BidMade,
    BidWish,
    Command,
    Event,
    ForgetBid,
    KeepReceipt,
    MakeBid,
    Phase,
    Placed,
    State,
    next_deadline,
    resume,
    step,
)
from device.console import (
    DONE,
    NO,
    WORLD,
    Show,
    make_parser,
    plain,
    print_json,
    run_command,
    stderr,
    typed,
    where_the_grant_is,
)
from device.events import (
    DatagramReceived,
    DeadlineReached,
    Failure,
    Send,
    SendFailed,
    Source,
    Started,
    Tell,
)
from device.keeping import find_grant, keep_grant, kept_folder, write_kept
from device.library import Over, PurchaseInterrupted, Session, Way, rejoin
from device.udp import LobbySocket, read_clock
from device.wallet import Wallet, load_wallet
from device.wpa import DEFAULT_FOLDER
from nas_tunnel.lobby import write_lobby
from wire.allocate import Allocate
from wire.auction import read_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.errors import ConfigError, ShellError
from wire.ids import PublicKey
from wire.key_agreement import SEAL_KEY_SIZE
from wire.keys import PrivateKey
from wire.transaction import NONCE_SIZE, read_transaction
from wire.units import NS_PER_S, format_money, format_rate, parse_duration, parse_money, parse_rate

EXAMPLES = """\
examples:
  airgrant bid --wallet wallet.pem --interface wlan0 --down 3M --for 3m --worth 0.09
  airgrant bid --wallet wallet.pem --interface wlan0 --down 2M --up 1M --for 10m --worth 0.5 --leave
  airgrant bid --wallet wallet.pem --interface wlan0 --down 3M --for 1m --worth 0.04 --json | jq .wins_above_ubc

Access points with session auctions sell what is free in the next minutes to the bids that are worth most together.
Say what the rate for the time is worth to you: who wins pays what the others lose by it, never more, so that in one
auction, with one account, there is nothing to gain by saying less. Who loses is told by the clearing house, signed,
how much would have won. A bid cannot be withdrawn. It is sealed to the clearing house of your wallet's ledger, which
alone could read it before its time.
Rates are guaranteed ones, at the IP layer; the time runs from the clearing, in whole slots of the auction. With
neither --down nor --up the bid is for one unit of the auction; what that is, is said.

exit status: 0 in, 1 the answer is no (outbid, nothing left, not covered), 2 usage or wallet, 3 nobody answers
"""
KEPT_S = 24 * 3_600
"""A bid is kept for so long after what it was for is over: this device's clock may be ahead."""
RECEIPT_KEPT_S = 30 * 24 * 3_600
"""And the house's word for so long after it was written down."""


def bid(argv: list[str]) -> int:
    """Bids, and joins if the bid wins; returns the exit status."""
    parser = make_parser(
        "airgrant bid", "Bid for a guaranteed rate in an access point's next auction.", EXAMPLES
    )
    parser.add_argument(
        "--wallet", type=Path, required=True, metavar="FILE", help="the key file that `keygen` made"
    )
    _add_lobby(parser)
    rate = typed(parse_rate)
    parser.add_argument("--down", type=rate, default=0, metavar="RATE", help="guaranteed rate towards you")
    parser.add_argument("--up", type=rate, default=0, metavar="RATE", help="guaranteed rate from you")
    time = typed(parse_duration)
    parser.add_argument("--for", type=time, required=True, dest="duration_s", metavar="TIME", help="how long")
    parser.add_argument(
        "--worth", type=typed(parse_money), required=True, metavar="BC", help="what all of it is worth to you"
    )
    parser.add_argument(
        "--within", type=time, default=300, metavar="TIME", help="wait so long for an auction; default: 5m"
    )
    parser.add_argument(
        "--new",
        action="store_true",
        help="do not ask what became of a bid before: you may come to pay for both",
    )
    parser.add_argument(
        "--save", type=Path, metavar="FILE", help="keep the grant here too, to come back with `buy --grant`"
    )
    parser.add_argument(
        "--leave", action="store_true", help="stay until the time is over; Ctrl-C leaves at once"
    )
    return run_command(parser, argv, _bid)


def _add_lobby(parser: argparse.ArgumentParser) -> None:
    """As other commands have it; what is of little use to a bid can be said, and is not in the help."""
    parser.add_argument("--interface", required=True, metavar="NAME", help="what access points are behind")
    parser.add_argument(
        "--over", choices=[over.value for over in Over], default=Over.AUTO.value, help=argparse.SUPPRESS
    )
    parser.add_argument("--control", type=Path, default=DEFAULT_FOLDER, help=argparse.SUPPRESS)


def _bid(arguments: argparse.Namespace) -> int:
    if arguments.over == Over.AIR.value:
        raise ConfigError("--over air: bids travel in the lobby alone; join the open network first")
    if not arguments.duration_s:
        raise ConfigError("--for: no time at all is nothing to bid for")
    wallet = load_wallet(arguments.wallet)
    way = Way(arguments.interface, Over(arguments.over), arguments.control)
    if wallet.pinned is None:
        raise ConfigError(
            f"{arguments.wallet}: no ledger is pinned, so that nothing says to whom a bid may be sealed; make the "
            "wallet with `airgrant keygen --ledger ... --ledger-id ...`, or buy once"
        )
    wish = BidWish(arguments.down, arguments.up, arguments.duration_s, arguments.worth, arguments.within)
    start = State(wish, wallet.account, wallet.pinned)
    earlier = load_bids(wallet, read_clock().utc_s)
    with Show(quiet=arguments.json) as show:
        if arguments.new and earlier:
            show.note(f"not asking for what is kept: {_name_bids(earlier)}")
        with LobbySocket(way.interface) as lobby:
            settled = None if arguments.new else _settle(lobby, wallet, start, earlier, show)
            state = settled or _run(lobby, wallet, start, show)
        if state.failure is not None or state.placed is None:
            show.stop()
            return _say_no(arguments, state)
        kept = where_the_grant_is(arguments, state.encoded_grant)
        with rejoin(wallet, way, state.encoded_grant, show.progress) as session:
            show.stop()
            if arguments.json:
                page = {"ok": True, "detail": f"won {state.price}".rstrip()}
                print_json({**page, **_describe(state), **_describe_session(session)})
            else:
                _print_won(state, state.placed, session, kept)
            if arguments.leave:
                _stay(session)
    return DONE


def _settle(
    lobby: LobbySocket, wallet: Wallet, start: State, earlier: tuple[Placed, ...], show: Show
) -> State | None:
    """What became of every bid before: the one that won and lasts longest, else one of which nobody signed anything,
    and None if all are settled. Raises ShellError, PurchaseInterrupted.
    """
    won, open_ends = list[State](), list[State]()
    for number, placed in enumerate(earlier):
        show.note(f"asking first what became of {_name_bids(earlier[number:])}")
        state = _run(lobby, wallet, resume(start, placed), show)
        failure = state.failure
        if failure is None:
            won.append(state)
        elif failure.source is not Source.LEDGER or state.grant is not None:
            open_ends.append(state)
        else:
            show.note(f"the bid before: {failure.reason}: {failure.detail}")
    for state in open_ends if won else ():
        assert state.failure is not None
        show.note(f"another bid before: {state.failure.reason}: {state.failure.detail}")
    for state in won[1:]:
        kept = find_grant(wallet.path, state.encoded_grant)
        show.note(f"{f'another one has won {state.price}'.rstrip()}: `airgrant buy --grant {kept}` uses it")
    return next(iter(won + open_ends), None)


def _name_bids(bids: tuple[Placed, ...]) -> str:
    first = bids[0]
    cleared = datetime.fromtimestamp(first.auction.terms.mark.clearing_s, UTC).astimezone()
    more = f", and {len(bids) - 1} more" if len(bids) > 1 else ""
    return (
        f"the bid of {format_money(first.worth_ubc)} in the auction of {cleared:%Y-%m-%d %H:%M:%S %Z}{more}"
    )


def _run(lobby: LobbySocket, wallet: Wallet, state: State, show: Show) -> State:
    """Until the bid has won or all is over. Raises ShellError, PurchaseInterrupted."""
    over, events = {Phase.WON, Phase.OVER}, list[Event]([Started()])
    try:
        while state.phase not in over:
            while events:
                state, commands = step(state, events.pop(0), read_clock())
                events += [event for command in commands for event in _obey(command, lobby, wallet, show)]
            if state.phase in over:
                break
            now = read_clock()
            heard = lobby.receive(max(0, next_deadline(state) - now.mono_ns) / NS_PER_S)
            events.append(DatagramReceived(*heard) if heard else DeadlineReached())
    except KeyboardInterrupt as error:
        if state.placed is None:
            raise
        text = "a bid cannot be withdrawn; `airgrant bid` here asks what became of it before it bids again"
        raise PurchaseInterrupted(text, b"", state.placed.transaction_id) from error
    if state.grant is not None and state.placed is not None:
        keep_grant(wallet.path, state.grant.grant_id, state.encoded_grant)
        forget_bid(wallet, state.placed.transaction_id)
    return state


def _obey(command: Command, lobby: LobbySocket, wallet: Wallet, show: Show) -> list[Event]:
    match command:
        case Send(message, address):
            try:
                lobby.send(write_lobby(message), address)
            except ShellError as error:
                return [SendFailed(error.detail)]
        case MakeBid():
            placed = place_bid(command, wallet)
            keep_bid(wallet, placed)
            return [BidMade(placed)]
        case ForgetBid(transaction_id):
            forget_bid(wallet, transaction_id)
        case KeepReceipt(transaction_id, receipt):
            keep_receipt(wallet, transaction_id, receipt)
        case Tell(text):
            show.note(text)
            show.say(text)
    return []


def place_bid(wanted: MakeBid, wallet: Wallet) -> Placed:
    """Signed with the wallet's key, sealed, under a name that is made for it."""
    assert wallet.pinned is not None
    auction, ledger_id, name = wanted.auction, wallet.pinned.ledger_id, PrivateKey.generate()
    transaction = make_bid(
        auction, wanted.price_ubc, wallet.key, ledger_id, os.urandom(NONCE_SIZE), wanted.units, wanted.slots
    )
    sealed = conceal_bid(auction, transaction, wallet.key, name, ledger_id, os.urandom(SEAL_KEY_SIZE))
    transaction_id = read_transaction(transaction, ledger_id).transaction_id
    return Placed(
        auction,
        wanted.encoded_auction,
        transaction,
        transaction_id,
        name.public,
        sealed,
        wanted.units,
        wanted.slots,
        wanted.price_ubc,
    )


# ---- What is kept


def keep_bid(wallet: Wallet, placed: Placed) -> Path:
    """Raises ShellError."""
    page = {
        "auction": placed.encoded_auction.hex(),
        "transaction": placed.transaction.hex(),
        "bid_id": str(placed.bid_id),
        "sealed": placed.sealed.hex(),
    }
    return write_kept(_path(wallet, placed.transaction_id), json.dumps(page).encode())


def forget_bid(wallet: Wallet, transaction_id: bytes) -> None:
    """Raises ShellError."""
    path = _path(wallet, transaction_id)
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from None


def keep_receipt(wallet: Wallet, transaction_id: bytes, receipt: bytes) -> Path:
    """The house's word, for who wants to hold its log against it. Raises ShellError."""
    return write_kept(_receipt_path(wallet, transaction_id), receipt)


def load_bids(wallet: Wallet, utc_s: int) -> tuple[Placed, ...]:
    """The bids whose time is not over and of which nobody signed what became of them, the longest first. What was over
    long ago is forgotten, what cannot be read stays. Raises ShellError.
    """
    folder, found = kept_folder(wallet.path), list[Placed]()
    for path in sorted(folder.glob("*.bid")):
        with contextlib.suppress(OSError, ValueError):  # DecodeError is one
            found.append(_read_bid(wallet, path.read_bytes()))
    for placed in [one for one in found if one.ends_s + KEPT_S < utc_s]:
        forget_bid(wallet, placed.transaction_id)
    with contextlib.suppress(OSError):
        for path in folder.glob("*.receipt"):
            if path.stat().st_mtime + RECEIPT_KEPT_S < utc_s:
                path.unlink()
    going = [one for one in found if one.ends_s > utc_s]
    return tuple(sorted(going, key=lambda one: (-one.ends_s, one.transaction_id)))


def _read_bid(wallet: Wallet, data: bytes) -> Placed:
    assert wallet.pinned is not None
    match json.loads(data):
        case {
            "auction": str(auction),
            "transaction": str(transaction),
            "bid_id": str(name),
            "sealed": str(sealed),
        }:
            ledger_id, encoded = wallet.pinned.ledger_id, bytes.fromhex(auction)
            signed = read_transaction(bytes.fromhex(transaction), ledger_id)
        case _:
            raise ValueError("not a bid")
    signed.verify(wallet.account)
    action = signed.transaction.action
    if not isinstance(action, Allocate) or not action.slots:
        raise ValueError("not a bid in a session auction")
    return Placed(
        read_auction(encoded, ledger_id),
        encoded,
        signed.envelope.encoded,
        signed.transaction_id,
        PublicKey.parse(name),
        bytes.fromhex(sealed),
        action.allocations,
        action.slots,
        action.price_ubc,
    )


def _path(wallet: Wallet, transaction_id: bytes) -> Path:
    return kept_folder(wallet.path) / f"{transaction_id.hex()}.bid"


def _receipt_path(wallet: Wallet, transaction_id: bytes) -> Path:
    return kept_folder(wallet.path) / f"{transaction_id.hex()}.receipt"


# ---- What is said


def _say_no(arguments: argparse.Namespace, state: State) -> int:
    failure = state.failure or Failure("no_auction", "there was none", Source.NETWORK)
    status = WORLD if failure.source is Source.NETWORK else NO
    paid = where_the_grant_is(arguments, state.encoded_grant)
    if arguments.json:
        source = failure.source.value
        page = {"ok": False, "reason": failure.reason, "detail": failure.detail + paid, "source": source}
        print_json({**page, "wins_above_ubc": state.wins_above_ubc, **_describe(state)})
    else:
        stderr().print(f"[red]no:[/] [bold]{plain(failure.reason)}[/]: {plain(failure.detail + paid)}")
    return status


def _describe(state: State) -> dict[str, object]:
    """Of the bid; nothing, if none was made."""
    placed = state.placed
    if placed is None:
        return {}
    terms = placed.auction.terms
    return {
        "auction": placed.auction.auction_id.hex(),
        "clearing_s": terms.mark.clearing_s,
        "slot_s": terms.allocation_duration_s,
        "forecast": list(terms.mark.forecast),
        "bid": str(placed.bid_id),
        "transaction": placed.transaction_id.hex(),
        "units": placed.units,
        "slots": placed.slots,
        "worth_ubc": placed.worth_ubc,
        "price": state.price,
        "receipt": state.receipt.hex(),
        "encoded_grant": state.encoded_grant.hex(),
    }


def _describe_session(session: Session) -> dict[str, object]:
    qos = session.grant.total_qos
    return {
        "grant": session.grant.grant_id.hex(),
        "provider": str(session.provider),
        "bssid": str(session.bssid),
        "station": str(session.station),
        "starts_s": session.grant.starts_s,
        "ends_s": session.ends_s,
        "floor_down_bps": qos.floor_down_bps,
        "floor_up_bps": qos.floor_up_bps,
        "ceil_down_bps": qos.ceil_down_bps,
        "ceil_up_bps": qos.ceil_up_bps,
    }


def _print_won(state: State, placed: Placed, session: Session, kept: str) -> None:
    console, qos = Console(highlight=False), session.grant.total_qos
    until = datetime.fromtimestamp(session.ends_s, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    what = f"{placed.units} x {placed.slots} (units x slots)"
    paid = f"[bold]{plain(state.price)}[/]" if state.price else "for what the others lose by it"
    console.print(f"won        {what} {paid}, bid {format_money(placed.worth_ubc)}")
    console.print(
        f"rate       at least {format_rate(qos.floor_down_bps)} down and {format_rate(qos.floor_up_bps)} up, "
        f"at most {format_rate(qos.ceil_down_bps)} and {format_rate(qos.ceil_up_bps)}"
    )
    console.print(f"until      [bold]{until}[/]")
    console.print(f"grant      {session.grant.grant_id.hex()}{plain(kept)}", soft_wrap=True)


def _stay(session: Session) -> None:
    """Until the time is over or the user has had enough."""
    try:
        while not session.wait(1.0):
            pass
    except KeyboardInterrupt:
        session.leave()
