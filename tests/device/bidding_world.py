"""A device that bids, with a virtual clock, before an access point that holds session auctions and the house behind it.

What the house makes of the bid is `word`; every fault is a field. All signatures are real.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from device.bidding import (
    BidMade,
    BidWish,
    Command,
    Event,
    MakeBid,
    Phase,
    Placed,
    State,
    next_deadline,
    step,
)
from device.choice import PinnedLedger
from device.events import DatagramReceived, DeadlineReached, Failure, Send, Started
from nas_tunnel.lobby import (
    Announcement,
    AskAuction,
    AskBid,
    AuctionShown,
    Bid,
    BidSaid,
    Discover,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    write_lobby,
)
from wire.allocate import Allocate
from wire.auction import Auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.band import Band
from wire.grant import Grant, grant_id_of, write_grant
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.qos import Qos
from wire.receipt import Receipt, write_receipt
from wire.sealed_bid import read_sealed_bid
from wire.time_key import TimeKey, write_time_key
from wire.transaction import SignedTransaction, read_transaction
from wire.units import Now

BIDDER, PROVIDER, LEDGER, STRANGER = (PrivateKey.from_secret(number) for number in (7, 8, 9, 10))
TIME_SECRET, NAME = PrivateKey.from_secret(11), PrivateKey.from_secret(12)
LEDGER_ID = bytes(range(32))
PINNED = PinnedLedger(LEDGER.public, LEDGER_ID)
BAND = Band(5_170_000, 5_250_000, 80_000)
QOS = Qos(1_000_000, 2_000_000, 500_000, 1_000_000)
SLOT_S = 20
CLEARING_S = 1_700_000_000
OPENS_S = CLEARING_S - 10
WISH = BidWish(down_bps=3_000_000, up_bps=1_500_000, duration_s=40, worth_ubc=90_000)
"""3 units for 2 slots."""
TAKEN = (5, 1, bytes(32))
"""Where a bid stands in the house's log."""
OVER = frozenset({Phase.WON, Phase.OVER})
AP = "fe80::1%3"


