"""Who may join: each rule alone, in the order in which they say no, and who uses what afterwards."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from operatord.accounting import take_accounting
from operatord.authorising import REASONS, Accepted, authorise
from operatord.commands import Disconnect, Note, PublishAdmission
from operatord.keeping import revoke
from operatord.sessions import Counters, Status
from operatord.state import DEFAULT_SILENT_AFTER_S, State, Use
from tests.operatord.metered_world import BY_TIME, new_book
from tests.operatord.world import (
    ALICE,
    BOB,
    BSSIDS,
    NOW_S,
    OTHER_PHONE,
    PHONE,
    PROVIDER,
    STRANGER,
    ask,
    disconnects,
    grant,
    record,
    request,
    state,
    told,
)  # fmt: skip
from wire.ids import PublicKey
from wire.qos import Qos

CAPPED = Qos(1_000_000, 2_000_000, 500_000, 1_000_000, data_cap_bytes=10_000)


def used(permit, station=PHONE, box="roof", heard_s=NOW_S) -> Use:
    return Use(permit.permit_id, box, BSSIDS[box], station, heard_s, heard_s)


def with_traffic(made: State, permit, up_octets: int) -> State:
    take_accounting(made, record(permit, counters=Counters(up_octets)), NOW_S)
    return made


def in_use_by_another(permit) -> State:
    made = state([permit])
    made.uses[permit.permit_id] = used(permit, OTHER_PHONE)
    return made


def revoked(permit) -> State:
    made = state([permit])
    revoke(made, permit.permit_id, "the antenna came down")
    return made


def with_wrong_clock(made: State) -> State:
    made.clock_wrong = "this machine's clock is 900 s ahead of the ledger's"
    return made


def without_money() -> State:
    """A channel's permit at a box that has no tariff."""
    made = state([grant()])
    made.metered = new_book(BY_TIME)
    made.metered.consumers[grant().permit_id] = ALICE.public
    made.metered.terms = {}
    return made


RULES = {
    "clock_wrong": (lambda: with_wrong_clock(state([grant()])), {}, NOW_S),
    "unknown_box": (lambda: state([grant()]), {"box": "nowhere"}, NOW_S),
    "no_permit": (lambda: state([grant(BOB)]), {}, NOW_S),
    "revoked": (lambda: revoked(grant()), {}, NOW_S),
    "ended": (lambda: state([grant()]), {}, NOW_S + 3_540),
    "not_begun": (lambda: state([grant(starts_s=NOW_S + 3)]), {}, NOW_S),
    "other_provider": (lambda: state([grant()]), {"box": "far"}, NOW_S),
    "cap_used": (lambda: with_traffic(state([grant(qos=CAPPED)]), grant(qos=CAPPED), 10_000), {}, NOW_S),
    "unfunded": (without_money, {}, NOW_S),
    "in_use": (lambda: in_use_by_another(grant()), {}, NOW_S),
}


@pytest.mark.parametrize("reason", REASONS)
def test_each_rule_says_no(reason: str) -> None:
    make, changes, now_s = RULES[reason]
    assert ask(make(), now_s, **changes) == reason


def test_otherwise_the_answer_is_yes() -> None:
    assert ask(state([grant()])) == "yes"
    assert ask(state([grant(starts_s=NOW_S + 2)])) == "yes", "a clock that is two seconds behind the ledger's"
    assert ask(state([grant()]), NOW_S + 3_539) == "yes", "the last second"
    assert ask(with_traffic(state([grant(qos=CAPPED)]), grant(qos=CAPPED), 9_999)) == "yes", "the last byte"
    assert ask(state([grant()]), box="inn") == "yes", "a partner's access point"


def test_whoever_breaks_several_rules_is_told_the_first() -> None:
    """A grant that breaks every rule, mended one by one from the first on."""
    bad = grant(provider=STRANGER, qos=CAPPED, duration_s=60)
    made = state([bad], NOW_S - 30)
    take_accounting(made, record(bad, at_s=NOW_S - 30, counters=Counters(10_000)), NOW_S - 30)
    made.uses[bad.permit_id] = used(bad, OTHER_PHONE, heard_s=NOW_S)
    assert ask(made, box="nowhere") == "unknown_box"
    assert ask(made, account=BOB) == "no_permit"
    revoke_only = replace_uses(made)
    revoke_only.revoked = {bad.permit_id: revoked(grant()).revoked[grant().permit_id]}
    assert ask(revoke_only) == "revoked"
    assert ask(made) == "ended"
    early = made.permits[bad.permit_id]
    assert ask(made, early.starts_s - 3) == "not_begun"
    assert ask(made, early.starts_s) == "other_provider"
    assert ask(made, early.starts_s, box="far") == "cap_used"
    made.sessions.clear()
    assert ask(made, early.starts_s, box="far") == "in_use"
    made.uses.clear()
    assert ask(made, early.starts_s, box="far") == "yes"


