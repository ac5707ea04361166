"""The core as a whole: a restart in mid-session, ten minutes without a ledger, and what a step costs."""

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from apd import core
from apd.commands import ForgetRecord, InstallSession, RemoveSession, StoreRecord, StoreSession, SubmitRecord
from apd.events import (
    BrokerConnected,
    BrokerLost,
    CountersRead,
    DeadlineReached,
    LedgerReplied,
    LobbyDatagramReceived,
    RecordSigned,
    Saved,
    SessionRemoved,
)
from apd.metering import StoredChain
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Discover, Joined
from tests.apd.playbook import (
    EMPTY_CHAIN,
    Box,
    Playbook,
    a,
    heard,
    join,
    note,
    run_session,
    seconds,
    sells,
    settings,
    start_box,
    told,
)
from tests.apd.test_session import session
from tests.apd.world import DEVICE, STATION, grant, reply
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_record import UsageReport
from wire.units import NS_PER_S

ROOT = Path(__file__).parents[2]


class TestRestart:
    def test_an_active_session_goes_on_untouched(self):
        known = session(baseline=Usage(100, 10, 100, 10), used=Usage(100, 10, 100, 10))
        box = start_box(settings(report_interval_s=86_400, idle_timeout_s=0), sessions=[known])
        assert box.ordered == [a(StoreRecord)], "nothing is asked of the kernel"
        assert Playbook(box) >> DeadlineReached() >> join(box) << told(Joined)
        box.feed(CountersRead({20: Usage(150, 10, 150, 10)}))
        assert box.state.sessions[known.grant_id].used == Usage(150, 10, 150, 10)
        assert (
            Playbook(box)
            >> seconds(600)
            >> DeadlineReached()
            << RemoveSession(known.grant_id, 20, STATION)
            << note("session_ends")
        )

    def test_its_slot_and_its_floors_are_taken(self):
        box = start_box(sessions=[session()])
        assert 20 not in box.state.pool.free
        assert box.state.promised.down_bps == session().qos.floor_down_bps
        assert box.state.session_of(STATION) is not None

    def test_one_whose_kernel_state_was_lost_counts_from_zero(self):
        known = session(used=Usage(100, 10, 100, 10))
        box = start_box(sessions=[known], kernel_kept=False)
        assert a(StoreSession, session=a(object, baseline=Usage())) in box.ordered, (
            "or a second crash reads the old"
        )
        box.feed(CountersRead({20: Usage(7, 7, 7, 7)}))
        assert box.state.sessions[known.grant_id].used == Usage(107, 17, 107, 17)

    def test_one_that_waited_for_its_time_still_does(self):
        known = session(Phase.ADMITTED, starts_ns=session().starts_ns + 10 * NS_PER_S)
        box = start_box(settings(report_interval_s=86_400), sessions=[known])
        assert Playbook(box) >> DeadlineReached() >> seconds(10) >> DeadlineReached() << a(InstallSession)

    def test_one_whose_time_came_meanwhile_is_installed(self):
        box = start_box(settings(report_interval_s=86_400), sessions=[session(Phase.ADMITTED)])
        assert Playbook(box) >> DeadlineReached() << a(InstallSession) >> DeadlineReached()

    def test_one_that_was_being_removed_is_removed_with_its_reason(self):
        known = session(Phase.EXPIRING, reason=EndReason.DATA_CAP_USED, baseline=Usage(5, 5, 5, 5))
        box = start_box(sessions=[known])
        assert box.ordered == [a(StoreRecord), RemoveSession(known.grant_id, 20, STATION)]
        box.feed(SessionRemoved(known.grant_id, Usage(9, 5, 9, 5)))
        over = box.state.sessions[known.grant_id]
        assert (over.phase, over.reason) == (Phase.CLOSED, EndReason.DATA_CAP_USED)
        assert over.used == Usage(4, 0, 4, 0)

    def test_one_that_was_revoked_just_before_the_crash_ends(self):
        box = start_box(sessions=[session()], revoked=[grant().grant_id])
        assert box.ordered == [
            a(StoreRecord),
            RemoveSession(grant().grant_id, 20, STATION),
            note("session_ends"),
        ]

    def test_a_closed_one_keeps_what_it_used(self):
        known = session(Phase.CLOSED, reason=EndReason.LEFT, used=Usage(5, 5, 5, 5))
        box = start_box(sessions=[known])
        assert box.state.pool.free[0] == 16
        assert 20 in box.state.pool.free
        run_session(box)
        assert box.state.sessions[known.grant_id].used == Usage(5, 5, 5, 5)

    def test_one_whose_time_was_up_meanwhile_ends_at_once(self):
        known = session(ends_ns=session().starts_ns - NS_PER_S)
        box = start_box(sessions=[known])
        assert Playbook(box) >> DeadlineReached() << a(RemoveSession) << note("session_ends")