def auction(clearing_s: int = CLEARING_S, **changes: object) -> Auction:
    """Of PROVIDER, at LEDGER's house, sealed to it alone. Changes are of the auction or, by `terms`, of its terms."""
    mark = AuctionMark(AuctionKind.SESSION, clearing_s, 1_000, (6, 6, 6, 6))
    time_key = write_time_key(TimeKey(LEDGER.public, clearing_s, TIME_SECRET.public), LEDGER)
    made = Auction(
        AuctionTerms(PROVIDER.public, mark, BAND, 6, SLOT_S, QOS), 2, "", LEDGER.public, 1, (time_key,)
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


def forecast(*units: int, minimum_ubc: int = 1_000) -> Auction:
    """The same with another forecast."""
    made = auction()
    mark = AuctionMark(AuctionKind.SESSION, CLEARING_S, minimum_ubc, units)
    return replace(made, terms=replace(made.terms, mark=mark))


@dataclass
class Seller:
    """An access point with session auctions, its house and its ledger, by the messages alone.

    `held`: the auctions, each shown from 10 s before its clearing until then. `word`: what the house signs of a bid
    from the clearing on: status, reason, detail, wins_above_ubc. Every fault is a field.
    """

    held: list[Auction] = field(default_factory=lambda: [auction()])
    word: tuple[Status, str, str, int | None] = (Status.EXECUTED, "", "for 0.04 BC", None)
    door: list[tuple[str, str]] = field(default_factory=list)
    """The house's next refusals of a bid that it has read and does not take: (reason, detail)."""
    unread: list[tuple[str, str]] = field(default_factory=list)
    """The same, of what it has not read as a bid: such a refusal names none."""
    silent: set[type] = field(default_factory=set)
    """Messages that nobody answers."""
    ledger_says: tuple[str, str] = ("replayed", "it ran")
    grant_changes: dict[str, object] = field(default_factory=dict)
    announces: PrivateKey = PROVIDER
    signer: PrivateKey = LEDGER
    taken: set[bytes] = field(default_factory=set)
    """Ids of auctions in which there is a bid."""
    consumer: PrivateKey = BIDDER

    def answer(self, message: LobbyMessage, utc_s: int) -> LobbyMessage | None:
        if type(message) in self.silent:
            return None
        match message:
            case Discover():
                return Announcement(
                    b"offer", self.announces.public, LEDGER.public, LEDGER_ID, bytes(16), utc_s
                )
            case AskAuction():
                return self.show(utc_s)
            case Bid(auction_id, bid):
                return self._take(auction_id, read_sealed_bid(bid, LEDGER_ID).bid_key)
            case AskBid(auction_id, name):
                return self._say(auction_id, name)
            case Purchase(transaction):
                return self._outcome(transaction, utc_s)
            case _:
                raise AssertionError(message)

    def show(self, utc_s: int) -> LobbyMessage:
        for one in self.held:
            clearing_s = one.terms.mark.clearing_s
            if clearing_s - 10 <= utc_s < clearing_s:
                return AuctionShown(write_auction(one, PROVIDER, LEDGER_ID), utc_s)
        return Refused(b"", "no_auction", "none takes bids now")

    def _take(self, auction_id: bytes, name: PublicKey) -> BidSaid:
        if self.unread:
            reason, detail = self.unread.pop(0)
            return self.sign(AuctionReceipt(auction_id, Status.ERROR, reason=reason, detail=detail))
        if self.door:
            reason, detail = self.door.pop(0)
            return self.sign(AuctionReceipt(auction_id, Status.ERROR, name, reason=reason, detail=detail))
        self.taken.add(auction_id)
        return self.sign(AuctionReceipt(auction_id, Status.PENDING, name, *TAKEN))

    def _say(self, auction_id: bytes, name: PublicKey) -> BidSaid:
        status, reason, detail, above_ubc = self.word
        if auction_id not in self.taken:
            return self.sign(AuctionReceipt(auction_id, Status.UNKNOWN, name))
        return self.sign(AuctionReceipt(auction_id, status, name, *TAKEN, reason, detail, above_ubc))

    def sign(self, receipt: AuctionReceipt) -> BidSaid:
        return BidSaid(write_auction_receipt(receipt, self.signer, LEDGER_ID))

    def _outcome(self, transaction: bytes, utc_s: int) -> Outcome:
        """What never came to the house never ran."""
        signed = read_transaction(transaction, LEDGER_ID)
        action, name, (reason, detail) = signed.transaction.action, signed.transaction_id, self.ledger_says
        assert isinstance(action, Allocate)
        if action.auction not in self.taken:
            reason, detail = "expired", "it was valid until then"
        receipt = write_receipt(Receipt(name, 4, utc_s, reason, detail), LEDGER, LEDGER_ID)
        grant = b"" if reason == "expired" else write_grant(self._grant(signed), LEDGER, LEDGER_ID)
        return Outcome(name, receipt, grant)

    def _grant(self, signed: SignedTransaction) -> Grant:
        action = signed.transaction.action
        assert isinstance(action, Allocate)
        terms = next(one for one in self.held if one.auction_id == action.auction).terms
        clearing_s = terms.mark.clearing_s
        made = Grant(
            self.consumer.public,
            terms.provider.provider_id,
            grant_id_of(signed.transaction_id),
            2,
            clearing_s + 1,
            action.slots * terms.allocation_duration_s - 1,
            terms.band,
            terms.qos,
            action.allocations,
        )
        return replace(made, **self.grant_changes)  # type: ignore[arg-type]  # a test names real fields


@dataclass
class BiddingWorld:
    """A device, the seller, and the clock of both."""

    state: State = State(WISH, BIDDER.public, PINNED)
    seller: Seller = field(default_factory=Seller)
    now: Now = Now(5_000_000_000, (OPENS_S - 3) * 1_000)
    sent: list[LobbyMessage] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    carry: Callable[[LobbyMessage, int], LobbyMessage | None] | None = None
    """What comes of a message at that second, if not the seller's answer."""

    def feed(self, event: Event) -> None:
        self.state, commands = step(self.state, event, self.now)
        for command in commands:
            self.commands.append(command)
            match command:
                case Send(message, _):
                    self.sent.append(message)
                    carry = self.carry or self.seller.answer
                    self.hear(carry(message, self.now.utc_s))
                case MakeBid():
                    self.feed(BidMade(self.place(command)))

    def hear(self, answer: LobbyMessage | None, address: str = AP) -> None:
        if answer is not None:
            self.feed(DatagramReceived(address, write_lobby(answer)))

    def run(self, until_s: int = CLEARING_S + 600) -> State:
        """Until the bid has won or all is over, or that second."""
        self.feed(Started())
        while self.state.phase not in OVER and self.now.utc_s < until_s:
            due_ns = max(next_deadline(self.state), self.now.mono_ns)
            if self.now.utc_ms + (due_ns - self.now.mono_ns) // 1_000_000 > until_s * 1_000:
                break
            self.now = Now(due_ns, self.now.utc_ms + -(-(due_ns - self.now.mono_ns) // 1_000_000))
            self.feed(DeadlineReached())
        return self.state

    def fail(self) -> Failure:
        failure = self.run().failure
        assert failure is not None, self.state
        return failure

    def place(self, wanted: MakeBid) -> Placed:
        bid = make_bid(
            wanted.auction, wanted.price_ubc, BIDDER, LEDGER_ID, bytes(8), wanted.units, wanted.slots
        )
        sealed = conceal_bid(wanted.auction, bid, BIDDER, NAME, LEDGER_ID, bytes(16))
        name = read_transaction(bid, LEDGER_ID).transaction_id
        return Placed(
            wanted.auction,
            wanted.encoded_auction,
            bid,
            name,
            NAME.public,
            sealed,
            wanted.units,
            wanted.slots,
            wanted.price_ubc,
        )

    def said(self, kind: type) -> int:
        return sum(isinstance(message, kind) for message in self.sent)
