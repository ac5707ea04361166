"""Bidding in a session auction: from the auction that an access point shows to the grant, or to the word on why not.

    looking -> bidding -> waiting -> claiming -> won          and over, from each
         ^        |
         +--------+   where the house signs that it has not taken a bid

One bid for one auction, sealed to the pinned ledger's own clearing house and to nobody else. What is signed is the
wish's worth and no more; what is paid is what the others lose by it. What an access point says of itself ends nothing,
and neither does a word of the house that does not name this bid: anybody gets one for junk of his own. Where the house
names it as unknown, or is silent, the ledger's signed word is the last. Pure: keys and chance are the shell's
(device/bid_cli.py).
Reference: docs/decisions/0040. Units: units of the offer, slots of the auction's grid, micro-bandcoin (ubc).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TypeAlias

from device.choice import PinnedLedger, count_units
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
from market.ubid.bundles import Modes, NoBundle, Policy, Request, offer
from market.ubid.forecast import Forecast
from nas_tunnel.lobby import (
    Announcement,
    AskAuction,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    Discover,
    Outcome,
    Purchase,
    Refused,
    read_lobby,
)
from wire.auction import Auction, read_auction
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt
from wire.auction_terms import AuctionKind, AuctionTerms
from wire.errors import DecodeError
from wire.grant import TRANSACTION_REFERENCE_SIZE, Grant, read_grant
from wire.ids import PublicKey
from wire.receipt import read_receipt
from wire.units import U63_MAX, Now, format_duration, format_money, format_rate

AGAIN_MS = 500
"""Between two sendings of anything: who fills the rate that he has loses every other datagram, and bids are taken for a
few seconds only.
"""
FIRST_WORD_MS = 500
"""After the clearing time: a house has cleared by then, and one that has not says so."""
SILENT_S = 30
"""So long after the last second at which the auction may be settled a word or a grant is still asked for."""
ONE_WAY_QUESTIONS = 30
"""So often is asked where nobody answers at all."""
MAX_SELLERS = 64
ALL_SHOWN = 6
"""After so many questions whoever sells here has been heard, and none of them ever fits: no use in asking on."""
TRY_NEXT = frozenset({"too_late", "too_many_bids"})
"""The house's signed refusals of a bid that it has not taken, after which the next auction may be bid in."""
NEVER_TAKEN = TRY_NEXT | {"too_many_changes", "unreadable"}
"""Refusals of a bid after which the house takes the same octets no more. After any other one (no money) it may, as long
as bids are taken, whoever sends them: the bid stays kept until the ledger says that it never ran.
"""
NO_AUCTION_CHANGES = frozenset({"no_guarantee", "use_costs", "too_long"})
"""Why nothing is bid in an auction, where the next one of the same access point is the same."""


class Phase(Enum):
    """Where a bid stands."""

    LOOKING = "looking"
    BIDDING = "bidding"
    WAITING = "waiting"
    CLAIMING = "claiming"
    WON = "won"
    OVER = "over"


SUCCESSORS: Mapping[Phase, frozenset[Phase]] = {
    Phase.LOOKING: frozenset({Phase.BIDDING, Phase.OVER}),
    Phase.BIDDING: frozenset({Phase.WAITING, Phase.LOOKING, Phase.OVER}),
    Phase.WAITING: frozenset({Phase.CLAIMING, Phase.OVER}),
    Phase.CLAIMING: frozenset({Phase.WON, Phase.OVER}),
    Phase.WON: frozenset(),
    Phase.OVER: frozenset(),
}


@dataclass(frozen=True, slots=True)
class BidWish:
    """At least these guaranteed rates for so long, from the clearing on; `worth_ubc` is what all of it is worth.
    `within_s`: an auction that fits has to be shown within so long.
    """

    down_bps: int
    up_bps: int
    duration_s: int
    worth_ubc: int
    within_s: int = 300


@dataclass(frozen=True, slots=True)
class Placed:
    """A bid that was made, in the auction as its provider signed it."""

    auction: Auction
    encoded_auction: bytes
    transaction: bytes
    transaction_id: bytes
    bid_id: PublicKey
    sealed: bytes
    units: int
    slots: int
    worth_ubc: int
    """What was signed for: the most that it can come to."""

    @property
    def ends_s(self) -> int:
        """On the grid: when what was bid for is over (UTC)."""
        terms = self.auction.terms
        return terms.mark.clearing_s + self.slots * terms.allocation_duration_s


