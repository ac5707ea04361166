"""The names of the rules, as they travel in receipts."""

from __future__ import annotations

import re
from pathlib import Path

from ledger.rejection import Reason, Rejected
from tests.ledger_world import GENESIS, LEDGER
from wire.receipt import Receipt, read_receipt, write_receipt


def test_every_name_fits_a_receipt_and_survives_it() -> None:
    for reason in Reason:
        assert re.fullmatch(r"[a-z_]{1,60}", reason.text)
        receipt = Receipt(bytes(32), 1, 2, reason.text, "because")
        encoded = write_receipt(receipt, LEDGER, GENESIS.ledger_id)
        assert read_receipt(encoded, LEDGER.public, GENESIS.ledger_id) == receipt


def test_reasons_are_ordered() -> None:
    assert sorted(Reason) == list(Reason)
    assert Reason.EXPIRED < Reason.BAD_SIGNATURE < Reason.INSUFFICIENT_FUNDS


def test_a_rejection_is_a_value() -> None:
    assert Rejected(Reason.EXPIRED, "x") == Rejected(Reason.EXPIRED, "x")


def test_the_page_about_the_ledger_has_every_reason_in_its_order() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "ledger.md").read_text()
    table = page.split("| reason | the rule |")[1].split("##")[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", table, re.MULTILINE) == [reason.text for reason in Reason]
