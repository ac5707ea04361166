"""Room that is kept for whoever bought: no box sells it twice, and who finds none gets the price back."""

from dataclasses import replace

from apd.airtime import StationMeasurement
from apd.commands import Deauthenticate, InstallSession, StoreSession
from apd.events import (
    CountersRead,
    DeadlineReached,
    LedgerReplied,
    PurchaseHeard,
    RecordSigned,
    Saved,
    SessionInstalled,
    SessionRemoved,
    StationLeft,
    StationsMeasured,
)
from apd.promises import Reserved, reserved
from apd.session import EndReason, Usage
from tests.apd.air_world import admission, air_box, associates, bought, serve
from tests.apd.playbook import Box, Playbook, a, note, seconds, sells, settings, start_box
from tests.apd.world import (
    OTHER_CONSUMER,
    OTHER_STATION,
    START_S,
    STATION,
    grant,
    purchase,
    reply,
    signed_grant,
)
from wire.ids import MacAddress
from wire.refund import refund_ubc


def buy(box: Box, number: int, **changes: object) -> bytes:
    """A purchase on the air that the ledger executes; the grant's id."""
    made, signed = grant(number, consumer=OTHER_CONSUMER.public, **changes), purchase(100 + number)
    box.feed(bought(100 + number, MacAddress(b"\x02\0\0\0\3" + bytes((number,)))))
    box.feed(LedgerReplied(signed.transaction_id, reply(signed.transaction_id, signed_grant(made))))
    return made.grant_id


def refused(box: Box, number: int) -> bool:
    """Whether another purchase is refused for want of room."""
    before = box.state.refused.get("no_capacity", 0)
    box.feed(bought(200 + number, MacAddress(b"\x02\0\0\0\4" + bytes((number,)))))
    return box.state.refused.get("no_capacity", 0) == before + 1


class TestKept:
    def test_for_who_bought_and_has_not_joined(self):
        box = air_box(shaper_downlink_capacity_bps=4_000_000)
        buy(box, 1)
        buy(box, 2)
        assert reserved(box.state, box.now) == Reserved(4_000_000, 2_000_000, 2)
        assert refused(box, 1)
        box.pass_time(seconds(601))
        box.feed(DeadlineReached())
        assert reserved(box.state, box.now) == Reserved()

    def test_while_the_ledger_has_not_answered(self):
        box = air_box(shaper_downlink_capacity_bps=4_000_000)
        assert not refused(box, 1)
        assert not refused(box, 2)
        assert refused(box, 3)
        subject = purchase(201).transaction_id
        box.feed(LedgerReplied(subject, reply(subject, reason="insufficient_funds")))
        assert not refused(box, 4)

    def test_not_for_purchases_that_nobody_signed(self):
        box = air_box(shaper_downlink_capacity_bps=2_000_000)
        assert not refused(box, 1)
        subject = purchase(201).transaction_id
        box.feed(LedgerReplied(subject, reply(bytes(32), reason="bad_signature")))
        assert subject in box.state.lobby.pending
        assert not refused(box, 2)

    def test_by_one_that_joined_only_once(self):
        box = air_box(shaper_downlink_capacity_bps=4_000_000)
        grant_id = buy(box, 1)
        box.feed(admission(box.state.on_air.grants[grant_id].grant))
        box.feed(associates(account=OTHER_CONSUMER.public))
        assert box.state.stations == {STATION: grant_id}
        assert not refused(box, 1)
        assert refused(box, 2)

    def test_in_the_pool_of_slots_too(self):
        box = air_box(shaper_pool_size=1, shaper_pool_chunk=1)
        box.state = replace(box.state, pool=replace(box.state.pool, limit=2))
        buy(box, 1)
        assert not refused(box, 1)
        assert refused(box, 2)

    def test_from_who_was_let_in_with_a_grant_that_was_sold_elsewhere(self):
        box = air_box(shaper_downlink_capacity_bps=3_000_000)
        mine = buy(box, 1)
        box.feed(admission(grant(2), OTHER_STATION))
        box.feed(associates(OTHER_STATION))
        assert box.state.on_air.associations[OTHER_STATION].reason == "no_capacity"
        box.feed(admission(box.state.on_air.grants[mine].grant))
        box.feed(associates(account=OTHER_CONSUMER.public))
        assert box.state.stations == {STATION: mine}

    def test_for_grants_whose_time_comes_soon_and_not_for_later_ones(self):
        box = air_box()
        buy(box, 1, starts_s=START_S + 60)
        buy(box, 2, starts_s=START_S + 61)
        assert reserved(box.state, box.now).sessions == 1

    def test_on_a_wire_for_nobody(self):
        wired = sells(start_box(settings()))
        assert reserved(wired.state, wired.now) == Reserved()


