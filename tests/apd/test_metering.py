"""The meter's chain, event by event: which record comes next, when it is signed, and what a restart makes of it."""

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from apd import core
from apd.commands import (
    DropUnsigned,
    ForgetSession,
    ReadAnchorCounter,
    ReadCounters,
    SignRecord,
    StoreRecord,
    StoreSession,
)
from apd.events import (
    AnchorCounterFailed,
    AnchorCounterRead,
    CountersFailed,
    CountersRead,
    DeadlineReached,
    RecordSigned,
    Saved,
    SessionInstalled,
    SessionRemoved,
    SigningFailed,
    StationLeft,
)
from apd.metering import StoredChain, TpmFound
from apd.session import EndReason, Phase, StoredSession, Usage, restore
from apd.state import OutboxEntry
from tests.apd.playbook import (
    TPM,
    Box,
    Playbook,
    a,
    join,
    note,
    run_session,
    seconds,
    settings,
    start_box,
)
from tests.apd.world import CONSUMER, START, START_S, STATION, grant, signed_grant
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_record import (
    FIRST_PREVIOUS,
    MAX_ROWS,
    AnchorRecord,
    BootRecord,
    UsageReport,
    UsageRow,
    read_meter_record,
    record_hash,
    write_meter_record,
)
from wire.units import Now

BROKEN = ShellError("tpm", "is in lockout")


def extend(pcr: bytes, record: bytes) -> bytes:
    return hashlib.sha256(pcr + record_hash(record)).digest()


def records(box: Box) -> list[Any]:
    return [command for command in box.ordered if isinstance(command, StoreRecord)]


def sign_all(box: Box) -> None:
    """The disk and the TPM do what they are told until nothing is left."""
    while box.state.meter.signing:
        first = box.state.meter.signing[0]
        if not first.stored:
            box.feed(Saved(tuple(unsigned.record.sequence for unsigned in box.state.meter.signing)))
        box.feed(RecordSigned(first.record.sequence))


def report(box: Box, counters: dict[int, Usage], wait_s: float = 60) -> UsageReport:
    """The report of the interval that ends in `wait_s`."""
    box.pass_time(seconds(wait_s))
    assert ReadCounters(report=True) in box.feed(DeadlineReached())
    box.feed(CountersRead(counters, report=True))
    made = records(box)[-1].record
    assert isinstance(made, UsageReport)
    return made


class TestBoot:
    def test_the_first_record_of_a_run_is_its_boot_record(self):
        box = start_box(tpm=TPM)
        (stored,) = box.ordered
        assert stored == a(StoreRecord, sessions=())
        assert read_meter_record(stored.encoded) == stored.record
        assert stored.record == BootRecord(
            1, FIRST_PREVIOUS, START.utc_ms, TPM.boot_pcrs, TPM.meter_pcr, "test"
        )

    def test_without_a_tpm_it_says_so(self):
        box = start_box()
        assert (records(box)[0].record.boot_pcrs, records(box)[0].record.meter_pcr) == (b"", b"")

    def test_it_is_signed_once_it_is_on_disk(self, box):
        encoded = records(box)[0].encoded
        assert (
            Playbook(box)
            >> Saved(())
            >> Saved((1,))
            << SignRecord(records(box)[0].record, encoded)
            >> Saved(())
            >> RecordSigned(1)
        )
        assert box.state.meter.outbox == (OutboxEntry(1, record_hash(encoded)),)

    def test_the_next_run_goes_on_where_the_last_one_ended(self):
        box = start_box(chain=StoredChain(41, b"h" * 32, b"", 0, (), (OutboxEntry(41, b"h" * 32),)))
        assert records(box)[0].record == a(BootRecord, sequence=42, previous=b"h" * 32)
        assert box.state.meter.outbox == (OutboxEntry(41, b"h" * 32),)


