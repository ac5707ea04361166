"""Stations that hostapd serves, event by event: who gets a slice, and who is thrown out."""

from dataclasses import replace

from apd.commands import (
    Deauthenticate,
    InstallSession,
    Note,
    RemoveSession,
    SetAirtimeWeight,
    StoreGrant,
    StoreSession,
)
from apd.events import (
    AdmissionReceived,
    BrokerLost,
    CountersRead,
    DeadlineReached,
    HostapdConnected,
    LedgerReplied,
    ProviderCommanded,
    SessionInstalled,
    SessionRemoved,
    StationAssociated,
    StationLeft,
)
from apd.session import EndReason, Phase, Usage
from apd.state import KnownGrant
from tests.apd.air_world import (
    AIR,
    PARTNER,
    SSID,
    admission,
    air_box,
    associates,
    bought,
    channel_pass,
    metered_box,
    pass_admission,
    serve,
    serve_metered,
)
from tests.apd.playbook import Box, Playbook, a, leave, note, seconds, settings, start_box
from tests.apd.world import (
    BSSID,
    CONSUMER,
    OTHER_CONSUMER,
    OTHER_STATION,
    QOS,
    START_S,
    STATION,
    grant,
    purchase,
    reply,
    revocation,
    signed_grant,
)


def thrown_out(box: Box) -> list:
    return [command.station for command in box.ordered if isinstance(command, Deauthenticate)]


def reasons(box: Box) -> list[str]:
    return [
        command.text for command in box.ordered if isinstance(command, Note) and command.what == "thrown_out"
    ]


class TestLetIn:
    def test_by_a_grant_that_was_bought_here_once_the_operator_names_the_station(self):
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        assert (
            Playbook(box)
            >> associates()
            >> admission()
            << a(StoreGrant, station=STATION, bought=True)
            << a(InstallSession, grant_id=grant().grant_id)
            >> SessionInstalled(grant().grant_id)
            << a(StoreSession)
            << note("session_active")
            << SetAirtimeWeight(STATION, 3_840)
            >> associates()
            << SetAirtimeWeight(STATION, 3_840)
        )

    def test_by_an_admission_before_it_or_a_moment_after(self):
        box = air_box()
        assert (
            Playbook(box)
            >> associates()
            >> seconds(2.9)
            >> DeadlineReached()
            >> admission()
            << a(StoreGrant)
            << a(InstallSession, grant_id=grant().grant_id)
        )

    def test_by_a_partners_grant_and_no_others(self):
        for provider, served in ((PARTNER, True), (OTHER_CONSUMER, False)):
            box = air_box()
            made = grant(provider_id=provider.public.provider_id)
            box.feed(admission(made))
            box.feed(associates())
            assert (made.grant_id in box.state.sessions) is served

    def test_ahead_of_its_time_a_place_is_kept(self):
        box = air_box()
        made = grant(starts_s=START_S + 30)
        box.feed(admission(made))
        assert (
            Playbook(box)
            >> associates()
            >> seconds(30)
            >> DeadlineReached()
            << a(InstallSession, grant_id=made.grant_id)
        )


