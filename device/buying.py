"""Choosing an offer and buying it. Pure handlers of device/agent.py."""

from dataclasses import replace

from device.choice import cheapest
from device.discovering import discover
from device.events import (
    Event,
    Failure,
    ForgetPurchase,
    KeepGrant,
    PurchaseSigned,
    Send,
    SignPurchase,
    Source,
    Tell,
)
from device.grant_check import check_grant
from device.joining import enter_network
from device.retry import NS_PER_MS, Retry, again, begin
from device.state import (
    Phase,
    Signed,
    State,
    Step,
    drop,
    end,
    enter,
    fail,
    from_chosen,
    on_the_air,
    to_chosen,
)
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
    setback = f" (sending failed: {state.setback})" if state.setback else ""
    reasons = "; ".join(sorted({f"{seen.reason}: {seen.detail}" for seen in state.unsuitable.values()}))
    if state.unanswered:
        which = ", ".join(one.transaction_id.hex() for one in state.unanswered)
        seen = f"; seen: {reasons}" if reasons else ""
        detail = (
            f"nobody signed yet what became of transaction {which}, and there is no access point of its provider to ask"
            f"{setback}{seen}. Ask again where it sells. `airgrant buy --new` buys without asking, and may pay twice"
        )
        return Failure("no_access_point", detail, Source.NETWORK)
    if state.rejection is not None:
        return state.rejection
    if reasons:
        return Failure(
            "nothing_suitable", f"{len(state.unsuitable)} seen, none suits: {reasons}", Source.DEVICE
        )
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
        purchase=Signed(b"", b"", valid_until_s, allocate, offer),
        patience_until_s=valid_until_s,
        choose_ns=None,
        retry=None,
        purchases=state.purchases + 1,
    )
    return state, [SignPurchase(allocate, valid_until_s, chosen.announcement.ledger_id)]


def send_purchase(state: State, event: PurchaseSigned, now: Now, _address: str) -> Step:
    assert state.purchase is not None
    purchase = replace(state.purchase, transaction=event.transaction, transaction_id=event.transaction_id)
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
    if retry.exhausted(state.settings.purchase) or now.utc_s >= state.patience_until_s:
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
        f"no signed answer to transaction {state.purchase.transaction_id.hex()}{last}. Whether it was charged, the "
        "ledger knows. The signed purchase is kept: `airgrant buy` asks for its outcome, where this provider sells, "
        "before it buys anything else; with --new it does not ask, and may pay twice"
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
    """Signed: nothing was charged. `expired` is said only of what never ran."""
    chosen = state.chosen
    assert chosen is not None
    assert state.purchase is not None
    transaction_id, told = state.purchase.transaction_id, f"{receipt.reason}: {receipt.detail}"
    forget = ForgetPurchase(transaction_id)
    earlier = [one for one in state.unanswered if one.transaction_id == transaction_id]
    if earlier:
        state = replace(state, unanswered=tuple(one for one in state.unanswered if one not in earlier))
        state, commands = discover(replace(state, allocate=None, setback=""), now)
        return state, [forget, Tell(f"nothing was charged for the purchase before ({told})"), *commands]
    detail = receipt.detail
    if receipt.reason == "expired":
        detail = f"{detail}; nothing was charged. If this device's clock is right, buy again"
    rejection = Failure(receipt.reason, detail, Source.LEDGER)
    if receipt.reason not in LOOK_AGAIN or state.purchases >= state.settings.purchases:
        return fail(state, rejection), [forget]
    spent = state.spent_offers | {(chosen.announcement.provider, chosen.offer.epoch)}
    state, commands = discover(replace(state, spent_offers=spent, rejection=rejection), now)
    return state, [forget, Tell(f"the ledger rejected it ({told}); looking again"), *commands]


def _hear_grant(state: State, grant: Grant | None, encoded: bytes, now: Now) -> Step:
    if grant is None:  # executed, but the grant was lost on the way: the next copy brings it
        return replace(state, setback="a receipt without its grant"), []
    purchase = state.purchase
    assert purchase is not None
    keep = KeepGrant(grant.grant_id, encoded, purchase.transaction_id)
    left = tuple(one for one in state.unanswered if one.transaction_id != purchase.transaction_id)
    state = replace(state, grant_bytes=encoded, unanswered=left)
    difference = check_grant(
        grant, state.consumer, purchase.allocate, purchase.offer, purchase.transaction_id
    )
    if difference:
        detail = (
            f"not what was bought: {difference}. It was charged: complain to the ledger; the grant is kept"
        )
        return fail(state, Failure("grant_differs", detail, Source.LEDGER)), [keep]
    state, commands = enter_network(replace(state, grant=grant), now)
    return state, [keep, Tell(f"bought; grant {grant.grant_id.hex()}"), *commands]


def refused_purchase(state: State, refused: Refused, _now: Now, address: str) -> Step:
    """Not signed. On the air anybody may have said it, so there it ends nothing: who stops listening has lost what
    the ledger may have granted.
    """
    assert state.purchase is not None
    if not from_chosen(state, address) or refused.subject not in (b"", state.purchase.transaction_id):
        return drop(state, "foreign_refusal"), []
    setback = f"{refused.reason}: {refused.detail}"
    if refused.reason in NOT_YET or not state.purchase.transaction:
        return replace(state, setback=setback), []
    if on_the_air(state):
        text = f"the access point says no ({setback}), which nobody signed; waiting for the ledger's word"
        return replace(state, setback=setback), [] if state.setback == setback else [Tell(text)]
    detail = (
        f"{refused.detail}; the signed purchase lapses at {state.purchase.valid_until_s} (UTC seconds). Should it "
        "have been charged all the same, the next `airgrant buy` here finds that out before it buys anything else; to "
        "buy elsewhere at once takes --new"
    )
    return fail(state, Failure(refused.reason, detail, Source.ACCESS_POINT)), []


def abandon(state: State, _event: Event, _now: Now, _address: str) -> Step:
    """Nothing to leave yet. A purchase that was sent may still be charged, which is why it is named."""
    sent = is_unanswered(state)
    return end(state, purchase_unanswered(state).detail if sent else "given up before anything was bought")


def is_unanswered(state: State) -> bool:
    """Whether a purchase was sent and nobody signed what became of it."""
    return state.phase is Phase.BUYING and state.purchase is not None and bool(state.purchase.transaction)
