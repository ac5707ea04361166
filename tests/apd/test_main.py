"""The `apd` command: what it prints, and the exit status that a script sees."""

import asyncio
import json
import threading

import pytest

from apd.__main__ import main, read_interface_address
from apd.owner import answer
from apd.shells.control import ControlSocket
from apd.version import VERSION
from tests.apd.playbook import run_session, sells, start_box
from tests.apd.test_config import GOOD
from tests.apd.world import PROVIDER
from wire.errors import ConfigError

BOX = GOOD + '\n[box]\nbssid = "02:00:00:00:77:00"\n'


@pytest.fixture
def config(tmp_path):
    (tmp_path / "provider.pem").write_bytes(PROVIDER.to_pem())
    file = tmp_path / "apd.toml"
    file.write_text(BOX)
    return file


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert capsys.readouterr().out == f"apd {VERSION}\n"


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = capsys.readouterr().out
    assert "examples:" in shown
    assert "apd status --json" in shown


def test_no_command_is_a_usage_error(capsys):
    with pytest.raises(SystemExit) as end:
        main([])
    assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_check_says_what_was_understood(config, capsys):
    assert main(["check", str(config)]) == 0
    shown = capsys.readouterr().out
    assert "wlan0" in shown
    assert str(PROVIDER.public) in shown
    assert main(["check", str(config), "--json"]) == 0
    parsed = json.loads(capsys.readouterr().out)
    assert (parsed["downlink_capacity_bps"], parsed["broker"]) == (50_000_000, "broker.example:8883")


def test_check_says_what_is_wrong(config, capsys):
    config.write_text(BOX.replace("interface =", "interfase ="))
    assert main(["check", str(config)]) == 2
    assert "shaper.interfase: unknown key; did you mean interface?" in capsys.readouterr().err


def test_run_with_a_wrong_configuration_is_the_operators_fault(tmp_path, capsys):
    assert main(["run", str(tmp_path / "no.toml")]) == 2
    assert "No such file" in capsys.readouterr().err


def test_status_without_a_daemon_is_the_worlds_fault(tmp_path, capsys):
    assert main(["status", "--socket", str(tmp_path / "no.sock")]) == 3
    assert "is apd running?" in capsys.readouterr().err


@pytest.fixture
def running(tmp_path):
    """A control socket that tells of a box with a session."""
    box = sells(start_box())
    run_session(box)
    path, ready, done = tmp_path / "apd.sock", threading.Event(), threading.Event()

    async def serve():
        control = ControlSocket(path)
        await control.serve(lambda method, arguments: answer(box.state, box.now, method, arguments)[0])
        ready.set()
        await asyncio.to_thread(done.wait)
        control.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(10)
    yield path
    done.set()
    thread.join()


def test_a_grant_is_revoked(running, capsys):
    assert main(["revoke", "00" * 16, "--socket", str(running)]) == 0
    assert capsys.readouterr().out == f"grant {'00' * 16} is revoked; it had no session here\n"
    assert main(["revoke", "nonsense", "--socket", str(running)]) == 2
    assert capsys.readouterr().err == "apd: grant: has to be 32 hexadecimal digits\n"


def test_status_for_people(running, capsys):
    assert main(["status", "--socket", str(running)]) == 0
    shown = capsys.readouterr().out
    assert "02:00:00:00:77:01  active" in shown
    assert "at least 2 Mbit/s down, 1 Mbit/s up" in shown


def test_status_for_scripts(running, capsys):
    assert main(["status", "--socket", str(running), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sessions"][0]["station"] == "02:00:00:00:77:01"


def test_an_interface_that_is_not_there_or_not_ethernet():
    with pytest.raises(ConfigError, match=r"shaper\.interface: no0such: no such device"):
        read_interface_address("no0such")
