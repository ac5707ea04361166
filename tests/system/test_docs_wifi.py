"""The files that docs/wifi-lab.md and docs/operatord.md show are taken as they stand, by the programs themselves."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

from apd.config import load_config
from lab.processes import Household
from operatord.hostapd import render_hostapd
from operatord.settings import parse_settings
from tests.apd.world import BSSID, LEDGER, LEDGER_ID, PROVIDER
from tests.operatord.test_settings import TEXT, parse

pytestmark = pytest.mark.system
PAGE = "".join(
    (Path(__file__).parents[2] / "docs" / name).read_text() for name in ("wifi-lab.md", "operatord.md")
)
SECRET = "6f1d1f6ad1c5c7d16f1d1f6ad1c5c7d1"


def shown(name: str) -> str:
    """The file of that name, as the page shows it: an indented block with its name in the first line."""
    found = re.search(rf"\n    # {re.escape(name)}\n((?:(?:    .*)?\n)+)", PAGE)
    assert found is not None, name
    return textwrap.dedent(found[1]).strip() + "\n"


def test_hostapd_makes_of_the_documented_file_what_is_documented(tmp_path, needs) -> None:
    """Without a radio: the same file with `driver=none`, and with its sockets in a folder of ours.

    That driver makes no second BSS, so that the lobby is looked at by itself; that it is read as part of the whole, and
    takes nothing from the first BSS, the first one shows.
    """
    needs("hostapd", "hostapd_cli")
    text = shown("/etc/hostapd/hostapd.conf")
    for said, instead in (
        ("interface=wlan0\n", "interface=lo\n"), ("driver=nl80211\n", "driver=none\n"),
        ("=/var/run/hostapd\n", f"={tmp_path}/ctl\n"), ("192.0.2.7", "127.0.0.1"), ("192.0.2.1", "127.0.0.1"),
    ):  # fmt: skip
        assert said in text
        text = text.replace(said, instead)
    radio, paid, lobby = re.split("(?=\n# The BSS of those|\nbss=)", text)
    whole = settings_of(tmp_path, text, "COUNTRY_UPDATE")
    assert (whole["ssid"], whole["key_mgmt"], whole["wpa"]) == ("airgrant", "WPA-EAP", "2")
    alone = radio.replace("country_code=AT\n", "")
    assert settings_of(tmp_path, alone + paid, "lo: AP-ENABLED") == whole
    open_lobby = settings_of(tmp_path, alone + lobby.replace("\nbss=lobby0\n", "\n"), "lo: AP-ENABLED")
    assert open_lobby["ssid"] == "airgrant-lobby"
    assert "key_mgmt" not in open_lobby


def settings_of(folder: Path, text: str, ready: str) -> dict[str, str]:
    """What the real hostapd says of its first BSS, when it has complained of no line."""
    (folder / "hostapd.conf").write_text(text)
    with Household(folder) as household:
        hostapd = household.start("hostapd", ["hostapd", "-d", folder / "hostapd.conf"])
        hostapd.wait_for_line(ready)
        assert not re.search(r"Line \d+:", hostapd.said), hostapd.said
        run = subprocess.run(
            ["hostapd_cli", "-p", folder / "ctl", "-i", "lo", "get_config"],
            capture_output=True, text=True, timeout=10, check=True,
        )  # fmt: skip
    return dict(line.partition("=")[::2] for line in run.stdout.splitlines())


def test_systemd_takes_the_documented_units(tmp_path, needs) -> None:
    needs("systemd-analyze", "freeradius")
    for name in ("operatord.service", "airgrant-radius.service"):
        text = shown(f"/etc/systemd/system/{name}")
        (tmp_path / name).write_text(
            text.replace("/opt/airgrant/bin/operatord", f"{sys.prefix}/bin/operatord")
        )
    run = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip
    assert (run.returncode, [line for line in run.stderr.splitlines() if str(tmp_path) in line]) == (0, [])


def test_operatord_takes_the_documented_file() -> None:
    text = shown("operatord.toml; paths are relative to it")
    text = text.replace('"02..."', f'"{PROVIDER.public}"').replace('"..."', f'"{LEDGER_ID.hex()}"')
    settings = parse_settings(tomllib.loads(text), Path("/srv/operator/operatord.toml"))
    assert settings.addresses["roof"].address == "192.0.2.7"


def test_the_documented_radius_lines_are_those_of_the_command() -> None:
    text = shown("/etc/hostapd/hostapd.conf")
    lines = text.partition("# ---- RADIUS: from `operatord hostapd`\n")[2].partition("# ---- RADIUS: end\n")[
        0
    ]
    assert lines == render_hostapd(parse(TEXT), "roof", SECRET, "192.0.2.1")
    assert text.index("# ---- RADIUS: end") < text.index("\nbss=lobby0\n")


def test_apd_takes_the_documented_file(tmp_path) -> None:
    text = shown("/etc/airgrant/apd.toml")
    key, operator = (f'{name} = "02..."' for name in ("key", "operator"))
    assert all(text.count(f"\n{line}\n") == 1 for line in (key, operator, 'ledger_id = "..."'))
    text = text.replace(key, f'key = "{LEDGER.public}"').replace(operator, f'operator = "{PROVIDER.public}"')
    (tmp_path / "apd.toml").write_text(text.replace('ledger_id = "..."', f'ledger_id = "{LEDGER_ID.hex()}"'))
    (tmp_path / "roof.key").write_bytes(PROVIDER.to_pem())
    config = load_config(tmp_path / "apd.toml", lambda _interface: BSSID)
    assert config.box.air is not None
    assert config.box.air.lobby_interface == "lobby0"
