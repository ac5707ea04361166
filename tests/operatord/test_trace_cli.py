"""`airgrant trace` over files and a ledger's pages: one story, and who is silent is left out."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apd.shells.software_key import SoftwareKey
from ledger.bundle import write_bundle
from ledger.genesis import write_genesis
from ledger.pages import show_grant, show_grant_proof
from operatord.trace_cli import main
from tests.apd.world import proved_grant
from tests.device.test_deposits import ledger
from tests.ledger.test_bundle import GRANT, bundle
from tests.ledger_world import GENESIS, LEDGER, PROVIDER, START_S
from tests.report_box import ALL_THAT_FITS, write_box
from wire.grant_proof import read_grant_proof
from wire.keys import PrivateKey

NAME = GRANT.grant_id.hex()


def pages(key: PrivateKey = LEDGER) -> dict[str, Any]:
    """What a ledger shows of the grant; `key` signs the block."""
    proof = proved_grant(GRANT, key, GENESIS.ledger_id)
    sold = read_grant_proof(proof)
    return {
        "/v1/ledger": {
            "ledger_id": GENESIS.ledger_id.hex(), "ledger_key": str(LEDGER.public), "gateways": [], "period_s": 1,
            "exchange": "", "licensees": None, "height": 7, "time_s": 1, "app_hash": "", "head": "",
            "genesis": base64.b64encode(write_genesis(GENESIS)).decode(), "deposited_ubc": 0, "withdrawn_ubc": 0,
        },
        f"/v1/grants/{NAME}": show_grant(GRANT, b"").model_dump(mode="json") | {"price_ubc": 2_500},
        f"/v1/proofs/grants/{NAME}": show_grant_proof(sold, proof).model_dump(mode="json"),
    }  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[str | Path]:
    log = tmp_path / "apd.log"
    lines = [
        {"utc_ms": (START_S + 1) * 1_000, "what": "session_active", "text": f"02:00 gets much, grant {NAME}"},
        {"utc_ms": (START_S + 2) * 1_000, "what": "ready", "text": "selling"},
    ]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = write_box(tmp_path / "roof.report", SoftwareKey(PROVIDER), ALL_THAT_FITS)
    counters = tmp_path / "phone.json"
    session = {
        "grant": NAME, "from_utc_s": START_S + 1, "to_utc_s": START_S + 650, "down_bytes": 9, "up_bytes": 8,
    }  # fmt: skip
    counters.write_text(json.dumps({"airgrant device counters": 1, "sessions": [session]}))
    return [
        "--log", f"roof={log}", "--report", report, "--device", counters,
        "--ledger-id", GENESIS.ledger_id.hex(),
    ]  # fmt: skip


def test_one_story_of_all_who_know(files: list[str | Path], capsys: pytest.CaptureFixture[str]) -> None:
    with ledger(pages()) as url:
        assert main([NAME, "--ledger", url, *map(str, files), "--json"]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    bought, *later = sorted(steps, key=lambda step: step["what"] != "bought")
    assert bought["text"].startswith(
        f"offer {GRANT.epoch} of provider {GRANT.provider_id.hex()} was taken for 0.0025 BC (as the page says): "
    )
    assert [(step["utc_ms"] // 1_000 - START_S, step["what"]) for step in later] == [
        (0, "begins"), (1, "session_active"), (600, "ends"), (600, "metered"), (650, "left"), (700, "acknowledged"),
    ]  # fmt: skip
    assert later[1]["by"] == "roof"


def test_a_person_reads_it(files: list[str | Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([NAME, "--ledger", "none", *map(str, files)]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "session_active" in said
    assert "unattested; holds" in said


def test_a_report_that_is_cut_short_is_told_and_is_no_yes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever of the grant was cut off, nothing else would show it."""
    whole, cut = bundle(), tmp_path / "cut.report"
    options = ["--ledger", "none", "--ledger-id", GENESIS.ledger_id.hex(), "--report", str(cut)]
    for shown in (2, 1):
        cut.write_bytes(write_bundle(replace(whole, records=whole.records[:shown])))
        assert main([NAME, *options, "--json"]) == 1
        page = json.loads(capsys.readouterr().out)
        assert (page["ok"], page["steps"][-1]["what"], len(page["steps"])) == (False, "withheld", shown)
    assert main([NAME, *options, str(cut)]) == 2
    assert "its rows would count twice" in capsys.readouterr().err


def test_a_log_says_nothing_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "apd.log"
    line = {"utc_ms": 1_000, "what": "ready", "text": f"{NAME} \x1b[31m\nledger bought"}
    log.write_text(json.dumps(line) + "\n")
    assert main([NAME, "--ledger", "none", "--log", str(log)]) == 0
    assert "\\x1b[31m\\nledger bought" in capsys.readouterr().out


def test_nobody_knows(capsys: pytest.CaptureFixture[str]) -> None:
    with ledger({}) as url:
        assert main([NAME, "--ledger", url, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["error"].startswith("nobody who was asked")


def test_a_sale_that_the_ledger_did_not_sign_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with ledger(pages(PROVIDER)) as url:
        assert main([NAME, "--ledger", url]) == 1
    assert "bought" not in capsys.readouterr().out


def test_another_ledger_s_story_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with ledger(pages()) as url:
        assert main([NAME, "--ledger", url, "--ledger-id", "ab" * 32]) == 1
        assert "which is not trusted here" in capsys.readouterr().err
        assert main([NAME, "--ledger", url, "--ledger-id", GENESIS.ledger_id.hex()]) == 0


def test_when_it_begins_and_ends_is_what_was_signed(capsys: pytest.CaptureFixture[str]) -> None:
    said = pages()
    said[f"/v1/grants/{NAME}"] |= {"starts_s": 1, "ends_s": 2}
    with ledger(said) as url:
        assert main([NAME, "--ledger", url, "--json"]) == 0
    steps = {step["what"]: step for step in json.loads(capsys.readouterr().out)["steps"]}
    assert (steps["begins"]["utc_ms"], steps["ends"]["utc_ms"]) == (
        GRANT.starts_s * 1_000,
        GRANT.ends_s * 1_000,
    )
    assert "as the page says" in steps["bought"]["text"]


@pytest.mark.parametrize(
    ("argv", "status"),
    [
        ([NAME, "--ledger", "none", "--report", "/nowhere.report"], 2),
        (["beef"], 2),
        ([NAME, "--ledger", "none", "--log", "/nowhere.log"], 2),
        ([NAME, "--ledger", "none", "--report", "/nowhere.report", "--ledger-id", "00" * 32], 2),
        ([NAME, "--ledger", "http://127.0.0.1:1"], 3),
    ],
)
def test_a_wrong_command_line_and_a_ledger_that_is_away(argv: list[str], status: int) -> None:
    assert main(argv) == status
