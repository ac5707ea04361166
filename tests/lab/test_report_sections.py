"""Each section says what the result says, and nothing where there is nothing."""

from dataclasses import replace

import pytest

from lab import report_sections as sections
from lab.result import Accounting, Check, Ledger, Reports, format_result, parse_result, problems
from tests.lab.sample_result import RESULT

BARE = replace(
    RESULT,
    sessions=(),
    reports=Reports(0, 0, 0.0),
    attacks=(),
    ledger=Ledger(True, ""),
    unpaid=(),
    figures=(),
    moments=(),
)


def test_a_good_run_opens_with_its_verdict():
    assert "every promise held" in sections.opening(RESULT)
    assert "every promise held" in sections.verdict(RESULT)


def test_a_bad_run_opens_with_what_did_not_hold():
    bad = replace(RESULT, ledger=replace(RESULT.ledger, conserved=False))
    assert "1 promise did not hold" in sections.opening(bad)
    assert "Money was made or lost." in sections.opening(bad)
    assert "does not hold" in sections.tiles(bad)


def test_tiles_count_what_is_possible_apart_from_what_is_not():
    shown = sections.tiles(RESULT)
    assert "1 <small>of 1</small>" in shown
    assert "1 cannot be on an open network" in shown
    assert "does not hold" not in shown


def test_rates_show_buyers_and_freeloaders():
    shown = sections.rates(RESULT)
    for words in (
        "Ada",
        "floor 5 Mbit/s",
        "ceiling 8 Mbit/s",
        "Frank",
        "0 B came through",
        "everybody pushes",
        "100.2%",
    ):
        assert words in shown


def test_equal_floor_and_ceiling_are_named_once():
    session = replace(RESULT.sessions[0], ceil_bps=5_000_000)
    assert "floor and ceiling 5 Mbit/s" in sections.rates(replace(RESULT, sessions=(session,)))


def test_demand_off_the_scale_is_said():
    greedy = replace(
        RESULT.sessions[0], rates=(replace(RESULT.sessions[0].rates[0], offered_bps=40_000_000),)
    )
    assert "asked for 40 Mbit/s (off the scale)" in sections.rates(replace(RESULT, sessions=(greedy,)))


def test_latency_shows_percentiles_and_losses():
    shown = sections.latency(RESULT)
    assert "12.25 ms" in shown
    assert sections.latency(replace(RESULT, sessions=(replace(RESULT.sessions[0], latency=()),))) == ""


def test_metering_shows_both_counts_and_their_difference():
    shown = sections.metering(RESULT)
    for words in ("1,000,100 B", "1,000,000 B", "+100 B (+0.0100%)"):
        assert words in shown


def test_a_shortfall_is_shown_with_what_it_was_worth():
    assert sections.shortfalls(RESULT) == "", "nothing was missing"
    short = replace(RESULT.sessions[0], shortfall_bytes=15_000_000, owed_ubc=25_000, refunded_ubc=0)
    shown = sections.shortfalls(replace(RESULT, sessions=(short,)))
    for words in ("15,000,000 B", "0.025 BC", "Paid back"):
        assert words in shown


def test_the_chain_shows_every_check_and_failed_records_first():
    assert "✓ quote" in sections.chain(RESULT)
    assert "6.0 to 6.5 s: restart" in sections.chain(RESULT)
    assert "Records that do not hold" not in sections.chain(RESULT)
    record = replace(RESULT.reports.records[0], checks=(Check("quote", False, "PCR 14 differs"),))
    bad = replace(RESULT, reports=replace(RESULT.reports, records=(record,), verified=0))
    shown = sections.chain(bad)
    assert shown.index("Records that do not hold") < shown.index("All 1 records")
    assert "✗ quote: PCR 14 differs" in shown


def test_money_adds_up_on_the_page():
    shown = sections.money(RESULT)
    assert "cc" * 32 in shown
    assert "+0.000006 BC" in shown
    assert "−0.000006 BC" in shown


def test_what_an_open_network_cannot_stop_comes_last_and_is_said():
    shown = sections.attacks(tuple(reversed(RESULT.attacks)))
    assert shown.index("Stopped by the daemon.") < shown.index("not on an open network")
    assert "What stops it: link keys." in shown


def test_the_story_is_in_order():
    late = replace(RESULT.moments[0], t_s=9.0, what="leaves")
    shown = sections.moments(replace(RESULT, moments=(late, *RESULT.moments)))
    assert shown.index("buys") < shown.index("leaves")


@pytest.mark.parametrize("name", ["latency", "metering", "money", "moments"])
def test_a_section_without_content_is_left_out(name):
    assert getattr(sections, name)(BARE) == ""
    assert sections.attacks(()) == ""


def test_a_result_with_almost_nothing_in_it_still_makes_a_page():
    for name in ("opening", "tiles", "rates", "chain"):
        assert getattr(sections, name)(BARE)


AGREED = Accounting("Ada", "0f" * 16, "agrees", 2_000_100, 2_000_000, 30_000_500, 30_000_000, 55, 0, 60)
DISAGREED = replace(AGREED, buyer="Bo <b>", outcome="disagrees", said=("accounting has 7 bytes up",))


def test_accounting_is_shown_beside_the_meter_and_what_disagrees_is_said():
    shown = sections.accounting(replace(RESULT, accounting=(AGREED, DISAGREED)))
    for words in (
        "Accounting against the meter",
        "✓ agrees",
        "2,000,100 B",
        "metered 0 to 60 s",
        "0f0f0f0f0f0f",
    ):
        assert words in shown
    assert "Bo &lt;b&gt;: accounting has 7 bytes up" in shown
    assert sections.accounting(RESULT) == ""


def test_accounting_that_disagrees_is_a_promise_that_did_not_hold():
    assert problems(replace(RESULT, accounting=(AGREED,))) == problems(RESULT)
    judged = problems(replace(RESULT, accounting=(DISAGREED, replace(DISAGREED, said=()))))
    assert judged[-2:] == ["Bo <b>: accounting has 7 bytes up.", "Bo <b>: accounting and meter disagree."]


def test_accounting_survives_the_file():
    told = replace(RESULT, accounting=(AGREED, DISAGREED))
    assert parse_result(format_result(told)) == told
