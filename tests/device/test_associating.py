"""Joining by EAP-TLS: attempts, obstacles, loss, roaming, and the end."""

import pytest

from device.associating import EARLIER_S, LATER_S
from device.events import (
    Associate,
    Associated,
    AssociationFailed,
    DeadlineReached,
    Disassociate,
    Disassociated,
    LeaveWanted,
    Obstacle,
    SignPurchase,
    Source,
    Started,
)
from device.state import Phase
from nas_tunnel.lobby import Join
from tests.device.air_playbook import SSID, AirWorld
from tests.device.playbook import World
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.network import Network

OVER = frozenset({Phase.ENDED})
ELSEWHERE = MacAddress(b"\x02\0\0\0\0\x09")


def joined() -> AirWorld:
    world = AirWorld()
    world.add()
    world.buy()
    assert world.state.phase is Phase.ASSOCIATED
    world.commands.clear()
    return world


def orders(world: AirWorld) -> list[Associate]:
    return [command for command in world.commands if isinstance(command, Associate)]


# ---- Getting in


def test_the_certificate_lasts_as_long_as_the_grant_and_a_margin() -> None:
    """By the ledger's clock: this device's may be wrong."""
    world = AirWorld()
    cell = world.add()
    world.buy()
    (order,) = orders(world)
    assert order.not_before_s == world.grant.starts_s - EARLIER_S
    assert order.not_after_s == world.grant.ends_s + LATER_S
    network = order.network
    assert (network.bssid, network.ssid, network.operator) == (
        cell.shop.bssid, SSID, cell.shop.operator.public,
    )  # fmt: skip
    assert world.state.ends_s == world.grant.ends_s


def test_the_operator_may_hear_of_the_grant_a_little_later() -> None:
    world = AirWorld()
    world.add()
    world.air.reject_joins = 3
    assert world.buy().phase is Phase.ASSOCIATED
    assert [order.pinned for order in orders(world)] == [True, False, True, False]
    assert len([text for text in world.texts if text.startswith("not let in")]) == 3


def test_an_operator_that_says_no_is_believed_in_the_end() -> None:
    world = AirWorld()
    world.add()
    world.air.reject_joins = 1_000
    failure = world.fail()
    assert (failure.reason, failure.source) == ("rejected", Source.OPERATOR)
    assert "`airgrant buy` comes back with it" in failure.detail
    assert len(orders(world)) == world.state.settings.associate.tries
    assert isinstance(world.commands[-1], Disassociate)


def test_a_server_of_somebody_else_is_met_a_few_times_only() -> None:
    world = AirWorld()
    world.add()
    world.air.strange_server = 1_000
    failure = world.fail()
    assert (failure.reason, failure.source) == ("unknown_authority", Source.DEVICE)
    assert len(orders(world)) == world.state.settings.strange_servers


def test_a_twin_beside_the_real_one_costs_an_attempt() -> None:
    world = AirWorld()
    world.add()
    world.air.strange_server = 1
    assert world.buy().phase is Phase.ASSOCIATED


def test_an_operator_that_the_provider_did_not_name_is_strange() -> None:
    world = AirWorld()
    world.add(
        alter_network=lambda network: Network(
            network.bssid, network.ssid, PrivateKey.from_secret(99).public, network.expires_s
        )
    )
    assert world.fail().reason == "unknown_authority"


def test_without_wpa_supplicant_there_is_no_second_attempt() -> None:
    world = AirWorld()
    world.add()
    world.buy(frozenset({Phase.ASSOCIATING}))
    world.inbox.clear()
    world.feed(AssociationFailed(Obstacle.NO_SUPPLICANT, "no control socket there"))
    assert world.state.phase is Phase.FAILED
    assert world.state.failure is not None
    assert (world.state.failure.reason, world.state.failure.source) == ("no_supplicant", Source.MACHINE)


