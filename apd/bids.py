"""What strangers ask about this box's session auctions, and how their bids travel: to the house, and its word back.

In: messages of the lobby, the house's replies, time. Out: requests for the house (wire/auction_request.py), answers.
Bids are passed on unread: they are sealed, to us too. What we can do is lose one, and then no receipt says PENDING.
Everything a stranger can make us remember is bounded; each question of each asker is in flight once, so that nobody
who overhears a bid takes its bidder's place. Imported only where [auction] is.
"""

import hmac
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

from apd.address import Address, host_of
from apd.auction_state import CORRELATION_SIZE, OF_BIDS, AskedBid, AuctionPhase
from apd.commands import AskHouse, Command, Note, SendLobby
from apd.outcome import Outcome
from apd.state import State
from nas_tunnel.lobby import AskBid, AuctionShown, Bid, BidSaid, Refused
from wire.auction_receipt import read_auction_receipt
from wire.auction_request import GetBid, PlaceBid, write_auction_request
from wire.errors import DecodeError
from wire.units import NS_PER_S, Now

MAX_ASKED = 256
"""Bids and questions under way, of all who ask."""
MAX_ASKED_OF_ONE = 16
"""Of one host: enough for somebody who bids for a household."""
REPEAT_NS = NS_PER_S
"""The same octets of the same asker go to the house at most once in this time."""
RELAYED_PER_S = 100
"""So many go to the house in a second at most, of all who ask: all boxes of a house wait in one queue there, and so do
this box's own questions. As many go at once after a quiet second.
"""
RELAYED_PER_S_OF_ONE = 10
"""Of one host, so that it does not take all of that; twice as many at once."""
WHILE_CLEARING = 4
"""So many times slower while the box itself asks what an auction came to: nobody can be told before that is known."""


def show(state: State, source: Address, now: Now) -> Outcome:
    """The auction that takes bids, if there is one."""
    auctions = state.on_auction
    if auctions.shown:
        return state, [SendLobby(source, AuctionShown(auctions.shown, now.utc_s))]
    return _refuse(state, source, b"", "no_auction", _why_none(state))


def _why_none(state: State) -> str:
    auctions = state.on_auction
    if auctions.phase in (AuctionPhase.CLEARING, AuctionPhase.ANSWERING):
        return f"the one of {auctions.clearing_s} takes no more bids, and the next is not open"
    return "the next one is not open; ask again"


def take(state: State, source: Address, message: Bid | AskBid, now: Now) -> Outcome:
    """Passes a bid, or a question after one, to the house. A bid that comes too late gets the house's word on that."""
    if message.auction_id not in state.on_auction.recent:
        return _refuse(
            state, source, message.auction_id, "unknown_auction", "no such auction was held here lately"
        )
    if not state.link.connected:
        return _refuse(
            state, source, message.auction_id, "house_unreachable", "no connection to the ledger's broker"
        )
    request = write_auction_request(
        PlaceBid(message.auction_id, message.bid)
        if isinstance(message, Bid)
        else GetBid(message.auction_id, message.bid_id)
    )
    correlation = _correlation(state, source, request)
    asked, answers = state.on_auction.asked, list[Command]()
    known = asked.get(correlation)
    if known is not None:
        if now.mono_ns < known.sent_ns + REPEAT_NS:
            return state, []
        paced = _pace(state, source, now)
        if paced is None:
            return state, []  # it is under way, and is repeated
        state = _keep(paced, {**asked, correlation: replace(known, sent_ns=now.mono_ns)})
        return state, [AskHouse(correlation, request)]
    if sum(host_of(one.source) == host_of(source) for one in asked.values()) >= MAX_ASKED_OF_ONE:
        return _refuse(
            state, source, message.auction_id, "busy", "too many of your bids and questions are under way"
        )
    paced = _pace(state, source, now)
    if paced is None:
        return _refuse(
            state, source, message.auction_id, "busy", "too many bids and questions at once: ask again"
        )
    state = paced
    if len(asked) >= MAX_ASKED:
        state, answers = _give_up(state, _of_most(asked), "busy", "too many bids and questions are under way")
    deadline_ns = now.mono_ns + state.settings.purchase_timeout_s * NS_PER_S
    first = AskedBid(source, message.auction_id, deadline_ns, now.mono_ns)
    state = _keep(state, {**state.on_auction.asked, correlation: first})
    if isinstance(message, Bid):
        state = replace(state, auctions=replace(state.on_auction, relayed=state.on_auction.relayed + 1))
    return state, [*answers, AskHouse(correlation, request)]


