"""Joining and leaving: challenges that went stale, answers that were lost, grants that are kept."""

from dataclasses import replace

import pytest

from device.events import LeaveWanted, SignRequest, Source, Started
from device.fake_access_point import sell_as
from device.state import Phase, State
from nas_tunnel.lobby import Discover, Join, Joined, Leave, Purchase, Refused
from tests.device.playbook import BUYER, STATION, World
from wire.ids import MacAddress
from wire.join_request import JoinPurpose


def joined() -> World:
    world = World()
    world.add()
    assert world.buy().phase is Phase.JOINED
    return world


def joining() -> World:
    """A world in which everything is bought and every Join is lost."""
    world = World()
    world.add(lose={Join: 999})
    world.feed(Started())
    world.run(frozenset({Phase.JOINING}))
    return world


def test_the_request_names_this_station_this_grant_and_this_access_point() -> None:
    world = World()
    fake = world.add(bssid=MacAddress(b"\x02\0\0\0\0\x42"))
    world.buy()
    (order,) = world.told(SignRequest)
    assert order == SignRequest(
        JoinPurpose.JOIN, world.grant.grant_id, STATION, MacAddress(b"\x02\0\0\0\0\x42"), fake.challenge
    )


def test_a_stale_challenge_is_renewed() -> None:
    world = joining()
    fake = world.aps["ap"]
    fake.challenge_number, fake.lose = 1, {}
    assert world.run().phase is Phase.JOINED
    assert len(world.told(SignRequest)) == 2
    assert [type(send.message) for send in world.sent][-2:] == [Discover, Join]
    assert world.sent[-2].address == "ap"


def test_challenges_that_are_always_stale_end_with_the_reason() -> None:
    world = joining()
    fake = world.aps["ap"]
    fake.lose = {}
    fake.refuse = [(Join, "challenge_stale", "again")] * 99

    def turn(data: bytes) -> bool:
        fake.challenge_number += 1
        return False

    world.lose = turn
    failure = world.fail_later()
    assert (failure.reason, failure.source) == ("challenge_stale", Source.ACCESS_POINT)
    assert len(world.told(SignRequest)) == 1 + world.state.settings.challenges


def test_a_request_that_was_acted_on_waits_for_another_challenge() -> None:
    """`replayed`: the access point has seen these bytes; its challenge lasts 30 s, and so does our patience."""
    world = joining()
    fake = world.aps["ap"]
    fake.lose, fake.refuse = {}, [(Join, "replayed", "acted on before")]
    world.run(at_most_s=25)
    assert world.state.phase is Phase.JOINING
    fake.challenge_number = 1
    assert world.run().phase is Phase.JOINED


def test_a_lost_answer_is_asked_for_again_with_the_same_bytes() -> None:
    world = World()
    fake = world.add(lose={Join: 2})
    assert world.buy().phase is Phase.JOINED
    joins = [send.message for send in world.sent if isinstance(send.message, Join)]
    assert (len(joins), len(set(joins))) == (3, 1)
    assert len(fake.joined) == 1


@pytest.mark.parametrize(
    "reason", ["busy", "moving", "no_airtime", "no_capacity", "not_metered", "too_early"]
)
def test_what_may_pass_is_waited_for(reason: str) -> None:
    world = World()
    world.add(refuse=[(Join, reason, "later")] * 2)
    assert world.buy().phase is Phase.JOINED


@pytest.mark.parametrize(
    "reason", ["grant_used", "foreign_provider", "station_has_session", "not_the_consumer"]
)
def test_what_will_not_pass_reaches_the_user_with_the_grant_kept(reason: str) -> None:
    world = World()
    world.add(refuse=[(Join, reason, "so it is")])
    state = world.buy()
    assert (world.failure.reason, world.failure.source) == (reason, Source.ACCESS_POINT)
    assert "so it is" in world.failure.detail
    assert "`airgrant buy` comes back with it" in world.failure.detail
    assert state.grant_bytes


def test_an_access_point_that_falls_silent_is_named_with_what_it_said_last() -> None:
    world = World()
    world.add(refuse=[(Join, "no_capacity", "full")] * 99)
    failure = world.fail()
    assert (failure.reason, failure.source) == ("no_answer", Source.NETWORK)
    assert "no_capacity: full" in failure.detail