@dataclass(frozen=True, slots=True)
class MakeBid:
    """Sign and seal a bid for so many units in so many slots, keep it, and hand it back as `BidMade`."""

    auction: Auction
    encoded_auction: bytes
    price_ubc: int
    units: int
    slots: int


@dataclass(frozen=True, slots=True)
class BidMade:
    """What `MakeBid` asked for; it is on disk."""

    placed: Placed


@dataclass(frozen=True, slots=True)
class ForgetBid:
    """Signed: it never runs. What was kept of it may go."""

    transaction_id: bytes


@dataclass(frozen=True, slots=True)
class KeepReceipt:
    """The house's last word on a bid that it had, as it signed it: what was paid, or why nothing was."""

    transaction_id: bytes
    receipt: bytes


Event: TypeAlias = Started | DatagramReceived | SendFailed | BidMade | DeadlineReached
Command: TypeAlias = Send | MakeBid | ForgetBid | KeepReceipt | Tell


@dataclass(frozen=True, slots=True)
class State:
    """`receipt`: the house's last signed word on this bid. `wins_above_ubc`: with more than that it would have won."""

    wish: BidWish
    consumer: PublicKey
    pinned: PinnedLedger
    phase: Phase = Phase.LOOKING
    sellers: Mapping[str, Announcement] = field(default_factory=dict)
    asked: int = 0
    heard: bool = False
    """Whether anybody answered."""
    give_up_s: int = 0
    due_ns: int = 0
    address: str | None = None
    tried: bytes = b""
    """The auction that did not take the bid."""
    placed: Placed | None = None
    receipt: bytes = b""
    price: str = ""
    """The house's words on what a bid that won pays."""
    until_s: int = 0
    """UTC: the last second at which a word is asked for."""
    grant: Grant | None = None
    encoded_grant: bytes = b""
    failure: Failure | None = None
    wins_above_ubc: int | None = None
    distrust: str = ""
    """Why an auction that was shown is not bid in."""
    hindrance: Failure | None = None
    """Why there was no use in bidding in the last one that could be trusted."""
    hopeless: frozenset[str] = frozenset()
    """Sellers' addresses, whose auctions will never do."""
    hindrances_told: frozenset[str] = frozenset()
    setback: str = ""
    dropped: Mapping[str, int] = field(default_factory=dict)


Step: TypeAlias = tuple[State, list[Command]]


def resume(state: State, placed: Placed) -> State:
    """With a bid of before, of which the house has not said the last word: anybody of its provider may be asked."""
    return replace(state, phase=Phase.WAITING, placed=placed)


def next_deadline(state: State) -> int:
    """Monotonic nanoseconds."""
    return state.due_ns


def step(state: State, event: Event, now: Now) -> Step:
    match event:
        case Started():
            settle_by_s = state.placed.auction.settle_by_s if state.placed else 0
            until_s = max(now.utc_s, settle_by_s) + SILENT_S
            state = replace(
                state, give_up_s=now.utc_s + state.wish.within_s, until_s=until_s, due_ns=now.mono_ns
            )
            return _DUE[state.phase](state, now)
        case DatagramReceived(address, data):
            return _hear(state, address, data, now)
        case BidMade(placed):
            return _place(state, placed, now)
        case SendFailed(detail):
            return replace(state, setback=detail), []
        case DeadlineReached():
            return _DUE[state.phase](state, now) if now.mono_ns >= state.due_ns else (state, [])


# ---- Looking


def _look(state: State, now: Now) -> Step:
    nobody = not state.heard and state.asked >= ONE_WAY_QUESTIONS
    all_hopeless = bool(state.sellers) and state.sellers.keys() <= state.hopeless
    no_use = all_hopeless and state.asked >= ALL_SHOWN
    if nobody or no_use or now.utc_s >= state.give_up_s:
        return _over(state, _why_none(state))
    state = replace(_again(state, now), asked=state.asked + 1)
    tell: list[Command] = [] if state.asked > 1 else [Tell("looking for an auction")]
    return state, [*tell, Send(Discover(), None), Send(AskAuction(), None)]