def test_who_bought_here_is_let_in_however_far_away_it_is():
    """The floors fitted at the reference when they were sold; what the distance costs is shortfall."""
    box = air_box()
    far = StationsMeasured((StationMeasurement(STATION, signal_dbm=-90),))
    box.feed(associates())
    box.feed(far)
    box.feed(admission(grant(2)))
    assert box.state.on_air.associations[STATION].reason == "no_airtime"
    mine = buy(box, 1)
    box.feed(associates(account=OTHER_CONSUMER.public))
    box.feed(far)
    box.feed(admission(box.state.on_air.grants[mine].grant))
    assert box.state.stations == {STATION: mine}


def sold_in_advance(box: Box) -> bytes:
    """What the ledger sells in advance is the ledger's matter, and its time has come; the grant's id."""
    made = grant(1, consumer=OTHER_CONSUMER.public)
    signed = purchase(300, period=5, period_to=5)
    box.feed(PurchaseHeard(STATION, signed.envelope.encoded))
    box.feed(LedgerReplied(signed.transaction_id, reply(signed.transaction_id, signed_grant(made))))
    return made.grant_id


class TestTurnedAway:
    def test_the_floors_are_missing_from_then_until_there_is_room(self):
        box = air_box(shaper_downlink_capacity_bps=3_000_000)
        first = serve(box)
        mine = sold_in_advance(box)
        made = box.state.on_air.grants[mine].grant
        box.feed(admission(made, OTHER_STATION))
        assert (
            Playbook(box)
            >> associates(OTHER_STATION, OTHER_CONSUMER.public)
            << a(StoreSession)
            << note("turned_away")
            >> seconds(3)
            >> DeadlineReached()
            << Deauthenticate(OTHER_STATION)
            << note("thrown_out")
        )
        assert box.state.sessions[mine].reason is EndReason.NO_ROOM
        box.pass_time(seconds(57))
        box.feed(CountersRead({16: Usage(0, 0, 0, 1)}, report=True))
        used = box.state.sessions[mine].used
        assert (used.down_shortfall_bytes, used.up_shortfall_bytes) == (15_000_000, 7_500_000)
        box.pass_time(seconds(40))
        box.feed(StationLeft(STATION))
        box.feed(StationLeft(OTHER_STATION))
        box.feed(SessionRemoved(first, Usage()))
        box.feed(associates(OTHER_STATION, OTHER_CONSUMER.public))
        assert box.last(InstallSession).grant_id == mine
        box.feed(SessionInstalled(mine))
        session = box.state.sessions[mine]
        assert session.used.down_shortfall_bytes == 25_000_000, "a hundred seconds of 2 Mbit/s"
        assert session.unreported.down_shortfall_bytes == 10_000_000
        assert session.unserved_ns is None

    def test_who_is_never_served_gets_all_of_the_rest_back(self):
        box = air_box(shaper_downlink_capacity_bps=3_000_000)
        serve(box, grant(duration_s=900))
        mine = sold_in_advance(box)
        made = box.state.on_air.grants[mine].grant
        box.feed(admission(made, OTHER_STATION))
        box.feed(associates(OTHER_STATION, OTHER_CONSUMER.public))
        for _ in range(12):
            box.pass_time(seconds(60))
            box.feed(CountersRead({16: Usage(0, 0, 0, 1 + box.now.utc_s)}, report=True))
            while box.state.meter.signing:
                first = box.state.meter.signing[0].record.sequence
                box.feed(Saved(records=(first,)))
                box.feed(RecordSigned(first))
        refund = box.state.refunds[mine]
        assert (refund.down_bytes, refund.up_bytes) == (150_000_000, 75_000_000)
        assert refund_ubc(1_000, made.total_qos, made.duration_s, refund.down_bytes, refund.up_bytes) == 1_000
        assert mine not in box.state.sessions

    def test_nothing_is_owed_for_a_grant_that_was_sold_elsewhere(self):
        box = air_box(shaper_downlink_capacity_bps=3_000_000)
        serve(box)
        made = grant(2, consumer=OTHER_CONSUMER.public)
        box.feed(admission(made, OTHER_STATION))
        box.feed(associates(OTHER_STATION, OTHER_CONSUMER.public))
        assert box.state.on_air.associations[OTHER_STATION].reason == "no_capacity"
        assert made.grant_id not in box.state.sessions
