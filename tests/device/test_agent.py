"""The whole machine: journeys, loss, garbage, and the table itself."""

from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.agent import HANDLERS, next_deadline, step
from device.events import (
    Associated,
    AssociationFailed,
    DatagramReceived,
    DeadlineReached,
    Disassociated,
    Event,
    LeaveWanted,
    MarketHeard,
    MessageHeard,
    Obstacle,
    PinLedger,
    SendFailed,
    ShowOffer,
    SignPurchase,
    SignRequest,
    Started,
)
from device.state import SUCCESSORS, Phase, State
from nas_tunnel.lobby import (
    Discover,
    Join,
    Joined,
    Leave,
    Left,
    LobbyMessage,
    Outcome,
    Purchase,
    Refused,
    write_lobby,
)
from tests.device.air_playbook import AirWorld
from tests.device.playbook import BUYER, OVER, START, STATION, WISH, World, lossy
from wire.grant import read_grant
from wire.join_request import JoinPurpose


def test_a_device_with_nothing_but_a_key_gets_in_and_out() -> None:
    world = World()
    fake = world.add()
    state = world.buy()
    assert state.phase is Phase.JOINED
    assert state.ends_s == world.grant.ends_s
    assert [type(send.message) for send in world.sent] == [Discover, Purchase, Join]
    assert [send.address for send in world.sent] == [None, "ap", "ap"]
    assert read_grant(state.grant_bytes, fake.ledger.public, fake.ledger_id).consumer == BUYER.public
    assert fake.joined == {world.grant.grant_id: STATION}
    world.feed(LeaveWanted())
    assert world.run(frozenset({Phase.ENDED})).phase is Phase.ENDED
    assert fake.joined == {}


def test_the_journey_takes_three_round_trips_and_the_time_to_collect_offers() -> None:
    world = World()
    world.add()
    world.buy()
    assert world.now.mono_ns - START.mono_ns == 3_000_000 + world.state.settings.collect_ms * 1_000_000


def test_what_the_user_is_told_on_the_way() -> None:
    world = World()
    world.add()
    world.buy()
    texts = [text.split(";")[0] for text in world.texts]
    assert texts[0] == "looking for an access point to buy from"
    assert texts[1].startswith("no ledger was pinned")
    assert texts[2:] == ["buying", "bought", "joined"]
    assert len(world.told(ShowOffer)) == 1
    assert len(world.told(PinLedger)) == 1


@pytest.mark.parametrize("seed", range(40))
def test_a_lossy_link_costs_time_and_no_money(seed: int) -> None:
    """30 % of all datagrams lost, both ways: bought at most once, and joined or a failure that says what it is."""
    world = World(lose=lossy(seed, 30))
    fake = world.add()
    state = world.buy()
    assert len(fake.grants) <= 1
    assert len({send.message for send in world.sent if isinstance(send.message, Purchase)}) <= 1
    if state.phase is Phase.FAILED:
        assert world.failure.reason in {"no_access_point", "outcome_unknown", "no_answer"}
    else:
        assert (state.phase, len(fake.grants)) == (Phase.JOINED, 1)


def test_most_lossy_journeys_succeed() -> None:
    outcomes = []
    for seed in range(40):
        world = World(lose=lossy(seed, 30))
        world.add()
        outcomes.append(world.buy().phase)
    assert outcomes.count(Phase.JOINED) >= 38


def test_the_session_ends_with_the_time_that_was_bought() -> None:
    world = World()
    world.add(duration_s=600)
    world.buy()
    joined_at_s = world.now.utc_s
    world.run(frozenset({Phase.ENDED}))
    assert world.state.phase is Phase.ENDED
    assert world.now.utc_s == world.grant.ends_s <= joined_at_s + 600


def test_the_access_point_may_end_it() -> None:
    world = World()
    world.add()
    world.buy()
    world.hear(Left(world.grant.grant_id))
    assert world.state.phase is Phase.ENDED


def test_somebody_else_may_not_end_it() -> None:
    world = World()
    world.add()
    world.buy()
    world.hear(Left(world.grant.grant_id), address="mallory")
    world.hear(Left(bytes(16)))
    assert world.state.phase is Phase.JOINED
    assert world.state.dropped == {"foreign_left": 2}


def test_no_deadline_before_the_start_or_after_the_end() -> None:
    world = World()
    assert next_deadline(world.state, START) is None
    world.buy()  # nobody is there
    assert world.state.phase is Phase.FAILED
    assert next_deadline(world.state, world.now) is None


def test_failed_sending_reaches_the_user() -> None:
    world = World()
    world.feed(Started())
    world.feed(SendFailed("Network is unreachable"))
    assert "sending failed: Network is unreachable" in world.fail_later().detail


# ---- Whatever comes, in whatever phase


