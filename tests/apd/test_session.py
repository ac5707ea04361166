"""A session: its moves, its counting, and what a restart makes of it."""

from dataclasses import replace

import pytest

from apd.session import (
    FOLLOWS,
    EndReason,
    Phase,
    Session,
    StoredSession,
    Usage,
    instant_ns,
    restore,
    shape_of,
)
from tc_shaper.tree import MAX_LIFETIME_S
from tests.apd.world import QOS, START, START_S, STATION, grant, signed_grant
from wire.qos import LatencyClass
from wire.units import NS_PER_S


def session(phase: Phase = Phase.ACTIVE, **changes: object) -> Session:
    made = Session(
        grant=grant(),
        encoded_grant=signed_grant(grant()),
        qos=QOS,
        station=STATION,
        slot=20,
        phase=phase,
        ends_ns=START.mono_ns + 600 * NS_PER_S,
        starts_ns=START.mono_ns,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # a test names real fields


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_a_move_is_in_the_table_or_our_own_mistake(before, after):
    if after in FOLLOWS[before]:
        assert session(before).move(after, EndReason.LEFT).reason is EndReason.LEFT
    else:
        with pytest.raises(AssertionError, match="is not a move"):
            session(before).move(after)


def test_every_phase_can_be_reached_and_left():
    reached = {Phase.OFFERED}
    for _ in Phase:
        reached |= {after for phase in reached for after in FOLLOWS[phase]}
    assert reached == set(Phase)
    assert all(FOLLOWS.values())


@pytest.mark.parametrize(
    ("phase", "holds"),
    [
        (Phase.OFFERED, False),
        (Phase.ADMITTED, True),
        (Phase.ACTIVE, True),
        (Phase.EXPIRING, True),
        (Phase.CLOSED, False),
    ],
)
def test_who_holds_a_slot(phase, holds):
    assert session(phase).holds_slot is holds


def test_usage_since_a_baseline_and_since_a_counter_began_anew():
    assert Usage(10, 20, 30, 40).since(Usage(1, 20, 31, 0)) == Usage(9, 0, 30, 40)


def test_who_sends_is_heard_also_when_nothing_of_it_is_delivered():
    heard = session().counted(Usage(0, 0, 0, 1), now_ns=7)
    assert (heard.last_heard_ns, heard.counted(Usage(5, 0, 5, 1), 9).last_heard_ns) == (7, 7)


def test_a_data_cap_counts_both_directions_and_ends_at_nothing():
    capped = session(qos=replace(QOS, data_cap_bytes=100))
    assert session().data_left_bytes is None
    assert capped.counted(Usage(30, 20), 0).data_left_bytes == 50
    assert capped.counted(Usage(90, 20), 0).data_left_bytes == 0


def test_the_shape_is_that_of_all_units():
    shape = shape_of(session(qos=QOS.times(3)), START)
    assert (shape.slot, shape.station, shape.down_floor_bps, shape.up_ceil_bps) == (
        20,
        STATION,
        6_000_000,
        12_000_000,
    )


@pytest.mark.parametrize(
    ("left_ns", "lifetime_s"),
    [
        (600 * NS_PER_S, 600),
        (1, 1),
        (NS_PER_S + 1, 2),
        (0, 1),
        (-5 * NS_PER_S, 1),
        (2**32 * NS_PER_S, MAX_LIFETIME_S),
    ],
)
def test_the_kernel_ends_it_should_nobody_be_there_to(left_ns, lifetime_s):
    assert shape_of(session(ends_ns=START.mono_ns + left_ns), START).lifetime_s == lifetime_s


def test_who_bought_low_latency_gets_a_short_queue():
    assert not shape_of(session(), START).interactive
    assert shape_of(session(qos=replace(QOS, latency_class=LatencyClass.INTERACTIVE)), START).interactive


@pytest.mark.parametrize("phase", [Phase.ADMITTED, Phase.ACTIVE, Phase.EXPIRING, Phase.CLOSED])
@pytest.mark.parametrize("kept", [True, False])
def test_a_restart_finds_it_as_it_was(phase, kept):
    stored = StoredSession(
        grant(),
        signed_grant(grant()),
        QOS,
        STATION,
        20,
        phase,
        EndReason.REVOKED,
        Usage(1, 1, 1, 1),
        Usage(2, 2, 2, 2),
        Usage(3, 3, 3, 3),
    )
    later = replace(START, mono_ns=77 * NS_PER_S, utc_ms=START.utc_ms + 100_000)
    found = restore(stored, later, kept=kept)
    assert (found.phase, found.reason, found.slot, found.station) == (phase, EndReason.REVOKED, 20, STATION)
    assert found.baseline == (Usage(1, 1, 1, 1) if kept else Usage())
    assert (found.used, found.unreported) == (Usage(2, 2, 2, 2), Usage(3, 3, 3, 3))
    assert (found.starts_ns, found.ends_ns) == (-23 * NS_PER_S, 577 * NS_PER_S)
    assert found.last_heard_ns == later.mono_ns, "it is given time to be heard"


def test_a_restart_goes_on_with_what_is_missing_of_one_that_found_no_room():
    stored = StoredSession(
        grant(), signed_grant(grant()), QOS, STATION, 0, Phase.CLOSED, EndReason.NO_ROOM, Usage(), Usage(), Usage()
    )  # fmt: skip
    found = restore(stored, START, kept=False)
    assert found.missed(START.mono_ns).used == Usage()
    missed = found.missed(START.mono_ns + 700 * NS_PER_S).used
    assert (missed.down_shortfall_bytes, missed.up_shortfall_bytes) == (150_000_000, 75_000_000), (
        "its time, no more"
    )


def test_an_instant_of_the_wall_clock_on_the_other():
    assert instant_ns(START_S + 2, replace(START, utc_ms=START.utc_ms + 500)) == START.mono_ns + 1_500_000_000
