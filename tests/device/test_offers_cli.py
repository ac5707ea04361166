"""`airgrant offers`, `grants`, `leave`, and `airgrant buy --over air`, with a fake wpa_supplicant behind them."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from device.cli import buy
from device.console import DONE, INTERRUPTED, NO, USAGE, WORLD
from device.experience import keep_reputation
from device.fake_wpa import FakeNetwork
from device.keeping import keep_purchase, kept_folder
from device.offers_cli import grants, leave, offers
from device.reputation import Reputation, note_stay
from device.wallet import create_wallet, load_wallet
from tests.device.playbook import BUYER
from tests.device.wpa_world import INTERFACE, WpaWorld, running
from wire.allocate import Allocate
from wire.grant import Grant
from wire.transaction import Transaction, sign_transaction


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


def test_what_is_known_of_a_seller_is_shown_with_a_wallet(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cheap, dear = world.add(1, price_ubc=900_000).shop, world.add(2, price_ubc=1_500_000).shop
    keep_reputation(wallet, note_stay(Reputation(), cheap.provider.public, int(time.time()), served=False))
    words = [*way(world), "--wallet", str(wallet)]
    assert offers([*words, "--json"]) == DONE
    shown = json.loads(capsys.readouterr().out)["offers"]
    assert [(one["price_ubc"], one["served_ppm"]) for one in shown] == [
        (1_500_000, 500_000),
        (900_000, 166_666),
    ]
    assert shown[0]["bssid"] == str(dear.bssid)
    assert offers([*way(world), "--json"]) == DONE
    assert [one["price_ubc"] for one in json.loads(capsys.readouterr().out)["offers"]] == [900_000, 1_500_000]


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


# ---- What was paid for


def test_who_was_not_let_in_buys_again_and_pays_nothing(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = world.add()
    world.fake.air.strange_server = 1_000
    argv = ["--wallet", str(wallet), *way(world), "--json"]
    assert buy(argv) == NO
    told = json.loads(capsys.readouterr().out)
    ((transaction_id, encoded),) = cell.shop.grants.items()
    assert (told["encoded_grant"], told["transaction"]) == (encoded.hex(), transaction_id.hex())
    assert "`airgrant buy` comes back with it" in told["detail"]
    (kept,) = kept_folder(wallet).iterdir()
    assert str(kept) in told["detail"]
    world.fake.air.strange_server = 0
    assert buy(argv) == DONE
    told = json.loads(capsys.readouterr().out)
    assert (told["charged_ubc"], told["encoded_grant"]) == (None, encoded.hex())
    assert len(cell.shop.grants) == 1


def test_another_is_bought_only_when_that_is_said(world: WpaWorld, wallet: Path) -> None:
    cell = world.add()
    argv = ["--wallet", str(wallet), *way(world), "--json"]
    assert [buy(argv), buy(argv)] == [DONE, DONE]
    assert len(cell.shop.grants) == 1
    assert buy([*argv, "--new"]) == DONE
    assert len(cell.shop.grants) == 2


def test_ctrl_c_after_the_payment(
    world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str], eventually: Callable[..., None]
) -> None:
    """The signal comes when the ledger has charged, and the answer is on its way."""

    def interrupt(grant: Grant) -> Grant:
        os.kill(os.getpid(), signal.SIGINT)
        return grant

    cell = world.add(alter_grant=interrupt)
    argv = ["--wallet", str(wallet), *way(world), "--json"]
    assert buy(argv) == INTERRUPTED
    told = json.loads(capsys.readouterr().out)
    eventually(lambda: bool(cell.shop.grants), "the access point, which goes on, has made the grant")
    (transaction_id,) = cell.shop.grants
    assert (told["reason"], told["transaction"]) == ("interrupted", transaction_id.hex())
    assert buy(argv) == DONE
    assert list(cell.shop.grants) == [transaction_id]


def test_a_grant_that_cannot_be_saved_is_not_lost(
    world: WpaWorld, wallet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = world.add()
    world.fake.air.strange_server = 1_000
    nowhere = tmp_path / "no" / "such" / "file"
    argv = ["--wallet", str(wallet), *way(world), "--save", str(nowhere)]
    assert buy(argv) == NO
    said = capsys.readouterr().err
    assert f"not in {nowhere}: No such file or directory" in said
    assert [path.read_bytes() for path in kept_folder(wallet).iterdir()] == list(cell.shop.grants.values())
    world.fake.air.strange_server = 0
    assert buy(argv) == DONE
    assert "not in" in capsys.readouterr().out


def test_grants_for_people(world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert grants(["--wallet", str(wallet)]) == NO
    assert "nothing is paid for now" in capsys.readouterr().err
    world.add()
    assert buy(["--wallet", str(wallet), *way(world), "--json"]) == DONE
    (kept_folder(wallet) / "x.grant").write_bytes(b"x")
    capsys.readouterr()
    assert grants(["--wallet", str(wallet)]) == DONE
    said = capsys.readouterr().out
    for part in ("left", "2 Mbit/s down, 500 kbit/s up", ".grant", "or damaged: ", "x.grant"):
        assert part in said


def test_grants_for_scripts(world: WpaWorld, wallet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cell = world.add()
    assert buy(["--wallet", str(wallet), *way(world), "--json"]) == DONE
    offer, provider = cell.shop.announcement().offer, cell.shop.provider.public
    known = load_wallet(wallet)
    assert known.pinned is not None
    allocate = Allocate(provider, 7, cell.shop.band, 1, 1)
    signed = sign_transaction(Transaction(allocate, bytes(8), 2**40), known.key, known.pinned.ledger_id)
    keep_purchase(wallet, signed.transaction_id, signed.envelope.encoded, offer, provider)
    capsys.readouterr()
    assert grants(["--wallet", str(wallet), "--json"]) == DONE
    told = json.loads(capsys.readouterr().out)
    (grant,), (purchase,) = told["grants"], told["purchases"]
    assert (grant["live"], Path(grant["file"]).read_bytes().hex()) == (True, grant["encoded_grant"])
    assert (purchase["transaction"], purchase["price_ubc"]) == (signed.transaction_id.hex(), 7)
    assert grants(["--wallet", str(wallet)]) == DONE
    assert signed.transaction_id.hex() in capsys.readouterr().out


def test_grants_of_no_wallet(tmp_path: Path) -> None:
    assert grants(["--wallet", str(tmp_path / "none.pem")]) == USAGE
    assert grants(["--help"]) == DONE


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