class TestReport:
    def test_each_interval_has_one_and_they_hang_together(self, box):
        sign_all(box)
        one, two = report(box, {}), report(box, {})
        assert (one.from_utc_ms, one.to_utc_ms) == (START.utc_ms, START.utc_ms + 60_000)
        assert (two.from_utc_ms, two.to_utc_ms) == (one.to_utc_ms, one.to_utc_ms + 60_000)
        chain = records(box)
        assert [stored.record.sequence for stored in chain] == [1, 2, 3]
        assert [stored.record.previous for stored in chain[1:]] == [
            record_hash(stored.encoded) for stored in chain[:-1]
        ]

    def test_a_row_says_what_a_session_got_in_the_interval(self, box):
        grant_id = run_session(box)
        assert report(box, {16: Usage(10, 20, 30, 40)}).rows == (UsageRow(grant_id, 10, 20, 30, 40),)
        assert report(box, {16: Usage(11, 22, 33, 44)}).rows == (UsageRow(grant_id, 1, 2, 3, 4),)

    def test_the_last_octets_of_a_session_are_reported_after_its_end(self, box):
        grant_id = run_session(box)
        report(box, {16: Usage(10, 20, 30, 40)})
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant_id, Usage(15, 20, 35, 40)))
        assert report(box, {}).rows == (UsageRow(grant_id, 5, 0, 5, 0),)
        assert report(box, {}).rows == ()

    def test_it_is_stored_together_with_the_sessions_that_it_empties(self, box):
        run_session(box)
        report(box, {16: Usage(10, 20, 30, 40)})
        (session,) = records(box)[-1].sessions
        assert (session.unreported, session.used) == (Usage(), Usage(10, 20, 30, 40))
        assert session.baseline == Usage(10, 20, 30, 40)

    def test_counters_that_cannot_be_read_are_reported_later(self, box):
        grant_id = run_session(box)
        box.pass_time(seconds(60))
        box.feed(DeadlineReached())
        assert (
            Playbook(box)
            >> CountersFailed(ShellError("shaper", "no"), report=True)
            << note("counters_failed")
            << a(StoreRecord, record=a(UsageReport, rows=(UsageRow(grant_id, 0, 0, 0, 0),)))
        )
        assert report(box, {16: Usage(10, 20, 30, 40)}).rows == (UsageRow(grant_id, 10, 20, 30, 40),)

    def test_more_sessions_than_fit_go_into_more_reports(self):
        big = start_box(settings(shaper_pool_size=600, shaper_pool_chunk=300))
        for number in range(1, 2 * MAX_ROWS + 2):
            key = PrivateKey.from_secret(1_000 + number % 5)
            made = grant(
                number, consumer=key.public, qos=replace(grant().qos, floor_down_bps=1, floor_up_bps=1)
            )
            run_session(big, made, MacAddress(b"\x02\0\0\0" + number.to_bytes(2, "big")), key)
        counters = {slot: Usage(slot, 1, 1, 1) for slot in range(16, 16 + 2 * MAX_ROWS + 1)}
        report(big, counters)
        parts = [stored.record for stored in records(big) if isinstance(stored.record, UsageReport)]
        assert [len(part.rows) for part in parts] == [MAX_ROWS, MAX_ROWS, 1]
        assert len({(part.from_utc_ms, part.to_utc_ms) for part in parts}) == 1
        assert sum(row.down_bytes for part in parts for row in part.rows) == sum(counters)
        assert all(len(stored.encoded) <= 16 * 1024 for stored in records(big))

    def test_a_wall_clock_set_back_makes_no_interval_that_ends_before_it_begins(self, box):
        report(box, {})
        box.now = replace(box.now, utc_ms=box.now.utc_ms - 3_600_000)
        late = report(box, {})
        assert (late.from_utc_ms, late.to_utc_ms) == (START.utc_ms + 60_000, START.utc_ms + 60_000)
        read_meter_record(write_meter_record(late))
        box.now = replace(box.now, utc_ms=box.now.utc_ms + 3_600_000)
        assert report(box, {}).from_utc_ms == START.utc_ms + 60_000

    def test_a_deadline_that_comes_hours_late_makes_one_report(self, box):
        report(box, {}, wait_s=10_000)
        assert Playbook(box) >> DeadlineReached()

    def test_a_session_is_forgotten_when_its_grant_is_over_and_its_usage_signed(self, box):
        grant_id = run_session(box, grant(duration_s=50))
        sign_all(box)
        box.pass_time(seconds(50))
        box.feed(DeadlineReached())
        box.feed(SessionRemoved(grant_id, Usage(5, 5, 5, 5)))
        assert report(box, {}, wait_s=10).rows == (UsageRow(grant_id, 5, 5, 5, 5),)
        assert grant_id in box.state.sessions
        report(box, {})
        assert grant_id in box.state.sessions, "its record is not signed: it may have to be made anew"
        sign_all(box)
        report(box, {})
        assert ForgetSession(grant_id) in box.ordered
        assert grant_id not in box.state.sessions

    def test_a_session_that_may_come_back_is_kept(self, box):
        grant_id = run_session(box)
        box.feed(StationLeft(STATION))
        box.feed(SessionRemoved(grant_id, Usage()))
        for _ in range(3):
            sign_all(box)
            report(box, {})
        assert grant_id in box.state.sessions


