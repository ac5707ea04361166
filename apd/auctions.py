"""Auctions of what is free here, one after another, each at the beginning of a slot: the core's side.

        idle -> keying -> signing -> opening -> open -> clearing -> answering -> idle     (apd/auction_state.py)

In: time, the clearing house's replies, signatures. Out: questions to the house, things to sign and to keep, notes.
Slots are a grid of UTC, so that what one auction sold ends when a later one is cleared. The box asks, and nobody calls
it. It believes the house, which is its ledger, who has won and at what price (others can verify that by the log); but
it signs nothing that breaks the auction's terms, or that is more than is free by then. What it sold is on disk before
the house has its signature, and is nobody else's until its slots are over, or the house says that nothing came of it.
Whatever fails before that costs one auction: the next one is due in a slot's time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from apd.auction_state import OF_AUCTIONS, AuctionPhase, AuctionState, SoldShare
from apd.commands import (
    AskHouse,
    Command,
    ForgetAuctionOffer,
    Note,
    SignAuction,
    SignAuctionOffer,
    StoreAuctionOffer,
)
from apd.forecast import counted_units, forecast, most_units
from apd.outcome import Outcome
from apd.session import instant_ns
from apd.settings import LEAST_OPEN_S, AuctionSettings
from apd.state import State
from wire.auction import Auction
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt
from wire.auction_request import (
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    AuctionRequest,
    CreateAuction,
    write_auction_request,
)
from wire.auction_terms import GUARD_S, NOT_FREE, AuctionKind, AuctionMark, AuctionTerms, read_sold
from wire.errors import DecodeError
from wire.generate_offer import GenerateOffer, derive_nonce, offer_of, read_generate_offer
from wire.offer_state import OfferState
from wire.time_key import read_time_key
from wire.transaction import Transaction
from wire.units import NS_PER_S, Now, format_instant

AGAIN_NS = NS_PER_S
"""A house that did not answer is asked for a time key, or given the auction, again after this."""
LOOK_NS = NS_PER_S // 2
"""So often it is asked what an auction came to: bidders wait."""
MAX_RECENT = 4
"""Auctions whose bids are asked after: the last slots of the longest share are long after that."""


def start(state: State, sold: Mapping[bytes, tuple[SoldShare, ...]], now: Now) -> Outcome:
    """What was sold by earlier runs is still sold. An auction that was not answered is forgotten, and goes void."""
    serial = now.utc_ms  # replies to an earlier run may wait at the broker
    begun = AuctionState(
        serial=serial, since=serial + 1, sold=dict(sold), unsure=frozenset(sold), recent=tuple(sold)
    )
    state, commands = _forget_over(replace(state, auctions=begun), now)
    return _plan(state, now), commands


def settle(before: State, state: State, now: Now) -> State:
    """After each event: another offer may have other slots."""
    if before.lobby.offer_state is state.lobby.offer_state or state.on_auction.phase is not AuctionPhase.IDLE:
        return state
    return _plan(state, now)


def pass_time(state: State, now: Now) -> Outcome:
    """Does what is due."""
    due_ns = state.on_auction.due_ns
    if due_ns is None or due_ns > now.mono_ns:
        return state, []
    match state.on_auction.phase:
        case AuctionPhase.IDLE:
            return _begin(state, now)
        case AuctionPhase.KEYING | AuctionPhase.SIGNING | AuctionPhase.OPENING:
            return _open_again(state, now)
        case AuctionPhase.OPEN:
            return _look(_move(state, AuctionPhase.CLEARING), now)
        case AuctionPhase.CLEARING | AuctionPhase.ANSWERING:
            return _look(state, now)


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    due_ns = state.on_auction.due_ns
    return [] if due_ns is None else [due_ns]


def take_reply(state: State, correlation: bytes, data: bytes, now: Now) -> Outcome:
    """The house's word. One that comes late, or twice, changes nothing."""
    auctions, receipt = state.on_auction, _try_receipt(state, data)
    if receipt is not None and receipt.auction_id in auctions.unsure:
        return _take_late(state, receipt)
    if int.from_bytes(correlation[1:], "big") < auctions.since:
        return state.with_refusal("reply_unexpected"), []
    try:
        match auctions.phase:
            case AuctionPhase.KEYING:
                return _take_key(state, data, now)
            case AuctionPhase.OPENING:
                return _take_listing(state, data, now)
            case AuctionPhase.CLEARING:
                return _take_result(state, data, now)
            case AuctionPhase.ANSWERING:
                return _take_end(state, _read_receipt(state, data), now)
    except DecodeError as error:
        return state.with_refusal("reply_invalid"), [Note("reply_invalid", str(error))]
    return state.with_refusal("reply_unexpected"), []


