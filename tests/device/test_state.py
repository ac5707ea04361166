"""Phases and their successors as data."""

from dataclasses import replace

import pytest

from device.choice import ANYTHING, Wish
from device.events import Failure, Source
from device.state import SUCCESSORS, HeldGrant, Phase, State, drop, end, enter, fail
from tests.wire.examples import MESSAGES
from wire.grant import Grant
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.usage_terms import UsageTerms

IDLE = State(PrivateKey.from_secret(7).public, MacAddress(bytes(6)), None, None)


def test_every_phase_has_its_successors() -> None:
    assert set(SUCCESSORS) == set(Phase)


def test_every_phase_can_be_reached_and_every_journey_ends() -> None:
    reached, todo = {Phase.IDLE}, [Phase.IDLE]
    while todo:
        new = SUCCESSORS[todo.pop()] - reached
        reached |= new
        todo += new
    assert reached == set(Phase)
    assert [phase for phase in Phase if not SUCCESSORS[phase]] == [Phase.ENDED, Phase.FAILED]


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.DISCOVERING])
def test_a_jump_is_our_mistake(phase: Phase) -> None:
    with pytest.raises(AssertionError, match="is not followed by"):
        enter(IDLE, phase)


def test_drops_are_counted_by_reason() -> None:
    state = drop(drop(drop(IDLE, "a"), "b"), "a")
    assert state.dropped == {"a": 2, "b": 1}
    assert IDLE.dropped == {}


def test_nothing_is_waited_for_after_the_end() -> None:
    discovering = enter(IDLE, Phase.DISCOVERING)
    failed = fail(discovering, Failure("why", "because", Source.LEDGER))
    ended, _ = end(discovering, "enough")
    for state in (failed, ended):
        assert (state.retry, state.choose_ns) == (None, None)


def test_a_grant_whose_use_costs_more_than_is_agreed_to_does_not_serve() -> None:
    grant: Grant = MESSAGES["grant"].example
    usage = UsageTerms(0, 1_000, 10**6, 3_000)
    billed = HeldGrant(replace(grant, qos=replace(grant.qos, usage=usage)), b"")
    plain = HeldGrant(replace(grant, qos=replace(grant.qos, usage=None)), b"")
    most_ubc = 3_000 * grant.allocations
    for held, max_use_ubc, serves in [
        (plain, 0, True), (billed, 0, False), (billed, most_ubc - 1, False), (billed, most_ubc, True)
    ]:  # fmt: skip
        assert held.serves(Wish(0, 0, max_use_ubc=max_use_ubc), grant.starts_s) is serves
    assert billed.serves(ANYTHING, grant.starts_s)
