"""`apd uci`: what is wrong leaves what was there, and is named as its owner wrote it; setup makes a right one."""

import argparse
import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from apd.config import load_config
from apd.uci import parse_uci, version_of
from apd.uci_cli import run
from tests.apd.test_setup_cli import ADDRESS, operator_file
from tests.conftest import ROOT
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress

__all__ = ["operator_file"]  # the fixture


def read_address(interface: str) -> MacAddress:
    if interface != "wlan0":
        raise ConfigError(f"shaper.interface: {interface}: no such device")
    return ADDRESS


@pytest.fixture
def keys(tmp_path) -> Path:
    return tmp_path / "etc" / "airgrant"


@pytest.fixture
def uci(tmp_path) -> Path:
    file = tmp_path / "config"
    file.write_text("config airgrant 'main'\n\toption version '1'\n\toption enabled '0'\n\toption jail '1'\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def ask(keys, uci, operator_file) -> Callable[..., str]:
    def asked(what: str, **changed: object) -> str:
        options = {
            "what": what,
            "uci": uci,
            "toml": keys.parent / "run" / "apd.toml",
            "interface": "wlan0",
            "capacity": "30M/15M",
            "operator_file": operator_file,
            "tpm": None,
            "accept_unattested": True,
            "force": False,
        }
        said = io.StringIO()
        run(argparse.Namespace(**{**options, **changed}), read_address, keys, said)
        return said.getvalue()

    return asked


def test_setup_makes_settings_that_translate(ask, uci, keys) -> None:
    said = ask("setup")
    assert "keep a copy, it is your money" in said
    assert "systemctl" not in said
    assert sorted(path.name for path in keys.iterdir()) == [
        "authority.pem",
        "box.key",
        "box.pem",
        "provider.pem",
    ]
    sections = {section.name: section for section in parse_uci(uci.read_text())}
    assert sections["main"].options == {"version": "1", "enabled": "0", "jail": "1"}, "nothing is started"
    assert sections["meter"].options["software_key_file"] == "software-key.pem", "not in memory"
    assert uci.stat().st_mode & 0o777 == 0o600

    ask("check")
    ask("translate")
    toml = keys.parent / "run" / "apd.toml"
    assert toml.stat().st_mode & 0o777 == 0o600
    uci.write_text(uci.read_text() + f"config files 'files'\n\toption store '{keys.parent}/usb/apd.sqlite'\n")
    assert ask("translate") == f"rw {keys.parent}/usb\n", "what the jail has to show beside its own"
    uci.write_text(uci.read_text().replace(f"{keys.parent}/usb/", ""))
    assert ask("translate") == ""
    config = load_config(toml, read_address)
    assert config.box.shaper.downlink_capacity_bps == 30_000_000
    assert config.files.store == keys / "apd.sqlite"
    assert config.meter.software_key_file == keys / "software-key.pem"
    with pytest.raises(ConfigError, match="has settings already"):
        ask("setup")
    before = (keys / "provider.pem").read_bytes()
    ask("setup", force=True, capacity="20M")
    assert (keys / "provider.pem").read_bytes() == before
    assert "20000000" in uci.read_text()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("config shaper 'shaper'\n\toption leaf 'codel'\n", "airgrant.shaper.leaf: must be auto"),
        (
            "config shaper 'shaper'\n\toption interface 'wlan9'\n",
            "airgrant.shaper.interface: wlan9: no such device",
        ),
        (
            "config shaper 'shaper'\n\toption intreface 'x'\n",
            "airgrant.shaper.intreface: unknown key; did you mean",
        ),
        ("config auction 'auction'\n\toption slots '99'\n", "airgrant.auction.slots: 99 is outside 1..60"),
        ("config tariff 'tariff'\n\toption address '10.0.0.1'\n", "airgrant.tariff: needs a section"),
        ("config box 'box'\n\toption report_interval_s soon\n", "airgrant.box.report_interval_s: "),
        ("config files 'files'\n\toption provider_key_file nowhere\n", "airgrant.files.provider_key_file: "),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(ask, uci, keys, wrong, said) -> None:
    ask("setup")
    ask("translate")
    toml = keys.parent / "run" / "apd.toml"
    before = toml.read_bytes()
    uci.write_text(uci.read_text() + wrong)
    for what in ("check", "translate"):
        with pytest.raises(ConfigError) as caught:
            ask(what)
        assert str(caught.value).startswith(said), what
    assert toml.read_bytes() == before
    assert [path.name for path in toml.parent.iterdir()] == ["apd.toml"], "nothing else is left"


def test_an_old_file_is_rewritten_once(ask, uci) -> None:
    uci.write_text("config shaper 'shaper'\n\toption interface wlan0\n")
    ask("migrate")
    moved = uci.read_text()
    assert version_of(parse_uci(moved)) == 1
    uci.write_text(f"# mine\n{moved}")
    ask("migrate")
    assert uci.read_text().startswith("# mine"), "a present one stays as it is"


def test_a_missing_file_and_a_full_disk_are_told(ask, tmp_path) -> None:
    with pytest.raises(ConfigError, match=r"airgrant: .*nowhere"):
        ask("check", uci=tmp_path / "nowhere")
    ask("setup")
    (tmp_path / "file").write_text("")
    with pytest.raises(ShellError):
        ask("translate", toml=tmp_path / "file" / "apd.toml")


def test_a_cell_without_its_package_is_told(tmp_path) -> None:
    """In a process that cannot import what only a cell needs, as where the base package alone is installed."""
    (tmp_path / "config").write_text("config cell\n\tlist slots 1-000001\n")
    script = "import sys; sys.modules['ran_slicing'] = None; from apd.__main__ import main; sys.exit(main())"
    said = subprocess.run(
        [sys.executable, "-c", script, "uci", "check", tmp_path / "config"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (said.returncode, said.stderr) == (2, "apd: airgrant.cell: needs the package airgrant-apd-cell\n")
