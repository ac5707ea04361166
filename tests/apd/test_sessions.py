"""The life of sessions, event by event: how they end, what is counted, and when the core wants to be called."""

from dataclasses import replace

import pytest

from apd import core, sessions
from apd.commands import (
    GiveUp,
    InstallSession,
    Note,
    ReadCounters,
    RemoveSession,
    StoreRevocation,
    StoreSession,
)
from apd.events import (
    CountersFailed,
    CountersRead,
    DeadlineReached,
    ProviderCommanded,
    RemoveFailed,
    SessionInstalled,
    SessionRemoved,
    StationLeft,
)
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Joined, Refused
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    join,
    note,
    run_session,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.world import (
    OTHER_CONSUMER,
    OTHER_STATION,
    QOS,
    START,
    START_S,
    STATION,
    STRANGER,
    grant,
    revocation,
)
from wire.errors import ShellError
from wire.qos import Qos
from wire.units import NS_PER_S

BROKEN = ShellError("shaper", "no buffer space available")
QUIET = {"report_interval_s": 86_400, "idle_timeout_s": 0}
"""Neither reports nor idle stations, so that nothing else is due."""


@pytest.fixture
def box() -> Box:
    made = sells(start_box(settings(**QUIET)))
    made.feed(DeadlineReached())
    return made


def due_s(box: Box) -> float:
    """Seconds from now until the core wants to be called."""
    return (core.next_deadline_ns(box.state, box.now) - box.now.mono_ns) / NS_PER_S


class TestTime:
    def test_it_ends_when_its_time_is_up_and_not_before(self):
        box = start_box(settings(**QUIET))
        grant_id = run_session(box)
        assert due_s(box) == 600
        assert Playbook(box) >> seconds(599.999) >> DeadlineReached()
        assert (
            Playbook(box)
            >> seconds(0.001)
            >> DeadlineReached()
            << RemoveSession(grant_id, 16, STATION)
            << note("session_ends")
            >> SessionRemoved(grant_id, Usage(1_000, 500, 1_200, 500))
            << a(StoreSession, session=a(object, phase=Phase.CLOSED, reason=EndReason.TIME_UP))
        )
        assert box.state.sessions[grant_id].used == Usage(1_000, 500, 1_200, 500)

    def test_a_deadline_that_comes_hours_late_ends_it_all_the_same(self):
        """The machine was suspended: the clock of sessions went on."""
        box = start_box(settings(**QUIET))
        grant_id = run_session(box)
        commands = [c for c in _after(box, 7_200) if isinstance(c, RemoveSession)]
        assert commands == [RemoveSession(grant_id, 16, STATION)]

    def test_a_wall_clock_that_is_set_does_not_shorten_what_was_paid_for(self):
        box = start_box(settings(**QUIET))
        run_session(box)
        box.now = replace(box.now, utc_ms=box.now.utc_ms + 3_600_000)
        assert Playbook(box) >> seconds(599) >> DeadlineReached()

    def test_after_its_time_the_grant_opens_nothing(self, box):
        grant_id = run_session(box, grant(duration_s=10))
        _after(box, 10)
        box.feed(SessionRemoved(grant_id, Usage()))
        assert Playbook(box) >> join(box, grant(duration_s=10)) << told(Refused, reason="grant_expired")

    def test_one_that_waits_is_closed_when_its_time_is_up(self, box):
        made = grant(starts_s=START_S + 30, duration_s=5)
        box.feed(join(box, made))
        commands = _after(box, 36)
        assert not [c for c in commands if isinstance(c, InstallSession)]
        assert box.state.sessions[made.grant_id].reason is EndReason.TIME_UP
        assert not box.state.stations


def _after(box: Box, wait_s: float) -> list[object]:
    box.pass_time(seconds(wait_s))
    return list(box.feed(DeadlineReached()))