def test_a_name_is_good_at_its_own_address_only() -> None:
    """And what was asked is told to nobody but our own log: FreeRADIUS once expanded it."""
    hostile = "%{config:client[roof].secret}"
    for asked in (replace(request(), address="192.0.2.8"), replace(request(), box=hostile)):
        decision, (note,) = authorise(state([grant()]), asked, NOW_S)
        assert told(decision) == "unknown_box"
        assert "%" not in str(decision)
        assert isinstance(note, Note)
        assert asked.box in note.text
        assert asked.address in note.text


def replace_uses(made: State) -> State:
    return State(
        made.boxes,
        made.secret,
        made.silent_after_s,
        made.permits,
        made.by_account,
        {},
        made.uses,
        made.sessions,
    )


def test_of_several_grants_the_one_that_got_furthest_explains() -> None:
    over, ahead = grant(number=1, duration_s=60), grant(number=2, starts_s=NOW_S + 100)
    made = state([over, ahead], NOW_S - 30)
    assert ask(made) == "not_begun"
    made.uses[ahead.permit_id] = used(ahead, OTHER_PHONE)
    assert ask(made, NOW_S + 100) == "in_use"


def test_a_second_device_needs_a_second_grant() -> None:
    first, second = grant(number=1), grant(number=2)
    made = state([first, second])
    chosen = {}
    for station in (PHONE, OTHER_PHONE):
        decision, _ = authorise(made, request(station=station), NOW_S)
        assert isinstance(decision, Accepted)
        chosen[station] = decision.permit.permit_id
    assert set(chosen.values()) == {first.permit_id, second.permit_id}
    again, _ = authorise(made, request(), NOW_S + 1)
    assert isinstance(again, Accepted)
    assert again.permit.permit_id == chosen[PHONE], "who comes back stays on its own"
    third = replace(request(), station=BSSIDS["far"])
    decision, commands = authorise(made, third, NOW_S)
    assert (not isinstance(decision, Accepted), commands) == (True, [])


def test_of_free_grants_the_one_that_ends_last_is_taken() -> None:
    short, long = grant(number=1, duration_s=100), grant(number=2)
    decision, _ = authorise(state([short, long]), request(), NOW_S)
    assert isinstance(decision, Accepted)
    assert decision.permit == long


# ---- Roaming and silence


def test_the_box_is_told_who_comes_before_the_answer() -> None:
    permit = grant()
    decision, commands = authorise(state([permit]), request(), NOW_S)
    (order,) = [one for one in commands if isinstance(one, PublishAdmission)]
    assert isinstance(decision, Accepted)
    assert order.box == "roof"
    admission = order.admission
    assert (admission.grant, admission.station, admission.bssid) == (permit.encoded, PHONE, BSSIDS["roof"])
    assert (admission.used_bytes, admission.expires_s) == (0, permit.ends_s)


def test_a_station_that_roams_is_thrown_out_where_it_was() -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(permit, Status.START), NOW_S)
    take_accounting(made, record(permit, at_s=NOW_S + 60, counters=Counters(1_050, 34, 1, 1)), NOW_S + 60)
    decision, commands = authorise(made, request(box="yard"), NOW_S + 61)
    assert isinstance(decision, Accepted)
    assert disconnects(commands) == [("roof", "5F00")]
    (order,) = [one for one in commands if isinstance(one, PublishAdmission)]
    assert (order.box, order.admission.used_bytes) == ("yard", 1_000), "IP bytes that others have delivered"
    _, back = authorise(made, request(), NOW_S + 62)
    (order,) = [one for one in back if isinstance(one, PublishAdmission)]
    assert (order.admission.used_bytes, disconnects(back)) == (0, [("yard", "")]), (
        "what the box delivered, it knows"
    )


def test_a_station_that_comes_back_to_where_it_is_disturbs_nobody() -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(permit, Status.START), NOW_S)
    _, commands = authorise(made, request(), NOW_S + 5)
    assert disconnects(commands) == []
    assert made.uses[permit.permit_id].session_id == "5F00"