class TestSigning:
    def test_one_record_is_with_the_tpm_at_a_time_and_in_order(self, box):
        box.feed(Saved((1,)))
        report(box, {})
        report(box, {})
        assert (
            Playbook(box)
            >> Saved((2, 3))
            >> RecordSigned(1)
            << a(SignRecord, record=a(UsageReport, sequence=2))
            >> RecordSigned(2)
            << a(SignRecord, record=a(UsageReport, sequence=3))
            >> RecordSigned(3)
        )
        assert [entry.sequence for entry in box.state.meter.outbox] == [1, 2, 3]

    def test_a_record_that_is_not_on_disk_waits(self, box):
        box.feed(Saved((1,)))
        report(box, {})
        assert (
            Playbook(box)
            >> RecordSigned(1)
            >> Saved((2,))
            << a(SignRecord, record=a(UsageReport, sequence=2))
        )

    def test_a_tpm_that_failed_is_asked_again(self, box):
        box.feed(Saved((1,)))
        assert (
            Playbook(box)
            >> SigningFailed(BROKEN)
            << note("signing_failed")
            >> seconds(9)
            >> DeadlineReached()
            >> seconds(1)
            >> DeadlineReached()
            << a(SignRecord, record=a(BootRecord, sequence=1))
            >> DeadlineReached()
        )

    def test_reports_go_on_while_the_tpm_does_not(self, box):
        grant_id = run_session(box)
        box.feed(Saved((1,)))
        box.feed(SigningFailed(BROKEN))
        assert report(box, {16: Usage(1, 1, 1, 1)}).rows == (UsageRow(grant_id, 1, 1, 1, 1),)
        assert [unsigned.record.sequence for unsigned in box.state.meter.signing] == [1, 2]


class TestAnchor:
    @pytest.fixture
    def box(self) -> Box:
        made = start_box(tpm=TPM)
        sign_all(made)
        return made

    def test_the_first_is_made_at_once_and_names_the_counters_next_value(self, box):
        assert (
            Playbook(box)
            >> DeadlineReached()
            << ReadAnchorCounter()
            >> DeadlineReached()
            >> AnchorCounterRead(7)
            << a(StoreRecord, record=AnchorRecord(2, box.state.meter.head, START.utc_ms, 8))
        )

    def test_the_next_comes_after_its_interval(self, box):
        box.feed(DeadlineReached())
        box.feed(AnchorCounterRead(7))
        sign_all(box)
        box.pass_time(seconds(899))
        assert ReadAnchorCounter() not in box.feed(DeadlineReached())
        box.pass_time(seconds(1))
        assert ReadAnchorCounter() in box.feed(DeadlineReached())

    def test_it_waits_for_records_that_are_not_signed(self):
        made = start_box(tpm=TPM)
        assert Playbook(made) >> DeadlineReached()

    def test_a_counter_that_cannot_be_read_is_read_later(self, box):
        assert (
            Playbook(box)
            >> DeadlineReached()
            << ReadAnchorCounter()
            >> AnchorCounterFailed(BROKEN)
            << note("anchor_failed")
            >> seconds(10)
            >> DeadlineReached()
            << ReadAnchorCounter()
        )

    def test_without_a_tpm_there_is_none(self):
        made = start_box()
        sign_all(made)
        assert Playbook(made) >> seconds(59) >> DeadlineReached()


