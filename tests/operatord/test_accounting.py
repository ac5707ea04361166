"""Accounting from rlm_rest's JSON, and what follows for who uses which grant."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.accounting import MAX_SESSIONS_PER_BOX, read_accounting, take_accounting, take_restart
from operatord.authorising import authorise
from operatord.commands import (
    Disconnect,
    ForgetSession,
    ForgetUse,
    KeepSession,
    KeepUse,
    Note,
    PublishAdmission,
)
from operatord.keeping import revoke
from operatord.reply import chargeable_identity
from operatord.sessions import NAS_REBOOT, AccountingRecord, BoxRestarted, Counters, Status
from tests.ledger_world import QOS
from tests.operatord.world import (
    BOB,
    BSSIDS,
    NOW_S,
    OTHER_PHONE,
    PHONE,
    SECRET,
    disconnects,
    grant,
    record,
    request,
    state,
    told,
    uses,
)
from wire.errors import DecodeError

PERMIT = grant()
CLASS = "0x" + PERMIT.permit_id.hex()
REAL = {
    "Packet-Src-IP-Address": "192.0.2.7",
    "NAS-Identifier": "roof",
    "Called-Station-Id": "02-00-00-00-00-00:airgrant",
    "Calling-Station-Id": "02-00-00-00-01-00",
    "Class": CLASS,
    "Chargeable-User-Identity": "0x" + b"ab".hex(),
    "Acct-Status-Type": "3",
    "Acct-Session-Id": "5F3C2A",
    "Acct-Session-Time": "61",
    "Acct-Delay-Time": "5",
    "Acct-Terminate-Cause": "",
    "Acct-Input-Octets": "7",
    "Acct-Input-Gigawords": "2",
    "Acct-Input-Packets": "3",
    "Acct-Output-Octets": "9",
    "Acct-Output-Gigawords": "",
    "Acct-Output-Packets": "4",
    "Event-Timestamp": str(NOW_S),
}
"""The form that FreeRADIUS 3.2.1 sends, of a request by hostapd 2.10."""


def read_any(**changes: object) -> AccountingRecord | BoxRestarted:
    page = {**REAL, **{name.replace("_", "-"): value for name, value in changes.items()}}
    return read_accounting(page, NOW_S + 99)


def read(**changes: object) -> AccountingRecord:
    got = read_any(**changes)
    assert isinstance(got, AccountingRecord)
    return got


def test_a_real_record_is_read() -> None:
    got = read()
    assert (got.status, got.box, got.session_id, got.permit_id) == (
        Status.INTERIM,
        "roof",
        "5F3C2A",
        PERMIT.permit_id,
    )
    assert (got.station, got.bssid) == (PHONE, BSSIDS["roof"])
    assert got.counters == Counters(2 << 32 | 7, 9, 3, 4)
    assert (got.event_s, got.duration_s, got.identity) == (NOW_S, 61, "ab")


def test_without_an_event_timestamp_the_delay_tells_when_it_was() -> None:
    got = read(Event_Timestamp="")
    assert got.event_s == NOW_S + 99 - 5


def test_a_box_with_a_clock_ahead_of_ours_does_not_rule_the_future() -> None:
    got = read(Event_Timestamp=NOW_S + 10_000)
    assert got.event_s == NOW_S + 99


@pytest.mark.parametrize("others", ["0x736f6c642d62793a00", "0x,0xzz", CLASS])
def test_the_grant_is_found_among_values_of_class_in_any_order(others: str) -> None:
    """RFC 2865 clause 5.25 has any number of them, and a server between may add its own."""
    for said in (f"{CLASS},{others}", f"{others},{CLASS}", f"{others},{CLASS},{others}"):
        read = read_accounting({**REAL, "Class": said}, NOW_S)
        assert isinstance(read, AccountingRecord)
        assert read.permit_id == PERMIT.permit_id


@pytest.mark.parametrize("status", ["7", "8"])
def test_what_is_about_the_whole_box_is_no_session(status: object) -> None:
    assert read_any(Acct_Status_Type=status) == BoxRestarted("roof", "192.0.2.7", NOW_S)


@pytest.mark.parametrize(
    ("status", "meant"), [("1", Status.START), ("2", Status.STOP), ("3", Status.INTERIM)]
)
def test_the_status_is_a_number(status: object, meant: Status) -> None:
    got = read(Acct_Status_Type=status)
    assert got.status is meant


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Acct_Status_Type": "9"}, "about no session"),
        ({"Acct_Status_Type": "Start"}, "not a number"),
        ({"Acct_Status_Type": ""}, "Acct-Status-Type is missing"),
        ({"Class": "0x00"}, "not once 16 octets"),
        ({"Class": "0xzz"}, "not once 16 octets"),
        ({"Class": f"{CLASS},0x{bytes(16).hex()}"}, "not once 16 octets"),
        ({"Class": ""}, "Class is missing"),
        ({"Calling_Station_Id": "nobody"}, "not a MAC address"),
        ({"Called_Station_Id": "airgrant"}, "not a MAC address"),
        ({"Acct_Session_Id": ""}, "Acct-Session-Id is missing"),
        ({"Acct_Session_Id": 7}, "not a text"),
        ({"Acct_Input_Octets": -1}, "not a number of 32 bits"),
        ({"Acct_Input_Octets": 2**32}, "not a number of 32 bits"),
        ({"Acct_Input_Octets": True}, "not a number of 32 bits"),
        ({"Acct_Input_Octets": "1e9"}, "not a number of 32 bits"),
        ({"Event_Timestamp": "Jan 15 2027 09:00:00 CET"}, "not a number of 32 bits"),
        ({"Packet_Src_IP_Address": ""}, "Packet-Src-IP-Address is missing"),
        ({"Packet_Src_IP_Address": "roof"}, "IPv4 or IPv6"),
    ],
)
def test_what_cannot_be_read_is_named(changes: dict[str, object], complaint: str) -> None:
    with pytest.raises(DecodeError, match=complaint):
        read(**changes)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(REAL)), json_values, max_size=16), json_values)
def test_nothing_but_a_decode_error_comes_of_garbage(changes: dict[str, object], other: object) -> None:
    for page in (json.loads(json.dumps({**REAL, **changes})), other):
        with contextlib.suppress(DecodeError):
            read_accounting(page, NOW_S)


# ---- What follows


def test_start_names_the_session_and_stop_frees_the_grant() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    commands = take_accounting(made, record(PERMIT, Status.START), NOW_S)
    assert [type(one) for one in commands] == [KeepSession, KeepUse]
    assert made.uses[PERMIT.permit_id].session_id == "5F00"
    commands = take_accounting(made, record(PERMIT, Status.STOP, at_s=NOW_S + 9), NOW_S + 9)
    assert [type(one) for one in commands] == [KeepSession, ForgetUse]
    assert made.uses == {}


def test_a_station_that_roams_back_uses_its_grant_under_its_old_session() -> None:
    """As hostapd told it in the guest: away to the other box, back within seconds, the same Acct-Session-Id."""
    made = state([PERMIT])
    for at_s, box, status, session_id in (
        (0, "roof", Status.START, "0CB43C45"), (5, "roof", Status.STOP, "0CB43C45"),
        (5, "yard", Status.START, "0DAA8424"), (7, "yard", Status.STOP, "0DAA8424"),
        (7, "roof", Status.START, "0CB43C45"),
    ):  # fmt: skip
        if status is Status.START:
            authorise(made, request(box=box), NOW_S + at_s)
        told = record(PERMIT, status, at_s=NOW_S + at_s, box=box, session_id=session_id)
        assert disconnects(take_accounting(made, told, NOW_S + at_s)) == []
    assert (made.uses[PERMIT.permit_id].box, made.uses[PERMIT.permit_id].session_id) == ("roof", "0CB43C45")


def test_the_stop_of_a_session_that_was_left_frees_nothing() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    authorise(made, request(box="yard"), NOW_S + 1)
    commands = take_accounting(made, record(PERMIT, Status.STOP, at_s=NOW_S + 2), NOW_S + 2)
    assert [type(one) for one in commands] == [KeepSession]
    assert made.uses[PERMIT.permit_id].box == "yard"


def test_a_cap_holds_over_all_boxes_also_for_who_moves_faster_than_they_account() -> None:
    """What a box that was left still accounts for is told to where its station is, in steps."""
    capped = grant(qos=replace(QOS, data_cap_bytes=10_000))
    made = state([capped])
    authorise(made, request(), NOW_S)
    authorise(made, request(box="yard"), NOW_S + 1)

    def heard(at_s: int, up_octets: int, status: Status = Status.INTERIM, **changes: Any) -> list[int]:
        one = record(capped, status, at_s=NOW_S + at_s, counters=Counters(up_octets), **changes)
        told = [one for one in take_accounting(made, one, NOW_S + at_s) if isinstance(one, PublishAdmission)]
        assert all((one.box, one.admission.station) == ("yard", PHONE) for one in told)
        return [one.admission.used_bytes for one in told]

    assert heard(2, 499) == [], "less than a step"
    assert heard(3, 500) == [500], "a twentieth"
    assert heard(3, 500) == [], "sent again"
    assert heard(4, 900) == []
    assert heard(5, 6_000, Status.STOP) == [6_000], "a Stop too"
    assert heard(6, 3_000, box="yard", session_id="y") == [], "what a box delivers, it knows"
    authorise(made, request(box="inn"), NOW_S + 7)
    assert made.used_bytes(capped.permit_id, except_at="inn") == 9_000
    free = state([PERMIT])
    authorise(free, request(box="yard"), NOW_S)
    assert not [
        one
        for one in take_accounting(free, record(PERMIT, counters=Counters(10**9)), NOW_S)
        if isinstance(one, PublishAdmission)
    ], "without a cap nobody has to know"


def test_a_session_that_goes_on_where_its_station_left_is_thrown_out_again() -> None:
    """The first Disconnect was lost."""
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    authorise(made, request(box="yard"), NOW_S + 1)
    commands = take_accounting(made, record(PERMIT, at_s=NOW_S + 60), NOW_S + 60)
    assert disconnects(commands) == [("roof", "5F00")]
    assert made.uses[PERMIT.permit_id].box == "yard"


def test_sessions_that_began_before_we_did_are_taken_up() -> None:
    made = state([PERMIT])
    assert uses(take_accounting(made, record(PERMIT, at_s=NOW_S + 60), NOW_S + 60)) == ["roof"]


def test_a_use_that_fell_silent_gives_way_to_the_session_that_is_heard_of() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    commands = take_accounting(made, record(PERMIT, at_s=NOW_S + 500, station=OTHER_PHONE), NOW_S + 500)
    assert (uses(commands), disconnects(commands)) == (["roof"], [])


@pytest.mark.parametrize("status", [Status.START, Status.INTERIM])
def test_whoever_is_served_without_a_right_is_thrown_out(status: Status) -> None:
    unknown = state()
    commands = take_accounting(unknown, record(PERMIT, status), NOW_S)
    assert [type(one) for one in commands] == [Note, Disconnect]
    revoked = state([PERMIT])
    revoke(revoked, PERMIT.permit_id, "")
    assert disconnects(take_accounting(revoked, record(PERMIT, status), NOW_S)) == [("roof", "5F00")]


def test_the_end_of_what_we_do_not_know_is_noted_only() -> None:
    assert [type(one) for one in take_accounting(state(), record(PERMIT, Status.STOP), NOW_S)] == [Note]


def test_a_box_that_is_none_of_ours_is_not_believed() -> None:
    made = state([PERMIT])
    commands = take_accounting(made, replace(record(PERMIT), box="nowhere"), NOW_S)
    assert [one.kind for one in commands if isinstance(one, Note)] == ["accounting_unknown_box"]
    assert made.sessions == {}


def test_a_box_that_takes_another_s_name_is_not_believed() -> None:
    """It has an address and a secret of its own, and knows what the roof is called."""
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    uses, sessions = dict(made.uses), dict(made.sessions[PERMIT.permit_id])
    for heard in (
        record(PERMIT, at_s=NOW_S + 60, counters=Counters(10**10)),
        record(PERMIT, Status.STOP, at_s=NOW_S + 60),
    ):
        commands = take_accounting(made, replace(heard, address="192.0.2.99"), NOW_S + 60)
        assert [one.kind for one in commands if isinstance(one, Note)] == ["accounting_unknown_box"]
    (note,) = take_restart(made, BoxRestarted("roof", "192.0.2.99", NOW_S + 60))
    assert isinstance(note, Note)
    assert (made.uses, made.sessions[PERMIT.permit_id]) == (uses, sessions)


def test_a_box_that_invents_sessions_fills_no_disk_and_hides_none() -> None:
    """A client that comes and goes all day: what it carried counts, and whoever is there is followed."""
    made = state([PERMIT])
    kept = set()
    for number in range(MAX_SESSIONS_PER_BOX + 5):
        one = record(PERMIT, Status.STOP, session_id=f"{number:x}", counters=Counters(1_050, 0, 1, 0))
        for command in take_accounting(made, one, NOW_S):
            if isinstance(command, KeepSession):
                kept.add(command.session.key)
            elif isinstance(command, ForgetSession):
                kept.remove(command.session.key)
    assert kept == set(made.sessions[PERMIT.permit_id])
    assert len(kept) == MAX_SESSIONS_PER_BOX + 1
    assert made.used_bytes(PERMIT.permit_id) == 1_000 * (MAX_SESSIONS_PER_BOX + 5)
    assert uses(take_accounting(made, record(PERMIT, Status.START), NOW_S)) == ["roof"]
    elsewhere = record(PERMIT, Status.START, box="yard")
    assert disconnects(take_accounting(made, elsewhere, NOW_S)) == [("yard", "5F00")]
    revoke(made, PERMIT.permit_id, "")
    assert disconnects(take_accounting(made, record(PERMIT, session_id="new"), NOW_S)) == [("roof", "new")]


def test_sessions_that_run_are_folded_last() -> None:
    made = state([PERMIT])
    take_accounting(made, record(PERMIT, Status.START, session_id="runs"), NOW_S)
    for number in range(MAX_SESSIONS_PER_BOX + 5):
        stop = record(PERMIT, Status.STOP, at_s=NOW_S + number, session_id=f"{number:x}")
        take_accounting(made, stop, NOW_S + number)
    assert ("roof", "runs") in made.sessions[PERMIT.permit_id]
    assert ("roof", "0") not in made.sessions[PERMIT.permit_id]


def test_the_stop_that_is_told_again_frees_no_later_use() -> None:
    """Its acknowledgement was lost, and meanwhile the station came back."""
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    stop = record(PERMIT, Status.STOP, at_s=NOW_S + 9)
    take_accounting(made, stop, NOW_S + 9)
    authorise(made, request(), NOW_S + 9)
    assert take_accounting(made, stop, NOW_S + 10) == []
    assert take_accounting(made, record(PERMIT, at_s=NOW_S + 5), NOW_S + 10) == [], (
        "nor does what it overtook"
    )
    assert made.uses[PERMIT.permit_id].accepted_s == NOW_S + 9
    assert told(authorise(made, request(station=OTHER_PHONE), NOW_S + 11)[0]) == "in_use"


def test_a_stop_that_was_delayed_frees_no_use_that_began_after_it() -> None:
    made = state([PERMIT])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(PERMIT, Status.START), NOW_S)
    authorise(made, request(), NOW_S + 20)
    take_accounting(made, record(PERMIT, Status.STOP, at_s=NOW_S + 9), NOW_S + 21)
    assert made.uses[PERMIT.permit_id].accepted_s == NOW_S + 20


def test_a_duplicate_is_heard_and_not_kept_again() -> None:
    made = state([PERMIT])
    take_accounting(made, record(PERMIT, at_s=NOW_S + 60), NOW_S + 60)
    again = take_accounting(made, record(PERMIT, at_s=NOW_S + 60), NOW_S + 61)
    assert [type(one) for one in again] == [KeepUse]


def test_the_pseudonym_that_comes_back_is_recognised() -> None:
    made = state([PERMIT])
    identity = chargeable_identity(PERMIT, SECRET)
    for session_id, echoed in (("a", identity), ("b", "somebody"), ("c", "")):
        take_accounting(made, record(PERMIT, session_id=session_id, identity=echoed), NOW_S)
    told = {
        session.session_id: session.identity_echoed for session in made.sessions[PERMIT.permit_id].values()
    }
    assert told == {"a": True, "b": False, "c": False}


def test_a_box_that_began_anew_frees_what_was_used_there_and_nothing_else() -> None:
    here, elsewhere = PERMIT, grant(BOB)
    made = state([here, elsewhere])
    authorise(made, request(), NOW_S)
    authorise(made, request(BOB, OTHER_PHONE, "yard"), NOW_S)
    take_accounting(made, record(here, Status.START), NOW_S)
    take_accounting(made, record(here, Status.STOP, session_id="old", cause="User-Request"), NOW_S)
    assert take_restart(made, BoxRestarted("roof", "192.0.2.7", NOW_S)) == [], (
        "repeated, from before they came"
    )
    commands = take_restart(made, BoxRestarted("roof", "192.0.2.7", NOW_S + 1))
    assert [type(one) for one in commands] == [ForgetUse, KeepSession]
    assert set(made.uses) == {elsewhere.permit_id}
    ended = {one.session_id: (one.stopped, one.cause) for one in made.sessions[here.permit_id].values()}
    assert ended == {"5F00": (True, NAS_REBOOT), "old": (True, "User-Request")}
    assert take_restart(made, BoxRestarted("roof", "192.0.2.7", NOW_S + 1)) == []
