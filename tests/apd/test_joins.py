"""Joins and leaves, event by event: who is let in, for what, and what they are told."""

from dataclasses import replace

import pytest

from apd.commands import (
    InstallSession,
    RemoveSession,
    StoreSession,
)
from apd.events import (
    CountersRead,
    DeadlineReached,
    InstallFailed,
    RecordSigned,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
)
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Discover, Join, Joined, Leave, Left, Refused
from tests.apd.playbook import (
    Box,
    Playbook,
    a,
    heard,
    join,
    leave,
    note,
    run_session,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.world import (
    LEDGER,
    LEDGER_ID,
    OTHER_CONSUMER,
    OTHER_DEVICE,
    OTHER_STATION,
    QOS,
    START_S,
    STATION,
    STRANGER,
    grant,
    proved_grant,
    request,
    signed_grant,
)
from wire.errors import ShellError
from wire.grant import grant_id_of
from wire.grant_proof import read_grant_proof, write_grant_proof
from wire.ids import MacAddress
from wire.join_request import JoinPurpose
from wire.qos import Qos, RateLayer
from wire.units import Now

BROKEN = ShellError("shaper", "no buffer space available")


@pytest.fixture
def selling(box: Box) -> Box:
    return sells(box)


PROVED = grant(grant_id=grant_id_of(bytes(range(32)), 5))
"""One of a purchase for eight."""


class TestJoin:
    def test_a_good_grant_is_installed_and_the_station_told(self, selling):
        made = grant()
        assert (
            Playbook(selling)
            >> join(selling)
            << a(InstallSession, grant_id=made.grant_id, shape=a(object, slot=16, station=STATION))
            >> SessionInstalled(made.grant_id)
            << a(StoreSession, session=a(object, phase=Phase.ACTIVE))
            << note("session_active")
            << told(Joined, grant_id=made.grant_id, ends_s=START_S + 600)
        )

    def test_all_units_of_a_grant_are_given(self, selling):
        made = grant(allocations=3)
        selling.feed(join(selling, made))
        shape = selling.last(InstallSession).shape
        assert (shape.down_floor_bps, shape.down_ceil_bps) == (6_000_000, 24_000_000)
        assert (shape.up_floor_bps, shape.up_ceil_bps) == (3_000_000, 12_000_000)

    def test_whoever_carries_it_the_named_station_is_let_in(self, selling):
        selling.feed(join(selling, source=OTHER_DEVICE))
        assert selling.last(InstallSession).shape.station == STATION

    @pytest.mark.parametrize(
        ("made", "key", "ledger_id", "reason"),
        [
            (grant(), STRANGER, LEDGER_ID, "grant_invalid"),
            (grant(), LEDGER, bytes(32), "grant_invalid"),
            (grant(provider_id=STRANGER.public.provider_id), LEDGER, LEDGER_ID, "foreign_provider"),
            (grant(starts_s=START_S - 600), LEDGER, LEDGER_ID, "grant_expired"),
            (grant(starts_s=START_S + 61), LEDGER, LEDGER_ID, "too_early"),
            (grant(consumer=STRANGER.public), LEDGER, LEDGER_ID, "not_the_consumer"),
            (
                grant(qos=replace(QOS, rate_layer=RateLayer.ETHERNET)),
                LEDGER,
                LEDGER_ID,
                "rate_layer_differs",
            ),
            (grant(allocations=2**32 - 1), LEDGER, LEDGER_ID, "grant_invalid"),
            (grant(allocations=26), LEDGER, LEDGER_ID, "no_capacity"),
        ],
        ids=[
            "signed by somebody",
            "of another ledger",
            "another provider's",
            "expired",
            "too early",
            "somebody else's",
            "other rate layer",
            "more units than rates can be",
            "beyond the capacity",
        ],
    )
    def test_a_grant_that_does_not_count_here(self, selling, made, key, ledger_id, reason):
        shown = Join(signed_grant(made, key, ledger_id), request(selling.challenge(), made))
        assert Playbook(selling) >> heard(shown) << told(Refused, reason=reason)
        assert not selling.state.stations
        assert selling.state.refused == {reason: 1}

    @pytest.mark.parametrize(
        ("made", "key", "ledger_id", "reason"),
        [
            (PROVED, STRANGER, LEDGER_ID, "grant_invalid"),
            (PROVED, LEDGER, bytes(32), "grant_invalid"),
            (replace(PROVED, provider_id=bytes(16)), LEDGER, LEDGER_ID, "foreign_provider"),
            (replace(PROVED, starts_s=START_S - 700), LEDGER, LEDGER_ID, "grant_expired"),
            (replace(PROVED, allocations=26), LEDGER, LEDGER_ID, "no_capacity"),
            (replace(PROVED, consumer=OTHER_CONSUMER.public), LEDGER, LEDGER_ID, "not_the_consumer"),
        ],
    )
    def test_what_is_proved_counts_under_the_same_rules(self, selling, made, key, ledger_id, reason):
        shown = Join(proved_grant(made, key, ledger_id), request(selling.challenge(), made))
        assert Playbook(selling) >> heard(shown) << told(Refused, reason=reason)
        assert not selling.state.stations

    def test_a_proof_is_as_good_as_a_signed_grant(self, selling):
        """And is the same grant: who shows the other one next has joined already."""
        made, proof = PROVED, proved_grant(PROVED)
        asked = request(selling.challenge(), made)
        assert (
            Playbook(selling)
            >> heard(Join(proof, asked))
            << a(InstallSession, grant_id=made.grant_id)
            >> SessionInstalled(made.grant_id)
            << a(StoreSession)
            << note("session_active")
            << told(Joined, grant_id=made.grant_id)
            >> heard(Join(signed_grant(made), request(selling.challenge(), made)))
            << told(Joined, grant_id=made.grant_id)
        )
        assert selling.state.sessions[made.grant_id].grant == made

    def test_the_proof_of_a_neighbour_lets_nobody_in(self, selling):
        """It can be said of another place in the leaf, and then it is another's grant."""
        neighbour = replace(read_grant_proof(proved_grant(PROVED)), position=PROVED.position + 1)
        shown = Join(write_grant_proof(neighbour), request(selling.challenge(), PROVED))
        assert Playbook(selling) >> heard(shown) << told(Refused, reason="not_the_consumer")

    def test_every_octet_of_a_grant_matters(self, selling):
        made = grant()
        good, asked = bytearray(signed_grant(made)), request(selling.challenge(), made)
        for at in range(0, len(good), 7):
            bad = bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
            selling.feed(heard(Join(bad, asked)))
        assert not selling.state.sessions
        assert set(selling.state.refused) == {"grant_invalid"}

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"bssid": OTHER_STATION}, "request_invalid"),
            ({"purpose": JoinPurpose.LEAVE}, "request_invalid"),
            ({"made": grant(2)}, "request_invalid"),
            ({"key": OTHER_CONSUMER}, "not_the_consumer"),
            ({"challenge": bytes(16)}, "challenge_stale"),
            ({"station": MacAddress(b"\x01\0\0\0\0\1")}, "request_invalid"),
        ],
    )
    def test_a_request_that_is_for_something_else(self, selling, changes, reason):
        asked = request(**{"challenge": selling.challenge(), "made": grant(), **changes})
        assert Playbook(selling) >> heard(Join(signed_grant(grant()), asked)) << told(Refused, reason=reason)

    def test_a_challenge_is_good_for_a_period_and_the_next(self, selling):
        asked = join(selling)
        selling.pass_time(seconds(29))
        assert Playbook(selling) >> asked << a(InstallSession)

    def test_a_challenge_of_long_ago_is_stale(self, selling):
        asked = join(selling)
        assert Playbook(selling) >> seconds(61) >> asked << told(Refused, reason="challenge_stale")

    def test_a_challenge_of_another_run_of_the_box_is_stale(self, selling):
        other = replace(selling.state, lobby=replace(selling.state.lobby, secret=b"x" * 32))
        asked = join(Box(other, selling.now))
        assert Playbook(selling) >> asked << told(Refused, reason="challenge_stale")

    def test_asking_again_with_the_same_words_gets_the_same_answer(self, selling):
        asked = join(selling)
        grant_id = grant().grant_id
        assert (
            Playbook(selling)
            >> asked
            << a(InstallSession)
            >> asked
            >> SessionInstalled(grant_id)
            << a(StoreSession)
            << note("session_active")
            << told(Joined)
            >> asked
            << told(Joined)
        )

    def test_a_station_has_one_session(self, selling):
        run_session(selling)
        assert Playbook(selling) >> join(selling, grant(2)) << told(Refused, reason="station_has_session")

    def test_a_request_that_could_not_be_granted_may_be_asked_again_as_it_is(self, selling):
        run_session(selling, grant(1, allocations=20))
        asked = join(selling, grant(2, allocations=10), OTHER_STATION)
        assert (
            Playbook(selling)
            >> asked
            << told(Refused, reason="no_capacity")
            >> leave(selling, grant(1, allocations=20))
            << a(RemoveSession)
            << note("session_ends")
            >> SessionRemoved(grant(1).grant_id, Usage())
            << a(StoreSession)
            << told(Left)
            >> asked
            << a(InstallSession)
        )

    def test_no_slot_is_left(self, selling):
        full = replace(
            selling.state, pool=replace(selling.state.pool, free=(), limit=selling.state.pool.length)
        )
        selling.state = full
        assert Playbook(selling) >> join(selling) << told(Refused, reason="no_capacity")

    def test_a_clock_that_goes_back_gives_no_more_time(self, box):
        """The grant ended, was reported and forgotten; time of the wall clock that was reported does not come again."""
        made = grant(qos=replace(QOS, data_cap_bytes=1_000))
        sells(box)
        run_session(box, made)
        box.pass_time(seconds(601))
        box.feed(DeadlineReached())
        box.feed(SessionRemoved(made.grant_id, Usage(down_bytes=1_000)))
        for number in range(1, 4):
            box.feed(CountersRead({}, report=True))
            box.feed(Saved((number + 1,)))
            while box.state.meter.signing:
                box.feed(RecordSigned(box.state.meter.signing[0].record.sequence))
        assert not box.state.sessions, "it is reported and forgotten"
        box.now = Now(box.now.mono_ns, box.now.utc_ms - 500_000)
        assert Playbook(box) >> join(box, made) << told(Refused, reason="grant_expired")

    def test_a_clock_that_goes_back_makes_no_session_longer(self, selling):
        selling.pass_time(seconds(300))
        selling.feed(CountersRead({}, report=True))
        selling.now = Now(selling.now.mono_ns, selling.now.utc_ms - 200_000)
        selling.feed(join(selling))
        session = selling.state.session_of(STATION)
        assert session is not None
        assert session.ends_ns == selling.now.mono_ns + 300 * 1_000_000_000

    def test_the_kernel_refuses(self, selling):
        grant_id = grant().grant_id
        assert (
            Playbook(selling)
            >> join(selling)
            << a(InstallSession)
            >> InstallFailed(grant_id, BROKEN)
            << a(StoreSession, session=a(object, phase=Phase.CLOSED, reason=EndReason.SHAPER_FAILED))
            << note("install_failed")
            << told(Refused, subject=grant_id, reason="shaper_failed")
            >> join(selling)
            << told(Refused, reason="replayed")
        )
        selling.feed(heard(Discover()))
        assert Playbook(selling) >> join(selling) << a(InstallSession)

    def test_a_reservation_that_begins_soon_waits_with_its_slot(self, selling):
        made = grant(starts_s=START_S + 60)
        asked = join(selling, made)
        assert (
            Playbook(selling)
            >> asked
            << told(Refused, subject=made.grant_id, reason="too_early")
            >> asked
            << told(Refused, subject=made.grant_id, reason="too_early")
        )
        assert selling.state.session_of(STATION) is not None
        selling.pass_time(seconds(60))
        (install,) = [c for c in selling.feed(DeadlineReached()) if isinstance(c, InstallSession)]
        assert install.grant_id == made.grant_id
        assert (
            Playbook(selling)
            >> SessionInstalled(made.grant_id)
            << a(StoreSession)
            << note("session_active")
            << told(Joined)
        )

    def test_the_kernel_is_asked_once_however_often_time_passes(self, selling):
        selling.feed(join(selling))
        assert Playbook(selling) >> DeadlineReached() >> DeadlineReached()

    def test_moving_to_a_new_station_ends_the_old_session_first(self, selling):
        grant_id = grant().grant_id
        run_session(selling)
        asked = join(selling, station=OTHER_STATION)
        assert (
            Playbook(selling)
            >> asked
            << a(RemoveSession, station=STATION)
            << note("session_ends")
            << told(Refused, reason="moving")
            >> asked
            << told(Refused, reason="moving")
            >> SessionRemoved(grant_id, Usage(10, 20, 30, 40))
            << a(StoreSession, session=a(object, reason=EndReason.MOVED))
            >> asked
            << a(InstallSession, shape=a(object, station=OTHER_STATION))
        )
        assert selling.state.sessions[grant_id].used == Usage(10, 20, 30, 40)

    def test_nobody_is_let_in_while_the_disk_keeps_nothing(self, selling):
        run_session(selling, grant(2, consumer=OTHER_CONSUMER.public), OTHER_STATION, OTHER_CONSUMER)
        selling.feed(SaveFailed(BROKEN, (StoreSession(None),)))  # type: ignore[arg-type]  # any order
        assert (
            Playbook(selling)
            >> join(selling)
            << told(Refused, reason="not_metered")
            >> join(selling, grant(2, consumer=OTHER_CONSUMER.public), OTHER_STATION, OTHER_CONSUMER)
            << told(Joined)
        )