def states() -> dict[Phase, State]:
    """One real state of each phase, from a real journey."""
    world, found = World(), {}
    world.add()
    for event in (None, Started()):
        if event:
            world.feed(event)
        found[world.state.phase] = world.state
    for phase in (Phase.BUYING, Phase.JOINING, Phase.JOINED):
        found[phase] = world.run(frozenset({phase}))
    world.feed(LeaveWanted())
    found[Phase.LEAVING] = world.state
    found[Phase.ENDED] = world.run(frozenset({Phase.ENDED}))
    alone = World()
    found[Phase.FAILED] = alone.buy()
    air = AirWorld()
    air.add()
    found[Phase.ASSOCIATING] = air.buy(until=frozenset({Phase.ASSOCIATING}))
    found[Phase.ASSOCIATED] = air.run()
    return found


STATES = states()
JOINED_GRANT = STATES[Phase.JOINED].grant
assert JOINED_GRANT is not None
GRANT_ID = JOINED_GRANT.grant_id
NOISE = (
    Discover(),
    Purchase(b"x"),
    Outcome(bytes(32), b"x", b""),
    Join(b"x", b"y"),
    Joined(GRANT_ID, 0),
    Joined(bytes(16), 2**62),
    Leave(GRANT_ID, b"x"),
    Left(bytes(16)),
    Refused(b"", "busy", "later"),
    Refused(bytes(32), "sold_out", "of another"),
)


def test_the_journey_passes_every_phase() -> None:
    assert set(STATES) == set(Phase)


@pytest.mark.parametrize("phase", Phase)
@given(data=st.binary(max_size=300))
@settings(max_examples=30)
def test_garbage_is_counted_and_nothing_else_happens(phase: Phase, data: bytes) -> None:
    after, commands = step(STATES[phase], DatagramReceived("ap", b"\xff" + data), START)
    assert commands == []
    assert after.dropped["garbled"] == STATES[phase].dropped.get("garbled", 0) + 1
    assert replace(after, dropped=STATES[phase].dropped) == STATES[phase]


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("message", NOISE, ids=lambda message: type(message).__name__)
@pytest.mark.parametrize("address", ["ap", "mallory"])
def test_what_nobody_asked_for_never_breaks_the_machine(
    phase: Phase, message: LobbyMessage, address: str
) -> None:
    after, _ = step(STATES[phase], DatagramReceived(address, write_lobby(message)), START)
    assert after.phase in {phase, *SUCCESSORS[phase]}
    if address == "mallory":
        assert after.phase is phase


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize(
    "event",
    [
        Started(),
        DeadlineReached(),
        LeaveWanted(),
        SendFailed("x"),
        MarketHeard(),
        MessageHeard("ap", Left(bytes(16))),
        Associated(STATION),
        *(AssociationFailed(obstacle, "x") for obstacle in Obstacle),
        Disassociated("x"),
    ],
    ids=repr,
)
def test_every_event_may_come_in_every_phase(phase: Phase, event: Event) -> None:
    after, _ = step(STATES[phase], event, START)
    assert after.phase in {phase, *SUCCESSORS[phase]}


@given(st.lists(st.integers(0, 13), max_size=40), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_any_order_of_events_keeps_to_the_successors(order: list[int], seed: int) -> None:
    """Deadlines early and late, duplicates, strangers, the user's impatience."""
    world = World(lose=lossy(seed, 20))
    world.add()
    world.feed(Started())
    for number in order:
        before = world.state.phase
        if number < len(NOISE):
            world.hear(NOISE[number], address="ap" if number % 2 else "mallory")
        elif number == 10:
            world.feed(DeadlineReached())
        elif number == 11:
            world.run(at_most_s=1)
        elif number == 12:
            world.pass_ns(700_000_000)
        else:
            world.feed(LeaveWanted())
        assert before is world.state.phase or world.state.phase in reachable(before)


def reachable(phase: Phase) -> set[Phase]:
    found: set[Phase] = set()
    todo = [phase]
    while todo:
        new = SUCCESSORS[todo.pop()] - found
        found |= new
        todo += new
    return found


def test_the_table_knows_every_phase_that_can_be_left() -> None:
    listening = {phase for phase, _ in HANDLERS}
    assert listening == {phase for phase in Phase if SUCCESSORS[phase]}


def test_the_same_events_give_the_same_commands() -> None:
    def journey() -> list[object]:
        world = World()
        world.add(provider=BUYER, ledger=BUYER)
        world.buy()
        return [command for command in world.commands if isinstance(command, (SignPurchase, SignRequest))]

    first = journey()
    assert [type(command) for command in first] == [SignPurchase, SignRequest]
    assert isinstance(first[1], SignRequest)
    assert first[1].purpose is JoinPurpose.JOIN
    assert journey() == first


def test_a_state_is_a_value() -> None:
    state = State(BUYER.public, STATION, WISH, None)
    assert replace(state) == state
    with pytest.raises(AttributeError):
        state.phase = Phase.JOINED  # type: ignore[misc]
    assert {field.name for field in fields(state)} >= {"phase", "dropped", "failure"}
    assert state.phase not in OVER
