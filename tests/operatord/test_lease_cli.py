"""`airgrant lease`: quotes at a terminal, signed into a file, and read back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from operatord.lease_cli import main
from wire.band import Band
from wire.keys import PrivateKey
from wire.lease_quote import LeaseQuote, read_lease_quote

SITE = ["--users", "200", "--top", "1", "--unit", "1000", "--band", "3700000-3900000/200000"]
NOW_S = 1_795_000_000
LEDGER_ID = bytes(range(32))


def run(*argv: str, now_s: int = NOW_S) -> int:
    return main(list(argv), lambda: now_s)


def test_what_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quote", *SITE, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "unit_khz": 1_000, "wholesale_ubc": 123_105, "retail_ubc": 280_776, "bandwidth_khz": 184_233,
        "rent_ubc": 22_680_004, "takings_ubc": 51_728_204, "profit_ubc": 29_048_200,
    }  # fmt: skip
    assert run("quote", *SITE, "--wholesale", "0.15") == 0
    text = capsys.readouterr().out
    assert "149,947 kHz" in text
    assert "0.313917 BC" in text
    assert run("quote", *SITE, "--wholesale", "1") == 1
    assert "no quote: at this wholesale price nobody would buy" in capsys.readouterr().err


def test_a_signed_quote_is_what_its_reader_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    provider, lessee = PrivateKey.generate(), PrivateKey.generate()
    key, out = tmp_path / "holder.pem", tmp_path / "lease.quote"
    key.write_bytes(provider.to_pem())
    ledger = ["--ledger-id", LEDGER_ID.hex()]
    signing = ["--lessee", str(lessee.public), "--for", "1h", "--key", str(key), "--out", str(out)]
    assert run("quote", *SITE, *signing, *ledger) == 0
    assert str(out)[:20] in capsys.readouterr().out
    wanted = LeaseQuote(lessee.public, Band(3_700_000, 3_900_000, 184_233), 22_680_004, 3_600, NOW_S + 600)
    assert read_lease_quote(out.read_bytes(), provider.public, LEDGER_ID) == wanted
    reading = ["verify", str(out), "--provider", str(provider.public)]
    assert run(*reading, *ledger, now_s=NOW_S + 600) == 0
    text = capsys.readouterr().out
    assert "184,233 kHz for 1 h: 22.680004 BC" in text
    assert "valid until" in text
    assert run(*reading, *ledger, "--json", now_s=NOW_S + 601) == 1
    assert json.loads(capsys.readouterr().out)["valid"] is False
    assert run("verify", str(out), "--provider", str(lessee.public), *ledger) == 1
    assert run(*reading, "--ledger-id", "00" * 32) == 1
    assert run(*reading, "--ledger-id", "xyz") == 2
    assert run("quote", *SITE, *signing[:-1], str(tmp_path / "no" / "where"), *ledger) == 3


def test_what_nobody_could_pay_is_no_quote(capsys: pytest.CaptureFixture[str]) -> None:
    site = ["--users", "1000000", "--top", "1000000000", "--unit", "1", "--band", "1000000-2000000/1000000"]
    assert run("quote", *site) == 1
    assert "no quote: a number is too large" in capsys.readouterr().err


def test_what_is_typed_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quote", *SITE, "--for", "1h") == 2
    assert "go together" in capsys.readouterr().err
    assert run("quote", *SITE[:-1], "3700000") == 2
    for wrong in (
        ["--users", "0"],
        ["--users", "٣"],
        ["--unit", "1_000"],
        ["--valid", "8d"],
        ["--for", "200y"],
    ):
        assert run("quote", *SITE, *wrong) == 2
    assert "0 is outside 1..1000000000000000" in capsys.readouterr().err
    assert run() == 2
