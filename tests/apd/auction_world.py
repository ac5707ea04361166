"""A box with [auction], and what its clearing house says to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from apd.auction_state import SoldShare
from apd.commands import SignAuction, SignAuctionOffer
from apd.events import AuctionOfferSigned, AuctionSigned, LedgerReplied
from apd.session import Session
from apd.settings import AuctionSettings
from tests.apd.playbook import Box, sells, settings, start_box
from tests.apd.world import BAND, LEDGER, LEDGER_ID, PROVIDER, START, START_S, signed_state
from wire.auction import Auction, write_auction
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_request import AuctionRequest, write_auction_request
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.generate_offer import GenerateOffer, write_generate_offer
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare
from wire.qos import Qos
from wire.time_key import TimeKey, write_time_key
from wire.transaction import sign_transaction
from wire.units import Now

AUCTION = AuctionSettings(slots=4, open_s=10)
SLOT_S, PRICE_UBC = 20, 1_000
UNIT = Qos(1_000_000, 4_000_000, 500_000, 4_000_000)
SIX = {"shaper_downlink_capacity_bps": 6_000_000}
"""Units that the box has."""
QUIET = {"report_interval_s": 86_400, "idle_timeout_s": 0, "offer_lifetime_s": 86_400}
FIRST_S = START_S + SLOT_S
"""The first clearing time."""
OFFER: dict[str, Any] = {
    "qos": UNIT, "price_ubc": PRICE_UBC, "allocation_duration_s": SLOT_S, "allocations_left": 0,
}  # fmt: skip
"""Of which 0 units are sold: the form of each auction."""


def auction_box(**changes: Any) -> Box:
    """A box of six units that holds auctions, as soon as it has an offer."""
    return sells(start_box(settings(**{**SIX, **QUIET, "auction": AUCTION, **changes})), **OFFER)


def again(
    box: Box,
    sold: Mapping[bytes, tuple[SoldShare, ...]] | None = None,
    sessions: Iterable[Session] = (),
) -> Box:
    """Another run of the same box, now: with this on its disk."""
    return start_box(box.state.settings, sessions, offer_state=signed_state(**OFFER), sold=sold, now=box.now)


def correlation(number: int, began: Now = START) -> bytes:
    """Of the `number`-th question of a run."""
    return b"a" + (began.utc_ms + number).to_bytes(8, "big")


def said(number: int, data: bytes, began: Now = START) -> LedgerReplied:
    """The house's answer to it."""
    return LedgerReplied(correlation(number, began), data)


def asked(request: AuctionRequest) -> bytes:
    return write_auction_request(request)


def time_key(clearing_s: int = FIRST_S, keeper: PrivateKey = LEDGER) -> bytes:
    return _time_key(clearing_s, keeper)


@cache
def _time_key(clearing_s: int, keeper: PrivateKey) -> bytes:
    """A house signs one of each second."""
    return write_time_key(TimeKey(keeper.public, clearing_s, PrivateKey.from_secret(23).public), keeper)


def word(
    auction_id: bytes, status: Status, reason: str = "", detail: str = "", key: PrivateKey = LEDGER
) -> bytes:
    """The house's receipt of an auction."""
    receipt = AuctionReceipt(auction_id, status, reason=reason, detail=detail)
    return write_auction_receipt(receipt, key, LEDGER_ID)


def question(
    made: Auction,
    encoded: bytes,
    shares: Mapping[PublicKey, AuctionShare],
    key: PrivateKey = LEDGER,
    **changes: Any,
) -> bytes:
    """What the house asks the provider to sign of the auction that it made."""
    usual = GenerateOffer(encoded, made.terms.mark.min_price_ubc, shares, made.settle_by_s)
    return write_generate_offer(replace(usual, **changes), key, LEDGER_ID)


def share(units: int, slots: int, price_ubc: int | None = None) -> AuctionShare:
    return AuctionShare(units, units * slots * PRICE_UBC if price_ubc is None else price_ubc, slots)


def auction_signed(box: Box) -> AuctionSigned:
    """What the daemon does with the last SignAuction."""
    made = box.last(SignAuction).auction
    return AuctionSigned(made.auction_id, write_auction(made, PROVIDER, LEDGER_ID))


def offer_signed(box: Box) -> AuctionOfferSigned:
    """And with the last SignAuctionOffer."""
    order = box.last(SignAuctionOffer)
    made = sign_transaction(order.transaction, PROVIDER, LEDGER_ID)
    return AuctionOfferSigned(order.auction_id, made.envelope.encoded)


def session_auction(forecast: tuple[int, ...] = (6, 6, 6, 6), clearing_s: int = FIRST_S) -> Auction:
    """What the box holds."""
    mark = AuctionMark(AuctionKind.SESSION, clearing_s, PRICE_UBC, forecast)
    terms = AuctionTerms(PROVIDER.public, mark, BAND, 6, SLOT_S, UNIT)
    return Auction(terms, 4, "", LEDGER.public, 1, (time_key(clearing_s),))