class TestCapacity:
    """50 Mbit/s down and 20 Mbit/s up may be promised."""

    @pytest.mark.parametrize(
        ("qos", "fits"),
        [
            (Qos(50_000_000, 50_000_000, 1, 1), True),
            (Qos(50_000_001, 50_000_001, 1, 1), False),
            (Qos(1, 1, 20_000_000, 20_000_000), True),
            (Qos(1, 1, 20_000_001, 20_000_001), False),
            (Qos(0, 900_000_000, 0, 900_000_000), True),
        ],
    )
    def test_exactly_full_and_one_bit_over(self, selling, qos, fits):
        made = grant(qos=qos)
        play = Playbook(selling) >> join(selling, made)
        assert play << (a(InstallSession) if fits else told(Refused, reason="no_capacity"))

    def test_what_is_promised_already_counts(self, selling):
        run_session(selling, grant(1, qos=Qos(30_000_000, 30_000_000, 1_000, 1_000)))
        one_over = grant(2, qos=Qos(20_000_001, 20_000_001, 1_000, 1_000))
        exactly = grant(3, qos=Qos(20_000_000, 20_000_000, 1_000, 1_000))
        assert (
            Playbook(selling)
            >> join(selling, one_over, OTHER_STATION)
            << told(Refused, reason="no_capacity")
            >> join(selling, exactly, OTHER_STATION)
            << a(InstallSession)
        )

    def test_only_the_part_for_sale_is_sold(self):
        box = sells(start_box(settings(admission_ppm=500_000)))
        assert (
            Playbook(box)
            >> join(box, grant(qos=Qos(25_000_001, 25_000_001, 1, 1)))
            << told(Refused, reason="no_capacity")
        )


