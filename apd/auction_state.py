"""What a box with [auction] remembers: the auction under way, what auctions sold, and which bids it passed on.

Frozen values, replaced and never changed; apd/auctions.py and apd/bids.py change them. What was sold is also on disk.
A share is known by who won it, when it ends and what it is, as its grant has no id yet when it is sold.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import field, replace
from enum import Enum

from apd.address import Address
from apd.airtime import StationAir
from apd.session import Session
from wire.auction import Auction
from wire.frozen import dataclass
from wire.grant import Grant
from wire.ids import PublicKey, Station
from wire.qos import Qos


class AuctionPhase(Enum):
    """How far an auction is; values are what is shown."""

    IDLE = "idle"
    """None is under way."""
    KEYING = "keying"
    """The house's time key is awaited."""
    SIGNING = "signing"
    """The provider's signature is."""
    OPENING = "opening"
    """The house's receipt is."""
    OPEN = "open"
    """It is shown, and bids are passed on."""
    CLEARING = "clearing"
    """Its time has come: what the house found is awaited."""
    ANSWERING = "answering"
    """What it came to is signed, kept and sent, until the house says that it is over."""


FOLLOWS: dict[AuctionPhase, frozenset[AuctionPhase]] = {
    AuctionPhase.IDLE: frozenset({AuctionPhase.KEYING}),
    AuctionPhase.KEYING: frozenset({AuctionPhase.SIGNING, AuctionPhase.IDLE}),
    AuctionPhase.SIGNING: frozenset({AuctionPhase.OPENING, AuctionPhase.IDLE}),
    AuctionPhase.OPENING: frozenset({AuctionPhase.OPEN, AuctionPhase.SIGNING, AuctionPhase.IDLE}),
    AuctionPhase.OPEN: frozenset({AuctionPhase.CLEARING, AuctionPhase.IDLE}),
    AuctionPhase.CLEARING: frozenset({AuctionPhase.ANSWERING, AuctionPhase.IDLE}),
    AuctionPhase.ANSWERING: frozenset({AuctionPhase.IDLE}),
}
"""Legal moves. A phase that does not come to its end in time is followed by IDLE, and the operator is told.
From OPENING to SIGNING: the house has less to sell than the box, which offers that.
"""

OF_AUCTIONS, OF_BIDS = b"a", b"b"
"""The first octet of a correlation: who asked the house, apd/auctions.py or apd/bids.py."""
CORRELATION_SIZE = 9

ShareKey = tuple[PublicKey, int, Qos]


@dataclass(frozen=True, slots=True)
class SoldShare:
    """What one bidder won in one auction: `qos` is that of all its `units`, until `ends_s` (UTC)."""

    consumer: PublicKey
    ends_s: int
    qos: Qos
    units: int
    """As the ledger counts them."""

    @property
    def key(self) -> ShareKey:
        return self.consumer, self.ends_s, self.qos


@dataclass(frozen=True, slots=True)
class AskedBid:
    """A bid, or a question after one, that was passed on to the house: who waits for its word."""

    source: Address
    auction_id: bytes
    deadline_ns: int
    sent_ns: int
    """When it was passed on last (monotonic)."""


@dataclass(frozen=True, slots=True)
class AuctionState:
    """Of a box with [auction]. `serial` numbers what is asked of the house; of its replies those count that answer
    `since` or later, which were asked in the present phase.
    """

    phase: AuctionPhase = AuctionPhase.IDLE
    clearing_s: int = 0
    """Of the auction under way, or of the next one (UTC)."""
    done_s: int = 0
    """The last clearing time of which an auction was held, or was not."""
    forecast: tuple[int, ...] = ()
    """Units in each slot that the auction under way sells."""
    auction: Auction | None = None
    encoded: bytes = b""
    """It, as signed."""
    answer: bytes = b""
    """The signed offer that settles it."""
    stored: bool = False
    """What it sells is on disk, so that the offer may go."""
    sent: bool = False
    """It went, so that it may have run."""
    due_ns: int | None = None
    """When the next thing of it is due (monotonic)."""
    serial: int = 0
    since: int = 0
    stations: Mapping[Station, StationAir] = field(default_factory=dict)
    """As they were when the auction under way was signed, with [air]."""
    sold: Mapping[bytes, tuple[SoldShare, ...]] = field(default_factory=dict)
    """By the id of the auction."""
    unsure: frozenset[bytes] = frozenset()
    """Those of which the house has not said that they are settled: it is asked again."""
    recent: tuple[bytes, ...] = ()
    """Ids of the auctions held here lately, the oldest first."""
    asked: Mapping[bytes, AskedBid] = field(default_factory=dict)
    """By correlation."""
    relays: Mapping[object, int] = field(default_factory=dict)
    """Until when what was passed on lately uses up each host's rate, and the box's (under None), monotonic ns; who has
    all of it left is not there.
    """
    relayed: int = 0
    """Bids passed on in the auction under way, or in the last one."""
    last: str = ""
    """What became of the last one, for the operator."""
    told: str = ""
    """Why none is held, as the operator was told last."""
    said: str = ""
    """Why the one under way is not settled yet: the house's words, or what is not free yet."""
    elsewhere: int = 0
    """Units that the ledger counts as sold in the auction under way, and this box does not know of."""
    told_elsewhere: int = 0
    """As the operator was told last."""

    def move(self, phase: AuctionPhase) -> "AuctionState":
        """In a phase that may follow; what was asked before is not waited for any more."""
        assert phase in FOLLOWS[self.phase], f"{phase} does not follow {self.phase}"
        return replace(self, phase=phase, since=self.serial + 1)

    @property
    def shown(self) -> bytes:
        """The signed auction while it takes bids; empty otherwise."""
        return self.encoded if self.phase is AuctionPhase.OPEN else b""

    def shares(self, now_s: int) -> list[SoldShare]:
        """What was sold and is not over."""
        return [share for shares in self.sold.values() for share in shares if share.ends_s > now_s]

    def without_winners(self, grants: Iterable[Grant]) -> list[Grant]:
        """Those of them that no auction sold."""
        sold = {share.key for shares in self.sold.values() for share in shares}
        return [grant for grant in grants if key_of(grant) not in sold]

    def waiting(self, holding: Iterable[Session], now_s: int, mine: Grant | None = None) -> list[Qos]:
        """Room to be kept: what was sold, but for those who hold a slot, and for whoever is about to with `mine`.

        Whoever left keeps his room until his time is over: the ledger counts him, too.
        """
        here = Counter(key_of(session.grant) for session in holding)
        if mine is not None:
            here[key_of(mine)] += 1
        kept: list[Qos] = []
        for share in self.shares(now_s):
            if here[share.key] > 0:
                here[share.key] -= 1
            else:
                kept.append(share.qos)
        return kept


def is_of(whose: bytes, correlation: bytes) -> bool:
    """Whether a reply is to something that was asked there."""
    return correlation[:1] == whose and len(correlation) == CORRELATION_SIZE


def key_of(grant: Grant) -> ShareKey:
    """By which a winner's share is known."""
    return grant.consumer, grant.ends_s, grant.total_qos
