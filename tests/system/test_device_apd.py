"""The device against the core of the real access point: what its tests believe of the fake is true of the real one.

Each journey is made twice, with the fake and with `apd`; kernel and disk of the latter answer at once, and its ledger
is the fake's, which signs and keeps what it sold. With real sockets, kernel and ledger: `lab/bench/journey.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from apd.commands import InstallSession, RemoveSession, SendLobby, SignOffer, StoreSession, SubmitTransaction
from apd.events import (
    BrokerConnected,
    BrokerLost,
    DeadlineReached,
    Event,
    LedgerReplied,
    LobbyDatagramReceived,
    OfferSigned,
    OfferStateReceived,
    Saved,
    SessionInstalled,
    SessionRemoved,
)
from apd.session import Usage
from device.choice import Wish
from device.events import LeaveWanted, Started
from device.fake_access_point import FakeAccessPoint
from device.state import Phase, State
from nas_tunnel.lobby import Discover, Join, Joined, Leave, Outcome, Purchase, read_lobby, write_lobby
from tests.apd.playbook import Box, sells, start_box
from tests.apd.world import BAND, BSSID, DEVICE, LEDGER, LEDGER_ID, PROVIDER, QOS, signed_state
from tests.device.playbook import BUYER, STATION, World, lossy
from wire.ids import MacAddress
from wire.ledger_reply import LedgerReply, write_ledger_reply
from wire.offer import write_offer
from wire.transaction import read_transaction

TERMS: dict[str, Any] = {
    "provider": PROVIDER,
    "ledger": LEDGER,
    "ledger_id": LEDGER_ID,
    "bssid": BSSID,
    "price_ubc": 250_000,
    "duration_s": 600,
    "qos": QOS,
    "band": BAND,
    "epoch": 3,
}
WISH = Wish(QOS.floor_down_bps, QOS.floor_up_bps)


@dataclass
class RealAccessPoint(FakeAccessPoint):
    """The same interface, with the core of `apd` behind it. The fake that it inherits from is its ledger."""

    world: World = field(default_factory=World)
    box: Box = field(default_factory=lambda: sells(start_box()))

    def answer(self, data: bytes) -> bytes | None:
        self.heard.append(read_lobby(data))
        return self.feed(LobbyDatagramReceived(DEVICE, data))

    def feed(self, event: Event) -> bytes | None:
        """What the station hears of it, if anything."""
        self.box.now = self.world.now
        answers: list[bytes] = []
        events = [DeadlineReached(), event]
        while events:
            for command in self.box.feed(events.pop(0)):
                match command:
                    case SendLobby(message=message):
                        answers.append(write_lobby(message))
                    case SubmitTransaction(correlation, transaction):
                        events.append(LedgerReplied(correlation, self.ask_ledger(transaction)))
                    case InstallSession(grant_id=grant_id):
                        events.append(SessionInstalled(grant_id))
                    case RemoveSession(grant_id=grant_id):
                        events.append(SessionRemoved(grant_id, Usage()))
                    case SignOffer(offer):
                        events.append(OfferSigned(write_offer(offer, PROVIDER), offer.expires_s))
                    case StoreSession():
                        events.append(Saved())
                    case _:
                        pass
        return answers[-1] if answers else None

    def ask_ledger(self, transaction: bytes) -> bytes:
        outcome = self._sell(read_transaction(transaction, LEDGER_ID))
        grants = (outcome.grant,) if outcome.grant else ()
        return write_ledger_reply(LedgerReply(outcome.receipt, grants))


def fake_world() -> World:
    world = World().change(wish=WISH)
    world.add(**TERMS)
    return world


def real_world() -> World:
    world = World().change(wish=WISH)
    real = RealAccessPoint(BUYER.public, lambda: world.now.utc_s, world=world)
    for name, value in TERMS.items():
        setattr(real, name, value)
    world.aps["ap"] = real
    return world


BOTH = pytest.mark.parametrize("make", [fake_world, real_world], ids=["fake", "real"])
Make = Callable[[], World]


@BOTH
def test_bought_joined_and_left(make: Make) -> None:
    world = make()
    assert world.buy().phase is Phase.JOINED
    world.feed(LeaveWanted())
    assert world.run(frozenset({Phase.ENDED})).failure is None
    assert world.texts[-1] == "left"
    assert world.state.dropped == {}
    assert [type(message) for message in world.aps["ap"].heard] == [Discover, Purchase, Join, Leave]


@BOTH
def test_a_lost_answer_to_a_purchase_costs_nothing(make: Make) -> None:
    world = make()
    lost: list[bytes] = []

    def lose_the_first_outcome(data: bytes) -> bool:
        if not lost and isinstance(read_lobby(data), Outcome):
            lost.append(data)
            return True
        return False

    world.lose = lose_the_first_outcome
    assert world.buy().phase is Phase.JOINED
    assert len(world.aps["ap"].grants) == 1


@BOTH
def test_a_lost_answer_to_a_join_is_given_again(make: Make) -> None:
    world = make()
    lost: list[bytes] = []

    def lose_two_joined(data: bytes) -> bool:
        if len(lost) < 2 and isinstance(read_lobby(data), Joined):
            lost.append(data)
            return True
        return False

    world.lose = lose_two_joined
    assert world.buy().phase is Phase.JOINED
    assert world.count(Join) == 3


@BOTH
def test_a_rejection_reaches_the_user(make: Make) -> None:
    world = make()
    world.aps["ap"].reject = [("insufficient_funds", "0 BC")]
    assert world.fail().reason == "insufficient_funds"


@BOTH
def test_leaving_after_the_challenge_has_gone_stale(make: Make) -> None:
    world = make()
    world.buy()
    world.pass_ns(200_000_000_000)
    world.aps["ap"].challenge_number += 1  # the real one does this by itself
    world.feed(LeaveWanted())
    world.run(frozenset({Phase.ENDED}))
    assert world.texts[-1] == "left"


def again(world: World, station: MacAddress = STATION) -> World:
    """The same device later, with its grant."""
    state = State(
        BUYER.public,
        station,
        None,
        world.state.pinned,
        grant=world.grant,
        grant_bytes=world.state.grant_bytes,
    )
    later = World(now=world.now, aps=world.aps, state=state)
    access_point = world.aps["ap"]
    access_point.utc_s = lambda: later.now.utc_s
    if isinstance(access_point, RealAccessPoint):
        access_point.world = later
    return later


@BOTH
def test_coming_back_at_once(make: Make) -> None:
    """Joined, left, and joined again within the life of a challenge."""
    world = make()
    world.buy()
    world.feed(LeaveWanted())
    world.run(frozenset({Phase.ENDED}))
    later = again(world)
    assert later.buy().phase is Phase.JOINED
    assert len(later.aps["ap"].grants) == 1


@BOTH
def test_coming_back_with_another_station(make: Make) -> None:
    world = make()
    world.buy()
    later = again(world, MacAddress(b"\x02\0\0\0\0\x99"))
    assert later.buy().phase is Phase.JOINED


@BOTH
def test_lossy_journeys(make: Make) -> None:
    joined = 0
    for seed in range(25):
        world = make()
        world.lose = lossy(seed, 25)
        state = world.buy()
        assert len(world.aps["ap"].grants) <= 1
        joined += state.phase is Phase.JOINED
    assert joined >= 23


# ---- What only the real one does


def test_the_brokers_absence_is_waited_out() -> None:
    world = real_world()
    real = world.aps["ap"]
    assert isinstance(real, RealAccessPoint)
    real.feed(BrokerLost("gone"))
    world.feed(Started())
    world.run(frozenset({Phase.BUYING}))
    world.run(at_most_s=4)
    assert world.state.phase is Phase.BUYING
    assert "ledger_unreachable" in world.state.setback
    real.feed(BrokerConnected())
    assert world.run().phase is Phase.JOINED


def test_an_air_that_is_full_is_refused_before_it_is_paid() -> None:
    world = real_world().change(wish=replace(WISH, floor_down_bps=60_000_000))
    failure = world.fail()
    assert failure.reason == "no_capacity"
    assert world.aps["ap"].grants == {}


def test_sold_out_is_refused_before_it_is_paid() -> None:
    world = real_world()
    real = world.aps["ap"]
    assert isinstance(real, RealAccessPoint)
    real.feed(OfferStateReceived(signed_state(height=11, allocations_left=0)))
    assert world.fail().reason == "sold_out"
    assert real.grants == {}


def test_an_access_point_without_an_offer_says_so() -> None:
    world = real_world()
    real = world.aps["ap"]
    assert isinstance(real, RealAccessPoint)
    real.box = start_box()
    assert "nothing_on_offer" in world.fail().detail