def _why_none(state: State) -> Failure:
    if state.hindrance is not None:
        return state.hindrance
    last = f"; last heard: {state.setback}" if state.setback else ""
    last = f"; one was not trusted: {state.distrust}" if state.distrust else last
    if not state.heard:
        return Failure("no_access_point", f"no access point answered{last}", Source.NETWORK)
    waited = format_duration(state.wish.within_s)
    detail = f"no auction of a provider of this ledger took bids within {waited}{last}"
    return Failure("no_auction", detail, Source.ACCESS_POINT)


def _hear_shown(state: State, shown: AuctionShown, now: Now, address: str) -> Step:
    state = replace(state, heard=True)
    seller = state.sellers.get(address)
    if seller is None:
        return state, []  # its announcement is under way; both are asked for again
    auction = _read_auction(state, seller, shown)
    if isinstance(auction, str):
        return replace(_drop(state, "bad_auction"), distrust=auction), []
    if now.utc_s >= auction.terms.mark.bids_until_s:
        late = now.utc_s - shown.utc_s
        clocks = f", and this clock is {late} s ahead of the access point's" if late > 1 else ""
        return replace(state, setback=f"the bids of the auction that it shows are in{clocks}"), []
    if auction.auction_id == state.tried:
        return state, []
    bundle = _bundle(state.wish, auction.terms)
    if isinstance(bundle, Failure):
        return _pass_over(state, address, bundle)
    units, slots = bundle
    state = replace(_enter(state, Phase.BIDDING), address=address, due_ns=U63_MAX, receipt=b"", setback="")
    return state, [MakeBid(auction, shown.auction, state.wish.worth_ubc, units, slots)]


def _pass_over(state: State, address: str, why: Failure) -> Step:
    """Nothing is bid in this auction. Another access point's, or the next one, may do: anybody can show one."""
    told = state.hindrances_told
    state = replace(state, hindrance=why, hindrances_told=told | {why.reason})
    if why.reason in NO_AUCTION_CHANGES:
        state = replace(state, hopeless=state.hopeless | {address})
    if why.reason in told:
        return state, []
    return state, [Tell(f"not bidding in this auction: {why.reason}: {why.detail}; looking for another one")]


def _read_auction(state: State, seller: Announcement, shown: AuctionShown) -> Auction | str:
    """The auction, or why it is not trusted with a bid."""
    pinned = state.pinned
    if (seller.ledger, seller.ledger_id) != (pinned.key, pinned.ledger_id):
        return f"it sells through ledger {seller.ledger}, not {pinned.key}"
    try:
        auction = read_auction(shown.auction, pinned.ledger_id)
        keepers = {key.keeper for key in auction.read_time_keys()}
    except DecodeError as error:
        return str(error)
    if auction.terms.provider != seller.provider:
        return f"it shows an auction of {auction.terms.provider}"
    if auction.terms.mark.kind is not AuctionKind.SESSION:
        return "it shows an auction that is none of sessions"
    strangers = {auction.house, *keepers} - {pinned.key}
    if strangers:
        return f"bids could be read by {min(strangers)}, who is not the pinned ledger"
    return auction