def test_a_station_that_changes_the_radio_of_one_box_is_not_thrown_out_by_mistake() -> None:
    """Two BSSes behind one NAS-Identifier: only a session that has a name can be told from the new one."""
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    other_radio = replace(request(), bssid=BSSIDS["far"])
    _, commands = authorise(made, other_radio, NOW_S + 1)
    assert disconnects(commands) == []
    take_accounting(made, replace(record(permit, Status.START), bssid=BSSIDS["far"]), NOW_S + 1)
    _, commands = authorise(made, request(), NOW_S + 2)
    assert disconnects(commands) == [("roof", "5F00")]


@pytest.mark.parametrize(
    ("silent_s", "answer"), [(DEFAULT_SILENT_AFTER_S - 1, "in_use"), (DEFAULT_SILENT_AFTER_S, "yes")]
)
def test_a_station_that_left_without_a_word_frees_its_grant_after_a_while(silent_s: int, answer: str) -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    assert ask(made, NOW_S + silent_s, station=OTHER_PHONE) == answer


def test_interim_updates_keep_it_in_use() -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    take_accounting(made, record(permit, at_s=NOW_S + 100), NOW_S + 100)
    assert ask(made, NOW_S + 100 + DEFAULT_SILENT_AFTER_S - 1, station=OTHER_PHONE) == "in_use"


def test_whoever_takes_over_after_a_silence_has_the_old_session_ended() -> None:
    permit = grant()
    made = state([permit])
    authorise(made, request(), NOW_S)
    decision, commands = authorise(made, request(station=OTHER_PHONE), NOW_S + 1_000)
    assert isinstance(decision, Accepted)
    assert disconnects(commands) == [("roof", "")]


# ---- Another kind of permit


@dataclass(frozen=True)
class Channel:
    """Money set aside, from which a box is paid as it goes: all that the desk has to know of it."""

    account: PublicKey
    provider_id: bytes
    permit_id: bytes = b"c" * 16
    starts_s: int = NOW_S - 5
    ends_s: int = NOW_S + 1_000
    qos: Qos = CAPPED
    encoded: bytes = b"what a box reads of it"


def test_the_desk_takes_any_kind_of_permit() -> None:
    channel = Channel(ALICE.public, PROVIDER.public.provider_id)
    made = state([channel])
    decision, commands = authorise(made, request(), NOW_S)
    assert isinstance(decision, Accepted)
    assert decision.attributes["Class"][0] == "0x" + channel.permit_id.hex()  # type: ignore[index]  # a tuple
    (order,) = [one for one in commands if isinstance(one, PublishAdmission)]
    assert order.admission.grant == channel.encoded
    assert ask(made, station=OTHER_PHONE) == "in_use"
    assert ask(made, NOW_S + 1_000) == "ended"


# ---- Whatever happens


@given(
    st.lists(
        st.tuples(
            st.sampled_from([PHONE, OTHER_PHONE]),
            st.sampled_from(["roof", "yard", "inn"]),
            st.integers(0, 300),
        )
    )
)
def test_nobody_ever_uses_a_grant_twice(steps) -> None:
    """After any sequence of joins: who was accepted last is the one user, and everybody before was thrown out."""
    permit, now_s = grant(), NOW_S
    made = state([permit])
    served: set[tuple[object, str]] = set()
    for station, box, wait_s in steps:
        now_s += wait_s
        decision, commands = authorise(made, request(station=station, box=box), now_s)
        if isinstance(decision, Accepted):
            thrown_out = {(one.station, one.box) for one in commands if isinstance(one, Disconnect)}
            served = (served - thrown_out) | {(station, box)}
        assert len(served) <= 1


def test_what_was_bought_is_used_before_a_channel_and_a_channel_where_it_may_be_paid_by() -> None:
    """The same account has a grant and a channel; the roof has a tariff, the inn has none."""
    bought, channel = grant(), grant(number=2, duration_s=7_200)
    made = state([bought, channel])
    made.metered = new_book(BY_TIME)
    made.metered.consumers[channel.permit_id] = ALICE.public
    decision, _ = authorise(made, request(), NOW_S)
    assert isinstance(decision, Accepted)
    assert decision.permit == bought
    revoke(made, bought.permit_id, "")
    decision, _ = authorise(made, request(station=OTHER_PHONE), NOW_S)
    assert isinstance(decision, Accepted)
    assert decision.permit == channel
    assert ask(made, box="inn") == "revoked"
