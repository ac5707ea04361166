"""`python -m ledger`: making a ledger, checking its file, and the exit status of every refusal."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ledger.__main__ import main
from ledger.genesis import read_genesis
from ledger.opening import open_ledger
from ledger.settings import parse_settings
from tests.ledger_world import ALICE, BOB
from wire.keys import PrivateKey


def test_init_makes_keys_a_genesis_and_a_configuration_that_fit(tmp_path: Path, capsys) -> None:
    folder = tmp_path / "ledger"
    assert main(["init", "--folder", str(folder), "--period", "1h", "--licensee", str(ALICE.public)]) == 0
    genesis = read_genesis((folder / "genesis.cbor").read_bytes())
    assert genesis.gateways == (PrivateKey.from_pem((folder / "ledger.key").read_bytes()).public,)
    assert genesis.exchange == PrivateKey.from_pem((folder / "exchange.key").read_bytes()).public
    assert (genesis.period_s, genesis.licensees) == (3_600, (ALICE.public,))
    assert genesis.ledger_id.hex() in capsys.readouterr().out
    settings = parse_settings(tomllib.loads((folder / "ledger.toml").read_text()), folder / "ledger.toml")
    assert (settings.key, settings.genesis) == (folder / "ledger.key", folder / "genesis.cbor")
    assert all(file.stat().st_mode & 0o077 == 0 for file in folder.iterdir()), "nobody else reads them"


def test_init_for_a_shared_ledger_makes_what_is_one_operator_s_own(tmp_path: Path, capsys) -> None:
    """No exchange that is none, and no id of a ledger that is never used."""
    folder = tmp_path / "alice"
    assert main(["init", "--joins", "--folder", str(folder)]) == 0
    assert {file.name for file in folder.iterdir()} == {"ledger.key", "ledger.toml"}
    key = PrivateKey.from_pem((folder / "ledger.key").read_bytes()).public
    said = capsys.readouterr().out
    assert f"gateway   {key}" in said
    assert "ledger id" not in said
    assert main(["init", "--joins", "--folder", str(tmp_path / "bob"), "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"ledger", "configuration"}
    for option in ("--exchange", "--licensee"):
        assert main(["init", "--joins", "--folder", str(tmp_path / "no"), option, str(BOB.public)]) == 2
        assert "in the description of its network" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_init_never_writes_over_a_key(tmp_path: Path, capsys) -> None:
    assert main(["init", "--folder", str(tmp_path), "--exchange", str(BOB.public)]) == 0
    assert not (tmp_path / "exchange.key").exists()
    before = (tmp_path / "ledger.key").read_bytes()
    assert main(["init", "--folder", str(tmp_path)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "ledger.key").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--exchange", "bob"),
        ("--licensee", "x"),
        ("--period", "soon"),
        ("--period", "1ms"),
        ("--period", "0s"),
    ],
)
def test_init_refuses_nonsense_before_it_writes_anything(tmp_path: Path, option: str, value: str) -> None:
    folder = tmp_path / "new"
    assert main(["init", "--folder", str(folder), option, value]) == 2
    assert not folder.exists()
    assert main(["init", "--folder", str(folder)]) == 0, "put right, it is not in its own way"


def test_verify_holds_or_says_what_does_not(tmp_path: Path, capsys) -> None:
    main(["init", "--folder", str(tmp_path)])
    database = tmp_path / "ledger.db"
    assert main(["verify", str(database)]) == 3
    genesis = read_genesis((tmp_path / "genesis.cbor").read_bytes())
    open_ledger(database, genesis).store.close()
    capsys.readouterr()
    assert main(["verify", str(database)]) == 0
    assert "0 blocks hold" in capsys.readouterr().out
    empty = tmp_path / "empty.db"
    empty.touch()
    assert main(["verify", str(empty)]) in (1, 3)


def test_init_and_verify_speak_to_scripts(tmp_path: Path, capsys) -> None:
    assert main(["init", "--folder", str(tmp_path), "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    genesis = read_genesis((tmp_path / "genesis.cbor").read_bytes())
    assert made == {
        "ledger": str(genesis.gateways[0]),
        "exchange": str(genesis.exchange),
        "ledger_id": genesis.ledger_id.hex(),
        "configuration": str(tmp_path / "ledger.toml"),
    }
    database = tmp_path / "ledger.db"
    assert main(["verify", str(database), "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["ok"] is False
    engine = open_ledger(database, genesis)
    engine.store.close()
    assert main(["verify", str(database), "--json"]) == 0
    found = {"ok": True, "blocks": 0, "app_hash": engine.head.app_hash.hex()}
    assert json.loads(capsys.readouterr().out) == found


def test_run_without_a_genesis_says_what_makes_it(tmp_path: Path, capsys) -> None:
    """Between the first and the third step of joining."""
    main(["init", "--joins", "--folder", str(tmp_path)])
    assert main(["run", "--config", str(tmp_path / "ledger.toml")]) == 2
    assert "airgrant ledger join --network FILE" in capsys.readouterr().err


def test_run_refuses_a_configuration_that_it_cannot_use(tmp_path: Path, capsys) -> None:
    config = tmp_path / "ledger.toml"
    assert main(["run", "--config", str(config)]) == 2
    config.write_text("[ledger\n")
    assert main(["run", "--config", str(config)]) == 2
    config.write_text("[leger]\n")
    assert main(["run", "--config", str(config)]) == 2
    assert "leger: there is no such section" in capsys.readouterr().err


def test_run_refuses_another_ledger_s_key(tmp_path: Path, capsys) -> None:
    for name in ("one", "other"):
        main(["init", "--folder", str(tmp_path / name)])
    one = tmp_path / "one"
    (one / "ledger.key").write_bytes((tmp_path / "other" / "ledger.key").read_bytes())
    assert main(["run", "--config", str(one / "ledger.toml")]) == 2
    assert "is no gateway's key of the ledger" in capsys.readouterr().err