class TestThrownOut:
    def test_without_a_grant_after_three_seconds(self):
        box = air_box()
        assert (
            Playbook(box)
            >> associates()
            >> seconds(2.9)
            >> DeadlineReached()
            >> seconds(0.1)
            >> DeadlineReached()
            << Deauthenticate(STATION)
            << note("thrown_out")
            >> seconds(10)
            >> DeadlineReached()
        )
        assert "no_grant" in reasons(box)[0]
        assert box.state.refused["no_grant"] == 1

    def test_without_an_account(self):
        box = air_box()
        box.feed(admission())
        box.feed(associates(account=None))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]
        assert "no_account" in reasons(box)[0]

    def test_the_second_device_with_one_grant(self):
        box = air_box()
        serve(box)
        assert (
            Playbook(box)
            >> associates(OTHER_STATION)
            >> seconds(3)
            >> DeadlineReached()
            << Deauthenticate(OTHER_STATION)
            << note("thrown_out")
        )
        assert box.state.sessions[grant().grant_id].station == STATION
        assert "grant_in_use" in reasons(box)[0]

    def test_not_the_second_device_with_a_second_grant_also_if_that_comes_after_it(self):
        box = air_box()
        serve(box)
        box.feed(associates(OTHER_STATION))
        box.feed(admission(grant(2), OTHER_STATION))
        assert box.state.sessions[grant(2).grant_id].station == OTHER_STATION
        box.feed(StationLeft(OTHER_STATION))
        box.feed(SessionInstalled(grant(2).grant_id))
        box.feed(SessionRemoved(grant(2).grant_id, Usage()))
        assert Playbook(box) >> associates(OTHER_STATION) << a(InstallSession, grant_id=grant(2).grant_id)

    def test_when_time_is_up(self):
        box = air_box()
        serve(box)
        box.pass_time(seconds(600))
        box.feed(CountersRead({16: Usage(0, 0, 0, 9)}))
        box.ordered.clear()
        box.feed(DeadlineReached())
        kinds = [type(command) for command in box.ordered]
        assert kinds.index(RemoveSession) < kinds.index(Deauthenticate)
        assert "time_up" in reasons(box)[0]

    def test_when_the_data_cap_is_used_up_elsewhere_included(self):
        box = air_box()
        made = grant(qos=replace(QOS, data_cap_bytes=1_000_000))
        serve(box, made, used_bytes=900_000)
        box.feed(CountersRead({16: Usage(99_999)}))
        assert not thrown_out(box)
        box.feed(CountersRead({16: Usage(100_000)}))
        assert thrown_out(box) == [STATION]
        assert "data_cap_used" in reasons(box)[0]

    def test_when_revoked_and_again_when_it_comes_back(self):
        box = air_box()
        serve(box)
        box.feed(ProviderCommanded(revocation(grant().grant_id)))
        assert thrown_out(box) == [STATION]
        box.feed(SessionRemoved(grant().grant_id, Usage()))
        box.feed(StationLeft(STATION))
        box.feed(associates())
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION, STATION]
        assert "grant_used" in reasons(box)[1]

    def test_when_its_consumer_leaves(self):
        box = air_box()
        serve(box)
        box.feed(leave(box))
        assert thrown_out(box) == [STATION]

    def test_with_a_grant_of_its_account_that_the_operator_named_for_nobody(self):
        """Its account is what the station says, and accounts are public."""
        box, subject = air_box(), purchase().transaction_id
        box.feed(bought())
        box.feed(LedgerReplied(subject, reply(subject, signed_grant(grant()))))
        box.feed(associates(OTHER_STATION))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [OTHER_STATION]
        assert "no_admission" in reasons(box)[0]
        assert not box.state.sessions

    def test_whose_account_is_not_the_one_of_the_admission(self):
        box = air_box()
        box.feed(admission())
        box.feed(associates(account=OTHER_CONSUMER.public))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]
        assert "identity_differs" in reasons(box)[0]
        assert not box.state.sessions

    def test_when_there_is_no_room(self):
        box = air_box(shaper_downlink_capacity_bps=3_000_000)
        serve(box)
        box.feed(admission(grant(2, consumer=OTHER_CONSUMER.public), OTHER_STATION))
        box.feed(associates(OTHER_STATION, OTHER_CONSUMER.public))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [OTHER_STATION]
        assert "no_capacity" in reasons(box)[0]


class TestNext:
    def test_the_next_grant_takes_over_without_throwing_out(self):
        box = air_box()
        serve(box)
        after = grant(2, starts_s=START_S + 590)
        box.pass_time(seconds(598))
        box.feed(CountersRead({16: Usage(0, 0, 0, 9)}))
        box.feed(admission(after, expires_s=START_S + 700))
        assert box.state.sessions[grant().grant_id].reason is EndReason.MOVED, "the operator has decided"
        box.feed(SessionRemoved(grant().grant_id, Usage(5)))
        assert box.last(InstallSession).grant_id == after.grant_id
        assert not thrown_out(box)