def _bundle(wish: BidWish, terms: AuctionTerms) -> tuple[int, int] | Failure:
    """(units, slots) to bid for, or why there is no use in it: nothing is signed then."""
    qos, mark = terms.qos, terms.mark
    counts = count_units(qos.floor_down_bps, wish.down_bps), count_units(qos.floor_up_bps, wish.up_bps)
    if None in counts:
        return _no("no_guarantee", "this access point guarantees nothing in a direction that is wished for")
    units, slots = max(count or 1 for count in counts), -(-wish.duration_s // terms.allocation_duration_s)
    if qos.usage is not None and qos.usage.most_ubc:
        return _no(
            "use_costs", "use beyond what is included costs more afterwards, and a bid agrees to nothing more"
        )
    request = Request(units, slots)
    bundle = offer(request, Forecast(mark.forecast), Modes((units,)), Policy.FLOOR)
    if isinstance(bundle, NoBundle):
        free = ", ".join(map(str, mark.forecast))
        one = f"{format_rate(qos.floor_down_bps)} down, {format_rate(qos.floor_up_bps)} up"
        wanted = f"{_count(units, 'unit')} ({one} each) for {_count(slots, 'slot')}"
        return _no(
            bundle.name.lower(),
            f"{wanted} of {format_duration(terms.allocation_duration_s)}; free are {free}",
        )
    reserve_ubc = max(1, mark.min_price_ubc * units * slots)
    if wish.worth_ubc < reserve_ubc:
        what = f"{_count(units, 'unit')} for {_count(slots, 'slot')}"
        return _no("below_minimum", f"{what} cost at least {format_money(reserve_ubc)}")
    return units, slots


def _no(reason: str, detail: str) -> Failure:
    return Failure(reason, detail, Source.DEVICE)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


# ---- Bidding


def _place(state: State, placed: Placed, now: Now) -> Step:
    terms, until_s = placed.auction.terms, placed.auction.settle_by_s + SILENT_S
    state = replace(state, placed=placed, until_s=until_s)
    qos, units, in_s = terms.qos, placed.units, terms.mark.clearing_s - now.utc_s
    down, up = (format_rate(units * bps) for bps in (qos.floor_down_bps, qos.floor_up_bps))
    what = f"{_count(units, 'unit')} ({down} down, {up} up) for {_count(placed.slots, 'slot')}"
    any_rate = not state.wish.down_bps and not state.wish.up_bps
    unnamed = "no rate was named, so that it is one unit, whatever that is: " if any_rate else ""
    told = f"{unnamed}bidding for {what}, cleared in {in_s} s; sealed to the house alone, which could read it early"
    state, commands = _bid(state, now)
    return state, [Tell(told), *commands]


def _bid(state: State, now: Now) -> Step:
    """Until the house's receipt; then, or when no more bids are taken, until the clearing time."""
    placed = state.placed
    assert placed is not None
    if now.utc_s >= placed.auction.terms.mark.bids_until_s:
        return _wait_for_clearing(state, now)
    return _again(state, now), [_send(state, Bid(placed.auction.auction_id, placed.sealed))]


def _wait_for_clearing(state: State, now: Now) -> Step:
    placed = state.placed
    assert placed is not None
    ahead_ms = placed.auction.terms.mark.clearing_s * 1_000 + FIRST_WORD_MS - now.utc_ms
    return _enter(replace(_again(state, now, max(0, ahead_ms)), asked=0), Phase.WAITING), []


# ---- Waiting


def _ask(state: State, now: Now) -> Step:
    """What became of the bid. When the auction can be settled no more, the ledger is asked, too: after the house, who
    alone says what was paid.
    """
    placed = state.placed
    assert placed is not None
    if now.utc_s >= state.until_s:
        return _over(state, _unknown(state, placed))
    commands: list[Command] = [_send(state, AskBid(placed.auction.auction_id, placed.bid_id))]
    if now.utc_s > placed.auction.settle_by_s and state.asked:
        commands.append(_send(state, Purchase(placed.transaction), placed.transaction_id))
    return replace(_again(state, now), asked=state.asked + 1), commands


def _unknown(state: State, placed: Placed) -> Failure:
    last = f"; last heard: {state.setback}" if state.setback else "; the access point does not answer"
    detail = (
        f"no signed word on bid {placed.bid_id} in auction {placed.auction.auction_id.hex()}{last}. It can take effect "
        "no more, but may have; it is kept, and the next `airgrant bid` here asks for it first"
    )
    return Failure("outcome_unknown", detail, Source.NETWORK)


def _hear_said(state: State, said: BidSaid, now: Now, _address: str) -> Step:
    placed = state.placed
    assert placed is not None
    try:
        receipt = read_auction_receipt(said.receipt, placed.auction.house, state.pinned.ledger_id)
    except DecodeError as error:
        return replace(_drop(state, "bad_receipt"), setback=str(error)), []
    if receipt.auction_id != placed.auction.auction_id or receipt.bid_id not in (None, placed.bid_id):
        return _drop(state, "foreign_receipt"), []
    if receipt.bid_id is None:
        return replace(state, setback=_words(receipt)), []
    if receipt.number:
        state = replace(state, receipt=said.receipt)
        return (_hear_taken if state.phase is Phase.BIDDING else _hear_word)(state, receipt, now)
    if receipt.status is Status.ERROR:
        return _hear_refusal(state, said.receipt, receipt, now)
    return replace(state, setback=state.setback or f"the house: {_words(receipt)}"), []


def _words(receipt: AuctionReceipt) -> str:
    word = receipt.reason or receipt.status.name.lower()
    return f"{word}: {receipt.detail}" if receipt.detail else word


def _hear_taken(state: State, receipt: AuctionReceipt, now: Now) -> Step:
    """The house has the bid at a place of its log."""
    placed = state.placed
    assert placed is not None
    state, commands = _wait_for_clearing(state, now)
    in_s = placed.auction.terms.mark.clearing_s - now.utc_s
    told = Tell(f"the house has the bid, number {receipt.number} of its log; cleared in {in_s} s")
    return state, [told, *commands]


def _hear_refusal(state: State, encoded: bytes, receipt: AuctionReceipt, now: Now) -> Step:
    """The house names the bid and has not taken it, when that was signed."""
    placed = state.placed
    assert placed is not None
    never, forget = receipt.reason in NEVER_TAKEN, ForgetBid(placed.transaction_id)
    if state.phase is Phase.WAITING and not never:  # it may have been taken since
        return replace(state, setback=_words(receipt)), []
    state = replace(state, receipt=encoded)
    if state.phase is Phase.BIDDING and receipt.reason in TRY_NEXT:
        state = replace(_again(state, now), placed=None, tried=receipt.auction_id, setback=_words(receipt))
        return _enter(state, Phase.LOOKING), [forget, Tell(f"{receipt.reason}; bidding in the next auction")]
    kept = "" if never else "; until the ledger says that it never ran, the bid is kept and asked for first"
    state, commands = _over(state, Failure(receipt.reason, receipt.detail + kept, Source.LEDGER))
    return state, [*([forget] if never else []), *commands]


def _hear_word(state: State, receipt: AuctionReceipt, now: Now) -> Step:
    placed = state.placed
    assert placed is not None
    match receipt.status:
        case Status.EXECUTED:
            until_s = max(now.utc_s, placed.auction.settle_by_s) + SILENT_S
            state = replace(_enter(state, Phase.CLAIMING), until_s=until_s, price=receipt.detail)
            state, commands = _claim(state, now)
            told = Tell(f"{f'won {receipt.detail}'.rstrip()}; fetching the grant")
            return state, [told, KeepReceipt(placed.transaction_id, state.receipt), *commands]
        case Status.CANCELLED | Status.ERROR:
            failure = Failure(receipt.reason or "lost", _why_lost(placed, receipt), Source.LEDGER)
            state, commands = _over(replace(state, wins_above_ubc=receipt.wins_above_ubc), failure)
            keep = KeepReceipt(placed.transaction_id, state.receipt)
            return state, [keep, ForgetBid(placed.transaction_id), *commands]
        case _:
            return replace(state, setback=f"the house: {_words(receipt)}"), []


def _why_lost(placed: Placed, receipt: AuctionReceipt) -> str:
    bid = f"{_count(placed.units, 'unit')} for {_count(placed.slots, 'slot')}"
    if receipt.wins_above_ubc is None:
        return f"{bid}; {receipt.detail or 'nothing was charged'}"
    return f"{bid}; others' bids were worth more: more than {format_money(receipt.wins_above_ubc)} would have won"


# ---- Claiming


def _claim(state: State, now: Now) -> Step:
    placed = state.placed
    assert placed is not None
    if now.utc_s >= state.until_s:
        last = f"; last heard: {state.setback}" if state.setback else ""
        detail = (
            f"the bid won, and nobody brought its grant{last}; the next `airgrant bid` here asks for it first"
        )
        return _over(state, Failure("outcome_unknown", detail, Source.NETWORK))
    return _again(state, now), [_send(state, Purchase(placed.transaction), placed.transaction_id)]


def _hear_outcome(state: State, outcome: Outcome, _now: Now, _address: str) -> Step:
    placed, pinned = state.placed, state.pinned
    assert placed is not None
    if outcome.transaction_id != placed.transaction_id:
        return _drop(state, "foreign_outcome"), []
    try:
        receipt = read_receipt(outcome.receipt, pinned.key, pinned.ledger_id)
        grant = read_grant(outcome.grant, pinned.key, pinned.ledger_id) if outcome.grant else None
    except DecodeError as error:
        return replace(_drop(state, "bad_outcome"), setback=str(error)), []
    if receipt.subject != placed.transaction_id:
        return _drop(state, "foreign_receipt"), []
    if not receipt.executed and receipt.reason != "replayed":
        return _hear_rejection(state, placed, f"{receipt.reason}: {receipt.detail}", receipt.reason)
    if grant is None:
        return replace(state, setback="a receipt without its grant"), []
    state = replace(state, grant=grant, encoded_grant=outcome.grant)
    difference = check_won(grant, state.consumer, placed)
    if difference:
        detail = (
            f"not what was bid for: {difference}. It was charged: complain to the ledger; the grant is kept"
        )
        return _over(state, Failure("grant_differs", detail, Source.LEDGER))
    state = state if state.phase is Phase.CLAIMING else _enter(state, Phase.CLAIMING)
    return replace(_enter(state, Phase.WON), due_ns=U63_MAX), [Tell(f"grant {grant.grant_id.hex()}")]


def _hear_rejection(state: State, placed: Placed, told: str, reason: str) -> Step:
    """`expired` is said only of what never ran."""
    if state.phase is Phase.WAITING and reason == "expired":
        last = f"; last heard: {state.setback}" if state.setback else ""
        detail = f"the bid never ran, and nothing was charged ({told}){last}"
        state, commands = _over(state, Failure("expired", detail, Source.LEDGER))
        return state, [ForgetBid(placed.transaction_id), *commands]
    return replace(state, setback=told), []


def check_won(grant: Grant, consumer: PublicKey, placed: Placed) -> str:
    """What differs from the bid, as `field: granted instead of bid for`; empty if nothing does."""
    terms = placed.auction.terms
    rows = [
        ("consumer", grant.consumer, consumer),
        ("provider", grant.provider_id.hex(), terms.provider.provider_id.hex()),
        ("transaction", grant.transaction.hex(), placed.transaction_id[:TRANSACTION_REFERENCE_SIZE].hex()),
        ("band", grant.band, terms.band),
        ("qos", grant.qos, terms.qos),
        ("allocations", grant.allocations, placed.units),
        ("ends_s", grant.ends_s, placed.ends_s),
        ("starts_s", min(grant.starts_s, placed.auction.settle_by_s), grant.starts_s),
    ]
    return "; ".join(f"{name}: {granted} instead of {bid}" for name, granted, bid in rows if granted != bid)


# ---- All phases


def _stay(state: State, _now: Now) -> Step:
    return state, []


_DUE: Mapping[Phase, Callable[[State, Now], Step]] = {
    Phase.LOOKING: _look,
    Phase.BIDDING: _bid,
    Phase.WAITING: _ask,
    Phase.CLAIMING: _claim,
    Phase.WON: _stay,
    Phase.OVER: _stay,
}


def _hear(state: State, address: str, data: bytes, now: Now) -> Step:
    try:
        message = read_lobby(data)
    except DecodeError:
        return _drop(state, "not_lobby"), []
    phase = state.phase
    match message:
        case Announcement() if phase is Phase.LOOKING:
            if address not in state.sellers and len(state.sellers) >= MAX_SELLERS:
                return _drop(state, "too_many_sellers"), []
            return replace(state, heard=True, sellers={**state.sellers, address: message}), []
        case AuctionShown() if phase is Phase.LOOKING:
            return _hear_shown(state, message, now, address)
        case BidSaid() if phase in {Phase.BIDDING, Phase.WAITING} and state.placed is not None:
            return _hear_said(state, message, now, address)
        case Outcome() if phase in {Phase.WAITING, Phase.CLAIMING}:
            return _hear_outcome(state, message, now, address)
        case Refused(_, reason, detail) if state.address in (None, address):
            return replace(state, heard=True, setback=f"{reason}: {detail}"), []
        case _:
            return _drop(state, "out_of_turn"), []


def _send(state: State, message: Bid | AskBid | Purchase, subject: bytes = b"") -> Send:
    return Send(message, state.address, subject)


def _again(state: State, now: Now, after_ms: int = AGAIN_MS) -> State:
    return replace(state, due_ns=now.mono_ns + after_ms * 1_000_000)


def _enter(state: State, phase: Phase) -> State:
    assert phase in SUCCESSORS[state.phase], f"{state.phase} is not followed by {phase}"
    return replace(state, phase=phase)


def _over(state: State, failure: Failure) -> Step:
    return replace(_enter(state, Phase.OVER), failure=failure, due_ns=U63_MAX), []


def _drop(state: State, reason: str) -> State:
    return replace(state, dropped={**state.dropped, reason: state.dropped.get(reason, 0) + 1})
