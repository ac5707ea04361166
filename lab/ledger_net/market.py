"""Who buys and sells on the shared ledger: accounts, an offer, and purchases that are handed to any operator.

A purchase is signed once; its bytes may be handed to several operators, or again to another one when the first is
silent. `Market` remembers what it was told became of each, so that the end can be compared with every ledger.
"""

import os
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from lab.ledger_net.lots import Due, Lot
from lab.ledger_net.sites import Site, wait_until_agreed
from wire.allocate import Allocate
from wire.auction import Auction
from wire.band import Band
from wire.create import Create
from wire.errors import ShellError
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.ledger_reply import LedgerReply
from wire.money_actions import Deposit
from wire.post_offer import PostOffer
from wire.qos import Qos
from wire.receipt import read_receipt
from wire.transaction import NONCE_SIZE, Action, Transaction, sign_transaction

PRICE_UBC = 100
DEPOSIT_UBC = 10**12
BUYERS = 20
VALID_FOR_S = 3_600
DURATION_S = 600
TOGETHER = 10
"""Purchases that customers of one operator send at once, so that a wave of them lasts for some blocks."""
REPLAYED = "replayed"
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(20_000_000, 100_000_000, 5_000_000, 20_000_000)


@dataclass(frozen=True, slots=True)
class Purchase:
    """Signed bytes, the id by which every ledger calls them, and what they cost if they buy something."""

    encoded: bytes
    transaction_id: bytes
    price_ubc: int = 0
    consumer: bytes = b""
    """One of many for whom it buys."""


@dataclass(frozen=True, slots=True)
class Bid:
    """`bid_id` is the name of the sealed bid, `transaction_id` what is executed if it wins."""

    bidder: PrivateKey
    price_ubc: int
    bid_id: PublicKey
    transaction_id: bytes
    due: Due


@dataclass(frozen=True, slots=True)
class Sale:
    """One auction from its opening on; `batch` has the ids of what settled it, the offer first."""

    lot: Lot
    site: Site
    auction: Auction
    bids: tuple[Bid, ...] = ()
    batch: tuple[bytes, ...] = ()

    @property
    def auction_id(self) -> bytes:
        return self.auction.auction_id


@dataclass(slots=True)
class Market:
    """One provider who sells on the spot, those who auction, and a few buyers. `done` has whatever an operator said
    took effect, by its id.
    """

    exchange: PrivateKey
    ledger_id: bytes
    provider: PrivateKey = field(default_factory=PrivateKey.generate)
    buyers: list[PrivateKey] = field(default_factory=lambda: [PrivateKey.generate() for _ in range(BUYERS)])
    auctioneers: list[PrivateKey] = field(default_factory=list)
    sales: list[Sale] = field(default_factory=list)
    done: dict[bytes, Purchase] = field(default_factory=dict)
    refused: dict[bytes, str] = field(default_factory=dict)
    _next: int = 0

    def open(self, sites: Sequence[Site]) -> None:
        """Accounts, deposits and the offer, each by another operator."""
        people = [self.provider, *self.buyers]
        self.must(sites[0], [self.sign(Create(key.public), key) for key in people])
        wait_until_agreed(sites)
        self.must(
            sites[-1], [self.sign(Deposit(key.public, DEPOSIT_UBC), self.exchange) for key in self.buyers]
        )
        wait_until_agreed(sites)
        offer = PostOffer(PRICE_UBC, BAND, 2**32 - 1, DURATION_S, QOS)
        self.must(sites[len(sites) // 2], [self.sign(offer, self.provider)])
        wait_until_agreed(sites)

    def purchases(self, count: int) -> list[Purchase]:
        """Each for one unit, by one buyer after the other."""
        return [self._purchase(self._buyer()) for _ in range(count)]

    def bulk(self, consumers: int) -> Purchase:
        """One purchase for so many consumers."""
        keys = b"".join(b"\x02" + os.urandom(32) for _ in range(consumers))
        action = Allocate(self.provider.public, PRICE_UBC * consumers, BAND, 1, consumer_keys=keys)
        return replace(self.sign(action, self._buyer()), consumer=keys[:33])

    def sign(self, action: Action, key: PrivateKey) -> Purchase:
        transaction = Transaction(action, os.urandom(NONCE_SIZE), int(time.time()) + VALID_FOR_S)
        signed = sign_transaction(transaction, key, self.ledger_id)
        price_ubc = action.price_ubc if isinstance(action, Allocate) else 0
        return Purchase(signed.envelope.encoded, signed.transaction_id, price_ubc)

    def hand(
        self, site: Site, purchases: Sequence[Purchase], timeout_s: float = 30.0, together: int = TOGETHER
    ) -> list[Purchase]:
        """To one operator, so many at once; those of which it said nothing in time."""
        heard = 0
        try:
            with site.client(timeout_s) as client:
                for at in range(0, len(purchases), together):
                    some = purchases[at : at + together]
                    replies = client.submit_all(one.encoded for one in some)
                    for purchase, reply in zip(some, replies, strict=True):
                        self._note(site, purchase, reply)
                        heard += 1
        except ShellError as error:
            site.remarks.append(str(error))
        return list(purchases[heard:])

    def hand_round(
        self,
        sites: Sequence[Site],
        purchases: Sequence[Purchase],
        timeout_s: float = 30.0,
        together: int = TOGETHER,
    ) -> list[Purchase]:
        """To all of these at once, an equal part each; those of which nobody said anything in time."""
        parts = [purchases[number :: len(sites)] for number in range(len(sites))]
        with ThreadPoolExecutor(len(sites)) as hands:
            left = hands.map(lambda site, part: self.hand(site, part, timeout_s, together), sites, parts)
            return [purchase for part in left for purchase in part]

    def must(self, site: Site, purchases: Sequence[Purchase]) -> None:
        """Raises ShellError unless all took effect."""
        silent = self.hand(site, purchases, together=len(purchases))
        if silent:
            raise ShellError(site.name, f"said nothing of {len(silent)} transactions: {site.remarks[-1:]}")
        self.check(purchases)

    def check(self, purchases: Iterable[Purchase]) -> None:
        """Raises ShellError unless all were said to have taken effect."""
        for purchase in purchases:
            if purchase.transaction_id not in self.done:
                why = self.refused.get(purchase.transaction_id, "no answer")
                raise ShellError("purchase", f"{purchase.transaction_id.hex()}: {why}")

    def spent_ubc(self) -> int:
        """By everything that took effect."""
        return sum(one.price_ubc for one in self.done.values())

    def _buyer(self) -> PrivateKey:
        self._next += 1
        return self.buyers[self._next % len(self.buyers)]

    def _purchase(self, buyer: PrivateKey) -> Purchase:
        return self.sign(Allocate(self.provider.public, PRICE_UBC, BAND, 1), buyer)

    def _note(self, site: Site, purchase: Purchase, reply: LedgerReply) -> None:
        receipt = read_receipt(reply.receipt, site.key.public, self.ledger_id)
        if receipt.executed or receipt.reason == REPLAYED:
            self.done[purchase.transaction_id] = purchase
        else:
            self.refused[purchase.transaction_id] = f"{receipt.reason}: {receipt.detail}"