class TestTheOperatorDecides:
    def test_who_names_another_account_gets_none_of_its_grants(self):
        """A station that is in answers an identity request with another's account, then stalls."""
        box = air_box()
        served = serve(box)
        theirs = grant(2, consumer=OTHER_CONSUMER.public)
        box.feed(admission(theirs, OTHER_STATION))
        box.feed(HostapdConnected(SSID, BSSID, (StationAssociated(STATION, OTHER_CONSUMER.public),)))
        assert theirs.grant_id not in box.state.sessions
        assert box.state.sessions[served].phase is Phase.EXPIRING, "it has lost what it had"
        box.feed(SessionRemoved(served, Usage()))
        box.feed(associates(OTHER_STATION, OTHER_CONSUMER.public))
        assert box.state.stations == {OTHER_STATION: theirs.grant_id}

    def test_of_two_grants_that_are_good_the_one_that_it_named(self):
        for first, second in ((1, 2), (2, 1)):
            box, subject = air_box(), purchase().transaction_id
            made = {1: grant(1, duration_s=500), 2: grant(2, duration_s=600)}
            box.feed(bought())
            box.feed(LedgerReplied(subject, reply(subject, *map(signed_grant, made.values()))))
            box.feed(associates())
            box.feed(admission(made[first]))
            assert box.state.stations == {STATION: made[first].grant_id}
            box.feed(SessionInstalled(made[first].grant_id))
            box.feed(admission(made[second]))
            box.feed(SessionRemoved(made[first].grant_id, Usage(5)))
            assert box.state.stations == {STATION: made[second].grant_id}
            assert not thrown_out(box)
            named = [one.station for one in box.state.on_air.grants.values()]
            assert sorted(map(str, named)) == sorted([str(STATION), "None"])

    def test_that_a_grant_moves_to_another_station(self):
        box = air_box()
        served = serve(box)
        box.feed(CountersRead({16: Usage(1_000)}))
        box.feed(associates(OTHER_STATION))
        box.ordered.clear()
        box.feed(admission(station=OTHER_STATION))
        assert thrown_out(box) == [STATION]
        assert box.state.sessions[served].reason is EndReason.MOVED
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(served, Usage(1_500)))
        session = box.state.sessions[served]
        assert (session.station, session.phase) == (OTHER_STATION, Phase.ADMITTED)
        assert session.used.down_bytes == 1_500
        assert thrown_out(box) == [STATION]
        box.feed(associates(STATION))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert box.state.stations == {OTHER_STATION: served}, "the old one is not named any more"

    def test_while_it_is_away_who_was_named_last_comes_back(self):
        box = air_box()
        served = serve(box)
        box.feed(BrokerLost("gone"))
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(served, Usage()))
        assert Playbook(box) >> associates() << a(InstallSession, grant_id=served)

    def test_also_after_a_restart(self):
        kept = KnownGrant(grant(), signed_grant(grant()), 0, STATION)
        box = start_box(settings(air=AIR), known_grants=[kept])
        there = (
            StationAssociated(STATION, CONSUMER.public),
            StationAssociated(OTHER_STATION, CONSUMER.public),
        )
        box.feed(HostapdConnected(SSID, BSSID, there))
        assert box.state.stations == {STATION: grant().grant_id}
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [OTHER_STATION]


class TestComeAndGo:
    def test_who_leaves_and_comes_back_goes_on_with_the_same_books(self):
        box = air_box()
        served = serve(box)
        box.feed(CountersRead({16: Usage(1_000)}))
        assert Playbook(box) >> StationLeft(STATION) << a(RemoveSession) << note("session_ends")
        box.feed(SessionRemoved(served, Usage(1_500)))
        assert box.state.sessions[served].reason is EndReason.STATION_LEFT
        assert Playbook(box) >> associates() << a(InstallSession, grant_id=served)
        box.feed(SessionInstalled(served))
        box.feed(CountersRead({box.state.sessions[served].slot: Usage(200)}))
        session = box.state.sessions[served]
        assert (session.used.down_bytes, session.unreported.down_bytes) == (1_700, 1_700)
        assert not thrown_out(box)

    def test_who_comes_back_before_the_kernel_has_forgotten_it_waits_for_that(self):
        box = air_box()
        served = serve(box)
        box.feed(StationLeft(STATION))
        assert (
            Playbook(box)
            >> associates()
            >> SessionRemoved(served, Usage(1_500))
            << a(StoreSession)
            << a(InstallSession, grant_id=served)
        )
        assert box.state.sessions[served].used.down_bytes == 1_500

    def test_association_again_without_leaving_changes_nothing(self):
        box = air_box()
        served = serve(box)
        box.feed(CountersRead({16: Usage(1_000)}))
        assert Playbook(box) >> associates() << a(SetAirtimeWeight)
        box.feed(CountersRead({16: Usage(1_100)}))
        assert box.state.sessions[served].used.down_bytes == 1_100

    def test_another_device_with_the_same_address_does_not_inherit(self):
        box = air_box()
        served = serve(box)
        other = grant(2, consumer=OTHER_CONSUMER.public)
        box.feed(admission(other))
        box.feed(associates(account=OTHER_CONSUMER.public))
        assert box.state.sessions[served].phase is Phase.EXPIRING
        box.feed(SessionRemoved(served, Usage()))
        assert box.last(InstallSession).grant_id == other.grant_id
        assert not thrown_out(box)

    def test_who_was_thrown_out_and_never_heard_of_it_is_not_thrown_out_twice(self):
        box = air_box()
        box.feed(associates())
        for _ in range(4):
            box.pass_time(seconds(3))
            box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]