def signed(state: State, auction_id: bytes, encoded: bytes, now: Now) -> Outcome:
    """The auction can be given to the house. One that was given up meanwhile is not."""
    if state.on_auction.phase is not AuctionPhase.SIGNING or auction_id != _auction(state).auction_id:
        return state, []
    state = _with(_move(state, AuctionPhase.OPENING), encoded=encoded)
    return _ask(state, CreateAuction(encoded), AGAIN_NS, now)


def offer_signed(state: State, auction_id: bytes, offer: bytes, now: Now) -> Outcome:
    """The offer that settles it can go once what it sells is on disk."""
    if state.on_auction.phase is not AuctionPhase.ANSWERING or auction_id != _auction(state).auction_id:
        return state, []
    return _look(_with(state, answer=offer), now)


def saved(state: State, auction_ids: Iterable[bytes], now: Now) -> Outcome:
    """What these sell is on disk."""
    auctions = state.on_auction
    if auctions.phase is not AuctionPhase.ANSWERING or _auction(state).auction_id not in auction_ids:
        return state, []
    return _look(_with(state, stored=True), now)


# ---- Before the clearing time


def _plan(state: State, now: Now) -> State:
    """When the next one is to be opened: of a slot that no auction was held for."""
    auctions, word = state.on_auction, state.lobby.offer_state
    if word is None:
        return _with(state, due_ns=None)
    slot_s, open_s = word.allocation_duration_s, _settings(state).open_s
    clearing_s = ((now.utc_s + open_s - 1) // slot_s + 1) * slot_s
    if clearing_s <= auctions.done_s < clearing_s + slot_s:
        clearing_s += slot_s
    opens_ns = instant_ns(clearing_s - open_s, now)
    return _with(state, clearing_s=clearing_s, due_ns=max(opens_ns, now.mono_ns))


def _begin(state: State, now: Now) -> Outcome:
    """Asks for the time key to which bids are sealed, if there can be an auction."""
    state, commands = _forget_over(state, now)
    auctions, word = state.on_auction, state.lobby.offer_state
    clearing_s, open_s = auctions.clearing_s, _settings(state).open_s
    if word is None or not clearing_s - open_s <= now.utc_s <= clearing_s - LEAST_OPEN_S:
        return _plan(
            state, now
        ), commands  # a clock was set, or runs a little slower than the other; or we were busy
    state = _with(state, done_s=clearing_s, elsewhere=0)
    for auction_id in sorted(state.on_auction.unsure):
        state, asking = _ask(state, AskQuestion(auction_id), AGAIN_NS, now)
        commands += asking
    why = _why_none(state, word, now)
    if why:
        state, more = _hold_none(state, why, now)
    else:
        state, more = _ask(_move(state, AuctionPhase.KEYING), AskTimeKey(clearing_s), AGAIN_NS, now)
    return state, [*commands, *more]


def _why_none(state: State, word: OfferState, now: Now) -> str:
    """Why there is no auction now; empty if there is one."""
    slot_s, open_s = word.allocation_duration_s, _settings(state).open_s
    if 2 * open_s > slot_s:
        return f"auction.open_s is {open_s}, more than half of a slot, which has {slot_s} s by the offer"
    if not state.link.connected:
        return "there is no connection to the ledger's broker"
    if not state.link.enrolled:
        return "the ledger does not know this box's key yet"
    if state.disk.failing_ns is not None:
        return "the disk keeps nothing"
    if state.air is not None and not state.air.network:
        return "nobody can join here yet"
    if not _forecast(state, word, now)[0]:
        return "nothing is free in the first slot"
    return ""


def _hold_none(state: State, why: str, now: Now) -> Outcome:
    """The operator is told once for as long as it is the same."""
    notes: list[Command] = [] if state.on_auction.told == why else [Note("auction_not_held", why)]
    return _rest(_with(state, told=why, last=f"not held: {why}"), now), notes


def _open_again(state: State, now: Now) -> Outcome:
    """Repeats what was asked, until it is too late for bids."""
    auctions = state.on_auction
    if now.utc_s >= auctions.clearing_s - GUARD_S:
        wanted = "time key" if auctions.phase is AuctionPhase.KEYING else "receipt"
        return _hold_none(state, f"the clearing house gave no {wanted} in time", now)
    match auctions.phase:
        case AuctionPhase.KEYING:
            return _ask(state, AskTimeKey(auctions.clearing_s), AGAIN_NS, now)
        case AuctionPhase.OPENING:
            return _ask(state, CreateAuction(auctions.encoded), AGAIN_NS, now)
        case _:
            return _with(state, due_ns=now.mono_ns + AGAIN_NS), []


def _take_key(state: State, data: bytes, now: Now) -> Outcome:
    """The key to which bids are sealed, or the house's no."""
    clearing_s = state.on_auction.clearing_s
    receipt = _try_receipt(state, data)
    if receipt is not None:
        return _refused(state, receipt, now)
    key = read_time_key(data)
    if key.keeper != state.settings.ledger or key.time_s != clearing_s:
        raise DecodeError(f"a time key of {key.keeper} for {key.time_s}, not of the ledger for {clearing_s}")
    return _sign(state, data, now)


def _sign(state: State, key: bytes, now: Now) -> Outcome:
    """The auction of what is free now, sealed to this key."""
    word, clearing_s = state.lobby.offer_state, state.on_auction.clearing_s
    assert word is not None, "an offer is replaced, and never withdrawn"
    units = _forecast(state, word, now)
    if not units[0]:
        return _hold_none(state, f"nothing is free in the first slot{_sold_elsewhere(state)}", now)
    mark = AuctionMark(AuctionKind.SESSION, clearing_s, word.price_ubc, units)
    most = most_units(state, word.qos)
    terms = AuctionTerms(state.settings.provider, mark, word.band, most, word.allocation_duration_s, word.qos)
    auction = Auction(terms, word.epoch + 1, "", state.settings.ledger, threshold=1, time_keys=(key,))
    state = _with(
        _move(state, AuctionPhase.SIGNING),
        auction=auction,
        forecast=units,
        stations=state.airtime.stations,
        relayed=0,
        due_ns=now.mono_ns + AGAIN_NS,
    )
    return state, [SignAuction(auction)]


def _take_listing(state: State, data: bytes, now: Now) -> Outcome:
    receipt, auctions = _read_receipt(state, data), state.on_auction
    auction_id = _auction(state).auction_id
    if receipt.status is Status.ERROR:  # it took nothing, so that it names no auction
        return _sell_less(state, receipt, now)
    if receipt.auction_id != auction_id or receipt.status is not Status.ACTIVE:
        raise DecodeError(f"a receipt of auction {receipt.auction_id.hex()}, {receipt.status.name}")
    recent = (*auctions.recent, auction_id)[-MAX_RECENT:]
    due_ns = instant_ns(auctions.clearing_s, now)
    return _with(_move(state, AuctionPhase.OPEN), recent=recent, due_ns=due_ns, told=""), []


def _sell_less(state: State, receipt: AuctionReceipt, now: Now) -> Outcome:
    """Where the ledger counts units that this box does not know of, as somebody bought them before it held auctions and
    is not here, the auction sells so many less. Once in each slot: another slot may have other units.
    """
    auctions, auction = state.on_auction, _auction(state)
    taken = read_sold(receipt.detail) if receipt.reason == NOT_FREE else None
    if taken is None or auctions.elsewhere:
        return _refused(state, receipt, now)
    begins_s = auction.terms.mark.clearing_s
    known = sum(units for units, ends_s in counted_units(state, now) if ends_s > begins_s)
    if taken <= known:
        return _refused(state, receipt, now)
    state, commands = _sign(_with(state, elsewhere=taken - known), auction.time_keys[0], now)
    if state.on_auction.phase is not AuctionPhase.SIGNING or auctions.told_elsewhere == taken - known:
        return state, commands
    note = Note("sold_before", f"less is auctioned{_sold_elsewhere(state)}")
    return _with(state, told_elsewhere=taken - known), [*commands, note]


def _sold_elsewhere(state: State) -> str:
    units = state.on_auction.elsewhere
    return f": the ledger counts {units} units that were not sold in auctions here" if units else ""


def _refused(state: State, receipt: AuctionReceipt, now: Now) -> Outcome:
    """The house's own words say what is to be done."""
    return _hold_none(state, f"the clearing house: {_words(receipt)}", now)


# ---- From the clearing time on


def _look(state: State, now: Now) -> Outcome:
    """Asks what it came to; or tells what was signed, again and again, as it is harmless to tell it twice."""
    auctions, auction = state.on_auction, _auction(state)
    if now.utc_s >= _over_s(state):
        return _give_up(state, now)
    if auctions.phase is AuctionPhase.CLEARING:
        return _ask(state, AskQuestion(auction.auction_id), LOOK_NS, now)
    if not auctions.answer or not auctions.stored:
        return _with(state, due_ns=now.mono_ns + LOOK_NS), []
    state = _with(state, sent=True)
    return _ask(state, AnswerQuestion(auction.auction_id, auctions.answer), LOOK_NS, now)


def _over_s(state: State) -> int:
    """When the next auction opens; and earlier if nothing was signed, as nothing can be settled any more."""
    auction, next_s = _auction(state), _auction(state).terms.allocation_duration_s - _settings(state).open_s
    opens_s = state.on_auction.clearing_s + next_s
    answering = state.on_auction.phase is AuctionPhase.ANSWERING
    return opens_s if answering else min(opens_s, auction.settle_by_s + 1)


def _give_up(state: State, now: Now) -> Outcome:
    """What was signed and sent may have run: it stays sold. What was not cannot run any more."""
    auctions = state.on_auction
    if auctions.said and auctions.phase is AuctionPhase.CLEARING:
        return _refuse(state, auctions.said, now)
    if not auctions.sent:
        return _void(
            state, "the clearing house did not say in time what it came to, or was not answered", now
        )
    text = "the clearing house did not say what became of the answer: what it sells is kept"
    if auctions.said:
        text = f"the clearing house did not settle it ({auctions.said}): what it sells is kept"
    unsure = auctions.unsure | {_auction(state).auction_id}
    return _rest(_with(state, last=text, unsure=unsure), now), [Note("auction_unanswered", text)]


def _take_result(state: State, data: bytes, now: Now) -> Outcome:
    """What the house found, or why there is nothing yet."""
    receipt, auction = _try_receipt(state, data), _auction(state)
    if receipt is not None:
        return _take_end(state, receipt, now)
    if now.utc_s < auction.terms.mark.clearing_s:
        return state, []  # the house's clock is ahead: it is asked again
    settings = state.settings
    question = read_generate_offer(data, settings.ledger, settings.ledger_id)
    shares = _shares(auction, question)
    why = shares if isinstance(shares, str) else _check(state, question)
    if isinstance(shares, str) or why:
        return _refuse(state, why, now)
    waits_for = _check_room(state, question, now)
    if waits_for:
        return _with(state, said=waits_for), []
    made = Transaction(offer_of(auction, question), derive_nonce(data), question.valid_until_s)
    sold = {**state.on_auction.sold, auction.auction_id: shares}
    state = _with(_move(state, AuctionPhase.ANSWERING), sold=sold, said="", due_ns=now.mono_ns + LOOK_NS)
    return state, [StoreAuctionOffer(auction.auction_id, shares), SignAuctionOffer(auction.auction_id, made)]


def _refuse(state: State, why: str, now: Now) -> Outcome:
    text = f"auction {_auction(state).auction_id.hex()}: {why}: nothing is signed"
    return _rest(_with(state, last=f"refused: {why}"), now), [Note("question_refused", text)]


def _shares(auction: Auction, question: GenerateOffer) -> tuple[SoldShare, ...] | str:
    """What it would sell, each share by itself as the terms have it; or which is not."""
    mark, slot_s = auction.terms.mark, auction.terms.allocation_duration_s
    sold = []
    for consumer, share in question.consumers.items():
        if not 1 <= share.slots <= len(mark.forecast):
            return f"a share of {share.slots} slots, of {len(mark.forecast)}"
        least_ubc = mark.least_ubc(share.allocations, share.slots)
        if share.price_ubc < least_ubc:
            return f"a share costs {share.price_ubc} ubc, less than {least_ubc}"
        try:
            qos = auction.terms.qos.times(share.allocations)
        except DecodeError as error:
            return str(error)
        sold.append(SoldShare(consumer, mark.clearing_s + share.slots * slot_s, qos, share.allocations))
    return tuple(sold) or "it has no winners"


def _check(state: State, question: GenerateOffer) -> str:
    """Why it is never signed; empty if it is as it was agreed."""
    auctions, auction = state.on_auction, _auction(state)
    mark = auction.terms.mark
    if question.auction != auctions.encoded:
        return "it is about another auction"
    if question.valid_until_s > auction.settle_by_s:
        return f"it is to be valid until {question.valid_until_s}, after {auction.settle_by_s}"
    if question.price_ubc != mark.min_price_ubc:
        return f"the offer's price is to be {question.price_ubc} ubc, and not {mark.min_price_ubc}"
    for slot, units in enumerate(mark.forecast, 1):
        sold = _sold_of(question, slot)
        if sold > units:
            return f"it sells {sold} units of slot {slot}: {units} were offered"
    return ""


def _check_room(state: State, question: GenerateOffer, now: Now) -> str:
    """Why it is not signed yet; empty if everything in it is free. A session that ends at the clearing time may take
    the kernel a moment: it is looked at again, until it is too late.
    """
    if state.disk.failing_ns is not None:
        return "the disk keeps nothing, so that it could be sold again"
    for slot, left in enumerate(_free_now(state, now), 1):
        sold = _sold_of(question, slot)
        if sold > left:
            return f"it sells {sold} units of slot {slot}: {left} are free now"
    return ""


def _sold_of(question: GenerateOffer, slot: int) -> int:
    """Units of a slot, from 1."""
    return sum(share.allocations for share in question.consumers.values() if share.slots >= slot)


def _free_now(state: State, now: Now) -> tuple[int, ...]:
    """Whoever was let in since the auction was opened has his room. Stations that are slower than they were then do not
    end it: what they will miss is shortfall, as after any sale.
    """
    airtime, terms = state.airtime, _auction(state).terms
    then = replace(airtime, stations={**airtime.stations, **state.on_auction.stations})
    mark, slot_s = terms.mark, terms.allocation_duration_s
    slots = len(mark.forecast)
    return forecast(replace(state, airtime=then), terms.qos, mark.clearing_s, slot_s, slots, now)


def _take_end(state: State, receipt: AuctionReceipt, now: Now) -> Outcome:
    """INACTIVE, and not before, is the end of what was answered: it is settled, or nothing came of it."""
    auctions, auction_id = state.on_auction, _auction(state).auction_id
    if receipt.auction_id != auction_id:
        raise DecodeError(f"a receipt of auction {receipt.auction_id.hex()}, not of {auction_id.hex()}")
    if receipt.status is Status.INACTIVE and not receipt.reason:
        text = _told(auctions.sold.get(auction_id, ()))
        state = _rest(_with(state, last=f"settled: {text}"), now)
        return state, [Note("auction_settled", f"auction {auction_id.hex()}: {text}")]
    known = receipt.status is not Status.ACTIVE
    if receipt.status is Status.INACTIVE or (known and auctions.phase is AuctionPhase.CLEARING):
        return _void(state, _words(receipt), now)
    if receipt.reason and auctions.phase is AuctionPhase.ANSWERING:
        words = _words(receipt)
        return _with(state, said=words, last=f"not settled yet: {words}"), []
    return state, []


def _take_late(state: State, receipt: AuctionReceipt) -> Outcome:
    """Of an auction that this box had not heard the end of."""
    auctions, auction_id = state.on_auction, receipt.auction_id
    if receipt.status is not Status.INACTIVE:
        return state, []
    state = _with(state, unsure=auctions.unsure - {auction_id})
    if receipt.reason:
        state, forgetting = _take_back(state, auction_id)
        return state, [*forgetting, Note("auction_void", f"auction {auction_id.hex()}: {_words(receipt)}")]
    text = _told(auctions.sold.get(auction_id, ()))
    return state, [Note("auction_settled", f"auction {auction_id.hex()}: {text}")]


def _void(state: State, why: str, now: Now) -> Outcome:
    """Nobody pays, and nothing is sold."""
    auction_id = _auction(state).auction_id
    state, forgetting = _take_back(state, auction_id)
    note = Note("auction_void", f"auction {auction_id.hex()}: {why}")
    return _rest(_with(state, last=f"void: {why}"), now), [*forgetting, note]


def _take_back(state: State, auction_id: bytes) -> Outcome:
    """It sold nothing."""
    sold = state.on_auction.sold
    if auction_id not in sold:
        return state, []
    left = {other: shares for other, shares in sold.items() if other != auction_id}
    return _with(state, sold=left), [ForgetAuctionOffer(auction_id)]


def _told(shares: tuple[SoldShare, ...]) -> str:
    if not shares:
        return "by an earlier run of this box, whose slots are over"
    last = format_instant(max(share.ends_s for share in shares))
    return f"1 winner, until {last}" if len(shares) == 1 else f"{len(shares)} winners, the last until {last}"


def _words(receipt: AuctionReceipt) -> str:
    return f"{receipt.reason or receipt.status.name.lower()}: {receipt.detail}"


# ---- All of them


def _rest(state: State, now: Now) -> State:
    """Until the next one."""
    if state.on_auction.phase is not AuctionPhase.IDLE:
        state = _move(state, AuctionPhase.IDLE)
    return _plan(
        _with(state, auction=None, encoded=b"", answer=b"", stored=False, sent=False, said="", stations={}),
        now,
    )


def _forget_over(state: State, now: Now) -> Outcome:
    """What was sold and is over, by the wall clock."""
    auctions = state.on_auction
    left = {
        auction_id: shares
        for auction_id, shares in auctions.sold.items()
        if any(share.ends_s > now.utc_s for share in shares)
    }
    gone = auctions.sold.keys() - left.keys()
    if not gone:
        return state, []
    unsure = auctions.unsure & left.keys()
    return _with(state, sold=left, unsure=unsure), [ForgetAuctionOffer(gone_id) for gone_id in sorted(gone)]


def _ask(state: State, request: AuctionRequest, again_ns: int, now: Now) -> Outcome:
    """Whatever is lost on the way is asked again."""
    state = _with(state, due_ns=now.mono_ns + again_ns)
    if not state.link.connected:
        return state, []
    serial = state.on_auction.serial + 1
    correlation = OF_AUCTIONS + serial.to_bytes(8, "big")
    return _with(state, serial=serial), [AskHouse(correlation, write_auction_request(request))]


def _read_receipt(state: State, data: bytes) -> AuctionReceipt:
    return read_auction_receipt(data, state.settings.ledger, state.settings.ledger_id)


def _try_receipt(state: State, data: bytes) -> AuctionReceipt | None:
    """None if it is something else, or nothing."""
    try:
        return _read_receipt(state, data)
    except DecodeError:
        return None


def _forecast(state: State, word: OfferState, now: Now) -> tuple[int, ...]:
    first_s, slots = state.on_auction.clearing_s, _settings(state).slots
    return forecast(state, word.qos, first_s, word.allocation_duration_s, slots, now)


def _auction(state: State) -> Auction:
    auction = state.on_auction.auction
    assert auction is not None, "one is under way"
    return auction


def _settings(state: State) -> AuctionSettings:
    assert state.settings.auction is not None, "no [auction] in the settings"
    return state.settings.auction


def _move(state: State, phase: AuctionPhase) -> State:
    return replace(state, auctions=state.on_auction.move(phase))


def _with(state: State, **changes: object) -> State:
    return replace(state, auctions=replace(state.on_auction, **changes))  # type: ignore[arg-type]  # its own fields
