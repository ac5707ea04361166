"""Auctions on the shared ledger: two providers at the houses of two operators, bidders at all four, three keepers.

Opened, answered for and verified by `airgrant ledger auction`, as providers do it; bids are made and sealed as its
`bid` does. They reach their house by HTTP from other operators' networks, or through its own operator's broker. Who
lives where: providers beside the router, houses and keepers beside the operators' ledgers.
"""

import json
import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from lab.ledger_net.lots import THRESHOLD, Lot, dues
from lab.ledger_net.market import Bid, Market, Purchase, Sale
from lab.ledger_net.sites import HTTP_PORT, Site, Sites
from lab.processes import Child, wait_until
from ledger.clearing.bidding import strangers
from ledger.clearing.callback import ask_keeper
from ledger.clearing.house_client import HouseClient
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status, read_auction_receipt
from wire.auction_request import PlaceBid, write_auction_request
from wire.create import Create
from wire.errors import ShellError
from wire.key_agreement import SEAL_KEY_SIZE
from wire.keys import PrivateKey
from wire.transaction import NONCE_SIZE, read_transaction

SETTLED_WITHIN_S = 60.0
FIRST_DESK_PORT = 8601
SLOWNESS = 6
"""A machine that needs long to start the desks needs several times as long until all have bid: then bids are taken for
so many times as long.
"""
_TERMS = (
    *("--for", "10m", "--down", "20M-100M", "--up", "5M-20M"),
    *("--band", "5170000-5250000/80000"),
)


@contextmanager
def open_sales(sites: Sites, market: Market, lots: Sequence[Lot]) -> Iterator[list[Sale]]:
    """The auctions, and for the length of the block their providers' desks. Raises ShellError."""
    keys = {lot.provider: PrivateKey.generate() for lot in lots}
    market.auctioneers.extend(keys.values())
    market.must(sites.everybody[-1], [market.sign(Create(key.public), key) for key in keys.values()])
    desks: list[Child] = []
    begun_s = time.monotonic()
    try:
        for number, lot in enumerate(lots):
            file = sites[lot.house].folder / f"{lot.provider}.key"
            file.write_bytes(keys[lot.provider].to_pem())
            listen = f"0.0.0.0:{FIRST_DESK_PORT + number}"
            words = _words("serve", sites[lot.house], "--key", str(file), "--listen", listen)
            household = sites[lot.house].household
            desks.append(household.start(f"{lot.provider}-desk", words, namespace=sites.router))
        for desk in desks:
            desk.wait_for_line("^offer desk ready", 60.0)
        slow_s = math.ceil(SLOWNESS * (time.monotonic() - begun_s))
        patient = [replace(lot, clears_in_s=max(lot.clears_in_s, slow_s)) for lot in lots]
        yield [_create(sites, lot, FIRST_DESK_PORT + number) for number, lot in enumerate(patient)]
    finally:
        for desk in desks:
            desk.stop()


def place_bids(sites: Sites, market: Market, sale: Sale) -> Sale:
    """Every bidder by the next operator; the house's receipts are verified. Raises ShellError."""
    trusted = {sites[name].key.public for name in sale.lot.keepers}
    if strangers(sale.auction, trusted):
        raise ShellError(sale.lot.house, "shows an auction whose keepers are strangers")
    bids, taken = [], []
    for number, (price_ubc, due) in enumerate(zip(sale.lot.bids_ubc, dues(sale.lot), strict=True)):
        bidder, bid_key = market.buyers[number], PrivateKey.generate()
        plain = make_bid(sale.auction, price_ubc, bidder, market.ledger_id, os.urandom(NONCE_SIZE))
        chance = os.urandom(SEAL_KEY_SIZE)
        sealed = conceal_bid(sale.auction, plain, bidder, bid_key, market.ledger_id, chance)
        name = read_transaction(plain, market.ledger_id).transaction_id
        bids.append(Bid(bidder, price_ubc, bid_key.public, name, due))
        taken.append(_send(sale, market, sites.everybody[number % len(sites.everybody)], sealed))
    if any(receipt.status is not Status.PENDING for receipt in taken):
        raise ShellError(sale.lot.house, f"said to bids: {[receipt.status.name for receipt in taken]}")
    return replace(sale, bids=tuple(bids))


def place_open_bids(market: Market, sale: Sale, bidders: Sequence[PrivateKey]) -> Sale:
    """One bidder for each amount of the lot, all through the broker of the house's operator. Raises ShellError."""
    plain = [
        make_bid(sale.auction, price_ubc, bidder, market.ledger_id, os.urandom(NONCE_SIZE))
        for price_ubc, bidder in zip(sale.lot.bids_ubc, bidders, strict=True)
    ]
    requests = [write_auction_request(PlaceBid(sale.auction_id, one)) for one in plain]
    with sale.site.client() as client:
        for answer in client.ask_all("auction", requests):
            receipt = read_auction_receipt(answer, sale.site.key.public, market.ledger_id)
            if receipt.status is not Status.PENDING:
                raise ShellError(sale.lot.house, f"said to a bid: {receipt.reason}: {receipt.detail}")
    names = [read_transaction(one, market.ledger_id).transaction_id for one in plain]
    made = zip(bidders, sale.lot.bids_ubc, names, dues(sale.lot), strict=True)
    return replace(sale, bids=tuple(Bid(key, price, key.public, name, due) for key, price, name, due in made))


