"""`airgrant scores`: what is known, whom one trusts, and what a ledger proves."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from device.choice import PinnedLedger
from device.console import DONE, NO, USAGE
from device.experience import keep_reputation, load_reputation
from device.reputation import Reputation, note_stay
from device.scores_cli import scores
from device.wallet import Wallet, create_wallet, pin_ledger
from tests.wire.examples import LEDGER, LEDGER_ID, OPERATOR, PROVIDER
from wire.keys import PrivateKey


@pytest.fixture
def wallet(tmp_path: Path) -> Wallet:
    return pin_ledger(create_wallet(tmp_path / "w.pem"), PinnedLedger(LEDGER.public, LEDGER_ID))


def test_help_has_examples(capsys: pytest.CaptureFixture[str]) -> None:
    assert scores(["--help"]) == DONE
    assert "examples:\n  airgrant scores " in capsys.readouterr().out


def test_what_is_known_is_shown_the_best_first(wallet: Wallet, capsys: pytest.CaptureFixture[str]) -> None:
    assert scores(["--wallet", str(wallet.path)]) == NO
    known = note_stay(Reputation(), PROVIDER.public, int(time.time()), served=False)
    keep_reputation(wallet.path, note_stay(known, OPERATOR.public, int(time.time()), served=True))
    assert scores(["--wallet", str(wallet.path)]) == DONE
    first, second = capsys.readouterr().out.splitlines()
    assert first == f"{OPERATOR.public}  served as promised 83 % (1 of 1 sessions of ours)"
    assert second.startswith(f"{PROVIDER.public}  served as promised 16 %")
    assert scores(["--wallet", str(wallet.path), "--json"]) == DONE
    page = json.loads(capsys.readouterr().out)
    assert [one["ppm"] for one in page["sellers"]] == [166_666, 833_333]


def test_whom_one_trusts_is_kept(wallet: Wallet, capsys: pytest.CaptureFixture[str]) -> None:
    path, who = str(wallet.path), str(OPERATOR.public)
    scores(["--wallet", path, "--trust", who, "--trust", who])
    assert load_reputation(wallet.path).trusted == (OPERATOR.public,)
    assert f"{who}  its word counts" in capsys.readouterr().out
    scores(["--wallet", path, "--distrust", who])
    assert load_reputation(wallet.path).trusted == ()
    nine = [word for n in range(60, 69) for word in ("--trust", str(PrivateKey.from_secret(n).public))]
    assert scores(["--wallet", path, *nine]) == USAGE
    assert scores(["--wallet", path, "--trust", "me"]) == USAGE


def test_without_the_ledger_what_is_known_is_shown(
    wallet: Wallet, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_reputation(wallet.path, note_stay(Reputation(), PROVIDER.public, 7, served=True))
    words = ["--wallet", str(wallet.path), "--trust", str(OPERATOR.public), "--ledger", "http://127.0.0.1:1"]
    assert scores(words) == DONE
    told = capsys.readouterr()
    assert "1 of 1 sessions of ours" in told.out
    assert "not all could be asked: http://127.0.0.1:1" in told.err
