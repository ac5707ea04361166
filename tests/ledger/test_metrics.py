"""What the ledger's service measures: the right numbers, under the documented names, and nothing of anybody."""

from __future__ import annotations

import re

from ledger.metrics import measure
from ledger.pages import LedgerPage
from tests.metrics_page import as_documented, documented, values
from wire.metrics_text import format_metrics

PAGE = LedgerPage(
    ledger_id="ab" * 32,
    ledger_key="02" + "cd" * 32,
    gateways=[],
    exchange="03" + "ef" * 32,
    period_s=60,
    licensees=None,
    genesis="",
    height=7,
    time_s=1_000,
    app_hash="",
    head="",
    deposited_ubc=5_000_000,
    withdrawn_ubc=1,
)


def test_the_chain_and_what_the_service_counts() -> None:
    seen = values(measure(PAGE, {"transaction: DecodeError": 3, "broker lost": 1}, 1_005))
    assert (seen["airgrant_ledger_height"], seen["airgrant_ledger_block_age_seconds"]) == (7, 5)
    assert (seen["airgrant_ledger_deposited_ubc"], seen["airgrant_ledger_withdrawn_ubc"]) == (5_000_000, 1)
    assert seen["airgrant_ledger_events_total{transaction_decode_error}"] == 3
    assert seen["airgrant_ledger_events_total{broker_lost}"] == 1
    assert values(measure(PAGE, {}, 900))["airgrant_ledger_block_age_seconds"] == 0, "a clock that is behind"


def test_every_metric_is_in_the_page_and_no_other() -> None:
    assert as_documented(measure(PAGE, {"broker lost": 1}, 1_000)) == documented("airgrant_ledger_")


def test_no_label_holds_anything_of_anybody() -> None:
    page = format_metrics(measure(PAGE, dict.fromkeys((PAGE.ledger_key, PAGE.exchange, "Eve 1"), 1), 1_000))
    assert re.findall(r'="([^"]*)"', page) == ["other"]
    assert PAGE.ledger_key not in page