class TestLeave:
    def test_the_session_ends_and_the_station_is_told(self, selling):
        grant_id = grant().grant_id
        run_session(selling)
        asked = leave(selling)
        assert (
            Playbook(selling)
            >> asked
            << RemoveSession(grant_id, 16, STATION)
            << note("session_ends")
            >> SessionRemoved(grant_id, Usage())
            << a(StoreSession, session=a(object, phase=Phase.CLOSED, reason=EndReason.LEFT))
            << told(Left, grant_id=grant_id)
            >> asked
            << told(Left, grant_id=grant_id)
        )

    def test_leaving_before_the_cap_is_noticed_and_coming_back_is_no_way_around_it(self, selling):
        made = grant(qos=replace(QOS, data_cap_bytes=1_000))
        run_session(selling, made)
        selling.feed(leave(selling, made))
        selling.feed(SessionRemoved(made.grant_id, Usage(down_bytes=600, up_bytes=400)))
        assert selling.state.sessions[made.grant_id].reason is EndReason.LEFT
        assert Playbook(selling) >> join(selling, made) << told(Refused, reason="grant_used")

    def test_one_that_waits_for_its_time_leaves_at_once(self, selling):
        made = grant(starts_s=START_S + 30)
        selling.feed(join(selling, made))
        assert Playbook(selling) >> leave(selling, made) << a(StoreSession) << told(Left)

    def test_one_that_is_being_installed_is_removed_again(self, selling):
        grant_id = grant().grant_id
        selling.feed(join(selling))
        assert (
            Playbook(selling)
            >> leave(selling)
            << a(RemoveSession)
            << note("session_ends")
            >> SessionInstalled(grant_id)
            >> SessionRemoved(grant_id, Usage())
            << a(StoreSession, session=a(object, phase=Phase.CLOSED))
            << told(Left)
        )

    def test_one_whose_install_fails_meanwhile_is_closed_once(self, selling):
        grant_id = grant().grant_id
        selling.feed(join(selling))
        assert (
            Playbook(selling)
            >> leave(selling)
            << a(RemoveSession)
            << note("session_ends")
            >> InstallFailed(grant_id, BROKEN)
            << note("install_failed")
            >> SessionRemoved(grant_id, Usage())
            << a(StoreSession, session=a(object, phase=Phase.CLOSED))
            << told(Left)
        )

    def test_old_requests_cannot_be_replayed_after_it(self, selling):
        """Neither lets the join request in again somebody who left, nor the leave request throw out who came back."""
        grant_id = grant().grant_id
        old_join = join(selling)
        selling.feed(old_join)
        selling.feed(SessionInstalled(grant_id))
        old_leave = leave(selling)
        selling.feed(old_leave)
        selling.feed(SessionRemoved(grant_id, Usage()))
        assert Playbook(selling) >> old_join << told(Refused, reason="replayed")
        selling.feed(heard(Discover()))
        run_session(selling)
        assert Playbook(selling) >> old_leave << told(Refused, reason="replayed")

    def test_a_leave_request_of_no_effect_has_none_later_either(self, selling):
        grant_id = grant().grant_id
        run_session(selling)
        selling.feed(leave(selling))
        selling.feed(SessionRemoved(grant_id, Usage()))
        selling.feed(heard(Discover()))
        unneeded = leave(selling)
        assert Playbook(selling) >> unneeded << told(Left)
        selling.feed(heard(Discover()))
        run_session(selling)
        assert Playbook(selling) >> unneeded << told(Refused, reason="replayed")

    def test_a_request_is_the_same_however_often_it_is_signed(self, selling):
        run_session(selling)
        first, second = leave(selling), leave(selling)
        assert first != second, "signatures are random"
        selling.feed(first)
        selling.feed(SessionRemoved(grant().grant_id, Usage()))
        selling.feed(heard(Discover()))
        run_session(selling)
        assert Playbook(selling) >> second << told(Refused, reason="replayed")

    def test_only_the_consumer_ends_it(self, selling):
        run_session(selling)
        stale = request(bytes(16), grant(), purpose=JoinPurpose.LEAVE)
        assert (
            Playbook(selling)
            >> leave(selling, key=OTHER_CONSUMER)
            << told(Refused, reason="not_the_consumer")
            >> heard(Leave(grant().grant_id, stale))
            << told(Refused, reason="challenge_stale")
        )
        assert selling.state.sessions[grant().grant_id].phase is Phase.ACTIVE

    def test_a_session_that_is_not_here(self, selling):
        assert Playbook(selling) >> leave(selling) << told(Refused, reason="no_such_session")


class TestWhoWaits:
    """Is always told, and never kept for ever."""

    def test_time_is_up_before_it_began(self, selling):
        made = grant(starts_s=START_S + 30, duration_s=20)
        selling.feed(join(selling, made))
        selling.pass_time(seconds(51))
        commands = selling.feed(DeadlineReached())
        assert told(Refused, subject=made.grant_id, reason="time_up") in commands
        assert not selling.state.lobby.waiting

    def test_nothing_is_kept_of_who_was_answered(self, selling):
        run_session(selling)
        selling.feed(leave(selling))
        selling.feed(SessionRemoved(grant().grant_id, Usage()))
        assert not selling.state.lobby.waiting