class TestDataCap:
    """8 Mbit/s down and 4 up at most, so 1.5 MB a second."""

    @pytest.fixture
    def capped(self) -> Box:
        box = start_box(settings(**QUIET))
        run_session(box, grant(qos=replace(QOS, data_cap_bytes=15_000_000)))
        return box

    def test_counters_are_read_when_it_can_have_been_used_up_at_the_ceiling(self, capped):
        assert due_s(capped) == 10
        assert (
            Playbook(capped)
            >> seconds(10)
            >> DeadlineReached()
            << ReadCounters()
            >> CountersRead({16: Usage(6_000_000, 1_500_000, 6_000_000, 1_500_000)})
        )
        assert due_s(capped) == 5

    def test_the_last_octets_are_not_waited_for_in_a_busy_loop(self, capped):
        capped.feed(CountersRead({16: Usage(14_999_999, 0, 14_999_999, 0)}))
        assert due_s(capped) == 0.1

    def test_it_ends_when_it_is_used_up_and_stays_ended(self, capped):
        grant_id = grant().grant_id
        made = grant(qos=replace(QOS, data_cap_bytes=15_000_000))
        assert (
            Playbook(capped)
            >> CountersRead({16: Usage(14_000_000, 1_000_000, 14_000_000, 1_000_000)})
            << a(RemoveSession)
            << note("session_ends")
            >> SessionRemoved(grant_id, Usage(14_000_000, 1_000_500, 14_000_000, 1_000_500))
            << a(StoreSession, session=a(object, reason=EndReason.DATA_CAP_USED))
            >> join(capped, made)
            << told(Refused, reason="grant_used")
        )

    def test_leaving_and_coming_back_does_not_renew_it(self, capped):
        made = grant(qos=replace(QOS, data_cap_bytes=15_000_000))
        capped.feed(CountersRead({16: Usage(10_000_000, 0, 10_000_000, 0)}))
        capped.feed(StationLeft(STATION))
        capped.feed(SessionRemoved(made.grant_id, Usage(12_000_000, 0, 12_000_000, 0)))
        run_session(capped, made, OTHER_STATION)
        session = capped.state.sessions[made.grant_id]
        assert session.data_left_bytes == 3_000_000
        assert session.slot == 17, "the slot that was freed last is used last"

    def test_counters_that_fail_are_read_again(self, capped):
        assert (
            Playbook(capped)
            >> seconds(10)
            >> DeadlineReached()
            << ReadCounters()
            >> CountersFailed(BROKEN)
            << note("counters_failed")
            >> seconds(1)
            >> DeadlineReached()
            << ReadCounters()
            >> CountersRead({16: Usage()})
        )
        assert due_s(capped) == 10

    def test_a_kernel_that_goes_on_failing_is_set_up_anew_by_whoever_starts_us_again(self, capped):
        """Its device was replaced, say: nobody is shaped any more, and nobody kept out."""
        for _ in range(2):
            assert Playbook(capped) >> CountersFailed(BROKEN) << note("counters_failed")
        assert Playbook(capped) >> CountersFailed(BROKEN) << note("counters_failed") << GiveUp(BROKEN)

    def test_one_failure_now_and_then_is_none(self, capped):
        for _ in range(5):
            assert (
                Playbook(capped)
                >> CountersFailed(BROKEN)
                << note("counters_failed")
                >> CountersRead({16: Usage()})
            )

    def test_all_units_share_the_caps_of_all(self, box):
        run_session(box, grant(allocations=3, qos=replace(QOS, data_cap_bytes=1_000)))
        assert box.state.sessions[grant().grant_id].data_left_bytes == 3_000


class TestIdle:
    @pytest.fixture
    def timed(self) -> Box:
        box = start_box(settings(report_interval_s=86_400, idle_timeout_s=300))
        run_session(box)
        return box

    def test_a_station_that_sends_nothing_has_left(self, timed):
        assert due_s(timed) == 300
        assert (
            Playbook(timed)
            >> seconds(300)
            >> DeadlineReached()
            << ReadCounters()
            >> CountersRead({16: Usage(9_000, 0, 9_000, 0)})
            << a(RemoveSession)
            << note("session_ends")
        )
        assert timed.state.sessions[grant().grant_id].reason is EndReason.STATION_LEFT

    def test_a_station_that_sends_is_there(self, timed):
        assert (
            Playbook(timed)
            >> seconds(300)
            >> DeadlineReached()
            << ReadCounters()
            >> CountersRead({16: Usage(0, 60, 0, 60)})
        )
        assert due_s(timed) == 300

    def test_what_it_offers_counts_also_when_nothing_is_delivered(self, timed):
        assert Playbook(timed) >> seconds(300) >> CountersRead({16: Usage(0, 0, 0, 60)})

    def test_it_may_come_back(self, timed):
        _after(timed, 300)
        timed.feed(CountersRead({16: Usage()}))
        timed.feed(SessionRemoved(grant().grant_id, Usage()))
        assert Playbook(timed) >> join(timed) << a(InstallSession)


class TestStationLeft:
    def test_the_link_layer_says_so(self, box):
        grant_id = run_session(box)
        assert (
            Playbook(box)
            >> StationLeft(STATION)
            << RemoveSession(grant_id, 16, STATION)
            << note("session_ends")
            >> StationLeft(STATION)
        )

    def test_of_a_station_without_a_session_it_means_nothing(self, box):
        assert Playbook(box) >> StationLeft(OTHER_STATION)


