"""`airgrant offers`, `airgrant leave`, and `airgrant buy --over air`, with a fake wpa_supplicant behind them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.cli import buy
from device.console import DONE, NO, USAGE, WORLD
from device.fake_wpa import FakeNetwork
from device.offers_cli import leave, offers
from device.wallet import create_wallet
from tests.device.playbook import BUYER
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
    return path


def way(world: WpaWorld) -> list[str]:
    return ["--interface", INTERFACE, "--over", "air", "--control", str(world.folder)]


@pytest.mark.parametrize("command", [offers, leave])
def test_help_has_examples(command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--help"]) == DONE
    text = capsys.readouterr().out
    assert f"examples:\n  airgrant {command.__name__} " in text
    assert "--control FOLDER" in text


def test_offers_for_people(world: WpaWorld, capsys: pytest.CaptureFixture[str]) -> None:
    world.add(price_ubc=1_500_000)
    assert offers(way(world)) == DONE
    assert "1.5 BC" in capsys.readouterr().out


def test_offers_for_scripts(world: WpaWorld, capsys: pytest.CaptureFixture[str]) -> None:
    cell = world.add()
    world.add(2, offer_lifetime_s=-1)
    assert offers([*way(world), "--json"]) == DONE
    captured = capsys.readouterr()
    told = json.loads(captured.out)["offers"]
    assert [one["suitable"] for one in told] == [True, False]
    assert told[0]["network"] == {"ssid": "airgrant", "operator": str(cell.shop.operator.public)}
    assert captured.err == ""


def test_nobody_sells(world: WpaWorld, capsys: pytest.CaptureFixture[str]) -> None:
    assert offers(way(world)) == NO
    assert "nobody sells here" in capsys.readouterr().err


def test_a_wallet_marks_other_ledgers(
    world: WpaWorld, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add()
    path = create_wallet(tmp_path / "fresh.pem").path
    assert offers([*way(world), "--wallet", str(path)]) == DONE
    path.with_suffix(".ledger.json").write_text(
        json.dumps({"ledger": f"02{'5' * 64}", "ledger_id": "00" * 32})
    )
    assert offers([*way(world), "--wallet", str(path)]) == NO
    assert "foreign_ledger" in capsys.readouterr().out


def test_without_wpa_supplicant(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    argv = ["--interface", INTERFACE, "--control", str(tmp_path), "--json"]
    assert offers([*argv, "--over", "air"]) == WORLD
    assert "no control socket there" in json.loads(capsys.readouterr().out)["detail"]
    assert leave(argv) == WORLD


def test_buying_over_the_air_and_leaving_later(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add()
    world.fake.networks = {0: FakeNetwork(enabled=True)}
    argv = ["--wallet", str(wallet), *way(world), "--down", "2M", "--json"]
    assert buy(argv) == DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["ok"], told["ssid"], told["charged_ubc"]) == (True, "airgrant", 1_000_000)
    assert len(world.fake.networks) == 2
    assert leave(way(world)) == DONE
    assert {n: network.enabled for n, network in world.fake.networks.items()} == {0: True}
    assert leave([*way(world), "--json"]) == NO
    assert leave(["--interface", INTERFACE, "--over", "lobby"]) == USAGE


def test_staying_until_the_time_is_over(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add(duration_s=2)
    assert buy(["--wallet", str(wallet), *way(world), "--leave"]) == DONE
    assert "the time that was bought is over" in capsys.readouterr().err
    assert world.fake.networks == {}


def test_a_refusal_says_what_to_do_and_keeps_the_grant(
    world: WpaWorld, wallet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.add()
    world.fake.air.strange_server = 1_000
    kept = tmp_path / "kept.grant"
    argv = ["--wallet", str(wallet), *way(world), "--json", "--save", str(kept)]
    assert buy(argv) == NO
    told = json.loads(capsys.readouterr().out)
    assert told["reason"] == "unknown_authority"
    assert "the provider named the wrong operator" in told["detail"]
    assert kept.read_bytes()
    world.fake.air.strange_server = 0
    assert buy(["--wallet", str(wallet), *way(world), "--grant", str(kept), "--json"]) == DONE
    assert json.loads(capsys.readouterr().out)["charged_ubc"] is None
