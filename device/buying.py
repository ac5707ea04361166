"""Choosing an offer and buying it. Pure handlers of device/agent.py."""

from dataclasses import replace

from device.choice import cheapest
from device.discovering import discover
from device.events import Event, Failure, PurchaseSigned, Send, SignPurchase, Source, Tell
from device.grant_check import check_grant
from device.joining import enter_network
from device.retry import NS_PER_MS, Retry, again, begin
from device.state import Phase, Signed, State, Step, drop, end, enter, fail, from_chosen, to_chosen
from nas_tunnel.lobby import Discover, Outcome, Purchase, Refused
from wire.allocate import Allocate
from wire.errors import DecodeError
from wire.grant import Grant, read_grant
from wire.receipt import Receipt, read_receipt
from wire.units import Now

LOOK_AGAIN = frozenset({"epoch_moved", "band_differs", "price_differs", "too_many_units"})
"""Rejections by the ledger that are final for these bytes, so that buying another offer cannot charge twice."""
NOT_YET = frozenset({"busy", "ledger_unreachable"})
"""Refusals by an access point after which the same bytes are worth sending again."""


def search_again_or_choose(state: State, _event: Event, now: Now, _address: str) -> Step:
    if state.choose_ns is not None and now.mono_ns >= state.choose_ns:
        return buy(state, now)
    if state.retry is None or now.mono_ns < state.retry.due_ns:
        return state, []
    if _heard_all(state) or state.retry.exhausted(state.settings.discover):
        return fail(state, _why_nothing_was_found(state)), []
    return replace(state, retry=again(state.retry, state.settings.discover, now.mono_ns)), [
        Send(Discover(), None)
    ]


def choose_or_give_up(state: State, _event: Event, now: Now, _address: str) -> Step:
    """Nobody is left who could undercut. If nobody answered at all, the next question may find somebody, soon."""
    if state.candidates:
        return buy(state, now)
    if _heard_all(state) or state.retry is None or state.retry.exhausted(state.settings.discover):
        return fail(state, _why_nothing_was_found(state)), []
    soon_ns = now.mono_ns + state.settings.market_pause_ms * NS_PER_MS
    return replace(state, retry=Retry(state.retry.tries, min(soon_ns, state.retry.due_ns))), []


def _heard_all(state: State) -> bool:
    tries = state.retry.tries if state.retry else 0
    return bool(state.unsuitable) and tries >= state.settings.market_tries


def _why_nothing_was_found(state: State) -> Failure:
    if state.rejection is not None:
        return state.rejection
    if state.unsuitable:
        reasons = "; ".join(sorted({f"{seen.reason}: {seen.detail}" for seen in state.unsuitable.values()}))
        return Failure(
            "nothing_suitable", f"{len(state.unsuitable)} seen, none suits: {reasons}", Source.DEVICE
        )
    setback = f" (sending failed: {state.setback})" if state.setback else ""
    return Failure("no_access_point", f"no access point answered{setback}", Source.NETWORK)


def buy(state: State, now: Now) -> Step:
    chosen = cheapest(state.candidates)
    offer, valid_until_s = chosen.offer, now.utc_s + state.settings.purchase_valid_s
    allocate = Allocate(
        provider=chosen.announcement.provider,
        price_ubc=chosen.price_ubc,
        band=offer.band,
        epoch=offer.epoch,
        allocations=chosen.units,
    )
    state = replace(
        enter(state, Phase.BUYING),
        chosen=chosen,
        allocate=allocate,
        purchase=Signed(b"", b"", valid_until_s),
        choose_ns=None,
        retry=None,
        purchases=state.purchases + 1,
    )
    return state, [SignPurchase(allocate, valid_until_s, chosen.announcement.ledger_id)]


def send_purchase(state: State, event: PurchaseSigned, now: Now, _address: str) -> Step:
    assert state.purchase is not None
    purchase = Signed(event.transaction, event.transaction_id, state.purchase.valid_until_s)
    state = replace(state, purchase=purchase, retry=begin(state.settings.purchase, now.mono_ns))
    return state, [
        Tell(f"buying; transaction {event.transaction_id.hex()}"),
        to_chosen(state, Purchase(event.transaction), event.transaction_id),
    ]


