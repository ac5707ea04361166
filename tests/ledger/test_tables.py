"""What a person reads in the terminal, and what a script reads."""

from __future__ import annotations

from dataclasses import replace

from rich.console import Console

from ledger.bundle import verify_bundle
from ledger.entries import ReservationOffer, StandingOffer
from ledger.pages import show_offer, show_reservation
from ledger.repayment import Repayment
from ledger.tables import (
    account_table,
    audit_json,
    audit_tables,
    offer_details,
    offer_table,
    transaction_table,
)
from tests.ledger.test_bundle import GRANT, bundle
from tests.ledger_world import ALICE, BAND, PROVIDER, QOS
from wire.usage_terms import UsageTerms

OFFER = StandingOffer(3, 2_500, BAND, 10, 600, QOS, 900_000, 1_000_000, cleared=False)


def text_of(*things: object) -> str:
    console = Console(width=300, record=True, file=open("/dev/null", "w"))  # noqa: PTH123, SIM115 a sink
    for thing in things:
        console.print(thing)
    text = console.export_text()
    console.file.close()
    return text


def test_offers_are_lines() -> None:
    page = show_offer(PROVIDER.public.octets, OFFER, 7, 5).model_dump()
    text = text_of(offer_table([page]))
    for part in (
        "0.0025 BC",
        "10 min",
        "7/10",
        "2 Mbit/s … 10 Mbit/s",
        "5150–5170",
        str(PROVIDER.public),
    ):
        assert part in text
    assert "paid afterwards" not in text
    metered = replace(QOS, data_cap_bytes=5 * 10**9, usage=UsageTerms(2 * 10**9, 10**6, 500, 200_000))
    page = show_offer(PROVIDER.public.octets, replace(OFFER, qos=metered), 7, 5).model_dump()
    assert "beyond 2 GB paid afterwards, at most 0.2 BC, ends at 5 GB" in text_of(offer_table([page]))
    assert "nobody sells" in text_of(offer_table([]))


def test_one_offer_is_told_whole_with_what_can_be_reserved() -> None:
    page = show_offer(PROVIDER.public.octets, OFFER, 7, 5)
    page.reservations = [show_reservation(100, ReservationOffer(1_000_000, 4), 60)]
    text = text_of(*offer_details(page.model_dump()))
    for part in (str(PROVIDER.public), "x 0.9", "x 1", "1970-01-01 01:40:00 UTC", "1 BC", "none"):
        assert part in text


def test_an_account_and_its_transactions() -> None:
    page = {
        "account": str(ALICE.public),
        "balance_ubc": 1_500_000,
        "height": 9,
        "proof": {"proof": "A" * 400},
    }
    transaction = {
        "height": 3, "action": "allocate", "charged_ubc": 100, "price_ubc": 200, "provider": str(PROVIDER.public),
        "issuer_key_id": ALICE.public.key_id.hex(), "id": "ab" * 32,
    }  # fmt: skip
    text = text_of(account_table(page), transaction_table([transaction], ALICE.public))
    for part in ("1.5 BC", "300 bytes", "0.0001 BC", f"to {PROVIDER.public}", "ab" * 32):
        assert part in text
    other = text_of(transaction_table([transaction], PROVIDER.public))
    assert f"from key {ALICE.public.key_id.hex()}" in other
    assert "no transactions" in text_of(transaction_table([], ALICE.public))


def test_a_shortfall_is_told_with_the_part_of_the_promise() -> None:
    """Floors of 2 and 1 Mbit/s for ten minutes are 225,000,000 bytes."""
    audit = verify_bundle(bundle())
    text = text_of(*audit_tables([audit], all_findings=False))
    assert "shortfall" not in text
    usage = replace(audit.usage[GRANT.grant_id], down_shortfall_bytes=2_000_000, up_shortfall_bytes=250_000)
    short = replace(audit, usage={GRANT.grant_id: usage})
    text = text_of(*audit_tables([short], all_findings=False))
    assert f"shortfall grant {GRANT.grant_id.hex()}: 2 MB down and 250 kB up, 1 % of what its floors" in text
    (chain,) = audit_json([short])["chains"]
    assert chain["usage"][GRANT.grant_id.hex()]["up_shortfall_bytes"] == 250_000
    unknown = text_of(*audit_tables([replace(short, grants={})], all_findings=False))
    assert "250 kB up" in unknown


def test_what_was_paid_back_is_told() -> None:
    audit = verify_bundle(bundle())
    said = (Repayment(b"a" * 16, 100, 100), Repayment(b"b" * 16, 100, 7), Repayment(b"c" * 16, None, 0))
    text = text_of(*audit_tables([replace(audit, repayments=said)], all_findings=False))
    for words in (
        f"✓ refund of grant {'61' * 16}: 0.0001 BC owed, 0.0001 BC paid back",
        f"✗ refund of grant {'62' * 16}: 0.0001 BC owed, 0.000007 BC paid back",
        "what is owed is not known, 0 BC paid back",
    ):
        assert words in text
    (chain,) = audit_json([replace(audit, repayments=said[1:2])])["chains"]
    assert chain["repayments"] == [{"grant": "62" * 16, "owed_ubc": 100, "paid_ubc": 7, "ok": False}]


def test_an_audit_that_holds() -> None:
    audits = [verify_bundle(bundle())]
    page = audit_json(audits)
    assert (page["ok"], page["count"], page["verified"], page["unmetered_ms"]) == (True, 3, 3, 0)
    (chain,) = page["chains"]
    assert chain["usage"][GRANT.grant_id.hex()]["down_bytes"] == 2_000
    assert [record["sequence"] for record in chain["records"]] == [1, 2, 3]
    text = text_of(*audit_tables(audits, all_findings=True))
    assert "all 3 records hold" in text
    assert "software key: unattested" in text
    assert "✗" not in text


def test_an_audit_that_does_not_hold_says_why() -> None:
    whole = bundle()
    broken = verify_bundle(replace(whole, records=(whole.records[0], whole.records[2])))
    page = audit_json([broken])
    assert (page["ok"], page["verified"]) == (False, 1)
    assert page["unmetered_ms"] == 5_000
    text = text_of(*audit_tables([broken], all_findings=False))
    assert "1 of 2 records do not hold" in text
    assert "record 3, sequence" in text
    assert "for 5 s" in text


def test_nothing_to_verify_is_not_a_success() -> None:
    assert audit_json([])["ok"] is False
    assert audit_json([verify_bundle(replace(bundle(), records=()))])["ok"] is False
    assert "nothing to verify" in text_of(*audit_tables([], all_findings=False))
