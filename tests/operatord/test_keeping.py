"""Permits come, end and are revoked: anchors, uses and what the boxes hear of it."""

from __future__ import annotations

from dataclasses import replace

from operatord.accounting import take_accounting
from operatord.authorising import authorise
from operatord.commands import (
    Command,
    Disconnect,
    ForgetPermit,
    ForgetUse,
    KeepPermit,
    KeepRevoked,
    KeepSession,
    Note,
    PublishRevocation,
    RemoveAnchor,
    WriteAnchor,
)  # fmt: skip
from operatord.keeping import (
    HOLD_S,
    LINGER_S,
    MAX_PERMITS_PER_ACCOUNT,
    leave_boxes,
    next_deadline_s,
    pass_time,
    restore,
    revoke,
    take_permit,
    trusted_accounts,
)  # fmt: skip
from operatord.sessions import Counters, Status
from operatord.state import DEFAULT_SILENT_AFTER_S, Revoked, State
from tests.operatord.world import (
    ALICE,
    BOB,
    BOXES,
    NOW_S,
    OTHER_PHONE,
    PARTNER,
    SECRET,
    ask,
    disconnects,
    grant,
    record,
    request,
    state,
)  # fmt: skip

PERMIT = grant()


def passed(made: State, now_s: int) -> list[Command]:
    """Time passes, by every clock."""
    return pass_time(made, now_s, now_s - NOW_S)


def test_the_first_grant_of_an_account_brings_its_anchor_and_the_last_takes_it_away() -> None:
    made = state()
    first, second = grant(number=1, duration_s=100), grant(number=2, duration_s=200)
    assert take_permit(made, first, NOW_S) == [KeepPermit(first), WriteAnchor(ALICE.public)]
    assert take_permit(made, second, NOW_S) == [KeepPermit(second)]
    assert take_permit(made, first, NOW_S) == [], "heard twice"
    assert next_deadline_s(made) == first.ends_s
    assert passed(made, first.ends_s - 1) == []
    assert passed(made, first.ends_s) == []
    assert passed(made, second.ends_s) == [RemoveAnchor(ALICE.public)]
    assert trusted_accounts(made) == set()
    assert next_deadline_s(made) == first.ends_s + LINGER_S
    assert passed(made, first.ends_s + LINGER_S) == [ForgetPermit(first.permit_id)]
    assert passed(made, second.ends_s + LINGER_S) == [ForgetPermit(second.permit_id)]
    assert (made.permits, made.by_account, next_deadline_s(made)) == ({}, {}, None)


def test_what_has_ended_is_not_taken() -> None:
    assert take_permit(state(), PERMIT, PERMIT.ends_s) == []


def test_an_end_throws_out_who_is_there() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    commands = passed(made, PERMIT.ends_s)
    assert disconnects(commands) == [("roof", "5F00")]
    assert made.uses == {}
    assert ask(made, PERMIT.ends_s) == "ended"


def test_the_stop_of_the_last_session_comes_after_the_end_and_is_kept() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    passed(made, PERMIT.ends_s)
    late = record(PERMIT, at_s=PERMIT.ends_s + 1, counters=Counters(1_050, 0, 1, 0))
    assert disconnects(take_accounting(made, late, PERMIT.ends_s + 1)) == [("roof", "5F00")], "it goes on"
    stop = replace(
        late,
        status=Status.STOP,
        event_s=PERMIT.ends_s + 2,
        clock_s=PERMIT.ends_s + 2,
        counters=Counters(2_100, 0, 2, 0),
    )
    (kept,) = take_accounting(made, stop, PERMIT.ends_s + 2)
    assert isinstance(kept, KeepSession)
    assert (kept.session.stopped, kept.session.up_bytes) == (True, 2_000)
    assert made.uses == {}


def test_a_revocation_tells_the_provider_s_boxes_and_throws_out() -> None:
    made = state([PERMIT])
    authorise(made, request(box="inn"), NOW_S)
    commands = revoke(made, PERMIT.permit_id, "the antenna came down", b"signed")
    assert [type(one) for one in commands] == [
        PublishRevocation, PublishRevocation, KeepRevoked, Disconnect, ForgetUse, RemoveAnchor,
    ]  # fmt: skip
    assert {one.box for one in commands if isinstance(one, PublishRevocation)} == {"roof", "yard"}
    assert disconnects(commands) == [("inn", "")]
    assert revoke(made, PERMIT.permit_id, "again") == []
    again = revoke(made, PERMIT.permit_id, "with the provider's word", b"signed again")
    assert again == [PublishRevocation(box, PERMIT.permit_id, b"signed again") for box in ("roof", "yard")]
    assert ask(made) == "revoked"
    assert passed(made, PERMIT.ends_s) == []
    assert passed(made, PERMIT.ends_s + LINGER_S) == [ForgetPermit(PERMIT.permit_id)], (
        "and nothing is left of it"
    )
    assert made.revoked == {}


def test_a_revocation_may_come_before_its_grant() -> None:
    made = state()
    assert revoke(made, PERMIT.permit_id, "early") == [KeepRevoked(Revoked(PERMIT.permit_id, "early"))]
    assert take_permit(made, PERMIT, NOW_S) == [KeepPermit(PERMIT)], "no anchor"
    assert ask(made) == "revoked"


