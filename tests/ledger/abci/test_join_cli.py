"""`airgrant ledger join`, both steps: what it prints, what it writes, and what it never writes over."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.postgres import Cluster
from ledger import __main__ as ledger_command
from ledger.abci.join_cli import main
from ledger.abci.network import parse_network
from ledger.genesis import write_genesis
from ledger.opening import open_application
from ledger.settings import parse_settings
from tests.ledger_world import GENESIS

NAMES = ("alice", "bob")


@pytest.fixture
def network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """The description that two operators made of what was printed to them; their folders are beside it."""
    sections = [f'[network]\nexchange = "{"02" + "11" * 32}"\ntime_s = 1700000000\n']
    for number, name in enumerate(NAMES, 1):
        assert ledger_command.main(["init", "--joins", "--folder", str(tmp_path / name)]) == 0
        capsys.readouterr()
        address = f"192.0.2.{number}:26656"
        assert main(["--folder", str(tmp_path / name), "--name", name, "--address", address]) == 0
        sections.append(capsys.readouterr().out)
    account = re.search(r'gateway = "(\w+)"', sections[1])
    assert account is not None
    sections[0] = sections[0].replace("02" + "11" * 32, account[1])
    file = tmp_path / "network.toml"
    file.write_text("\n".join(sections))
    return file


def join(network: Path, name: str, *more: str) -> int:
    folder = network.parent / name
    return main(["--folder", str(folder), "--name", name, "--network", str(network), *more])


def test_both_steps(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parsed = parse_network(tomllib.loads(network.read_text()), network)
    for name in NAMES:
        assert join(network, name) == 0
        said = capsys.readouterr().out
        assert parsed.genesis.ledger_id.hex() in said
        assert "2 operators, 2 votes: 2 decide" in said
        folder = network.parent / name
        assert (folder / "genesis.cbor").read_bytes() == write_genesis(parsed.genesis)
        settings = tomllib.loads((folder / "comet/config/config.toml").read_text())
        assert settings["proxy_app"] == f"unix://{folder}/comet/application.sock"
        assert settings["p2p"]["persistent_peers"].count("@") == 1
        ledger = parse_settings(tomllib.loads((folder / "ledger.toml").read_text()), folder / "ledger.toml")
        assert ledger.consensus is not None
        assert ledger.consensus.network == network
        assert ledger.consensus.socket == folder / "comet/application.sock"
    genesis = [(network.parent / name / "comet/config/genesis.json").read_bytes() for name in NAMES]
    assert genesis[0] == genesis[1]


def test_again_keeps_keys_and_settings(network: Path) -> None:
    key = network.parent / "alice/comet/config/priv_validator_key.json"
    before = key.read_bytes()
    assert join(network, "alice") == 0
    assert join(network, "alice", "--listen", "0.0.0.0:1") == 0
    assert key.read_bytes() == before
    assert key.stat().st_mode & 0o777 == 0o600
    assert (network.parent / "alice/ledger.toml").read_text().count("[consensus]") == 1
    settings = tomllib.loads((network.parent / "alice/comet/config/config.toml").read_text())
    assert settings["p2p"]["laddr"] == "tcp://0.0.0.0:1"


def test_again_with_another_description_or_address_says_so_everywhere(network: Path) -> None:
    """And whatever else its owner has written into the settings stays."""
    first, file = network.with_name("one.toml"), network.parent / "alice/ledger.toml"
    first.write_text(network.read_text())
    assert join(first, "alice") == 0
    text = file.read_text()
    file.write_text(text.replace("[consensus]", "[consensus]  # mine") + "\n[http]\nport = 8574\n")
    file.write_text(file.read_text().replace('[http]\nhost = "127.0.0.1"\nport = 8573\n', ""))
    assert join(network, "alice", "--rpc", "127.0.0.1:26659") == 0
    ledger = parse_settings(tomllib.loads(file.read_text()), file)
    assert ledger.consensus is not None
    assert (ledger.consensus.network, ledger.consensus.rpc) == (network, "http://127.0.0.1:26659")
    assert ledger.http_port == 8574
    settings = tomllib.loads((network.parent / "alice/comet/config/config.toml").read_text())
    assert settings["rpc"]["laddr"] == "tcp://127.0.0.1:26659"


def test_again_keeps_where_the_node_is(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert join(network, "alice", "--listen", "127.0.0.1:1", "--rpc", "127.0.0.1:2", "--one-host") == 0
    capsys.readouterr()
    trusted = ("--trust", "7:" + "ab" * 32, "--ask", "192.0.2.1:1", "--ask", "192.0.2.2:1")
    for more in ((), trusted):
        assert join(network, "alice", *more) == 0
        settings = tomllib.loads((network.parent / "alice/comet/config/config.toml").read_text())
        assert settings["p2p"]["laddr"] == "tcp://127.0.0.1:1"
        assert settings["rpc"]["laddr"] == "tcp://127.0.0.1:2"
        assert settings["p2p"]["allow_duplicate_ip"] is True
        ledger = tomllib.loads((network.parent / "alice/ledger.toml").read_text())
        assert ledger["consensus"]["rpc"] == "http://127.0.0.1:2"
        said = capsys.readouterr().out
        assert "reach yours at 127.0.0.1:1, your ledger at 127.0.0.1:2; several nodes may come" in said


def test_nodes_with_one_address_are_let_in(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert join(network, "alice") == 0
    assert "one address" not in capsys.readouterr().out
    network.write_text(network.read_text().replace("192.0.2.2:26656", "192.0.2.1:26666"))
    assert join(network, "alice") == 0
    settings = tomllib.loads((network.parent / "alice/comet/config/config.toml").read_text())
    assert settings["p2p"]["allow_duplicate_ip"] is True


def test_with_a_trusted_block(network: Path) -> None:
    more = ("--trust", "7:" + "ab" * 32, "--ask", "192.0.2.1:26657", "--ask", "192.0.2.2:26657")
    assert join(network, "alice", *more) == 0
    sync = tomllib.loads((network.parent / "alice/comet/config/config.toml").read_text())["statesync"]
    assert (sync["enable"], sync["trust_height"], sync["trust_hash"]) == (True, 7, "AB" * 32)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--trust", "7:ab"), "is not HEIGHT:HASH"),
        (("--trust", "x:" + "ab" * 32), "is not HEIGHT:HASH"),
        (("--trust", "5:zz"), "is not HEIGHT:HASH, a number and 64"),
        (("--trust", "5:" + " ab" * 32), "is not HEIGHT:HASH"),
        (("--ask", "192.0.2.1:26657", "--ask", "192.0.2.2:26657"), "give both"),
        (("--ask", "nonsense"), "'nonsense' is not HOST:PORT"),
        (("--rpc", "127.0.0.1:99999"), "'127.0.0.1:99999' is not HOST:PORT"),
        (("--trust", "7:" + "ab" * 32, "--ask", "192.0.2.1:26657"), "needs --ask twice"),
        (("--name", "carol"), "operators.carol: is not in it"),
        (("--name", "bob"), "operators.bob.gateway: is not the one of this folder's keys"),
    ],
)
def test_what_is_wrong_is_said(
    network: Path, more: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert join(network, "alice", *more) == 2
    assert why in capsys.readouterr().err
    assert not (network.parent / "alice/comet/config/genesis.json").exists()


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--name", "Alice Bad", "--address", "192.0.2.1:1"), "'Alice Bad' is not a name"),
        (("--name", "a" * 32, "--address", "192.0.2.1:1"), "is not a name"),
        (("--name", "alice", "--address", "nonsense"), "'nonsense' is not HOST:PORT"),
        (("--name", "alice", "--address", "192.0.2.1:0"), "is not HOST:PORT"),
        (("--name", "alice", "--address", "192.0.2.1:1", "--power", "-1"), "is not a number of votes"),
    ],
)
def test_the_first_step_prints_nothing_that_the_second_refuses(
    tmp_path: Path, words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger_command.main(["init", "--joins", "--folder", str(tmp_path)]) == 0
    capsys.readouterr()
    assert main(["--folder", str(tmp_path), *words]) == 2
    said = capsys.readouterr()
    assert (said.out, why in said.err) == ("", True)


def test_what_is_missing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--folder", str(tmp_path / "new"), "--name", "alice"]
    assert main(words) == 2
    assert "make it with `airgrant ledger init" in capsys.readouterr().err
    assert ledger_command.main(["init", "--folder", str(tmp_path / "new")]) == 0
    assert main(words) == 2
    assert "give --address" in capsys.readouterr().err
    (tmp_path / "new/comet/data/priv_validator_state.json").unlink()
    assert main([*words, "--address", "192.0.2.1:1"]) == 2
    assert "nobody knows what the key has signed" in capsys.readouterr().err
    assert main(["--help"]) == 0
    assert main([]) == 2


def test_a_ledger_that_has_run_keeps_its_genesis(network: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (network.parent / "alice/ledger.db").touch()
    assert join(network, "alice") == 2
    assert "is a ledger that has run" in capsys.readouterr().err


def test_one_that_has_run_in_postgresql_keeps_it_too(
    network: Path,
    capsys: pytest.CaptureFixture[str],
    postgresql: Cluster,
    new_database: Callable[[Cluster], str],
) -> None:
    address, file = new_database(postgresql), network.parent / "alice/ledger.toml"
    file.write_text(file.read_text().replace('database = "ledger.db"', f'store = "{address}"'))
    assert join(network, "alice") == 0, "it is empty"
    open_application(address, GENESIS).store.close()
    assert join(network, "alice") == 2
    assert "is a ledger that has run" in capsys.readouterr().err
