"""What is on sale around here, read and verified, without buying or joining anything. A shell: sockets and the clock.

Over the air everybody whose beacon shows our element is asked once; in the lobby the question is asked three times, and
answers are collected for two seconds. Judged by device/choice.py, with no wish: what is not for sale says why.
"""

import select
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from device.choice import ANYTHING, Candidate, PinnedLedger, Unsuitable, weigh, weigh_on_the_air
from device.events import Event, MarketHeard, MessageHeard, OfferHeard, Send, SendFailed, ShowOffer
from device.supplicant import Supplicant
from device.udp import LobbySocket, read_clock
from nas_tunnel.lobby import Announcement, Discover, Refused, read_lobby, write_lobby
from wire.errors import DecodeError, ShellError
from wire.units import NS_PER_S

AIR_NS = 30 * NS_PER_S
LOBBY_NS = 2 * NS_PER_S
QUESTIONS = 3
MAX_SELLERS = 64


def survey_air(path: Path, pinned: PinnedLedger | None) -> list[ShowOffer]:
    """By the control socket of wpa_supplicant. Raises ShellError."""
    with Supplicant(path) as supplicant:
        return [_judge_air(event, pinned) for event in _listen(supplicant)]


def survey_lobby(
    interface: str, pinned: PinnedLedger | None, cell: IPv4Address | IPv6Address | None = None
) -> list[ShowOffer]:
    """On an interface as it is, or of the box at an address. Raises ShellError."""
    seen: dict[str, ShowOffer] = {}
    with LobbySocket(interface, cell) as lobby:
        for _ in range(QUESTIONS):
            lobby.send(write_lobby(Discover()), None)
            end_ns = read_clock().mono_ns + LOBBY_NS // QUESTIONS
            while (left_ns := end_ns - read_clock().mono_ns) > 0:
                received = lobby.receive(left_ns / NS_PER_S)
                shown = _judge_datagram(*received, pinned) if received else None
                if shown is not None and (shown.address in seen or len(seen) < MAX_SELLERS):
                    seen[shown.address] = shown
    return list(seen.values())


def _listen(supplicant: Supplicant) -> Iterator[OfferHeard | MessageHeard]:
    """Until everybody was asked. Raises ShellError if the question could not be asked."""
    end_ns = read_clock().mono_ns + AIR_NS
    events: list[Event] = supplicant.send(Send(Discover(), None))
    while read_clock().mono_ns < end_ns:
        for event in events:
            match event:
                case OfferHeard() | MessageHeard():
                    yield event
                case MarketHeard():
                    return
                case SendFailed(detail) if detail.startswith("scanning"):
                    raise ShellError("looking for offers", detail)
        wait_s = max(0, supplicant.due_ns - read_clock().mono_ns) / NS_PER_S
        heard = select.select([supplicant], [], [], wait_s)[0]
        events = supplicant.receive() if heard else supplicant.wake()


def _judge_air(event: OfferHeard | MessageHeard, pinned: PinnedLedger | None) -> ShowOffer:
    match event:
        case MessageHeard(address, Refused(_, reason, detail)):
            return ShowOffer(Unsuitable(reason, detail), address)
        case MessageHeard(address, _):
            return ShowOffer(Unsuitable("out_of_turn", "it answers what nobody asked"), address)
        case OfferHeard(bssid, announcement, signal_dbm):
            utc_s = read_clock().utc_s
            seen = weigh_on_the_air(announcement, bssid, signal_dbm, ANYTHING, pinned, utc_s)
            return ShowOffer(seen, str(bssid))


def _judge_datagram(address: str, data: bytes, pinned: PinnedLedger | None) -> ShowOffer | None:
    try:
        message = read_lobby(data)
    except DecodeError:
        return None
    match message:
        case Announcement():
            return ShowOffer(weigh(message, address, ANYTHING, pinned, read_clock().utc_s), address)
        case Refused(_, reason, detail):
            return ShowOffer(Unsuitable(reason, detail), address)
        case _:
            return None


def sort_offers(offers: list[ShowOffer]) -> list[ShowOffer]:
    """The cheapest first, and what is not for sale last."""
    good = [(shown.seen.cost, shown) for shown in offers if isinstance(shown.seen, Candidate)]
    good.sort(key=lambda pair: pair[0])
    return [shown for _, shown in good] + [shown for shown in offers if not isinstance(shown.seen, Candidate)]
