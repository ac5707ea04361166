"""What the clearing house shows by HTTP: auctions, bids as far as they may be seen, and its log.

Pure functions from the book to pydantic models. Keys and ids are hex, signed things base64 as they were signed, money
in micro-bandcoin. Of a sealed bid nothing is shown before it has been opened but that it is there, when and under which
name.
Reference: Bandcoin 5.4, table 1 (ListAuctions).
"""

import base64

from pydantic import BaseModel, Field

from ledger.clearing.book import Bid, Listing, Phase
from wire.auction_terms import AuctionKind


class BidPage(BaseModel):
    """A bid; account and price are null while it is sealed."""

    bid_id: str
    status: str
    reason: str
    at_ns: int
    account: str | None
    price_ubc: int | None
    units: int
    paid_ubc: int


class AuctionPage(BaseModel):
    """An auction: `auction` has all that its provider signed."""

    auction_id: str
    status: str = Field(description="active, inactive")
    reason: str
    detail: str
    kind: str
    provider: str
    clearing_s: int
    min_price_ubc: int
    max_allocations: int
    sealed: bool
    auction: str = Field(description="base64 of the signed auction (COSE_Sign1)")
    bids: list[BidPage]


class AuctionListPage(BaseModel):
    """Auctions in the order in which they came."""

    auctions: list[AuctionPage]
    after: int | None


class EntryPage(BaseModel):
    """An entry of the house's log."""

    number: int
    entry: str = Field(description="base64 of its canonical CBOR")


class LogPage(BaseModel):
    """The house's log, sealed bids as they came: who applies it to a book has the auctions."""

    house: str
    entries: list[EntryPage]
    after: int | None


MAX_BIDS_SHOWN = 1_000


def show_auction(listing: Listing) -> AuctionPage:
    terms, receipt = listing.auction.terms, listing.receipt()
    return AuctionPage(
        auction_id=listing.auction_id.hex(),
        status=receipt.status.name.lower(),
        reason=receipt.reason,
        detail=receipt.detail,
        kind="vickrey" if terms.mark.kind is AuctionKind.VICKREY else "propshare",
        provider=str(terms.provider),
        clearing_s=terms.mark.clearing_s,
        min_price_ubc=terms.mark.min_price_ubc,
        max_allocations=terms.max_allocations,
        sealed=listing.auction.is_sealed,
        auction=base64.b64encode(listing.encoded).decode(),
        bids=[show_bid(listing, bid) for bid in list(listing.bids.values())[:MAX_BIDS_SHOWN]],
    )


def show_bid(listing: Listing, bid: Bid) -> BidPage:
    receipt = listing.receipt(bid.name)
    award = None
    if listing.closed is not None and not listing.closed.reason:
        award = next((one for one in listing.awards if one.bid is bid.opened), None)
    readable = not listing.auction.is_sealed or listing.phase is not Phase.OPEN
    return BidPage(
        bid_id=str(bid.name),
        status=receipt.status.name.lower(),
        reason=receipt.reason,
        at_ns=bid.taken.at_ns,
        account=str(bid.account) if readable else None,
        price_ubc=bid.opened.price_ubc if readable and bid.opened is not None else None,
        units=0 if award is None else award.units,
        paid_ubc=0 if award is None else award.price_ubc,
    )
