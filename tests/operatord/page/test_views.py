"""What is said of what is known: health, notices, states of sessions, money, verdicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ledger.reports.rows import Standing
from operatord.page.board import Board
from operatord.page.books import Books, Disagreement, LedgerWord, Meter, ProviderWord, Refund
from operatord.page.pages import PARTS
from operatord.page.recorded import Recorded
from operatord.page.rendering import render_part
from operatord.page.views import (
    LATE_S,
    Known,
    clock_time,
    moment,
    tell_boxes,
    tell_counts,
    tell_money,
    tell_money_tiles,
    tell_notices,
    tell_record,
    tell_refunds,
    tell_session,
    tell_tiles,
)
from tests.operatord.page.test_board import DAEMON, answer, row
from tests.operatord.world import PROVIDER

NOW_S = 1_800_000_000
OWNER = PROVIDER.public.provider_id.hex()
METER = Meter("k1", OWNER, in_tpm=True, retired_s=None, enrolled_s=1)
ASKED = LedgerWord(
    asked_s=NOW_S, answered_s=NOW_S, meters=(METER,), reported_s={OWNER: NOW_S - 30}, verified_s=NOW_S
)
RECORD = Recorded("k1", 2, OWNER, "usage", Standing.HOLDS, (), "", True, NOW_S - 90, NOW_S - 30, 1, 1_000)


def session(grant: str = "a", **changes: Any) -> dict[str, Any]:
    times = {"accepted_s": NOW_S - 3_000, "heard_s": NOW_S - 20, "ends_s": NOW_S + 600}
    return row(grant, **{**times, "provider_id": OWNER, **changes})


def known(*rows: dict[str, Any], daemon: dict[str, Any] | None = None, **changes: Any) -> Known:
    board = Board("e")
    board.take({**answer(*rows, anew=True), **(daemon or {})})
    return replace(Known({"roof": OWNER}, board, ASKED, NOW_S), **changes)


# ---- Boxes


def test_a_box_that_reports_is_in_order():
    (box,) = tell_boxes(known(session()))
    assert (box.tone, box.word, box.sessions, box.meter) == ("good", "in order", 1, "attested by TPM")


@pytest.mark.parametrize(
    ("changes", "tone", "why"),
    [
        ({"ledger": replace(ASKED, meters=())}, "plain", "no meter is enrolled"),
        ({"ledger": replace(ASKED, meters=(replace(METER, in_tpm=False),))}, "plain", "a software key"),
        ({"ledger": replace(ASKED, meters=(replace(METER, retired_s=5),))}, "plain", "no meter is enrolled"),
        ({"ledger": replace(ASKED, reported_s={OWNER: NOW_S - LATE_S - 60})}, "bad", "no report for 11 min"),
        ({"ledger": replace(ASKED, disagreements=(Disagreement("g", OWNER, ("no",)),))}, "bad", "about 1 grant"),
        ({"disputed_by": {OWNER: 50, "aa": 500}}, "bad", "50 records of the last 24 h in dispute"),
        ({"disputed_by": {"aa": 500}}, "good", ""),
        ({"now_s": NOW_S + 200}, "plain", "nothing was heard of its stations"),
    ],
)  # fmt: skip
def test_a_box_that_is_not_says_why(changes, tone, why):
    (box,) = tell_boxes(known(session(), **changes))
    assert box.tone == tone
    assert why in box.why


def test_a_station_that_just_came_waits_for_its_first_report():
    late = replace(ASKED, reported_s={OWNER: NOW_S - 9_000})
    (box,) = tell_boxes(known(session(accepted_s=NOW_S - 60), ledger=late))
    assert box.tone == "good"
    (idle,) = tell_boxes(known(ledger=late))
    assert (idle.tone, idle.why) == ("good", "idle")


def test_while_the_ledger_is_away_no_box_is_late():
    """Its last report is of the last look, as everybody's."""
    later_s = NOW_S + LATE_S + 100
    away = replace(ASKED, asked_s=later_s, away="refused")
    (box,) = tell_boxes(known(session(heard_s=later_s - 20), ledger=away, now_s=later_s))
    assert (box.tone, box.why) == ("plain", "whether it reports is not known now")
    assert tell_tiles(known(session(), ledger=away, now_s=later_s))[1].value == "1 of 1"


# ---- Notices


def test_nothing_wrong_is_no_notice():
    assert tell_notices(known(session())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"daemon_away": "socket: gone"}, "operatord does not answer"),
        ({"daemon": {"clock": "this machine's clock is 90 s behind"}}, "90 s behind"),
        ({"daemon": {"broker_connected": False}}, "The broker is away"),
        ({"daemon": {"damaged": ["box roof: is shut out"]}}, "box roof: is shut out"),
        ({"daemon": {"more": True}}, "still being read"),
        ({"ledger": LedgerWord()}, "for the first time"),
        ({"ledger": LedgerWord(asked_s=1, away="refused")}, "The ledger does not answer. refused"),
        ({"ledger": LedgerWord(asked_s=1, away="bad", failed="It lies")}, "It lies. bad"),
        ({"ledger": replace(ASKED, away="refused")}, "are as of 2027-01-15 08:00:00"),
        ({"ledger": replace(ASKED, complaints=("a", "b"))}, "2 complaints about meters"),
        ({"ledger": replace(ASKED, disagreements=(Disagreement("g", OWNER, ()),))}, "disagree about 1 grant"),
    ],
)
def test_what_is_wrong_is_said(changes, said):
    assert any(said in one.text for one in tell_notices(known(**changes)))