class TestTenMinutesWithoutALedger:
    def test_sessions_go_on_reports_queue_and_nothing_is_lost_or_doubled(self):
        box = sells(start_box(settings(idle_timeout_s=0), chain=EMPTY_CHAIN))
        _settle(box)
        made = grant(duration_s=3_600)
        run_session(box, made)
        box.feed(BrokerLost("gone"))
        counters = Usage()
        for minute in range(1, 11):
            counters = Usage(minute * 1_000, minute * 100, minute * 1_100, minute * 110)
            box.pass_time(seconds(60))
            box.feed(DeadlineReached())
            box.feed(CountersRead({16: counters}, report=True))
            _settle(box)
        assert box.state.session_of(STATION) is not None
        assert len(box.state.meter.outbox) == 11
        before = len(box.ordered)
        box.feed(BrokerConnected())
        while box.state.meter.outbox:
            entry = box.state.meter.outbox[0]
            box.feed(LedgerReplied(b"r" + entry.sequence.to_bytes(8, "big"), reply(entry.record_hash)))
        submitted = [c.sequence for c in box.ordered[before:] if isinstance(c, SubmitRecord)]
        forgotten = [c.sequence for c in box.ordered[before:] if isinstance(c, ForgetRecord)]
        assert submitted == forgotten == list(range(1, 12))
        records = [c.record for c in box.ordered if isinstance(c, StoreRecord)]
        reports = [record for record in records if isinstance(record, UsageReport)]
        assert len(reports) == len(records) - 1, "all but the boot record"
        assert sum(report.rows[0].down_bytes for report in reports) == counters.down_bytes
        assert [report.from_utc_ms for report in reports[1:]] == [report.to_utc_ms for report in reports[:-1]]


def _settle(box: Box) -> None:
    """Disk and TPM catch up."""
    while box.state.meter.signing:
        box.feed(Saved(tuple(unsigned.record.sequence for unsigned in box.state.meter.signing)))
        box.feed(RecordSigned(box.state.meter.signing[0].record.sequence))


def test_a_step_with_a_thousand_sessions_costs_little_more_than_with_ten():
    """What a stranger can make us do must not grow with who is here. Ratios, as machines differ."""

    def cost_s(count: int) -> float:
        box = sells(start_box(settings(shaper_pool_size=2_000, idle_timeout_s=300)))
        for number in range(1, count + 1):
            key = PrivateKey.from_secret(100 + number % 3)
            made = grant(
                number, consumer=key.public, qos=replace(grant().qos, floor_down_bps=1, floor_up_bps=1)
            )
            run_session(box, made, MacAddress(b"\x02\0\0\0" + number.to_bytes(2, "big")), key)
        discover, again = heard(Discover()), join(box, grant(1, consumer=PrivateKey.from_secret(101).public))
        events = [discover, again, LobbyDatagramReceived(DEVICE, b"garbage")]
        best = float("inf")
        for _ in range(5):
            started = time.perf_counter()
            for event in events * 5:
                core.step(box.state, event, box.now)
            best = min(best, time.perf_counter() - started)
        return best

    assert cost_s(1_000) < 3 * cost_s(10)


@pytest.mark.parametrize("sequence", [0, 7])
def test_the_secret_of_challenges_is_given_and_not_made(sequence):
    one = start_box(chain=StoredChain(sequence, bytes(32), b"", 0, (), ()))
    two = start_box(chain=StoredChain(sequence, bytes(32), b"", 0, (), ()))
    assert one == two


def test_a_wired_box_loads_nothing_of_the_air():
    """From a start over a session to its end, and the shells with it: memory of a box is for what it does."""
    script = """
import sys
import apd.daemon, apd.config, apd.shells.lobby_socket, apd.shells.meter, apd.shells.mqtt, apd.shells.store
from apd.events import DeadlineReached, StationLeft
from tests.apd.playbook import run_session, sells, start_box
from tests.apd.world import STATION
box = sells(start_box())
run_session(box)
box.feed(StationLeft(STATION))
box.feed(DeadlineReached())
air = {"apd.air", "apd.associations", "apd.known_grants", "apd.hostapd_text", "apd.registration"}
air |= {"wire.admission"}
air |= {f"apd.shells.{name}" for name in ("hostapd", "monitor", "nl80211")}
air |= {f"nas_tunnel.{name}" for name in ("anqp", "gas_frame", "advice_of_charge")}
print(sorted(air & set(sys.modules)))
"""
    command = [sys.executable, "-W", "ignore", "-c", script]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert shown == "[]\n"