class TestRevocation:
    def test_it_ends_the_session_for_good(self, box):
        grant_id = run_session(box)
        assert (
            Playbook(box)
            >> ProviderCommanded(revocation(grant_id))
            << StoreRevocation(grant_id)
            << RemoveSession(grant_id, 16, STATION)
            << note("session_ends")
            >> SessionRemoved(grant_id, Usage())
            << a(StoreSession, session=a(object, reason=EndReason.REVOKED))
            >> join(box)
            << told(Refused, reason="grant_used")
        )

    def test_a_closed_session_does_not_come_back(self, box):
        grant_id = run_session(box)
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant_id, Usage()))
        assert (
            Playbook(box)
            >> ProviderCommanded(revocation(grant_id))
            << StoreRevocation(grant_id)
            << a(StoreSession, session=a(object, reason=EndReason.REVOKED))
            << note("revoked")
            >> join(box)
            << told(Refused, reason="grant_used")
        )

    def test_a_grant_may_be_revoked_before_it_is_shown(self, box):
        assert (
            Playbook(box)
            >> ProviderCommanded(revocation(grant().grant_id))
            << StoreRevocation(grant().grant_id)
            << note("revoked")
            >> join(box)
            << told(Refused, reason="grant_used")
        )

    def test_twice_is_once(self, box):
        grant_id = run_session(box)
        box.feed(ProviderCommanded(revocation(grant_id)))
        assert Playbook(box) >> ProviderCommanded(revocation(grant_id))

    @pytest.mark.parametrize("data", [revocation(grant().grant_id, STRANGER), b"garbage", b""])
    def test_nobody_but_the_provider_commands(self, box, data):
        run_session(box)
        assert Playbook(box) >> ProviderCommanded(data) << note("command_invalid")
        assert box.state.session_of(STATION) is not None

    def test_what_is_remembered_is_bounded(self, box):
        for number in range(sessions.MAX_REVOKED + 5):
            box.state, _ = sessions.revoke(box.state, number.to_bytes(16, "big"))
        assert len(box.state.revoked) == sessions.MAX_REVOKED
        assert (4).to_bytes(16, "big") not in box.state.revoked
        assert (5).to_bytes(16, "big") in box.state.revoked


class TestRemoval:
    def test_a_kernel_that_would_not_is_asked_every_second_until_it_does(self, box):
        grant_id = run_session(box)
        box.feed(StationLeft(STATION))
        for _ in range(3):
            assert Playbook(box) >> RemoveFailed(grant_id, BROKEN) << note("remove_failed")
            assert due_s(box) == 1
            assert (
                Playbook(box)
                >> seconds(1)
                >> DeadlineReached()
                << RemoveSession(grant_id, 16, STATION)
                >> DeadlineReached()
            )
        assert box.state.session_of(STATION) is not None, "it may still be served: the slot is taken"
        assert Playbook(box) >> SessionRemoved(grant_id, Usage(5, 5, 5, 5)) << a(StoreSession)
        assert box.state.session_of(STATION) is None
        assert due_s(box) == 57, "the offer is signed afresh at 60 s"

    def test_a_slot_is_not_used_again_before_it_is_free(self, box):
        run_session(box)
        box.feed(StationLeft(STATION))
        other = grant(2, consumer=OTHER_CONSUMER.public)
        box.feed(join(box, other, OTHER_STATION, OTHER_CONSUMER))
        assert box.last(InstallSession).shape.slot == 17


class TestCounting:
    def test_usage_is_what_was_counted_after_the_baseline(self, box):
        grant_id = run_session(box)
        box.feed(CountersRead({16: Usage(100, 10, 120, 11)}))
        box.feed(CountersRead({16: Usage(150, 30, 180, 33)}))
        session = box.state.sessions[grant_id]
        assert session.used == session.unreported == Usage(150, 30, 180, 33)

    def test_a_counter_that_began_anew_counts_from_zero(self, box):
        grant_id = run_session(box)
        box.feed(CountersRead({16: Usage(100, 10, 120, 11)}))
        box.feed(CountersRead({16: Usage(7, 12, 3, 12)}))
        assert box.state.sessions[grant_id].used == Usage(107, 12, 123, 12)

    def test_the_counters_of_a_slot_are_its_sessions(self, box):
        run_session(box)
        assert Playbook(box) >> CountersRead({99: Usage(1, 1, 1, 1)})
        assert box.state.sessions[grant().grant_id].used == Usage()


def test_a_station_is_told_when_it_is_let_in(box):
    box.feed(join(box))
    assert (
        Playbook(box)
        >> SessionInstalled(grant().grant_id)
        << a(StoreSession)
        << a(Note, text=f"{STATION} gets 2 Mbit/s down, grant {grant().grant_id.hex()}")
        << told(Joined)
    )


def test_what_is_promised_is_the_sum_of_what_holds_a_slot(box):
    qos = Qos(3, 5, 2, 4)
    one = grant(1, qos=qos)
    two = grant(2, qos=qos, starts_s=START_S + 30, consumer=OTHER_CONSUMER.public)
    run_session(box, one)
    box.feed(join(box, two, OTHER_STATION, OTHER_CONSUMER))
    assert (box.state.promised.down_bps, box.state.promised.up_bps) == (6, 4)
    assert set(box.state.stations) == {STATION, OTHER_STATION}
    box.feed(StationLeft(STATION))
    assert box.state.promised.down_bps == 6, "until the kernel has forgotten it"
    box.feed(SessionRemoved(one.grant_id, Usage()))
    assert (box.state.promised.down_bps, box.state.promised.up_bps) == (3, 2)


def test_sessions_end_at_the_same_moment_together():
    box = sells(start_box(settings(**QUIET)))
    for number in range(1, 6):
        run_session(box, grant(number), station=type(STATION)(b"\x02\0\0\0\0" + bytes((number,))))
    removed = [c for c in _after(box, 600) if isinstance(c, RemoveSession)]
    assert [c.slot for c in removed] == [16, 17, 18, 19, 20]
    assert box.now.mono_ns == START.mono_ns + 600 * NS_PER_S
