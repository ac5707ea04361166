"""What the operator's daemon measures: the right numbers, under the documented names, and nothing of anybody."""

from __future__ import annotations

import re

from operatord.authorising import REASONS, authorise
from operatord.metrics import Timing, measure
from operatord.status import describe
from tests.metrics_page import as_documented, documented, values
from tests.operatord.test_channels import joined, pay
from tests.operatord.world import ALICE, NOW_S, grant, request, state
from wire.metrics_text import MAX_WORDS, format_metrics

COUNTERS = {
    "accepted": 4,
    "rejected: bad_signature": 2,
    "accounting: Interim-Update": 3,
    "accounting: a box began anew": 1,
    "disconnect: Disconnect-ACK": 5,
    "payment: DecodeError": 6,
    "clock_wrong": 7,
}


def test_counters_find_their_families() -> None:
    made = state([grant()])
    authorise(made, request(), NOW_S)
    seen = values(measure(describe(made, COUNTERS, NOW_S, connected=True), Timing().with_question(3_000_000)))
    assert seen["airgrant_operator_accepted_total"] == 4
    assert seen["airgrant_operator_rejected_total{bad_signature}"] == 2
    assert seen["airgrant_operator_accounting_total{interim_update}"] == 3
    assert seen["airgrant_operator_accounting_total{a_box_began_anew}"] == 1
    assert seen["airgrant_operator_disconnects_total{disconnect_ack}"] == 5
    assert seen["airgrant_operator_events_total{payment_decode_error}"] == 6
    assert seen["airgrant_operator_events_total{clock_wrong}"] == 7
    assert (seen["airgrant_operator_grants"], seen["airgrant_operator_grants_in_use"]) == (1, 1)
    assert seen["airgrant_operator_broker_connected"] == 1
    assert seen["airgrant_operator_authorise_seconds_count"] == 1


def test_every_metric_is_in_the_page_and_no_other() -> None:
    made = state()
    made.metered = joined()
    pay(made.metered, 1_000)
    families = measure(describe(made, COUNTERS, NOW_S, connected=True), Timing())
    assert as_documented(families) == documented("airgrant_operator_")


def test_every_reason_is_a_word() -> None:
    counters = {f"rejected: {reason}": 1 for reason in REASONS}
    seen = values(measure(describe(state(), counters, NOW_S, connected=True), Timing()))
    assert {f"airgrant_operator_rejected_total{{{reason}}}" for reason in REASONS} <= set(seen)


def test_no_label_holds_anything_of_anybody() -> None:
    made = state([grant()])
    authorise(made, request(), NOW_S)
    strangers = [str(ALICE.public), "02:00:00:00:00:01", 'x"} 1\nevil', "ü" * 10, "a" * 60, "Error-Cause 999"]
    counters = {f"disconnect: {text}": 1 for text in strangers} | dict.fromkeys(strangers, 1)
    page = format_metrics(measure(describe(made, counters, NOW_S, connected=True), Timing()))
    labels = set(re.findall(r'(?:what|reason|answer)="([^"]*)"', page))
    assert labels == {"other"}
    assert str(ALICE.public) not in page


def test_words_are_bounded() -> None:
    names = ["".join(chr(ord("a") + int(digit)) for digit in str(number)) for number in range(MAX_WORDS + 50)]
    families = measure(describe(state(), dict.fromkeys(names, 1), NOW_S, connected=True), Timing())
    (events,) = (family for family in families if family.name == "airgrant_operator_events_total")
    assert len(events.samples) == MAX_WORDS + 1
    assert sum(sample.value for sample in events.samples) == MAX_WORDS + 50
