"""A device that bids, with a virtual clock, before an access point that holds session auctions and the house behind it.

What the house makes of the bid is `word`; every fault is a field. All signatures are real.
"""

from __future__ import annotations

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
from wire.auction import Auction, write_auction
from wire.auction_bid import conceal_bid, make_bid
from wire.auction_receipt import AuctionReceipt, Status, write_auction_receipt
from wire.auction_terms import AuctionKind, AuctionMark, AuctionTerms
from wire.band import Band
from wire.grant import Grant, grant_id_of, write_grant
from wire.keys import PrivateKey
from wire.qos import Qos
from wire.receipt import Receipt, write_receipt
from wire.time_key import TimeKey, write_time_key
from wire.transaction import read_transaction
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
class BiddingWorld:
    """`held`: the auctions, each shown from 10 s before its clearing until then. `word`: what the house signs of the
    bid from the clearing on: status, reason, detail, wins_above_ubc.
    """

    state: State = State(WISH, BIDDER.public, PINNED)
    now: Now = Now(5_000_000_000, (OPENS_S - 3) * 1_000)
    held: list[Auction] = field(default_factory=lambda: [auction()])
    word: tuple[Status, str, str, int | None] = (Status.EXECUTED, "", "", None)
    door: list[tuple[str, str]] = field(default_factory=list)
    """The house's next refusals of a bid, which it does not take: (reason, detail)."""
    silent: set[type] = field(default_factory=set)
    """Messages that nobody answers."""
    ledger_says: tuple[str, str] = ("replayed", "it ran")
    grant_changes: dict[str, object] = field(default_factory=dict)
    announces: PrivateKey = PROVIDER
    signer: PrivateKey = LEDGER
    sent: list[LobbyMessage] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    taken: dict[bytes, Placed] = field(default_factory=dict)

    def feed(self, event: Event) -> None:
        self.state, commands = step(self.state, event, self.now)
        for command in commands:
            self.commands.append(command)
            match command:
                case Send(message, _):
                    self.sent.append(message)
                    self.hear(self._answer(message))
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
            wanted.auction, wanted.encoded_auction, bid, name, NAME.public, sealed, wanted.units, wanted.slots
        )

    def said(self, kind: type) -> int:
        return sum(isinstance(message, kind) for message in self.sent)

    # ---- The other side

    def _answer(self, message: LobbyMessage) -> LobbyMessage | None:
        if type(message) in self.silent:
            return None
        match message:
            case Discover():
                return Announcement(
                    b"offer", self.announces.public, LEDGER.public, LEDGER_ID, bytes(16), self.now.utc_s
                )
            case AskAuction():
                return self.show()
            case Bid(auction_id, _):
                return self._take(auction_id)
            case AskBid(auction_id, _):
                return BidSaid(self._word(auction_id))
            case Purchase(transaction):
                return self._outcome(transaction)
            case _:
                raise AssertionError(message)

    def show(self) -> LobbyMessage:
        for one in self.held:
            clearing_s = one.terms.mark.clearing_s
            if clearing_s - 10 <= self.now.utc_s < clearing_s:
                signed = write_auction(one, PROVIDER, LEDGER_ID)
                return AuctionShown(signed, self.now.utc_s)
        return Refused(b"", "no_auction", "none takes bids now")

    def _take(self, auction_id: bytes) -> BidSaid:
        if self.door:
            reason, detail = self.door.pop(0)
            return self._sign(
                AuctionReceipt(auction_id, Status.ERROR, NAME.public, reason=reason, detail=detail)
            )
        assert self.state.placed is not None
        self.taken[auction_id] = self.state.placed
        return self._sign(AuctionReceipt(auction_id, Status.PENDING, NAME.public, 5, 1, bytes(32)))

    def _word(self, auction_id: bytes) -> bytes:
        status, reason, detail, wins_above_ubc = self.word
        if auction_id not in self.taken:
            status, reason, detail, wins_above_ubc = Status.UNKNOWN, "", "", None
        receipt = AuctionReceipt(
            auction_id, status, NAME.public, reason=reason, detail=detail, wins_above_ubc=wins_above_ubc
        )
        return write_auction_receipt(receipt, self.signer, LEDGER_ID)

    def _sign(self, receipt: AuctionReceipt) -> BidSaid:
        return BidSaid(write_auction_receipt(receipt, self.signer, LEDGER_ID))

    def _outcome(self, transaction: bytes) -> Outcome:
        placed = self.state.placed
        assert placed is not None
        assert placed.transaction == transaction
        reason, detail = self.ledger_says
        receipt = write_receipt(
            Receipt(placed.transaction_id, 4, self.now.utc_s, reason, detail), LEDGER, LEDGER_ID
        )
        grant = b"" if reason == "expired" else write_grant(self.grant(placed), LEDGER, LEDGER_ID)
        return Outcome(placed.transaction_id, receipt, grant)

    def grant(self, placed: Placed) -> Grant:
        terms = placed.auction.terms
        starts_s = terms.mark.clearing_s + 1
        made = Grant(
            BIDDER.public,
            terms.provider.provider_id,
            grant_id_of(placed.transaction_id),
            2,
            starts_s,
            placed.ends_s - starts_s,
            terms.band,
            terms.qos,
            placed.units,
        )
        return replace(made, **self.grant_changes)  # type: ignore[arg-type]  # a test names real fields
