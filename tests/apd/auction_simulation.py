"""Minutes of a box with [auction], its clearing house and bidders, with loss, restarts and a house that lies at times.

A world of integers and one seed: whatever happens, what the ledger executed and what was let in beside it has to fit
into the box in every slot, and every winner who comes in his time has to be let in.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from apd import core, joins
from apd.auction_state import SoldShare
from apd.commands import (
    AskHouse,
    ForgetAuctionOffer,
    ForgetSession,
    InstallSession,
    RemoveSession,
    SendLobby,
    SignAuction,
    SignAuctionOffer,
    StoreAuctionOffer,
    StoreCommand,
    StoreSession,
)
from apd.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    Event,
    LedgerReplied,
    OfferStateReceived,
    Saved,
    SessionInstalled,
    SessionRemoved,
    StationLeft,
)
from apd.session import Phase, Session, Usage
from nas_tunnel.lobby import Refused
from tests.apd.auction_world import (
    OFFER,
    PRICE_UBC,
    SLOT_S,
    UNIT,
    again,
    auction_box,
    auction_signed,
    offer_signed,
    question,
    time_key,
    word,
)
from tests.apd.playbook import Box, join
from tests.apd.world import LEDGER_ID, PROVIDER, START_S, grant, signed_state
from wire.auction import Auction, read_auction
from wire.auction_receipt import Status
from wire.auction_request import (
    AnswerQuestion,
    AskQuestion,
    AskTimeKey,
    CreateAuction,
    read_auction_request,
)
from wire.generate_offer import offer_of, read_generate_offer
from wire.grant import Grant
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.post_offer import AuctionShare
from wire.transaction import read_transaction
from wire.units import Now

CAPACITY_BPS = 6_000_000
BIDDERS = tuple(PrivateKey.from_secret(100 + number) for number in range(6))
GUEST = PrivateKey.from_secret(99)
STEP_MS = 500


@dataclass
class Held:
    """An auction as the house has it. `ended`: the reason, empty if it is settled."""

    auction: Auction
    encoded: bytes
    question: bytes = b""
    shares: Mapping[PublicKey, AuctionShare] = field(default_factory=dict)
    ended: str | None = None


@dataclass
class House:
    """Clears by chance; a share in eight of its questions sells more than there is."""

    random: random.Random
    held: dict[bytes, Held] = field(default_factory=dict)
    executed: list[tuple[Held, PublicKey, AuctionShare]] = field(default_factory=list)
    lies: int = 0

    def answer(self, request: bytes, now: Now) -> bytes:
        match read_auction_request(request):
            case AskTimeKey(time_s):
                return time_key(time_s)
            case CreateAuction(encoded):
                return self._take(encoded)
            case AskQuestion(auction_id):
                return self._tell(auction_id, now)
            case AnswerQuestion(auction_id, offer):
                return self._settle(auction_id, offer, now)
            case other:
                raise AssertionError(f"nobody asks {other}")

    def _take(self, encoded: bytes) -> bytes:
        auction = read_auction(encoded, LEDGER_ID)
        known = self.held.setdefault(auction.auction_id, Held(auction, encoded))
        return word(
            auction.auction_id, Status.ACTIVE if known.ended is None else Status.INACTIVE, known.ended or ""
        )

    def _tell(self, auction_id: bytes, now: Now) -> bytes:
        held = self.held.get(auction_id)
        if held is None:
            return word(auction_id, Status.UNKNOWN)
        self._look_at_time(held, now)
        if held.ended is not None:
            return word(auction_id, Status.INACTIVE, held.ended)
        if now.utc_s < held.auction.terms.mark.clearing_s or self.random.random() < 0.2:
            return word(auction_id, Status.ACTIVE)
        return held.question or self._clear(auction_id, held)

    def _clear(self, auction_id: bytes, held: Held) -> bytes:
        mark = held.auction.terms.mark
        free, lying = list(mark.forecast), self.random.random() < 0.12
        shares = {}
        for bidder in BIDDERS:
            units, slots = self.random.randint(1, 3), self.random.randint(1, len(free))
            fits = all(units <= left for left in free[:slots])
            if self.random.random() < 0.6 and (fits or lying):
                shares[bidder.public] = AuctionShare(units, units * slots * PRICE_UBC, slots)
                free = [left - units if at < slots else left for at, left in enumerate(free)]
        if not shares:
            held.ended = "no_bids"
            return word(auction_id, Status.INACTIVE, held.ended)
        self.lies += min(free) < 0
        held.shares = shares
        held.question = question(held.auction, held.encoded, shares)
        return held.question

    def _settle(self, auction_id: bytes, offer: bytes, now: Now) -> bytes:
        held = self.held[auction_id]
        self._look_at_time(held, now)
        if held.ended is None:
            asked = read_generate_offer(held.question, held.auction.house, LEDGER_ID)
            signed = read_transaction(offer, LEDGER_ID)
            signed.verify(PROVIDER.public)
            assert signed.transaction.action == offer_of(held.auction, asked)
            held.ended = "winner_unfunded" if self.random.random() < 0.15 else ""
            if not held.ended:
                self.executed += [(held, consumer, share) for consumer, share in held.shares.items()]
        return word(auction_id, Status.INACTIVE, held.ended)

    def _look_at_time(self, held: Held, now: Now) -> None:
        if held.ended is None and now.utc_s > held.auction.settle_by_s:
            held.ended = "provider_away"


class Minutes:
    """See the module."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.house = House(self.random)
        self.box: Box = auction_box()
        self.replies: list[LedgerReplied] = []
        self.unsaved: list[StoreCommand] = []
        self.removing: list[SessionRemoved] = []
        self.sold: dict[bytes, tuple[SoldShare, ...]] = {}
        self.sessions: dict[bytes, Session] = {}
        self.connected = True
        self.guests = 0
        self.joined = self.restarts = self.let_in = 0

    @property
    def now(self) -> Now:
        return self.box.now

    def run(self, minutes: int) -> None:
        for _ in range(minutes * 60_000 // STEP_MS):
            self.step()

    def step(self) -> None:
        before = self.now
        self.box.now = Now(before.mono_ns + STEP_MS * 1_000_000, before.utc_ms + STEP_MS)
        if core.next_deadline_ns(self.box.state, self.now) <= self.now.mono_ns:
            self.feed(DeadlineReached())
        chance = self.random.random()
        if chance < 0.02:
            self.connected = not self.connected
            self.feed(BrokerConnected() if self.connected else BrokerLost("gone"))
        elif chance < 0.03:
            self.restart()
        elif chance < 0.2:
            self.winner_comes()
        elif chance < 0.23:
            self.guest_comes()
        elif chance < 0.26 and self.box.state.stations:
            self.feed(StationLeft(self._mac(self.random.choice(sorted(map(str, self.box.state.stations))))))
        if self.random.random() < 0.8:
            self.save()
        while self.removing and self.random.random() < 0.6:
            self.feed(self.removing.pop(0))
        arriving, self.replies = self.replies, []
        for reply in arriving:
            if self.random.random() < 0.7:
                self.feed(reply)
            else:
                self.replies.append(reply)
        self.check()

    def feed(self, event: Event) -> list[Any]:
        commands = self.box.feed(event)
        for command in commands:
            self.obey(command)
        return commands

    def obey(self, command: Any) -> None:
        match command:
            case StoreAuctionOffer() | ForgetAuctionOffer() | StoreSession() | ForgetSession():
                self.unsaved.append(command)
            case InstallSession(grant_id):
                self.feed(SessionInstalled(grant_id))
            case RemoveSession(grant_id):
                self.removing.append(SessionRemoved(grant_id, Usage()))
            case SignAuction():
                self.feed(auction_signed(self.box))
            case SignAuctionOffer():
                self.feed(offer_signed(self.box))
            case AskHouse(correlation, request):
                self.save()
                if self.random.random() < 0.85:
                    said = LedgerReplied(correlation, self.house.answer(request, self.now))
                    self.replies += [said] * self.random.choice((0, 1, 1, 1, 1, 2))
                if self.connected and self.random.random() < 0.02:  # whatever was just done is not heard of
                    self.connected, self.replies = False, []
                    self.feed(BrokerLost("gone"))

    def save(self) -> None:
        commands, self.unsaved = self.unsaved, []
        for command in commands:
            match command:
                case StoreAuctionOffer(auction_id, shares):
                    self.sold[auction_id] = shares
                case ForgetAuctionOffer(auction_id):
                    self.sold.pop(auction_id, None)
                case StoreSession(session):
                    self.sessions[session.grant_id] = session
                case ForgetSession(grant_id):
                    self.sessions.pop(grant_id, None)
        stored = [one.auction_id for one in commands if isinstance(one, StoreAuctionOffer)]
        if commands:
            self.feed(Saved(auctions=tuple(stored)))

    def restart(self) -> None:
        """What is on disk goes on; what was not saved is gone, and with it its session in the kernel."""
        self.unsaved, self.replies, self.removing, self.connected = [], [], [], True
        self.restarts += 1
        active = [one for one in self.sessions.values() if one.phase is Phase.ACTIVE]
        self.box = again(self.box, dict(self.sold), active)
        for command in list(self.box.ordered):
            self.obey(command)
        self.feed(BrokerConnected())
        self.feed(OfferStateReceived(signed_state(**OFFER)))

    def winner_comes(self) -> None:
        """Whom the ledger calls a winner, and whose time it is, is let in."""
        running = [one for one in self.shares() if one[0] > self.now.utc_s]
        if not running:
            return
        ends_s, clearing_s, number, share = self.random.choice(running)
        key = BIDDERS[number]
        made = grant(
            clearing_s - START_S + number,
            consumer=key.public,
            qos=UNIT,
            allocations=share.allocations,
            starts_s=clearing_s,
            duration_s=ends_s - clearing_s,
        )
        station = MacAddress(bytes((2, 1, number)) + (clearing_s % 2**24).to_bytes(3, "big"))
        refused = self.join(made, station, key)
        if refused is None:
            self.joined += 1
        else:
            assert refused.reason == "moving", f"a winner is told {refused}"

    def guest_comes(self) -> None:
        """Somebody with a grant that was bought otherwise, for as long as he likes."""
        self.guests += 1
        lasts_s = self.random.randint(5, 100)
        made = grant(
            100_000 + self.guests,
            consumer=GUEST.public,
            qos=replace(UNIT, floor_down_bps=self.random.choice((300_000, 1_000_000, 2_500_000))),
            starts_s=self.now.utc_s,
            duration_s=lasts_s,
        )
        station = MacAddress(b"\x02\x03" + self.guests.to_bytes(4, "big"))
        self.let_in += self.join(made, station, GUEST) is None

    def join(self, made: Grant, station: MacAddress, key: PrivateKey) -> Refused | None:
        state = self.box.state  # each asks for a challenge of its own
        self.box.state = replace(state, lobby=joins.challenge(state.lobby, self.now)[0])
        said = self.feed(join(self.box, made, station, key))
        told = [one.message for one in said if isinstance(one, SendLobby)]
        return next((one for one in told if isinstance(one, Refused)), None)

    def shares(self) -> list[tuple[int, int, int, AuctionShare]]:
        """All that the ledger executed: until when, from when, whose, what."""
        publics = [bidder.public for bidder in BIDDERS]
        return [
            (
                held.auction.terms.mark.clearing_s + share.slots * SLOT_S,
                held.auction.terms.mark.clearing_s,
                publics.index(consumer),
                share,
            )
            for held, consumer, share in self.house.executed
        ]

    def check(self) -> None:
        """In each slot from now on: what was sold, and who was let in beside it."""
        state, now_s = self.box.state, self.now.utc_s
        shares = self.shares()
        known = {
            (BIDDERS[number].public, ends_s, UNIT.times(share.allocations))
            for ends_s, _, number, share in shares
        }
        guests = [
            session
            for session in (state.sessions[grant_id] for grant_id in state.stations.values())
            if (session.grant.consumer, session.grant.ends_s, session.qos) not in known
        ]
        for begins_s in range(now_s, now_s + 6 * SLOT_S, 5):
            sold = sum(
                UNIT.floor_down_bps * one.allocations for ends_s, _, _, one in shares if ends_s > begins_s
            )
            beside = sum(one.qos.floor_down_bps for one in guests if one.grant.ends_s > begins_s)
            assert sold + beside <= CAPACITY_BPS, f"at {begins_s - START_S}: {sold} sold, {beside} beside it"
        assert state.promised.down_bps <= CAPACITY_BPS

    @staticmethod
    def _mac(text: str) -> MacAddress:
        return MacAddress.parse(text)
