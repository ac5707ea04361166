"""What the page is told: what changed, in bounded pieces, and everything anew to whoever followed another daemon."""

from __future__ import annotations

import json

from operatord.accounting import take_accounting
from operatord.authorising import authorise
from operatord.commands import ForgetPermit
from operatord.keeping import revoke
from operatord.page.journal import MAX_ROWS, Journal
from operatord.sessions import Counters
from operatord.state import State
from tests.operatord.world import ALICE, BOB, NOW_S, grant, record, request, state


def followed(made: State) -> Journal:
    found = Journal("run")
    found.note_all(made.permits)
    return found


def test_a_session_is_told_when_it_begins_and_when_it_grows():
    permit = grant()
    made = state([permit])
    kept = followed(made)
    begun = kept.answer(made, "run", 0, NOW_S)["version"]
    kept.note(authorise(made, request(), NOW_S)[1], made)
    first = kept.answer(made, "run", begun, NOW_S)
    assert [(row["box"], row["down_bytes"]) for row in first["rows"]] == [("roof", 0)]
    counters = Counters(up_octets=1_000, down_octets=90_000, up_packets=10, down_packets=100)
    kept.note(take_accounting(made, record(permit, at_s=NOW_S + 60, counters=counters), NOW_S + 60), made)
    second = kept.answer(made, "run", first["version"], NOW_S)
    assert [(row["heard_s"], row["down_bytes"]) for row in second["rows"]] == [
        (NOW_S + 60, 90_000 - 100 * 34)
    ]
    assert kept.answer(made, "run", second["version"], NOW_S)["rows"] == []
    json.dumps(second)


def test_a_revocation_and_an_end_are_told():
    permit = grant()
    made = state([permit])
    kept = followed(made)
    kept.note(revoke(made, permit.permit_id, "enough"), made)
    answer = kept.answer(made, "run", 1, NOW_S)
    assert [row["revoked"] for row in answer["rows"]] == ["enough"]
    del made.permits[permit.permit_id]
    kept.note([ForgetPermit(permit.permit_id)], made)
    assert kept.answer(made, "run", answer["version"], NOW_S)["rows"] == [
        {"grant": permit.permit_id.hex(), "gone": True}
    ]


def test_many_are_told_in_pieces_the_oldest_first():
    made = state(grant(number=number) for number in range(MAX_ROWS + 50))
    kept, since, seen = followed(made), 0, set()
    while True:
        answer = kept.answer(made, "run", since, NOW_S)
        assert len(answer["rows"]) <= MAX_ROWS
        seen |= {row["grant"] for row in answer["rows"]}
        since = answer["version"]
        if not answer["more"]:
            break
    assert len(seen) == MAX_ROWS + 50


def test_whoever_followed_another_run_begins_anew():
    made = state([grant(), grant(BOB)])
    kept = followed(made)
    for run, since in (("other", 2), ("run", 99)):
        answer = kept.answer(made, run, since, NOW_S)
        assert (answer["anew"], len(answer["rows"])) == (True, 2)
    assert not kept.answer(made, "run", 0, NOW_S)["anew"]


def test_what_is_gone_for_long_is_forgotten_and_who_missed_it_begins_anew():
    made = state([grant(ALICE)])
    kept = followed(made)
    kept.max_gone = 10
    for number in range(12):
        kept.note([ForgetPermit(bytes([number]) * 16)], made)
    assert len(kept.changed) <= 12
    assert kept.answer(made, "run", 1, NOW_S)["anew"]
    assert not kept.answer(made, "run", kept.version, NOW_S)["anew"]


def test_boxes_are_told_with_whose_they_are():
    made = state()
    assert followed(made).answer(made, "", 0, NOW_S)["boxes"]["roof"] == str(made.boxes["roof"].provider)