def take_reply(state: State, correlation: bytes, data: bytes) -> Outcome:
    """The house's word goes to who asked for it; what it did not sign goes nowhere."""
    asked = state.on_auction.asked.get(correlation)
    if asked is None:
        return state.with_refusal("reply_unexpected"), []
    try:
        receipt = read_auction_receipt(data, state.settings.ledger, state.settings.ledger_id)
    except DecodeError as error:
        return state.with_refusal("reply_invalid"), [Note("reply_invalid", str(error))]
    if receipt.auction_id != asked.auction_id:
        return state.with_refusal("reply_unexpected"), []
    return _without(state, correlation), [SendLobby(asked.source, BidSaid(data))]


def pass_time(state: State, now: Now) -> Outcome:
    """Tells those whom the house did not answer in time."""
    commands: list[Command] = []
    for correlation, asked in state.on_auction.asked.items():
        if asked.deadline_ns <= now.mono_ns:
            state, answers = _give_up(state, correlation, "house_unreachable", "no reply in time")
            commands += answers
    return state, commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    return [asked.deadline_ns for asked in state.on_auction.asked.values()]


def _correlation(state: State, source: Address, request: bytes) -> bytes:
    """Of this question by this asker. Nobody else can make two that are the same, nor know it."""
    asked = repr(tuple(source) if isinstance(source, tuple) else source).encode() + b"\0" + request
    return OF_BIDS + hmac.digest(state.lobby.secret, asked, "sha256")[: CORRELATION_SIZE - 1]


def _pace(state: State, source: Address, now: Now) -> State | None:
    """With one more on its way to the house; None if that is one too many, of this host or of all."""
    clearing = state.on_auction.phase in (AuctionPhase.CLEARING, AuctionPhase.ANSWERING)
    each_ns = NS_PER_S * (WHILE_CLEARING if clearing else 1) // RELAYED_PER_S
    relays = {who: until_ns for who, until_ns in state.on_auction.relays.items() if until_ns > now.mono_ns}
    of_one, of_all = (host_of(source), NS_PER_S // RELAYED_PER_S_OF_ONE, 2), (None, each_ns, 1)
    for who, step_ns, burst_s in (of_one, of_all):
        until_ns = relays.get(who, now.mono_ns) + step_ns
        if until_ns > now.mono_ns + burst_s * NS_PER_S:
            return None
        relays[who] = until_ns
    return replace(state, auctions=replace(state.on_auction, relays=relays))


def _of_most(asked: Mapping[bytes, AskedBid]) -> bytes:
    """The oldest of the host that has the most under way."""
    count = Counter(host_of(one.source) for one in asked.values())
    most = max(count.values())
    return next(key for key, one in asked.items() if count[host_of(one.source)] == most)


def _give_up(state: State, correlation: bytes, reason: str, detail: str) -> Outcome:
    asked = state.on_auction.asked[correlation]
    return _refuse(_without(state, correlation), asked.source, asked.auction_id, reason, detail)


def _without(state: State, correlation: bytes) -> State:
    return _keep(state, {key: one for key, one in state.on_auction.asked.items() if key != correlation})


def _keep(state: State, asked: Mapping[bytes, AskedBid]) -> State:
    return replace(state, auctions=replace(state.on_auction, asked=asked))


def _refuse(state: State, to: Address, subject: bytes, reason: str, detail: str) -> Outcome:
    return state.with_refusal(reason), [SendLobby(to, Refused(subject, reason, detail))]
