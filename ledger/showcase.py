"""Offer states: what the ledger tells everybody about a provider's current offer, now.

Pure. Units become free again when grants end, without any transaction; so the state is looked at with time
passed, not as the last block left it.
"""

from collections.abc import Iterable

from ledger.capacity import allocations_left
from ledger.passing import pass_time
from ledger.state import State, read_account_by_id, read_offer_by_id
from wire.ids import PublicKey
from wire.offer_state import OfferState


def touched_providers(keys: Iterable[bytes]) -> set[bytes]:
    """The key ids of providers whose offer, or what is left of it, depends on entries that changed."""
    return {key[1:9] for key in keys if key[:1] in (b"o", b"b")}


def all_providers(state: State) -> set[bytes]:
    """The key ids of everybody who ever posted an offer."""
    return {key[1:9] for key in state.keys_listed(b"o")}


def due_providers(state: State, now_s: int) -> set[bytes]:
    """The key ids of providers for whom something ends by itself at `now_s` or before."""
    return touched_providers(pass_time(state, now_s).changes)


def look_at(state: State, provider_key_id: bytes, height: int, now_s: int) -> OfferState | None:
    """A provider's offer as it stands at `now_s`; None if there is none."""
    view = pass_time(state, now_s)
    offer = read_offer_by_id(view, provider_key_id)
    account = read_account_by_id(view, provider_key_id)
    if offer is None or account is None:
        return None
    return OfferState(
        provider=PublicKey(account.key),
        height=height,
        epoch=offer.epoch,
        price_ubc=offer.price_ubc,
        band=offer.band,
        allocation_duration_s=offer.allocation_duration_s,
        qos=offer.qos,
        allocations_left=allocations_left(view, provider_key_id, offer, now_s),
    )