def test_silence_ends_after_so_many_attempts() -> None:
    world = AirWorld()
    world.add()
    world.dead_radio = True
    world.buy(frozenset({Phase.ASSOCIATING}))
    world.feed(AssociationFailed(Obstacle.NOT_FOUND, "the network is not in range"))
    world.run()
    assert world.state.failure is not None
    assert (world.state.failure.reason, world.state.failure.source) == ("no_answer", Source.NETWORK)
    assert "not in range" in world.state.failure.detail
    assert len(orders(world)) == world.state.settings.associate.tries


def test_impatience_puts_the_networks_back() -> None:
    world = AirWorld()
    world.add()
    world.buy(frozenset({Phase.ASSOCIATING}))
    world.feed(LeaveWanted())
    assert world.state.phase is Phase.ENDED
    assert Disassociate() in world.commands


def test_a_grant_that_is_over_by_this_clock_is_not_a_session() -> None:
    world = AirWorld()
    world.add(duration_s=1)
    world.buy(frozenset({Phase.ASSOCIATING}))
    world.pass_ns(5_000_000_000)
    world.run()
    assert world.state.failure is not None
    assert world.state.failure.reason == "grant_over"


# ---- Being in


def test_the_session_ends_with_the_time_that_was_bought() -> None:
    world = joined()
    world.run(OVER)
    assert world.now.utc_s == world.grant.ends_s
    assert world.commands[0] == Disassociate()


def test_leaving_needs_nobody_s_consent() -> None:
    world = joined()
    world.feed(LeaveWanted())
    assert world.state.phase is Phase.ENDED
    assert world.commands[0] == Disassociate()


def test_roaming_is_the_same_session() -> None:
    world = joined()
    world.feed(Associated(ELSEWHERE))
    assert (world.state.phase, world.state.bssid) == (Phase.ASSOCIATED, ELSEWHERE)
    assert world.texts == [f"roamed to {ELSEWHERE}"]
    world.feed(Associated(ELSEWHERE))  # keys renewed: nothing to tell
    assert len(world.texts) == 1


def test_what_was_lost_and_comes_back_goes_on() -> None:
    world = joined()
    world.dead_radio = True
    world.feed(Disassociated("reason code 2"))
    assert world.state.phase is Phase.ASSOCIATED
    world.run(OVER, at_most_s=10)
    world.feed(Associated(ELSEWHERE))
    world.run(OVER, at_most_s=60)
    assert world.state.phase is Phase.ASSOCIATED


def test_what_does_not_come_back_is_over() -> None:
    world = joined()
    world.dead_radio = True
    lost_ns = world.now.mono_ns
    world.feed(Disassociated("reason code 2"))
    world.feed(Disassociated("reason code 3"))
    world.feed(AssociationFailed(Obstacle.NOT_FOUND, "not in range"))
    world.run(OVER)
    assert world.now.mono_ns - lost_ns == world.state.settings.absence_ms * 1_000_000
    assert "did not come back: not_found: not in range" in world.texts[-1]
    assert "`airgrant buy` comes back with it" in world.texts[-1]
    assert Disassociate() in world.commands


def test_who_was_lost_looks_where_the_provider_signed_every_other_time() -> None:
    """A twin of the network may be louder: who only roams never gets past it."""
    world = joined()
    world.dead_radio = True
    world.feed(Disassociated("reason code 2"))
    world.run(OVER)
    assert [order.pinned for order in orders(world)] == [True, False, True, False]


@pytest.mark.parametrize("obstacle", [Obstacle.REJECTED, Obstacle.UNKNOWN_AUTHORITY, Obstacle.REFUSED])
def test_a_twin_that_says_no_ends_nothing(obstacle: Obstacle) -> None:
    """An EAP failure is not authenticated: anybody near can send one. The real access point is still there."""
    world = joined()
    world.feed(Disassociated("reason code 2"))
    world.feed(AssociationFailed(obstacle, "go away"))
    assert world.state.phase is Phase.ASSOCIATED
    world.run(OVER, at_most_s=2)
    (order,) = orders(world)
    assert order.pinned
    assert (world.state.phase, world.state.absent_until_ns) == (Phase.ASSOCIATED, None)
    assert world.texts[-1] == "back at 02:00:00:00:00:01"