class TestHostapdComesBack:
    def test_sessions_of_stations_that_it_does_not_serve_end(self):
        box = air_box()
        serve(box)
        box.ordered.clear()
        box.feed(HostapdConnected(SSID, BSSID))
        assert [type(command) for command in box.ordered if isinstance(command, RemoveSession)]
        assert not thrown_out(box)

    def test_a_daemon_that_starts_anew_adopts_who_is_there(self):
        before = air_box()
        served = serve(before)
        session = before.state.sessions[served]
        box = start_box(
            settings(air=AIR), [session], known_grants=[KnownGrant(grant(), signed_grant(grant()))]
        )
        box.ordered.clear()
        box.feed(HostapdConnected(SSID, BSSID, (StationAssociated(STATION, CONSUMER.public),)))
        assert box.state.on_air.associations[STATION].grant_id == served
        assert not [c for c in box.ordered if isinstance(c, (RemoveSession, InstallSession, Deauthenticate))]


class TestPayingAsOneGoes:
    def test_a_pass_lets_its_station_in_at_its_rates_until_the_operator_throws_it_out(self):
        box, made = metered_box(), channel_pass()
        box.feed(pass_admission())
        box.feed(associates())
        shape = box.last(InstallSession).shape
        assert (shape.station, shape.down_floor_bps, shape.up_ceil_bps) == (
            STATION, QOS.floor_down_bps, QOS.ceil_up_bps,
        )  # fmt: skip
        box.feed(SessionInstalled(made.grant_id))
        slot = box.state.sessions[made.grant_id].slot
        gone = Playbook(box) >> StationLeft(STATION) << a(RemoveSession, slot=slot) << note("session_ends")
        assert gone << a(StoreGrant, grant_id=made.grant_id, station=None)
        box.feed(SessionRemoved(made.grant_id, Usage(700, 300)))
        session = box.state.sessions[made.grant_id]
        assert (session.reason, session.unreported.delivered_bytes) == (EndReason.STATION_LEFT, 1_000)

    def test_an_admission_that_is_replayed_opens_nothing_for_a_station_that_was_thrown_out(self):
        box, word, made = metered_box(), pass_admission(), channel_pass()
        box.feed(word)
        box.feed(associates())
        box.feed(SessionInstalled(made.grant_id))
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(made.grant_id, Usage()))
        assert Playbook(box) >> word << a(StoreGrant, station=STATION) >> seconds(5) >> DeadlineReached()
        assert box.state.sessions[made.grant_id].phase is Phase.CLOSED

    def test_who_was_thrown_out_comes_back_by_a_new_word_of_the_operators_and_not_without(self):
        """As a hostapd that remembers keys would let it in without a question."""
        box = metered_box()
        grant_id = serve_metered(box)
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant_id, Usage()))
        box.feed(associates())
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]
        assert box.state.refused["no_admission"] == 1
        box.feed(StationLeft(STATION))
        serve_metered(box)
        assert box.state.sessions[grant_id].phase is Phase.ACTIVE

    def test_nor_for_a_station_of_another_account(self):
        box = metered_box()
        box.feed(pass_admission())
        box.feed(associates(account=OTHER_CONSUMER.public))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]
        assert not box.state.sessions

    def test_it_ends_with_its_pass(self):
        box = metered_box(idle_timeout_s=0)
        grant_id = serve_metered(box)
        box.pass_time(seconds(600))
        box.feed(DeadlineReached())
        box.feed(SessionRemoved(grant_id, Usage(1_000)))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert box.state.sessions.get(grant_id) is None or box.state.sessions[grant_id].phase is Phase.CLOSED
        assert thrown_out(box) == [STATION]

    def test_it_goes_on_with_a_pass_that_was_renewed(self):
        box = metered_box(idle_timeout_s=0)
        grant_id = serve_metered(box)
        box.feed(pass_admission(channel_pass(duration_s=9_000)))
        box.pass_time(seconds(600))
        box.feed(DeadlineReached())
        assert box.state.sessions[grant_id].reason is EndReason.TIME_UP
        box.feed(SessionRemoved(grant_id, Usage(1_000)))
        box.feed(SessionInstalled(grant_id))
        session = box.state.sessions[grant_id]
        assert (session.phase, session.grant.duration_s, session.used.down_bytes) == (
            Phase.ACTIVE, 9_000, 1_000,
        )  # fmt: skip
        assert not thrown_out(box)

    def test_it_ends_when_the_provider_revokes_it_and_comes_back_by_no_later_pass(self):
        box = metered_box()
        grant_id = serve_metered(box)
        box.feed(ProviderCommanded(revocation(grant_id)))
        box.feed(SessionRemoved(grant_id, Usage()))
        box.feed(pass_admission(channel_pass(duration_s=9_000)))
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert box.state.sessions[grant_id].reason is EndReason.REVOKED
        assert thrown_out(box) == [STATION]

    def test_where_there_is_no_room_for_its_floors_it_is_thrown_out_and_nothing_is_owed(self):
        box = metered_box()
        greedy = channel_pass(qos=replace(QOS, floor_down_bps=60_000_000, ceil_down_bps=60_000_000))
        box.feed(pass_admission(greedy))
        box.feed(associates())
        box.pass_time(seconds(3))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]
        assert not box.state.sessions


