"""`airgrant connect` and `airgrant deposits`, with a fake wpa_supplicant and operators' real books behind them."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from device.choice import PinnedLedger
from device.connect_cli import connect, deposits
from device.console import DONE, INTERRUPTED, NO, USAGE, WORLD
from device.deposits import keep_deposits, load_deposits
from device.keeping import kept_folder
from device.wallet import Wallet, pin_ledger
from operatord.witnesses import parse_device
from tests.device.metered_seller import DEPOSIT_UBC, INCREMENT_UBC, LEDGER, LEDGER_ID, Seller
from tests.device.playbook import BUYER
from tests.device.test_deposits import ledger
from tests.device.wpa_world import INTERFACE, WpaWorld, running


@pytest.fixture
def world() -> Iterator[WpaWorld]:
    with running() as world:
        yield world


@pytest.fixture
def wallet(tmp_path: Path) -> Path:
    path = tmp_path / "w.pem"
    path.write_bytes(BUYER.to_pem())
    path.chmod(0o600)
    pin_ledger(Wallet(path, BUYER), PinnedLedger(LEDGER.public, LEDGER_ID))
    return path


def words(world: WpaWorld, wallet: Path, *more: str) -> list[str]:
    way = ["--interface", INTERFACE, "--over", "air", "--control", str(world.folder)]
    return [*more, "--wallet", str(wallet), *way]


@pytest.mark.parametrize("command", [connect, deposits])
def test_help_has_examples(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--help"]) == DONE
    assert f"examples:\n  airgrant {command.__name__} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("want", "said"),
    [
        (["2M"], "such as 2M for 20m"),
        (["fast", "for", "2m"], "'fast' is not a rate"),
        (["2M for 0s"], "over before"),
    ],
)
def test_it_says_what_is_wrong_with_a_want(
    want: list[str], said: str, world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert connect([*words(world, wallet, *want), "--json"]) == USAGE
    page = json.loads(capsys.readouterr().out)
    assert page["reason"] == "configuration"
    assert said in page["detail"]


def test_it_moves_on_and_gives_a_receipt(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cheap, dear = Seller(world, 1, 60_000, silent=True), Seller(world, 2, 120_000)
    with ExitStack() as open_ones:
        for one in (cheap, dear):
            open_ones.enter_context(one.open())
        keep_deposits(wallet, {one.key.public: DEPOSIT_UBC for one in (cheap, dear)})
        assert connect([*words(world, wallet, "0", "for", "4s"), "--json"]) == DONE
    captured = capsys.readouterr()
    receipt = json.loads(captured.out)
    assert captured.err == ""
    assert receipt["ok"] is True
    assert [(one["bssid"], one["manner"], one["reason"]) for one in receipt["stays"]] == [
        (str(cheap.bssid), "metered", "not_served"), (str(dear.bssid), "metered", "time_is_up"),
    ]  # fmt: skip
    assert receipt["paid_ubc"] == INCREMENT_UBC + dear.book.channels[BUYER.public].paid_ubc
    assert receipt["wanted"]["duration_s"] == 4


def test_a_person_sees_what_was_found_why_and_what_was_paid(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        keep_deposits(wallet, {seller.key.public: DEPOSIT_UBC})
        assert connect(words(world, wallet, "0 for 2s", "--prefer", "metered")) == DONE
    captured = capsys.readouterr()
    told, receipt = " ".join(captured.err.split()), " ".join(captured.out.split())
    assert f"found {seller.bssid}: paying as it goes, 0.002 BC" in told
    assert f"by {seller.bssid}, paying as it goes: 0.002 BC for what is left, the best of 2 ways" in told
    assert "paid 0.002 BC in all, for 2 s of 2 s" in receipt


def test_ctrl_c_leaves_and_pays_no_more(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = Seller(world, 1, 60_000, heard=lambda: os.kill(os.getpid(), signal.SIGINT))
    with seller.open():
        keep_deposits(wallet, {seller.key.public: DEPOSIT_UBC})
        assert connect([*words(world, wallet, "0 for 1m"), "--json"]) == INTERRUPTED
        assert seller.book.channels[BUYER.public].paid_ubc == INCREMENT_UBC
    receipt = json.loads(capsys.readouterr().out)
    assert (receipt["ok"], receipt["reason"], receipt["paid_ubc"]) == (False, "interrupted", INCREMENT_UBC)
    assert world.fake.networks == {}, "it has left"


def test_what_costs_too_much_is_not_had(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        keep_deposits(wallet, {seller.key.public: DEPOSIT_UBC})
        assert connect([*words(world, wallet, "0 for 1m", "--at-most", "0.01"), "--json"]) == NO
    page = json.loads(capsys.readouterr().out)
    assert page["reason"] == "nothing_suitable"
    assert seller.book.channels[BUYER.public].paid_ubc == 0


def test_where_nobody_sells(world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert connect([*words(world, wallet, "0 for 1m"), "--json"]) == WORLD
    assert json.loads(capsys.readouterr().out)["reason"] == "no_access_point"


def test_what_was_counted_of_a_grant_is_kept_for_who_compares(
    world: WpaWorld, wallet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counters = tmp_path / "counters.json"
    with Seller(world, 1, 60_000, price_ubc=900_000).open():
        asked = words(world, wallet, "0 for 2s", "--prefer", "grant", "--counters", str(counters))
        assert connect([*asked, "--json"]) == DONE
    (stay,) = json.loads(capsys.readouterr().out)["stays"]
    ((grant_id, counted),) = parse_device(counters.read_text()).items()
    assert [path.stem for path in kept_folder(wallet).glob("*.grant")] == [grant_id.hex()]
    assert (counted.down_bytes, counted.up_bytes) == (stay["down_bytes"], stay["up_bytes"])
    assert counted.duration_s == stay["seconds"]


def test_a_file_of_another_kind_is_refused_before_anything_is_bought(world: WpaWorld, wallet: Path) -> None:
    before = wallet.read_bytes()
    assert connect(words(world, wallet, "0 for 2s", "--counters", str(wallet))) == USAGE
    assert wallet.read_bytes() == before


# ---- Deposits


def test_deposits_are_asked_for_kept_and_shown(wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    operator, other = str(LEDGER.public), str(BUYER.public)
    about = f"/v1/payplace/{operator}"
    channel = {"consumer": str(BUYER.public), "deposited_ubc": 1_500_000, "shifting_ubc": 0}
    pages = {f"{about}/consumers/{BUYER.public}": {"number": 3}, f"{about}/channels/3": channel}
    with ledger(pages) as url:
        assert deposits(["--wallet", str(wallet), operator, other, "--ledger", url, "--json"]) == DONE
    page = json.loads(capsys.readouterr().out)
    assert page["deposits"] == [
        {"operator": operator, "deposited_ubc": 1_500_000}, {"operator": other, "deposited_ubc": 0},
    ]  # fmt: skip
    assert load_deposits(wallet) == {LEDGER.public: 1_500_000, BUYER.public: 0}
    assert deposits(["--wallet", str(wallet)]) == DONE
    assert "1.5 BC" in capsys.readouterr().out


def test_nothing_is_deposited(wallet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRGRANT_LEDGER", raising=False)
    assert deposits(["--wallet", str(wallet)]) == NO
    assert deposits(["--wallet", str(wallet), str(LEDGER.public)]) == USAGE, "no ledger to ask"
    assert deposits(["--wallet", str(wallet), "beef", "--ledger", "http://127.0.0.1:1"]) == USAGE
    assert deposits(["--wallet", str(wallet), str(LEDGER.public), "--ledger", "http://127.0.0.1:1"]) == WORLD


def test_a_ledger_that_is_away_does_not_keep_anybody_from_connecting(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seller = Seller(world, 1, 60_000)
    with seller.open():
        keep_deposits(wallet, {seller.key.public: DEPOSIT_UBC})
        assert connect(words(world, wallet, "0 for 1s", "--ledger", "http://127.0.0.1:1")) == DONE
    assert "deposits are those that were kept" in " ".join(capsys.readouterr().err.split())
