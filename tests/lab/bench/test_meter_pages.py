"""The long chain is one that verifies, in pages that the real reader takes, and its checkpoint saves the work."""

from __future__ import annotations

from pathlib import Path

from lab.bench.meter_pages import HOUR_RECORDS, SESSIONS, MeterPages, measure_checkpoints
from ledger.bundle import verify_bundle
from ledger.fetching import fetch_bundle, fetch_genesis, fetch_key_ids


def test_it_is_a_chain_that_verifies() -> None:
    pages = MeterPages(20)
    (key_id,) = fetch_key_ids(pages)
    audit = verify_bundle(fetch_bundle(pages, fetch_genesis(pages), key_id, lambda _text: None))
    assert audit.ok
    assert len(audit.verdict.records) == 20
    assert len(audit.usage) == SESSIONS


def test_going_on_is_cheaper_than_beginning_again(tmp_path: Path) -> None:
    (figure,) = measure_checkpoints(tmp_path, 20 * HOUR_RECORDS, lambda _text: None)
    assert figure.against is not None
    assert figure.value * 3 < figure.against.value, "a nineteenth of the records"