# ---- Sessions


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({}, "on"),
        ({"heard_s": NOW_S - 131}, "silent"),
        ({"ends_s": NOW_S}, "over"),
        ({"revoked": "enough", "ends_s": NOW_S}, "revoked"),
    ],
)
def test_a_session_s_state_is_a_word(changes, word):
    made = known(session(**changes))
    told = tell_session(made, made.board.rows["a"])
    assert told.word == word
    assert told.may_be_revoked == (word != "revoked")


def test_a_pass_ends_when_nobody_pays():
    made = known(session(as_one_goes=True, down_bytes=2_000_000, data_cap_bytes=5_000_000))
    told = tell_session(made, made.board.rows["a"])
    assert (told.ends, told.down) == ("while it is paid", "2 MB of 5 MB")


def test_on_counts_only_who_is():
    rows = session("a"), session("b", heard_s=NOW_S - 200), session("c", ends_s=NOW_S)
    (tile, *_) = tell_tiles(known(*rows))
    assert (tile.value, tile.says) == ("1", "session on, 2 silent, over or revoked")


# ---- Money


def test_money_is_told_with_its_unit_and_sums():
    books = Books(
        PROVIDER.public,
        earned_ubc=2_500_000,
        sales=2,
        paid_out_ubc=30,
        received_ubc=4,
        earned_by_hour={NOW_S: 7},
    )
    word = ProviderWord(PROVIDER.public, 1_000_000, None, books, caught_up=False, refunded_ubc=10)
    refunds = (Refund("a", 5, 30, 10), Refund("b", 5, None, 0), Refund("c", 5, 4, 4))
    made = known(ledger=replace(ASKED, providers={OWNER: word}, refunds=refunds, open_ubc=20, unpriced=1))
    (account,) = tell_money(made)
    told = (account.boxes, account.balance, account.earned, account.paid_out)
    assert told == (
        "roof",
        "1 BC",
        "2.5 BC",
        "0.00002 BC",
    )
    assert "still reading" in account.note
    assert account.received == "0.000004 BC"
    assert tell_money_tiles(made)[3].says == "still to be paid back, and 1 grant whose price is not known"
    assert [one.value for one in tell_money_tiles(made)] == [
        "2.5 BC",
        "0.000007 BC",
        "0.00001 BC",
        "0.00002 BC",
    ]
    assert [one.word for one in tell_refunds(made)] == ["open", "price not known", "paid back"]


def test_who_pays_as_he_goes_is_told_only_where_somebody_may():
    made = known(daemon={"channels": 2, "paid_ubc": 9, "unpaid_ubc": 1})
    assert tell_money_tiles(made)[-1].value == "0.000001 BC"
    assert len(tell_money_tiles(known())) == 4


# ---- Reports


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("money", {"ledger": ASKED}, "There is no box"),
        ("money", {"ledger": LedgerWord()}, "not answered since the start"),
        ("disputed", {}, "No record was verified here yet"),
        ("disputed", {"latest": (RECORD,)}, "Every record that was verified here holds"),
    ],
)
def test_nothing_is_said_that_nothing_tells(part, changes, said):
    assert said in render_part(part, **PARTS[part](replace(known(**changes), boxes={})))


def test_a_record_is_told_in_words():
    told = tell_record(known(), replace(RECORD, standing=Standing.FORGED, checks=("signature",), why="bad"))
    assert (told.boxes, told.kind, told.judgement.word, told.why) == ("roof", "usage report", "void", "bad")
    assert told.time == "2027-01-15 07:58:30 to 07:59:30"


def test_counts_name_what_happened_and_what_holds():
    made = known(counts={Standing.CLAIM: 3})
    assert [(one.word, count) for one, count in tell_counts(made)] == [("counts", 0), ("disputed", 3)]
    assert tell_tiles(made)[-1].value == "0 of 3"


def test_times_are_utc_and_never_an_error():
    assert clock_time(0) == "1970-01-01 00:00:00"
    assert clock_time(10**18).endswith("s after 1970")
    assert moment(NOW_S - 60, NOW_S) == "07:59:00"
    assert moment(NOW_S - 86_400, NOW_S) == "2027-01-14 08:00:00"


def test_the_daemon_s_word_is_as_it_was_told():
    assert known().board.word is not None
    assert DAEMON["silent_after_s"] == 130