def stored_session() -> StoredSession:
    made = grant()
    return StoredSession(
        grant=made,
        encoded_grant=signed_grant(made),
        qos=made.total_qos,
        station=STATION,
        slot=16,
        phase=Phase.ACTIVE,
        reason=EndReason.NONE,
        baseline=Usage(),
        used=Usage(),
        unreported=Usage(),
    )


class TestRestart:
    """With records that were stored and not signed: `left` is PCR 14 after the last one that was."""

    LEFT = b"\x11" * 32
    LATER = Now(START.mono_ns + 30 * 10**9, START.utc_ms + 30_000)

    def chain(self) -> tuple[StoredChain, bytes, bytes]:
        rows = (UsageRow(grant().grant_id, 10, 20, 30, 40),)
        one = write_meter_record(UsageReport(8, b"h" * 32, START.utc_ms - 60_000, START.utc_ms, rows))
        two = write_meter_record(AnchorRecord(9, record_hash(one), START.utc_ms, 5))
        return StoredChain(7, b"h" * 32, self.LEFT, START.utc_ms, (one, two), ()), one, two

    def start(self, pcr: bytes, **changes: object) -> Box:
        chain, _, _ = self.chain()
        known = restore(stored_session(), self.LATER, kept=True)
        return start_box(
            sessions=[known],
            chain=replace(chain, **changes),  # type: ignore[arg-type]  # a test names real fields
            tpm=TpmFound(bytes(320), pcr),
            now=self.LATER,
        )

    def test_a_tpm_that_was_not_given_them_signs_them_now(self):
        _, one, two = self.chain()
        box = self.start(self.LEFT)
        sign, boot = box.ordered
        assert sign == a(SignRecord, encoded=one, extended_before=False)
        assert boot.record == a(BootRecord, sequence=10, previous=record_hash(two))
        assert boot.record.meter_pcr == extend(extend(self.LEFT, one), two)
        assert Playbook(box) >> RecordSigned(8) << a(SignRecord, encoded=two, extended_before=False)

    def test_the_one_that_was_extended_before_the_crash_is_only_quoted(self):
        _, one, two = self.chain()
        box = self.start(extend(self.LEFT, one))
        assert box.ordered[0] == a(SignRecord, encoded=one, extended_before=True)
        assert box.ordered[1].record.meter_pcr == extend(extend(self.LEFT, one), two)
        assert Playbook(box) >> RecordSigned(8) << a(SignRecord, encoded=two, extended_before=False)

    def test_after_a_reset_they_are_dropped_and_their_usage_reported_anew(self):
        box = self.start(bytes(32))
        session = a(StoreSession, session=a(object, unreported=Usage(10, 20, 30, 40)))
        assert box.ordered == [session, DropUnsigned(), a(StoreRecord)]
        assert box.ordered[-1].record == a(BootRecord, sequence=8, previous=b"h" * 32, meter_pcr=bytes(32))
        made = report(box, {16: Usage(1, 1, 1, 1)})
        assert made.rows == (UsageRow(grant().grant_id, 11, 21, 31, 41),)
        assert made.from_utc_ms == self.LATER.utc_ms, "what came before was not metered in one piece"

    def test_a_tpm_that_somebody_else_extended_is_not_where_it_was_left(self):
        box = self.start(b"\x99" * 32)
        assert DropUnsigned() in box.ordered

    def test_the_very_first_record_may_have_been_extended_before_a_crash(self):
        boot = write_meter_record(BootRecord(1, FIRST_PREVIOUS, START.utc_ms, bytes(320), bytes(32), "x"))
        chain = StoredChain(0, FIRST_PREVIOUS, b"", 0, (boot,), ())
        box = start_box(chain=chain, tpm=TpmFound(bytes(320), extend(bytes(32), boot)))
        assert box.ordered[0] == a(SignRecord, encoded=boot, extended_before=True)
        assert box.ordered[1].record == a(BootRecord, sequence=2, meter_pcr=extend(bytes(32), boot))

    def test_a_boot_record_after_a_reset_begins_from_what_it_found(self):
        boot = write_meter_record(BootRecord(8, b"h" * 32, START.utc_ms, bytes(320), bytes(32), "x"))
        box = self.start(bytes(32), unsigned=(boot,))
        assert box.ordered[0] == a(SignRecord, encoded=boot, extended_before=False)

    def test_without_a_tpm_they_are_signed(self):
        chain, one, _ = self.chain()
        box = start_box(chain=replace(chain, meter_pcr=b""), now=self.LATER)
        assert box.ordered[0] == a(SignRecord, encoded=one, extended_before=False)

    def test_the_meter_goes_on_from_the_last_report(self):
        box = self.start(self.LEFT)
        made = report(box, {16: Usage(1, 1, 1, 1)})
        assert (made.from_utc_ms, made.to_utc_ms) == (START.utc_ms, self.LATER.utc_ms + 60_000)

    def test_a_crash_before_the_first_report_leaves_no_gap(self):
        first = start_box(tpm=TPM)
        stored = records(first)[0]
        assert stored.reported_utc_ms == START.utc_ms
        chain = StoredChain(1, record_hash(stored.encoded), bytes(32), stored.reported_utc_ms, (), ())
        box = start_box(chain=chain, tpm=TPM, now=self.LATER)
        assert report(box, {}).from_utc_ms == START.utc_ms

    def test_a_kernel_that_lost_its_counters_leaves_a_gap(self):
        box = start_box(
            chain=StoredChain(7, b"h" * 32, b"", START.utc_ms, (), ()), kernel_kept=False, now=self.LATER
        )
        assert report(box, {}).from_utc_ms == self.LATER.utc_ms

    def test_a_clock_that_is_behind_does_not_report_a_time_twice(self):
        behind = replace(self.LATER, utc_ms=START.utc_ms - 1_000_000)
        for kept in (True, False):
            box = start_box(
                chain=StoredChain(7, b"h" * 32, b"", START.utc_ms, (), ()), kernel_kept=kept, now=behind
            )
            made = report(box, {})
            assert (made.from_utc_ms, made.to_utc_ms) == (START.utc_ms, START.utc_ms)


def test_a_session_admitted_early_keeps_its_old_usage_in_the_report(box):
    """It came back, waits for its time, and what it used before is not reported yet."""
    made = grant(starts_s=START_S + 30)
    box.feed(join(box, made))
    session = replace(box.state.sessions[made.grant_id], unreported=Usage(1, 2, 3, 4))
    box.state = box.state.with_session(session)
    box.pass_time(seconds(60))
    box.feed(DeadlineReached())
    box.feed(SessionInstalled(made.grant_id))
    box.feed(CountersRead({16: Usage()}, report=True))
    assert records(box)[-1].record.rows == (UsageRow(made.grant_id, 1, 2, 3, 4),)
    assert made.consumer == CONSUMER.public


def test_the_core_always_wants_to_be_called_again(box):
    assert core.next_deadline_ns(box.state, box.now) == START.mono_ns + 60 * 10**9
