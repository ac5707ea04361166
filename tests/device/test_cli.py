"""`airgrant keygen` and `airgrant buy` without a network: help, usage, exit status, JSON. With one: tests/system."""

import json
import stat
from pathlib import Path

import pytest

from device.cli import buy, format_duration_left, keygen
from device.console import HINTS, NO, USAGE, WORLD
from device.wallet import create_wallet, load_wallet
from wire.keys import PrivateKey

LEDGER = str(PrivateKey.from_secret(13).public)


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    return create_wallet(tmp_path / "w.pem").path


@pytest.mark.parametrize("command", [keygen, buy])
def test_help_has_examples(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--help"]) == 0
    text = capsys.readouterr().out
    assert f"examples:\n  airgrant {command.__name__} " in text
    assert "--json" in text


def test_the_way_to_an_account_is_the_key_s_own(capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody else can open it: the exchange only puts money in."""
    assert keygen(["--help"]) == 0
    for text in (capsys.readouterr().out, HINTS["unknown_issuer"]):
        opening, money = text.index("`airgrant account create --key wallet.pem"), text.index("put money in")
        assert opening < text.index("exchange", opening) < money


def test_keygen_for_people(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.pem"
    assert keygen(["--out", str(out)]) == 0
    assert str(load_wallet(out).account) in capsys.readouterr().out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600


def test_keygen_for_scripts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.pem"
    assert keygen(["--out", str(out), "--json", "--ledger", LEDGER, "--ledger-id", "00" * 32]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out) == {
        "ok": True,
        "account": str(load_wallet(out).account),
        "wallet": str(out),
        "pinned": True,
    }
    assert captured.err == ""
    pinned = load_wallet(out).pinned
    assert pinned is not None
    assert str(pinned.key) == LEDGER


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--out"],
        ["--out", "NEW", "--ledger", LEDGER],
        ["--out", "NEW", "--ledger-id", "00" * 32],
        ["--out", "NEW", "--ledger", "beef", "--ledger-id", "00" * 32],
        ["--out", "NEW", "--ledger", LEDGER, "--ledger-id", "beef"],
        ["--out", "OLD"],
        ["--frobnicate"],
    ],
)
def test_keygen_usage(argv: list[str], wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = {"NEW": str(wallet.with_name("new.pem")), "OLD": str(wallet)}
    assert keygen([names.get(word, word) for word in argv]) == USAGE
    assert capsys.readouterr().err
    assert not wallet.with_name("new.pem").exists()


def test_keygen_into_nowhere(tmp_path: Path) -> None:
    assert keygen(["--out", str(tmp_path / "no" / "such" / "folder.pem"), "--json"]) == WORLD


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--down", "fast"], "'fast' is not a rate such as 2Mbit/s"),
        (["--up", "1.5"], "finer than one unit"),
        (["--max-price", "0.0000001"], "at most six decimals"),
        (["--at-least", "soon"], "not a duration such as"),
    ],
)
def test_buy_says_what_is_wrong_with_a_word(
    argv: list[str], said: str, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert buy(["--wallet", str(wallet), "--interface", "lo", *argv]) == USAGE
    assert said in capsys.readouterr().err


def test_buy_without_a_wallet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert buy(["--wallet", str(tmp_path / "none.pem"), "--interface", "lo", "--json"]) == USAGE
    answer = json.loads(capsys.readouterr().out)
    assert (answer["ok"], answer["reason"]) == (False, "configuration")
    assert "none.pem" in answer["detail"]


def test_buy_on_an_interface_that_is_not_there(wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert buy(["--wallet", str(wallet), "--interface", "nosuch0", "--json"]) == WORLD
    assert "interface nosuch0" in json.loads(capsys.readouterr().out)["detail"]
    assert buy(["--wallet", str(wallet), "--interface", "nosuch0"]) == WORLD
    assert "interface nosuch0" in capsys.readouterr().err


def test_a_grant_without_a_pinned_ledger_cannot_be_verified(wallet: Path, tmp_path: Path) -> None:
    (tmp_path / "g").write_bytes(b"x")
    assert buy(["--wallet", str(wallet), "--interface", "lo", "--grant", str(tmp_path / "g")]) == USAGE


def test_a_grant_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "pinned.pem"
    assert keygen(["--out", str(path), "--ledger", LEDGER, "--ledger-id", "00" * 32, "--json"]) == 0
    (tmp_path / "g").write_bytes(b"x")
    capsys.readouterr()
    argv = ["--wallet", str(path), "--interface", "lo", "--grant", str(tmp_path / "g"), "--json"]
    assert buy(argv) == NO
    assert json.loads(capsys.readouterr().out)["reason"] == "grant_invalid"


@pytest.mark.parametrize(("left_s", "text"), [(599, "9:59"), (60, "1:00"), (0, "0:00"), (-5, "0:00")])
def test_count_down(left_s: int, text: str) -> None:
    assert format_duration_left(left_s) == text