def test_another_grant_keeps_the_anchor() -> None:
    made = state([PERMIT, grant(number=2)])
    commands = revoke(made, PERMIT.permit_id, "")
    assert RemoveAnchor(ALICE.public) not in commands
    assert ask(made) == "yes"
    assert trusted_accounts(made) == {ALICE.public}


def test_an_account_without_end_of_grants_is_bounded() -> None:
    made = state(grant(number=number + 1) for number in range(MAX_PERMITS_PER_ACCOUNT))
    (note,) = take_permit(made, grant(number=5_000), NOW_S)
    assert isinstance(note, Note)
    assert take_permit(made, grant(BOB, number=5_000), NOW_S)


def test_a_clock_that_is_set_forward_and_back_destroys_nothing() -> None:
    """A clock without a battery, before NTP: ten days on, and back."""
    made, later_s = state([PERMIT]), NOW_S + 10 * 86_400
    authorise(made, request(), NOW_S)
    assert passed(made, NOW_S) == []
    (note,) = pass_time(made, later_s, 5)
    assert isinstance(note, Note)
    assert note.kind == "clock_set_forward"
    assert next_deadline_s(made) == later_s + HOLD_S, "or the daemon would ask again at once, for ever"
    bought = grant(BOB, starts_s=NOW_S)
    assert take_permit(made, bought, later_s) != [], "what comes meanwhile is not lost"
    (note,) = pass_time(made, NOW_S + 30, 30)
    assert isinstance(note, Note)
    assert note.kind == "clock_set_back"
    assert (ask(made, NOW_S + 30), ask(made, NOW_S + 30, account=BOB)) == ("yes", "yes")
    assert disconnects(passed(made, PERMIT.ends_s)) == [("roof", "")], "and time goes on"


def test_a_clock_that_stays_ahead_was_right() -> None:
    made = state([PERMIT])
    later_s = NOW_S + 10 * 86_400
    passed(made, NOW_S)
    pass_time(made, later_s, 5)
    assert pass_time(made, later_s + HOLD_S - 1, 4 + HOLD_S) == []
    assert pass_time(made, later_s + HOLD_S, 5 + HOLD_S) == [
        RemoveAnchor(ALICE.public), ForgetPermit(PERMIT.permit_id),
    ]  # fmt: skip


def test_what_had_ended_by_a_wrong_clock_begins_again() -> None:
    """Already wrong when we were started, so that nothing could be compared."""
    made = state([PERMIT])
    assert pass_time(made, PERMIT.ends_s + 5, 0) == [RemoveAnchor(ALICE.public)]
    note, anchor = pass_time(made, NOW_S, 9)
    assert isinstance(note, Note)
    assert anchor == WriteAnchor(ALICE.public)
    assert ask(made) == "yes"
    assert disconnects(take_accounting(made, record(PERMIT), NOW_S)) == []
    assert passed(made, PERMIT.ends_s) != []
    assert passed(made, PERMIT.ends_s + LINGER_S) == [ForgetPermit(PERMIT.permit_id)]
    assert (made.due, made.permits) == ([], {})


def test_nobody_is_silent_because_we_were_away() -> None:
    made, again = state([PERMIT]), State(BOXES, SECRET)
    authorise(made, request(), NOW_S)
    back_s = NOW_S + 10 * DEFAULT_SILENT_AFTER_S
    restore(again, made.permits.values(), [], made.uses.values(), [], back_s)
    assert ask(again, back_s + DEFAULT_SILENT_AFTER_S - 1, station=OTHER_PHONE) == "in_use"
    assert ask(again, back_s + DEFAULT_SILENT_AFTER_S, station=OTHER_PHONE) == "yes"


def test_a_restart_forgets_nothing() -> None:
    made = state([PERMIT, grant(BOB), grant(ALICE, PARTNER, number=3)])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    revoke(made, grant(BOB).permit_id, "")
    again = State(BOXES, SECRET)
    sessions = [session for found in made.sessions.values() for session in found.values()]
    gone = record(grant(number=77), Status.START)
    take_accounting(made, gone, NOW_S)
    restore(again, made.permits.values(), made.revoked.values(), made.uses.values(), sessions, NOW_S)
    for name in ("permits", "by_account", "revoked", "uses", "sessions"):
        assert getattr(again, name) == getattr(made, name), name
    assert sorted(again.due) == sorted(made.due)
    assert trusted_accounts(again) == {ALICE.public}


def test_at_a_box_that_is_gone_nobody_uses_a_permit_any_more() -> None:
    """After a restart, too: else the end of the permit would order a Disconnect at a box that nobody knows."""
    made = state([PERMIT])
    ask(made)
    assert leave_boxes(made) == [], "all boxes are there"
    after = State({name: box for name, box in BOXES.items() if name != "roof"}, SECRET)
    restore(after, [PERMIT], [], list(made.uses.values()), [], NOW_S + 10)
    orders = leave_boxes(after)
    assert [one.why for one in orders if isinstance(one, Disconnect)] == ["the box is shut out"]
    assert ForgetUse(PERMIT.permit_id) in orders
    assert not disconnects(passed(after, PERMIT.ends_s))
