"""What the clearing house shows by HTTP: auctions, bids as far as they may be seen, and its log.

Pure functions from the book to pydantic models. Keys and ids are hex, signed things base64 as they were signed, money
in micro-bandcoin. Of a sealed bid nothing is shown before it has been opened but that it is there, when and under which
name.
Reference: Bandcoin 5.4, table 1 (ListAuctions).
"""

import base64
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from ledger.clearing.book import Bid, Listing, PastBid, Phase
from ledger.pages import BandPage, QosPage, show_band, show_qos
from wire.auction_list import MAX_LISTED, AuctionList, ListedAuction
from wire.auction_request import ListAuctions
from wire.ids import PublicKey


class BidPage(BaseModel):
    """A bid; account and price are null while it is sealed."""

    bid_id: str
    status: str
    reason: str = Field(
        description="why it was cancelled or is an error; of a pending one why its auction stands still"
    )
    at_ns: int
    account: str | None
    price_ubc: int | None
    wants: list[int] | None = Field(description="in a session auction the units and the slots that it is for")
    units: int
    slots: int = Field(description="of a session that won; 0 in other auctions")
    paid_ubc: int


class AuctionSummary(BaseModel):
    """An auction: `auction` has all that its provider signed. Its bids have a page of their own."""

    auction_id: str
    number: int = Field(description="its place in the house's log")
    status: str = Field(description="active, inactive")
    reason: str = Field(
        description="why it came to nothing; of an active one why it stands still; empty if all is well"
    )
    detail: str
    kind: str
    provider: str
    bids_until_s: int = Field(description="UTC: bids are taken before that second")
    clearing_s: int
    min_price_ubc: int = Field(description="of a session auction for one unit in one slot")
    forecast: list[int] = Field(
        description="of a session auction the units that are free in each slot; else empty"
    )
    max_allocations: int
    allocation_duration_s: int
    band: BandPage
    qos: QosPage = Field(description="of one unit; `usage` is what use beyond it costs, paid afterwards")
    sealed: bool
    keepers: list[str] = Field(description="who tell the secrets with which sealed bids are read")
    threshold: int = Field(description="how many of them are needed")
    auction: str = Field(description="base64 of the signed auction (COSE_Sign1)")
    bid_count: int = Field(description="bids that came, replaced ones too")


class AuctionPage(AuctionSummary):
    """With the first of its bids."""

    bids: list[BidPage]
    after: int | None = Field(description="where its page of bids goes on, if these are not all")


class BidListPage(BaseModel):
    """Bids of one auction in the order in which they came."""

    bids: list[BidPage]
    after: int | None


class AuctionListPage(BaseModel):
    """Auctions in the order in which they came."""

    auctions: list[AuctionSummary]
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


def choose_listings(
    listings: Sequence[Listing], wanted: ListAuctions, limit: int
) -> tuple[list[Listing], int | None]:
    """At most so many, and behind which place there are more."""
    found = [
        one
        for one in listings
        if one.taken.number > wanted.after
        and (one.is_active or not wanted.active)
        and wanted.provider in (None, one.auction.terms.provider)
    ]
    return found[:limit], found[limit - 1].taken.number if len(found) > limit else None


def list_auctions(listings: Sequence[Listing], wanted: ListAuctions) -> AuctionList:
    """For whoever has no HTTP."""
    found, after = choose_listings(listings, wanted, MAX_LISTED)
    rows = [(one, one.receipt()) for one in found]
    return AuctionList(
        tuple(
            ListedAuction(one.encoded, said.status, said.number, one.bidder_count, said.reason)
            for one, said in rows
        ),
        after or 0,
    )


def summarise(listing: Listing) -> AuctionSummary:
    return AuctionSummary(**_fields(listing))


def show_auction(listing: Listing, bids: int) -> AuctionPage:
    """With at most so many of its bids."""
    shown = show_bids(listing, 0, bids)
    return AuctionPage(**_fields(listing), bids=shown.bids, after=shown.after)


def show_bids(listing: Listing, after: int, limit: int) -> BidListPage:
    """At most `limit` that came after this place of the log."""
    if listing.past is not None:
        past = list(listing.past.items())
        first = bisect_right(past, after, key=lambda pair: pair[1].receipt.number)
        some = past[first : first + limit]
        end = some[-1][1].receipt.number if first + limit < len(past) else None
        return BidListPage(bids=[_show_past(name, one) for name, one in some], after=end)
    bids = list(listing.bids.values())
    first = bisect_right(bids, after, key=lambda bid: bid.taken.number)
    chosen = bids[first : first + limit]
    more = first + limit < len(bids)
    return BidListPage(
        bids=[show_bid(listing, bid) for bid in chosen], after=chosen[-1].taken.number if more else None
    )


def _fields(listing: Listing) -> dict[str, Any]:
    terms, receipt, auction = listing.auction.terms, listing.receipt(), listing.auction
    return {
        "auction_id": listing.auction_id.hex(),
        "number": receipt.number,
        "status": receipt.status.name.lower(),
        "reason": receipt.reason,
        "detail": receipt.detail,
        "kind": terms.mark.kind.name.lower(),
        "provider": str(terms.provider),
        "bids_until_s": terms.mark.bids_until_s,
        "clearing_s": terms.mark.clearing_s,
        "min_price_ubc": terms.mark.min_price_ubc,
        "forecast": list(terms.mark.forecast),
        "max_allocations": terms.max_allocations,
        "allocation_duration_s": terms.allocation_duration_s,
        "band": show_band(terms.band),
        "qos": show_qos(terms.qos),
        "sealed": auction.is_sealed,
        "keepers": [str(key.keeper) for key in auction.read_time_keys()],
        "threshold": auction.threshold,
        "auction": base64.b64encode(listing.encoded).decode(),
        "bid_count": listing.bid_count,
    }


def _show_past(name: PublicKey, bid: PastBid) -> BidPage:
    return BidPage(
        bid_id=str(name),
        status=bid.receipt.status.name.lower(),
        reason=bid.receipt.reason,
        at_ns=bid.receipt.at_ns,
        account=str(bid.account),
        price_ubc=bid.price_ubc,
        wants=None if bid.wants is None else list(bid.wants),
        units=bid.units,
        slots=bid.slots,
        paid_ubc=bid.paid_ubc,
    )


def show_bid(listing: Listing, bid: Bid) -> BidPage:
    status, refusal = listing.status_of(bid)
    award = None
    if listing.closed is not None and not listing.closed.reason:
        award = listing.award_of(bid)
    readable = not listing.auction.is_sealed or listing.phase in {Phase.CLEARING, Phase.OFFERED, Phase.CLOSED}
    opened = bid.opened if readable else None
    return BidPage(
        bid_id=str(bid.name),
        status=status.name.lower(),
        reason=refusal.reason if refusal else "",
        at_ns=bid.taken.at_ns,
        account=str(bid.account) if readable else None,
        price_ubc=None if opened is None else opened.price_ubc,
        wants=[opened.bundle[0], len(opened.bundle)] if opened is not None and opened.bundle else None,
        slots=0 if award is None else award.slots,
        units=0 if award is None else award.units,
        paid_ubc=0 if award is None else award.price_ubc,
    )