class TestWhereHostapdNamesNobodysAccount:
    """By ubus: the operator's word is all that there is."""

    @staticmethod
    def box() -> Box:
        box = air_box()
        by_ubus = replace(AIR, hostapd_socket=None, hostapd_ubus="phy0-ap0")
        box.state = replace(box.state, settings=replace(box.state.settings, air=by_ubus))
        return box

    def test_a_station_is_served_by_the_grant_that_the_operator_named(self):
        for first in (admission(), associates(STATION, None)):
            box = self.box()
            box.feed(first)
            box.feed(associates(STATION, None) if isinstance(first, AdmissionReceived) else admission())
            assert box.last(InstallSession).grant_id == grant().grant_id
            box.feed(SessionInstalled(grant().grant_id))
            box.pass_time(seconds(10))
            box.feed(DeadlineReached())
            assert not thrown_out(box)

    def test_whom_the_operator_did_not_name_is_thrown_out(self):
        box = self.box()
        box.feed(associates(STATION, None))
        box.pass_time(seconds(4))
        box.feed(DeadlineReached())
        assert thrown_out(box) == [STATION]

    def test_it_goes_on_when_hostapd_is_there_again(self):
        box = self.box()
        box.feed(admission())
        box.feed(associates(STATION, None))
        box.feed(SessionInstalled(grant().grant_id))
        box.feed(HostapdConnected(SSID, BSSID, (StationAssociated(STATION, None),)))
        assert box.state.sessions[grant().grant_id].phase is Phase.ACTIVE
        assert not thrown_out(box)

    def test_another_device_with_its_address_has_what_it_paid_for(self):
        box = self.box()
        box.feed(admission())
        box.feed(associates(STATION, None))
        box.feed(SessionInstalled(grant().grant_id))
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant().grant_id, Usage()))
        theirs = grant(2, consumer=OTHER_CONSUMER.public)
        box.feed(admission(theirs))
        box.feed(associates(STATION, None))
        assert box.last(InstallSession).grant_id == theirs.grant_id
