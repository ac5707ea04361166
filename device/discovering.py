"""Discovering: ask who sells here, and weigh what is answered. Pure handlers of device/agent.py."""

from dataclasses import replace

from device.choice import ANYTHING, Candidate, PinnedLedger, Unsuitable, Wish, weigh, weigh_on_the_air
from device.events import Event, OfferHeard, PinLedger, Send, ShowOffer, Tell
from device.joining import enter_network
from device.reputation import rate
from device.retry import NS_PER_MS, begin
from device.state import HeldGrant, Phase, Signed, State, Step, drop, enter, to_chosen
from nas_tunnel.lobby import Announcement, Discover, Purchase, Refused
from wire.ids import MacAddress, PublicKey
from wire.units import Now

MAX_SELLERS = 64
"""Sellers remembered: far more than share one link. Who floods the lobby with invented ones fills no memory."""


def start(state: State, _event: Event, now: Now, _address: str) -> Step:
    what = "resume with" if state.grant is not None else "buy from"
    if state.unanswered:
        what = "ask what became of the purchase before"
    state, commands = discover(state, now)
    return state, [Tell(f"looking for an access point to {what}"), *commands]


def discover(state: State, now: Now) -> Step:
    state = enter(state, Phase.DISCOVERING)
    state = replace(
        state, candidates=(), choose_ns=None, chosen=None, retry=begin(state.settings.discover, now.mono_ns)
    )
    return state, [Send(Discover(), None)]


def hear_offer(state: State, announcement: Announcement, now: Now, address: str) -> Step:
    if not _is_wanted(state, announcement):
        return drop(state, "other_provider"), []
    wish = _wish_for(state, announcement, now)
    return _take(state, weigh(announcement, address, wish, state.pinned, now.utc_s), now, address)


def hear_offer_on_the_air(state: State, event: OfferHeard, now: Now, _address: str) -> Step:
    announcement, bssid, wish = event.announcement, event.bssid, _wish_for(state, event.announcement, now)
    if not _is_wanted(state, announcement):
        return drop(state, "other_provider"), []
    seen = weigh_on_the_air(announcement, bssid, event.signal_dbm, wish, state.pinned, now.utc_s)
    return _take(state, seen, now, str(bssid))


def _is_wanted(state: State, announcement: Announcement) -> bool:
    """Who waits for an outcome goes to the provider that may have been paid, who holds a grant to its provider."""
    if state.unanswered:
        return _unanswered_by(state, announcement) is not None
    if state.wish is not None:
        return True
    assert state.grant is not None, "neither a wish nor a grant"
    return announcement.provider.provider_id == state.grant.provider_id


def _wish_for(state: State, announcement: Announcement, now: Now) -> Wish:
    """What was paid for before is wanted whatever is sold now."""
    paid = _unanswered_by(state, announcement) or _held_for(state, announcement, now)
    return ANYTHING if paid or state.wish is None else state.wish


def _unanswered_by(state: State, announcement: Announcement) -> Signed | None:
    return next((one for one in state.unanswered if one.allocate.provider == announcement.provider), None)


def _held_for(state: State, announcement: Announcement, now: Now) -> HeldGrant | None:
    """The one that lasts longest."""
    wish, provider_id = state.wish, announcement.provider.provider_id
    if wish is None:
        return None
    ours = [one for one in state.held if one.grant.provider_id == provider_id and one.serves(wish, now.utc_s)]
    return max(ours, key=lambda one: (one.grant.ends_s, one.encoded), default=None)


def _take(state: State, seen: Candidate | Unsuitable, now: Now, address: str) -> Step:
    if isinstance(seen, Unsuitable):
        return _note_unsuitable(state, seen, address)
    unanswered = _unanswered_by(state, seen.announcement)
    if unanswered is not None:
        return _ask_for_outcome(replace(state, chosen=seen), unanswered, now)
    held = _held_for(state, seen.announcement, now)
    if held is not None:
        state = replace(state, chosen=seen, grant=held.grant, grant_bytes=held.encoded)
        state, commands = enter_network(state, now)
        return state, [Tell(f"using grant {held.grant.grant_id.hex()}, paid for before"), *commands]
    if state.wish is None:
        return enter_network(replace(state, chosen=seen), now)
    state, commands = _trust(state, seen.announcement)
    seen = rate(seen, state.known, state.operators, now.utc_s)
    spent = (seen.announcement.provider, seen.offer.epoch) in state.spent_offers
    if spent or len(state.candidates) >= MAX_SELLERS:
        return state, commands
    known = [c for c in state.candidates if (c.announcement.provider, c.offer.bssid) != _seller(seen)]
    if len(known) == len(state.candidates):
        commands.append(ShowOffer(seen, address))
    choose_ns = state.choose_ns or now.mono_ns + state.settings.collect_ms * NS_PER_MS
    return replace(state, candidates=(*known, seen), choose_ns=choose_ns, retry=None), commands


def _ask_for_outcome(state: State, purchase: Signed, now: Now) -> Step:
    """With the same bytes: the ledger runs them once, and says what became of them."""
    state = replace(
        enter(state, Phase.BUYING),
        allocate=purchase.allocate,
        purchase=purchase,
        patience_until_s=max(purchase.valid_until_s, now.utc_s + state.settings.purchase_valid_s),
        choose_ns=None,
        retry=begin(state.settings.purchase, now.mono_ns),
    )
    return state, [
        Tell(f"asking what became of transaction {purchase.transaction_id.hex()}, sent before"),
        to_chosen(state, Purchase(purchase.transaction), purchase.transaction_id),
    ]


def hear_refusal(state: State, refused: Refused, _now: Now, address: str) -> Step:
    """An access point that sells nothing now: worth telling if nobody else does."""
    return _note_unsuitable(state, Unsuitable(refused.reason, refused.detail), address)


def _note_unsuitable(state: State, seen: Unsuitable, address: str) -> Step:
    if seen.dropped:
        state = drop(state, seen.reason)
    known = state.unsuitable.get(address)
    if known == seen or (known is None and len(state.unsuitable) >= MAX_SELLERS):
        return state, []
    return replace(state, unsuitable={**state.unsuitable, address: seen}), [ShowOffer(seen, address)]


def _trust(state: State, announcement: Announcement) -> Step:
    if state.pinned is not None:
        return state, []
    ledger = PinnedLedger(announcement.ledger, announcement.ledger_id)
    text = f"no ledger was pinned: trusting {ledger.key}, on first use, because this access point says so"
    return replace(state, pinned=ledger), [PinLedger(ledger), Tell(text)]


def _seller(candidate: Candidate) -> tuple[PublicKey, MacAddress]:
    return candidate.announcement.provider, candidate.offer.bssid