def send_purchase_again(state: State, _event: Event, now: Now, _address: str) -> Step:
    purchase, retry = state.purchase, state.retry
    assert purchase is not None
    assert retry is not None
    if now.mono_ns < retry.due_ns:
        return state, []
    if retry.exhausted(state.settings.purchase) or now.utc_s >= purchase.valid_until_s:
        return fail(state, purchase_unanswered(state)), []
    state = replace(state, retry=again(retry, state.settings.purchase, now.mono_ns))
    return state, [
        Tell("no answer yet; sending the same purchase again"),
        to_chosen(state, Purchase(purchase.transaction), purchase.transaction_id),
    ]


def purchase_unanswered(state: State) -> Failure:
    assert state.purchase is not None
    last = f"; last heard: {state.setback}" if state.setback else ""
    detail = (
        f"no signed answer to transaction {state.purchase.transaction_id.hex()}{last}. "
        "Whether it was charged, the ledger knows: ask it for this id before you buy again"
    )
    return Failure("outcome_unknown", detail, Source.NETWORK)


def hear_outcome(state: State, outcome: Outcome, now: Now, _address: str) -> Step:
    purchase, pinned = state.purchase, state.pinned
    assert pinned is not None
    if purchase is None or not purchase.transaction or outcome.transaction_id != purchase.transaction_id:
        return drop(state, "foreign_outcome"), []
    try:
        receipt = read_receipt(outcome.receipt, pinned.key, pinned.ledger_id)
        grant = read_grant(outcome.grant, pinned.key, pinned.ledger_id) if outcome.grant else None
    except DecodeError as error:
        return replace(drop(state, "bad_outcome"), setback=str(error)), []
    if receipt.subject != purchase.transaction_id:
        return drop(state, "foreign_receipt"), []
    if receipt.executed or receipt.reason == "replayed":
        return _hear_grant(state, grant, outcome.grant, now)
    return _hear_rejection(state, receipt, now)


def _hear_rejection(state: State, receipt: Receipt, now: Now) -> Step:
    assert state.chosen is not None
    assert state.purchase is not None
    detail = receipt.detail
    if receipt.reason == "expired":  # says nothing about a copy that came in time
        detail = f"{detail}; {purchase_unanswered(state).detail}"
    rejection = Failure(receipt.reason, detail, Source.LEDGER)
    if receipt.reason not in LOOK_AGAIN or state.purchases >= state.settings.purchases:
        return fail(state, rejection), []
    spent = state.spent_offers | {(state.chosen.announcement.provider, state.chosen.offer.epoch)}
    state, commands = discover(replace(state, spent_offers=spent, rejection=rejection), now)
    return state, [
        Tell(f"the ledger rejected it ({receipt.reason}: {receipt.detail}); looking again"),
        *commands,
    ]


def _hear_grant(state: State, grant: Grant | None, encoded: bytes, now: Now) -> Step:
    if grant is None:  # executed, but the grant was lost on the way: the next copy brings it
        return replace(state, setback="a receipt without its grant"), []
    assert state.purchase is not None
    assert state.allocate is not None
    assert state.chosen is not None
    difference = check_grant(
        grant, state.consumer, state.allocate, state.chosen.offer, state.purchase.transaction_id
    )
    if difference:
        return fail(state, Failure("grant_differs", f"not what was bought: {difference}", Source.LEDGER)), []
    state, commands = enter_network(replace(state, grant=grant, grant_bytes=encoded), now)
    return state, [Tell(f"bought; grant {grant.grant_id.hex()}"), *commands]


def refused_purchase(state: State, refused: Refused, _now: Now, address: str) -> Step:
    assert state.purchase is not None
    if not from_chosen(state, address) or refused.subject not in (b"", state.purchase.transaction_id):
        return drop(state, "foreign_refusal"), []
    if refused.reason in NOT_YET or not state.purchase.transaction:
        return replace(state, setback=f"{refused.reason}: {refused.detail}"), []
    lapses = f"the signed purchase lapses at {state.purchase.valid_until_s} (UTC seconds)"
    return fail(state, Failure(refused.reason, f"{refused.detail}; {lapses}", Source.ACCESS_POINT)), []


def abandon(state: State, _event: Event, _now: Now, _address: str) -> Step:
    """Nothing to leave yet. A purchase that was sent may still be charged, which is why it is named."""
    sent = state.purchase is not None and bool(state.purchase.transaction) and state.phase is Phase.BUYING
    return end(state, purchase_unanswered(state).detail if sent else "given up before anything was bought")