def test_strangers_can_neither_admit_nor_refuse() -> None:
    world = joining()
    grant_id = world.grant.grant_id
    world.hear(Joined(grant_id, 2**40), address="mallory")
    world.hear(Joined(bytes(16), 2**40))
    world.hear(Refused(grant_id, "grant_used", ""), address="mallory")
    world.hear(Refused(bytes(16), "grant_used", ""))
    world.hear(sell_as(world.aps["ap"]).announcement())
    world.aps["ap"].challenge_number = 9
    world.hear(world.aps["ap"].announcement(), address="mallory")
    assert world.state.phase is Phase.JOINING
    assert world.state.dropped == {
        "foreign_joined": 2,
        "foreign_refusal": 2,
        "other_provider": 1,
        "foreign_announcement": 1,
    }


def test_the_grants_own_end_counts_if_the_access_point_says_more() -> None:
    world = joining()
    world.hear(Joined(world.grant.grant_id, 2**40))
    assert world.state.ends_s == world.grant.ends_s


def test_an_end_in_the_past_is_no_session() -> None:
    world = joining()
    world.hear(Joined(world.grant.grant_id, 1))
    assert world.failure.reason == "grant_over"


# ---- Leaving


def test_leaving_asks_for_a_fresh_challenge_if_need_be() -> None:
    world = joined()
    world.aps["ap"].challenge_number = 5
    world.feed(LeaveWanted())
    world.run(frozenset({Phase.ENDED}))
    assert world.aps["ap"].joined == {}
    assert [type(send.message) for send in world.sent][-3:] == [Leave, Discover, Leave]


@pytest.mark.parametrize("lost", [1, 2, 3])
def test_a_lost_leave_is_sent_again_and_then_left_to_time(lost: int) -> None:
    world = joined()
    world.aps["ap"].lose = {Leave: lost}
    world.feed(LeaveWanted())
    world.run(frozenset({Phase.ENDED}))
    assert (world.aps["ap"].joined == {}) is (lost < 3)
    assert world.texts[-1].startswith("left without" if lost == 3 else "left")


def test_leaving_what_is_gone_already() -> None:
    world = joined()
    world.aps["ap"].joined.clear()
    world.feed(LeaveWanted())
    assert world.run(frozenset({Phase.ENDED})).failure is None


def test_whoever_leaves_while_joining_leaves() -> None:
    world = joining()
    world.feed(LeaveWanted())
    assert world.state.phase is Phase.LEAVING
    assert world.run(frozenset({Phase.ENDED})).phase is Phase.ENDED


# ---- Coming back with a grant


def rejoining(world: World) -> World:
    old = world.state
    again = World(now=world.now, aps=world.aps)
    state = State(BUYER.public, STATION, None, old.pinned, grant=old.grant, grant_bytes=old.grant_bytes)
    again.state = state
    return again


def test_a_grant_is_good_for_coming_back() -> None:
    world = joined()
    world.pass_ns(60_000_000_000)
    again = rejoining(world)
    assert again.buy().phase is Phase.JOINED
    assert again.count(Purchase) == 0
    assert len(world.aps["ap"].grants) == 1


def test_coming_back_goes_to_the_provider_of_the_grant() -> None:
    world = joined()
    world.aps["other"] = sell_as(world.aps["ap"], price_ubc=1)
    again = rejoining(world)
    assert again.buy().phase is Phase.JOINED
    assert again.state.chosen is not None
    assert again.state.chosen.address == "ap"
    assert set(again.state.dropped) <= {"foreign_announcement", "other_provider", "out_of_turn"}


def test_coming_back_to_nobody() -> None:
    world = joined()
    world.aps.clear()
    assert rejoining(world).fail().reason == "no_access_point"


def test_coming_back_with_another_station() -> None:
    world = joined()
    again = rejoining(world)
    again.change(station=MacAddress(b"\x02\0\0\0\0\x99"))
    again.buy()
    assert list(world.aps["ap"].joined.values()) == [again.state.station]
    assert replace(again.state) == again.state
