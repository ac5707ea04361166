"""A disk that fails: what is kept in memory, when it is tried again, and when nobody is served any more."""

from typing import Any

import pytest

from apd import core, disk
from apd.commands import (
    ForgetRecord,
    InstallSession,
    Note,
    RemoveSession,
    SignRecord,
    StoreRecord,
    StoreSession,
)
from apd.events import (
    CountersRead,
    DeadlineReached,
    Saved,
    SaveFailed,
    SessionInstalled,
    SessionRemoved,
    StationLeft,
)
from apd.session import EndReason, Phase, Usage
from nas_tunnel.lobby import Refused
from tests.apd.playbook import Box, Playbook, a, join, note, run_session, seconds, settings, start_box, told
from tests.apd.world import OTHER_STATION, STATION, grant
from wire.errors import ShellError

FULL = ShellError("store", "apd.sqlite: database or disk is full")


@pytest.fixture
def box() -> Box:
    """A box whose boot record is on disk, with a session that is not."""
    made = start_box(settings(report_interval_s=86_400, idle_timeout_s=0))
    made.feed(Saved((1,)))
    run_session(made)
    made.feed(SaveFailed(FULL, (made.last(StoreSession),)))
    return made


def test_the_operator_is_told_once_and_it_is_tried_again_every_second(box):
    unsaved = box.last(StoreSession)
    assert box.last(Note).what == "disk_failed"
    assert core.next_deadline_ns(box.state, box.now) == box.now.mono_ns + disk.RETRY_NS
    assert (
        Playbook(box)
        >> seconds(1)
        >> DeadlineReached()
        << unsaved
        >> SaveFailed(FULL, (unsaved,))
        >> seconds(1)
        >> DeadlineReached()
        << unsaved
        >> Saved(())
        << note("disk_works")
        >> seconds(1)
        >> DeadlineReached()
    )


def test_what_comes_later_waits_behind_what_is_not_kept(box):
    unsaved = box.last(StoreSession)
    assert Playbook(box) >> CountersRead({16: Usage(1, 1, 1, 1)}, report=True)
    commands = _after(box, 1)
    assert commands == [unsaved, a(StoreRecord, record=a(object, sequence=2))]
    assert (
        Playbook(box)
        >> SaveFailed(FULL, tuple(commands))
        >> StationLeft(STATION)
        << a(RemoveSession)
        << note("session_ends")
        >> SessionRemoved(grant().grant_id, Usage())
    )
    assert _after(box, 1) == [
        unsaved,
        a(StoreRecord, record=a(object, sequence=2)),
        a(StoreSession, session=a(object, phase=Phase.CLOSED)),
    ]


def test_the_tpm_does_not_hear_of_a_record_that_is_not_on_disk(box):
    box.feed(CountersRead({}, report=True))
    commands = _after(box, 1)
    assert not [command for command in box.ordered if a(SignRecord, record=a(object, sequence=2)) == command]
    play = Playbook(box) >> Saved((2,)) << note("disk_works")
    assert play, "record 1 is still with the TPM"
    assert commands[-1] == a(StoreRecord, record=a(object, sequence=2))


def test_sessions_go_on_for_a_while_and_then_end(box):
    unsaved = box.last(StoreSession)
    _after(box, 59)
    box.feed(SaveFailed(FULL, (unsaved,)))
    commands = _after(box, 1)
    assert [c for c in commands if isinstance(c, (RemoveSession, Note))] == [
        note("not_metered"),
        RemoveSession(grant().grant_id, 16, STATION),
        note("session_ends"),
    ]
    assert box.state.sessions[grant().grant_id].reason is EndReason.NOT_METERED


def test_one_that_is_being_installed_ends_too():
    box = start_box(settings(report_interval_s=86_400))
    box.feed(join(box))
    box.feed(SaveFailed(FULL, (ForgetRecord(1),)))
    assert a(RemoveSession) in _after(box, 60)
    assert Playbook(box) >> SessionInstalled(grant().grant_id)
    assert box.state.sessions[grant().grant_id].phase is Phase.EXPIRING


def test_who_was_ended_comes_back_when_the_disk_does(box):
    _after(box, 60)
    box.feed(SessionRemoved(grant().grant_id, Usage()))
    asked = join(box, station=OTHER_STATION)
    assert (
        Playbook(box)
        >> asked
        << told(Refused, reason="not_metered")
        >> Saved(())
        << note("disk_works")
        >> asked
        << a(InstallSession)
    )


def test_a_second_outage_is_told_and_timed_anew(box):
    box.feed(Saved(()))
    box.pass_time(seconds(50))
    assert Playbook(box) >> SaveFailed(FULL, (ForgetRecord(1),)) << note("disk_failed")
    assert Playbook(box) >> seconds(59) >> DeadlineReached() << ForgetRecord(1)
    assert box.state.session_of(STATION) is not None


def test_evidence_that_cannot_be_read_is_told_and_submitted_later(box):
    box.feed(Saved(()))
    assert Playbook(box) >> SaveFailed(FULL) << note("disk_failed")
    assert box.state.disk.failing_ns is None


def _after(box: Box, wait_s: float) -> list[Any]:
    box.pass_time(seconds(wait_s))
    return list(box.feed(DeadlineReached()))