def test_a_failure_heard_while_in_changes_nothing() -> None:
    world = joined()
    world.feed(AssociationFailed(Obstacle.REJECTED, "go away"))
    world.run(OVER, at_most_s=60)
    assert world.state.phase is Phase.ASSOCIATED
    assert orders(world) == []


def test_deauthentications_by_whoever_are_outlasted() -> None:
    world = joined()
    for _ in range(200):
        world.feed(Disassociated("reason code 7"))
        world.run(OVER, at_most_s=1)
        world.feed(Associated(ELSEWHERE))
    world.run(OVER)
    assert world.now.utc_s == world.grant.ends_s
    assert world.texts[-1] == "the time that was bought is over"


def test_an_operator_that_goes_on_saying_no_is_believed_in_the_end() -> None:
    world = joined()
    world.air.reject_joins = 1_000
    lost_ns = world.now.mono_ns
    world.feed(Disassociated("reason code 2"))
    world.run(OVER)
    assert world.now.mono_ns - lost_ns == world.state.settings.absence_ms * 1_000_000
    assert "rejected" in world.texts[-1]
    assert len(orders(world)) > 2


def test_without_wpa_supplicant_the_session_is_over() -> None:
    world = joined()
    world.feed(AssociationFailed(Obstacle.NO_SUPPLICANT, "wpa_supplicant has ended"))
    assert world.state.phase is Phase.ENDED
    assert world.texts[-1].startswith("the session is over: wpa_supplicant has ended. The grant is paid for")


def test_a_deadline_before_its_time_changes_nothing() -> None:
    world = joined()
    before = world.state
    world.feed(DeadlineReached())
    assert world.state == before


# ---- From elsewhere


def test_who_bought_in_the_lobby_joins_the_paid_network_too() -> None:
    world = World()
    fake = world.add(ssid=SSID)
    world.feed(Started())
    world.run(frozenset({Phase.ASSOCIATING}))
    assert world.state.phase is Phase.ASSOCIATING
    assert fake.joined == {}
    assert world.count(Join) == 0
    assert [type(command) for command in world.commands].count(Associate) == 1


def test_a_grant_of_before_needs_no_purchase() -> None:
    first = joined()
    world = AirWorld(now=first.now, air=first.air).trust()
    world.change(wish=None, grant=first.state.grant, grant_bytes=first.state.grant_bytes)
    assert world.buy().phase is Phase.ASSOCIATED
    assert world.told(SignPurchase) == []


@pytest.mark.parametrize(
    ("alter", "reason"),
    [
        (lambda n: Network(ELSEWHERE, n.ssid, n.operator, n.expires_s), "bad_network"),
        (lambda n: Network(n.bssid, n.ssid, n.operator, 5), "network_expired"),
        (lambda n: Network(n.bssid, n.ssid, n.operator, n.expires_s, b"forged"), "operator_unregistered"),
    ],
)
def test_a_network_that_is_not_this_one_s_or_stale(alter, reason: str) -> None:
    world = AirWorld()
    world.add(alter_network=alter)
    assert world.fail().reason == "nothing_suitable"
    assert world.state.dropped[reason] == 1
    assert world.told(SignPurchase) == []


def test_whoever_has_an_operator_that_the_ledger_does_not_know_sells_nothing() -> None:
    world = AirWorld()
    world.add(alter_registration=lambda _: None)
    failure = world.fail()
    assert failure.reason == "nothing_suitable"
    assert "operator_unregistered" in failure.detail
    assert world.told(SignPurchase) == []
