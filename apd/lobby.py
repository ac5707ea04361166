"""The lobby's side of the core: what strangers may ask, and what they are told.

In: datagrams. Out: answers, and transactions for the ledger; who wants in or out is heard in apd/joins.py. Everything a
stranger can make us remember is bounded, what is malformed or too long is refused before any signature is checked, and
every refusal has a name, is counted and reaches who asked.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import replace

from apd import joins, sessions
from apd.address import Address, host_of
from apd.commands import Command, Note, SendLobby, SignOffer, StoreOfferState, SubmitTransaction
from apd.outcome import Outcome
from apd.promises import reserved
from apd.state import PendingPurchase, State
from nas_tunnel.lobby import (
    Announcement,
    AskAuction,
    AskBid,
    Bid,
    Discover,
    Join,
    Leave,
    Purchase,
    read_lobby,
)
from nas_tunnel.lobby import (
    Outcome as PurchaseOutcome,
)
from wire.allocate import Allocate
from wire.cose import MAX_ENVELOPE_BYTES
from wire.create import Create
from wire.errors import DecodeError
from wire.ledger_reply import read_ledger_reply
from wire.offer import Offer
from wire.offer_state import OfferState, read_offer_state
from wire.qos import Qos
from wire.receipt import read_receipt
from wire.transaction import SignedTransaction, read_transaction
from wire.units import NS_PER_S, Now

MAX_PENDING = 256
"""Purchases under way: one a second for longer than the time-out of any of them."""
MAX_PENDING_PER_BUYER = 16
"""Of one address: enough for somebody who buys for a household."""
MAX_BUYERS = 4
"""Addresses that hear the outcome of one purchase; the first to send it is always among them."""
REPEAT_NS = NS_PER_S
"""The same octets go to the ledger at most once in this time, however often they are sent to us."""
MAX_COPIES = 8
"""Different octets of one purchase that go to the ledger in that time: whoever overhears it can send it with another
signature, and only the ledger knows which is the buyer's.
"""
CREATE_NS = NS_PER_S
"""One new account in this time is relayed: a busy shop has fewer new customers."""
RELAYED_NS = 600 * NS_PER_S
"""A purchase that was relayed is relayed again for so long, whatever happened to the offer: it may have been executed,
and its buyer has not heard.
"""
MAX_RELAYED = 1_024
LATE_S = 30
"""A purchase whose validity has been over for so long runs nowhere any more; clocks that are kept differ by less."""
_NOT_JOINED_YET = ("nothing_on_offer", "nobody can join here yet")


def receive(state: State, source: Address, data: bytes, now: Now) -> Outcome:
    """One datagram of a stranger. Garbage is counted and not answered."""
    try:
        message = read_lobby(data)
    except DecodeError:
        return state.with_refusal("lobby_garbage"), []
    match message:
        case Discover():
            return _announce(state, source, now)
        case Purchase():
            return purchase(state, source, message, now)
        case Join():
            return join(state, source, message, now)
        case Leave():
            return joins.leave(state, source, message, now)
        case AskAuction() | Bid() | AskBid():
            return _of_auction(state, source, message, now)
        case _:
            return state.with_refusal("lobby_not_for_us"), []


def join(state: State, source: Address, message: Join, now: Now) -> Outcome:
    if state.cell is None:
        return joins.join(state, source, message, now)
    from apd import cell_places  # others do without

    return cell_places.join(state, source, message, now)


def _of_auction(state: State, source: Address, message: AskAuction | Bid | AskBid, now: Now) -> Outcome:
    if state.auctions is None:
        subject = b"" if isinstance(message, AskAuction) else message.auction_id
        return joins.refuse(state, source, subject, "no_auction", "nothing is auctioned here")
    from apd import bids  # others do without

    if isinstance(message, AskAuction):
        return bids.show(state, source, now)
    return bids.take(state, source, message, now)


def take_offer_state(state: State, data: bytes, now: Now) -> Outcome:
    """The ledger's word on what we sell: believed if the ledger signed it, it is ours, and it is newer."""
    settings = state.settings
    try:
        word = read_offer_state(data, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return state.with_refusal("offer_state_invalid"), [Note("offer_state_invalid", str(error))]
    if word.provider != settings.provider:
        return state.with_refusal("offer_state_foreign"), []
    if joins.layer_differs(state, word.qos):
        detail = f"the ledger's offer counts rates at layer {word.qos.rate_layer.name}, this box shapes by"
        return state.with_refusal("rate_layer_differs"), [
            Note("rate_layer_differs", f"{detail} {state.settings.shaper.rate_layer}: not sold here")
        ]
    known = state.lobby.offer_state
    if known is not None and word.height < known.height:
        return state.with_refusal("offer_state_old"), []
    state = replace(state, lobby=replace(state.lobby, offer_state=word))
    if known is not None and _same_terms(known, word):
        return state, []
    state = replace(state, lobby=replace(state.lobby, offer=b""))
    return state, [StoreOfferState(data), sign_offer(state, word, now)]


def take_signed_offer(state: State, offer: bytes, expires_s: int) -> State:
    return replace(state, lobby=replace(state.lobby, offer=offer, offer_expires_s=expires_s))


def sign_offer(state: State, word: OfferState, now: Now) -> SignOffer:
    """The advertisement of the ledger's current offer, good for a little while."""
    return SignOffer(
        Offer(
            epoch=word.epoch,
            price_ubc=word.price_ubc,
            allocation_duration_s=word.allocation_duration_s,
            band=word.band,
            qos=word.qos,
            bssid=state.settings.bssid,
            expires_s=now.utc_s + state.settings.offer_lifetime_s,
        )
    )


def take_outcome(state: State, correlation: bytes, data: bytes, now: Now) -> Outcome:
    """The ledger's reply to a purchase goes to whoever waits for it; what is not signed by the ledger goes nowhere."""
    pending = state.lobby.pending.get(correlation)
    if pending is None:
        return state.with_refusal("reply_unexpected"), []
    settings = state.settings
    try:
        reply = read_ledger_reply(data)
        receipt = read_receipt(reply.receipt, settings.ledger, settings.ledger_id)
    except DecodeError as error:
        return state.with_refusal("reply_invalid"), [Note("reply_invalid", str(error))]
    if receipt.subject != correlation:  # of one copy with a bad signature: the purchase may still run
        state = _keep(state, correlation, replace(pending, wants=None))
        return state.with_refusal("reply_unexpected"), []
    grant = reply.grants[0] if reply.grants else b""
    answer = PurchaseOutcome(transaction_id=correlation, receipt=reply.receipt, grant=grant)
    told = [SendLobby(buyer, answer) for buyer in pending.buyers]
    state = _without_pending(state, correlation)
    if pending.price_ubc is not None and receipt.executed:
        sales = state.lobby.sales.after(correlation, pending.price_ubc)
        state = replace(state, lobby=replace(state.lobby, sales=sales))
    if state.cell is not None:
        from apd import cell  # others do without

        return cell.remember_bought(state, reply.grants, now), [*told]
    if state.air is None:
        return state, [*told]
    from apd import known_grants  # a wired box does without

    state, keeping = known_grants.remember_bought(
        state, reply.grants, receipt.utc_s, now, here=not pending.asked_late
    )
    return state, [*keeping, *told]


def pass_time(state: State, now: Now) -> Outcome:
    """Gives up on purchases that the ledger did not answer, forgets old requests, signs the offer afresh."""
    commands: list[Command] = []
    for transaction_id, purchase in state.lobby.pending.items():
        if purchase.deadline_ns <= now.mono_ns:
            state, answers = _give_up(state, transaction_id, "ledger_unreachable", "no reply in time")
            commands += answers
    state = replace(
        state,
        lobby=replace(
            state.lobby,
            seen_requests=_lasting(state.lobby.seen_requests, now),
            relayed=_lasting(state.lobby.relayed, now),
        ),
    )
    word = state.lobby.offer_state
    if word is not None and state.lobby.offer and _renewal_due_s(state) <= now.utc_s:
        commands.append(sign_offer(state, word, now))
    return state, commands


def _lasting(remembered: Mapping[bytes, int], now: Now) -> dict[bytes, int]:
    return {digest: until_ns for digest, until_ns in remembered.items() if until_ns > now.mono_ns}


def deadlines_ns(state: State, now: Now) -> list[int]:
    """When something of the above is due."""
    due = [purchase.deadline_ns for purchase in state.lobby.pending.values()]
    if state.lobby.offer:
        due.append(now.mono_ns + max(1, _renewal_due_s(state) - now.utc_s) * NS_PER_S)
    return due


def _announce(state: State, source: Address, now: Now) -> Outcome:
    """The offer, also when it is sold out: who bought already needs the challenge."""
    settings, word = state.settings, state.lobby.offer_state
    if not _can_be_joined(state):
        return joins.refuse(state, source, b"", *_NOT_JOINED_YET)
    if word is None or not state.lobby.offer or state.lobby.offer_expires_s <= now.utc_s:
        state, commands = joins.refuse(
            state, source, b"", "nothing_on_offer", "this access point has no current offer"
        )
        return state, commands if word is None else [*commands, sign_offer(state, word, now)]
    lobby, fresh = joins.challenge(state.lobby, now)
    announcement = Announcement(
        offer=lobby.offer,
        provider=settings.provider,
        ledger=settings.ledger,
        ledger_id=settings.ledger_id,
        challenge=fresh,
        utc_s=now.utc_s,
        network=state.air.network if state.air else b"",
    )
    return replace(state, lobby=lobby), [SendLobby(source, announcement)]


def _can_be_joined(state: State) -> bool:
    """Beside a hostapd it has to be known how."""
    return state.air is None or bool(state.air.network)


def purchase(state: State, source: Address, message: Purchase, now: Now) -> Outcome:
    """Relays what can be a purchase here, or a new account; we are nobody's open relay."""
    try:
        signed = read_transaction(message.transaction, state.settings.ledger_id, MAX_ENVELOPE_BYTES)
    except DecodeError as error:
        return joins.refuse(state, source, b"", "transaction_invalid", str(error))
    subject, action = signed.transaction_id, signed.transaction.action
    if not isinstance(action, (Allocate, Create)):
        return joins.refuse(
            state, source, subject, "not_relayed", "only allocate and create are relayed here"
        )
    asked_late = False
    if isinstance(action, Allocate) and subject not in state.lobby.relayed:
        refusal = _check_purchase(state, source, action, now)
        asked_late = refusal is not None and _is_late(state, signed, now)
        if refusal is not None and not asked_late:
            return joins.refuse(state, source, subject, *refusal)
    if not state.link.connected:
        return joins.refuse(
            state, source, subject, "ledger_unreachable", "no connection to the ledger's broker"
        )
    if isinstance(action, Create) and subject not in state.lobby.pending:
        if now.mono_ns < state.lobby.create_due_ns:
            return joins.refuse(state, source, subject, "busy", "one new account a second is relayed here")
        state = replace(state, lobby=replace(state.lobby, create_due_ns=now.mono_ns + CREATE_NS))
    wants = _wants(state, action) if isinstance(action, Allocate) and not asked_late else None
    price_ubc = None
    if isinstance(action, Allocate) and not action.auction and not asked_late:
        price_ubc = action.price_ubc
    first = PendingPurchase(
        (), now.mono_ns + state.settings.purchase_timeout_s * NS_PER_S, {}, wants, asked_late, price_ubc
    )
    return _relay(state, source, subject, message.transaction, first, now)


def _is_late(state: State, signed: SignedTransaction, now: Now) -> bool:
    """Whether this only asks what became of a purchase: it cannot run any more, so that nothing of ours need fit, and
    the ledger's signed word (it ran then, or `expired`) lets its buyer buy again without paying twice.
    """
    action = signed.transaction.action
    ours = isinstance(action, Allocate) and action.provider == state.settings.provider
    return ours and signed.transaction.valid_until_s + LATE_S < now.utc_s


def is_hopeless(state: State, signed: SignedTransaction, now: Now) -> bool:
    """Whether this will not be relayed, whatever else is the case: it is no purchase of what this box sells, nor a new
    account. Cheap, as anybody may send as many as the air carries.
    """
    action, word = signed.transaction.action, state.lobby.offer_state
    if isinstance(action, Create):
        return False
    if not isinstance(action, Allocate) or action.provider != state.settings.provider:
        return True
    if signed.transaction_id in state.lobby.relayed or _is_late(state, signed, now):
        return False
    return word is None or action.epoch != word.epoch


def _wants(state: State, action: Allocate) -> Qos | None:
    """What is to be kept for it until it has joined, or the ledger has refused it."""
    word = state.lobby.offer_state
    if word is None or action.epoch != word.epoch or action.period is not None:
        return None
    try:
        return word.qos.times(action.allocations)
    except DecodeError:
        return None


def _relay(
    state: State, source: Address, subject: bytes, data: bytes, first: PendingPurchase, now: Now
) -> Outcome:
    """To the ledger, as `first` if it is; what is under way already only gets one more who waits, unless these octets
    are new or it is time to send them again. Nobody who repeats it puts off when the first is told that there is no
    reply.
    """
    known, answers = state.lobby.pending.get(subject), list[Command]()
    if known is None and _has_enough(state, source):
        return joins.refuse(state, source, subject, "busy", "too many of your purchases are under way")
    if known is None and len(state.lobby.pending) >= MAX_PENDING:
        oldest = next(iter(state.lobby.pending))
        state, answers = _give_up(state, oldest, "busy", "too many purchases are under way")
    pending = known or first
    buyers = pending.buyers
    if source not in buyers and len(buyers) < MAX_BUYERS:
        buyers = (*buyers, source)
    copy = hashlib.sha256(data).digest()
    lately = {digest: at_ns for digest, at_ns in pending.copies.items() if now.mono_ns < at_ns + REPEAT_NS}
    if known is not None and (copy in lately or len(lately) >= MAX_COPIES):
        return _keep(state, subject, replace(known, buyers=buyers)), answers
    copies = {**lately, copy: now.mono_ns}
    state = _keep(state, subject, replace(pending, buyers=buyers, copies=copies))
    if not pending.asked_late:  # nobody needs to remember what is relayed as often as it is asked
        relayed = joins.bounded({**state.lobby.relayed, subject: now.mono_ns + RELAYED_NS}, MAX_RELAYED)
        state = replace(state, lobby=replace(state.lobby, relayed=relayed))
    return state, [*answers, SubmitTransaction(subject, data)]


def _keep(state: State, subject: bytes, purchase: PendingPurchase) -> State:
    pending = {**state.lobby.pending, subject: purchase}
    return replace(state, lobby=replace(state.lobby, pending=pending))


def _give_up(state: State, subject: bytes, reason: str, detail: str) -> Outcome:
    """Tells everybody who waits for a purchase that its outcome is not known here."""
    commands: list[Command] = []
    for buyer in state.lobby.pending[subject].buyers:
        state, answer = joins.refuse(state, buyer, subject, reason, detail)
        commands += answer
    return _without_pending(state, subject), commands


def _has_enough(state: State, source: Address) -> bool:
    """One stranger cannot take the place of all others."""
    who = host_of(source)
    mine = sum(host_of(pending.buyers[0]) == who for pending in state.lobby.pending.values())
    return mine >= MAX_PENDING_PER_BUYER


def _check_purchase(state: State, source: Address, action: Allocate, now: Now) -> tuple[str, str] | None:
    """What would be money thrown away here is refused before it is paid."""
    word = state.lobby.offer_state
    if action.provider != state.settings.provider:
        return "foreign_provider", "this access point sells for another account"
    if (
        action.auction
    ):  # a winner's bid, which ran: what the ledger answers is its grant; or one that never will
        return None
    if word is None:
        return "nothing_on_offer", "this access point has no current offer"
    if not _can_be_joined(state):
        return _NOT_JOINED_YET
    if action.epoch != word.epoch:
        return "epoch_moved", f"the current offer is number {word.epoch}, not {action.epoch}"
    if action.period is None and word.allocations_left == 0:
        return "sold_out", "every unit of the current offer is sold"
    if state.disk.failing_ns is not None:
        return "not_metered", "this access point cannot account for anything now"
    if action.period is None and (
        not action.consumer_keys or state.air is not None or state.cell is not None
    ):
        return _check_units(
            state, source, word, action.allocations, now
        )  # on the air, of the first of many at least
    return None


def _check_units(
    state: State, source: Address, word: OfferState, units: int, now: Now
) -> tuple[str, str] | None:
    try:
        wanted = word.qos.times(units)
    except DecodeError as error:
        return "no_capacity", str(error)
    kept = reserved(state, sessions.believed(state, now))
    full = sessions.check_capacity(state, wanted, kept=kept)
    if full is None and state.cell is not None:
        from apd import cell, cell_places  # others do without

        full = cell.check(state, wanted, kept, cell_places.supi_at(state, source))
    return (full.reason, full.detail) if full else None


def _without_pending(state: State, transaction_id: bytes) -> State:
    pending: Mapping[bytes, PendingPurchase] = {
        k: v for k, v in state.lobby.pending.items() if k != transaction_id
    }
    return replace(state, lobby=replace(state.lobby, pending=pending))


def _same_terms(one: OfferState, other: OfferState) -> bool:
    return replace(one, height=0, allocations_left=0) == replace(other, height=0, allocations_left=0)


def _renewal_due_s(state: State) -> int:
    return state.lobby.offer_expires_s - state.settings.offer_lifetime_s // 2