def check_sealed(sites: Sites, sale: Sale) -> None:
    """No keeper tells its secret yet. Raises ShellError."""
    clearing_s = sale.auction.terms.mark.clearing_s
    for name in sale.lot.keepers:
        keeper = partial(ask_keeper, f"http://127.0.0.1:{HTTP_PORT}", clearing_s)
        try:
            sites[name].namespace.call(keeper)
        except ShellError as error:
            if "answers 404" in error.detail:
                continue
            raise
        raise ShellError(name, "told the secret of a time that is still to come")


def wait_until_settled(market: Market, sale: Sale) -> Sale:
    """Until the house says that it is over; what took effect is in the market's books. Raises ShellError."""
    path = f"auctions/{sale.auction_id.hex()}"

    def over() -> bool:
        return bool(sale.site.read(path)["status"] == "inactive")

    wait_until(over, f"{sale.lot.house}'s auction is settled", SETTLED_WITHIN_S)
    page = sale.site.read(path)
    if page["reason"]:
        raise ShellError(sale.lot.house, f"auction: {page['reason']}: {page['detail']}")
    provider = sale.auction.terms.provider
    listed = sale.site.read(f"transactions?account={provider}")["transactions"]
    offer = bytes.fromhex(next(one["id"] for one in listed if one["action"] == "offer"))
    market.done[offer] = Purchase(b"", offer)
    won = [bid for bid in sale.bids if bid.due.units]
    for bid in won:
        market.done[bid.transaction_id] = Purchase(b"", bid.transaction_id, bid.due.price_ubc)
    return replace(sale, batch=(offer, *(bid.transaction_id for bid in won)))


def differences(sale: Sale, market: Market) -> list[str]:
    """Where what the house shows and signs is not what the rules come to."""
    shown = {one["bid_id"]: one for one in sale.site.read(f"auctions/{sale.auction_id.hex()}")["bids"]}
    wrong = []
    for bid in sale.bids:
        page, receipt = shown[str(bid.bid_id)], _ask(sale, market, bid)
        status = Status.EXECUTED if bid.due.units else Status.CANCELLED
        seen = receipt.status, page["units"], page["paid_ubc"]
        if seen != (status, bid.due.units, bid.due.price_ubc):
            wrong.append(f"a bid of {bid.price_ubc} ubc: {receipt.status.name} {receipt.reason} {seen[1:]}")
    return wrong


def verify(sale: Sale) -> dict[str, Any]:
    """What `airgrant ledger auction verify` says of this auction, at its house. Raises ShellError unless all holds."""
    said = json.loads(
        sale.site.namespace.run(
            _words("verify", sale.site, "--ledger-log", str(sale.site.database), "--json"), deadline_s=60.0
        )
    )
    found: dict[str, Any] = next(
        one for one in said["auctions"] if one["auction_id"] == sale.auction_id.hex()
    )
    return found


def _create(sites: Sites, lot: Lot, desk_port: int) -> Sale:
    site = sites[lot.house]
    words = [*_TERMS, "--kind", lot.kind, "--units", str(lot.units), "--in", f"{lot.clears_in_s}s"]
    words += ["--key", str(site.folder / f"{lot.provider}.key"), "--minimum", f"{lot.minimum_ubc / 10**6:f}"]
    words += ["--callback", f"http://10.90.{site.number}.1:{desk_port}/offer"]
    words += ["--sealed", "--threshold", str(THRESHOLD)] if lot.keepers else []
    for name in lot.keepers:
        words += ["--keeper-at", f"http://{sites[name].address}:{HTTP_PORT}"]
    said = json.loads(sites.router.run(_words("create", site, *words, "--json")))
    auction_id = bytes.fromhex(said["auction_id"])
    house = HouseClient(_url(site), site.key.public, sites.network.genesis.ledger_id)
    return Sale(lot, site, sites.router.call(lambda: house.auction(auction_id)))


def _send(sale: Sale, market: Market, bidder_at: Site, sealed: bytes) -> AuctionReceipt:
    """From the house's own operator by MQTT, from another one's network by HTTP."""
    if bidder_at is sale.site:
        with sale.site.client() as client:
            request = write_auction_request(PlaceBid(sale.auction_id, sealed))
            return read_auction_receipt(
                client.ask("auction", request), sale.site.key.public, market.ledger_id
            )
    house = HouseClient(_url(sale.site), sale.site.key.public, market.ledger_id)
    try:
        return bidder_at.namespace.call(lambda: house.bid(sale.auction_id, sealed))
    except LookupError as error:
        raise ShellError(sale.lot.house, f"said to a bid: {error.args[0]}") from error


def _ask(sale: Sale, market: Market, bid: Bid) -> AuctionReceipt:
    house = HouseClient(_url(sale.site), sale.site.key.public, market.ledger_id)
    return sale.site.namespace.call(lambda: house.bid_status(sale.auction_id, bid.bid_id))


def _url(site: Site) -> str:
    return f"http://{site.address}:{HTTP_PORT}"


def _words(command: str, site: Site, *more: str) -> list[str]:
    return [sys.executable, "-m", "airgrant", "ledger", "auction", command, "--ledger", _url(site), *more]
