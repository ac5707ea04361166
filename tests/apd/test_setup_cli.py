"""`apd setup`: what is asked, what is written and who may read it, and that a refusal leaves nothing behind."""

import argparse
import io
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from apd.config import load_config
from apd.setup_cli import Machine, find_uplinks, interfaces, set_up
from lab.certificates import Authority
from tests.apd.test_setup import IPV4
from tests.apd.world import LEDGER, LEDGER_ID, PROVIDER
from tests.conftest import ROOT
from wire.errors import ConfigError
from wire.ids import MacAddress
from wire.keys import PrivateKey

ADDRESS = MacAddress.parse("02:00:00:00:77:00")
NO_TPM = Path("/nowhere/tpmrm0")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def operator_file(tmp_path) -> Path:
    box = PrivateKey.generate()
    authority = Authority.create(tmp_path / "pki")
    identity = authority.issue_client(str(box.public), box.key, label="roof")
    file = tmp_path / "roof.toml"
    file.write_text(
        f'[ledger]\nhost = "ledger.example"\nkey = "{LEDGER.public}"\nledger_id = "{LEDGER_ID.hex()}"\n'
        f'authority = """\n{authority.file.read_text()}"""\ncertificate = """\n{identity.certificate.read_text()}"""\n'
        f'certificate_key = """\n{identity.key.read_text()}"""\n'
    )
    return file


@pytest.fixture
def etc(tmp_path) -> Path:
    return tmp_path / "etc" / "airgrant"


@pytest.fixture
def options(operator_file, etc) -> argparse.Namespace:
    """As a script gives them."""
    return argparse.Namespace(
        config=etc / "apd.toml",
        interface="wlan0",
        capacity="30M/15M",
        operator_file=operator_file,
        invitation=None,
        tpm=None,
        accept_unattested=True,
        force=False,
    )


DEVICES = {"eth0": 1, "eth1": 1, "lo": 772, "wlan0": 1, "br0": 1, "airgrant0": 1, "ppp0": 512}


@pytest.fixture
def kernel(tmp_path) -> tuple[Path, Path]:
    """sysfs and procfs of a box with an uplink, a radio, and a bridge over two others."""
    sysfs, proc_net = tmp_path / "sys", tmp_path / "proc"
    for name, kind in DEVICES.items():
        (sysfs / name).mkdir(parents=True)
        (sysfs / name / "type").write_text(f"{kind}\n")
    for folder in ("wlan0/phy80211", "br0/bridge", "br0/lower_wlan0", "br0/lower_eth1"):
        (sysfs / folder).mkdir()
    (sysfs / "bonding_masters").touch()
    proc_net.mkdir()
    (proc_net / "route").write_text(IPV4)
    return sysfs, proc_net


def run(
    options: argparse.Namespace,
    typed: io.StringIO | None = None,
    tpm: Path = NO_TPM,
    kernel: tuple[Path, Path] = (Path("/nowhere"), Path("/nowhere")),
) -> str:
    said = io.StringIO()
    machine = Machine(typed or io.StringIO(), said, tpm, *kernel)
    set_up(options, lambda _interface: ADDRESS, machine)
    return said.getvalue()


def test_options_alone(options, etc) -> None:
    said = run(options)
    config = load_config(etc / "apd.toml", lambda _interface: ADDRESS)
    assert config.box.shaper.interface == "wlan0"
    assert str(config.box.provider) in said
    assert "nothing radiates" in said
    modes = {path.name: path.stat().st_mode & 0o777 for path in etc.iterdir()}
    assert modes == {
        "apd.toml": 0o640,
        "authority.pem": 0o644,
        "box.pem": 0o644,
        "box.key": 0o640,
        "provider.pem": 0o640,
    }
    assert etc.stat().st_mode & 0o007 == 0


def test_three_questions_and_one_more_without_a_tpm(
    options, operator_file, etc, monkeypatch, tmp_path
) -> None:
    for name in ("interface", "capacity", "operator_file"):
        setattr(options, name, None)
    options.accept_unattested = False
    said = run(options, Terminal(f"eth1\n20M\n{operator_file}\nyes\n"))
    assert said.count("?") == 4
    config = load_config(etc / "apd.toml", lambda _interface: ADDRESS)
    assert config.box.shaper.uplink_capacity_bps == 20_000_000
    assert config.meter.accept_unattested


@pytest.mark.parametrize(
    "typed", ["", "eth1\n", "eth1\n20M\n", "eth1\n20M\nFILE\nno\n", "eth1\nfast\n", "eth1\n20M\n/none\n"]
)
def test_no_answer_writes_nothing(typed, options, operator_file, etc, tmp_path) -> None:
    options.interface = options.capacity = options.operator_file = None
    options.accept_unattested = False
    with pytest.raises(ConfigError):
        run(options, Terminal(typed.replace("FILE", str(operator_file))))
    assert not etc.exists()


def test_an_interrupt_at_a_question_is_no_traceback(etc) -> None:
    owner, terminal = pty.openpty()
    try:
        child = subprocess.Popen(
            [sys.executable, "-m", "apd", "setup", "--config", etc / "apd.toml"],
            cwd=ROOT,
            stdin=terminal,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        with child:
            assert child.stdout is not None
            assert child.stdout.read(2) == b"1.", "it asks"
            child.send_signal(signal.SIGINT)
            _, complaint = child.communicate(timeout=30)
    finally:
        os.close(owner)
        os.close(terminal)
    assert (child.returncode, complaint.strip()) == (130, b"apd: interrupted: nothing was written")
    assert not etc.exists()


def test_nobody_is_there(options, etc) -> None:
    options.capacity = None
    with pytest.raises(ConfigError, match="nobody is there to ask"):
        run(options)
    assert not etc.exists()


def test_a_tpm_is_taken_where_it_is(options, etc, tmp_path) -> None:
    device = tmp_path / "tpmrm0"
    device.touch()
    options.accept_unattested = False
    run(options, tpm=device)
    assert load_config(etc / "apd.toml", lambda _interface: ADDRESS).meter.tpm == f"device:{device}"


def test_settings_are_replaced_only_by_force_and_the_key_is_kept(options, etc) -> None:
    etc.mkdir(parents=True)
    (etc / "provider.pem").write_bytes(PROVIDER.to_pem())
    assert str(PROVIDER.public) in run(options)
    with pytest.raises(ConfigError, match="is there already"):
        run(options)
    options.force, options.interface = True, "eth5"
    assert str(PROVIDER.public) in run(options)
    assert load_config(etc / "apd.toml", lambda _interface: ADDRESS).box.shaper.interface == "eth5"


def test_what_the_daemon_would_refuse_is_not_written(options, etc) -> None:
    run(options)
    before = (etc / "apd.toml").read_text()
    options.force, options.interface = True, "no such device"
    with pytest.raises(ConfigError, match=r"airgrant/apd\.toml: shaper\.interface"):
        run(options)
    assert (etc / "apd.toml").read_text() == before
    assert not list(etc.glob(".setup-*"))


def test_interfaces_are_those_that_could_face_customers(kernel) -> None:
    sysfs, proc_net = kernel
    assert interfaces(sysfs, find_uplinks(sysfs, proc_net)) == ["wlan0", "eth1"], (
        "no bridge, and not the uplink"
    )


def test_what_an_uplink_runs_over_is_one_too_but_not_the_ports_of_a_bridge(kernel) -> None:
    sysfs, proc_net = kernel
    (sysfs / "eth0.7" / "lower_eth0").mkdir(parents=True)
    (proc_net / "route").write_text(IPV4.replace("eth0", "eth0.7"))
    assert find_uplinks(sysfs, proc_net) == {"eth0.7", "eth0"}
    (proc_net / "route").write_text(IPV4.replace("eth0", "br0"))
    assert find_uplinks(sysfs, proc_net) == {"br0"}


@pytest.mark.parametrize(
    ("name", "flags", "told"),
    [("eth1", "0x1002", True), ("eth1", "0x1003", False), ("wlan0", "0x1002", False)],  # a radio is hostapd's
)
def test_a_link_that_is_down_is_said_and_is_no_reason_to_refuse(name, flags, told, options, kernel) -> None:
    (kernel[0] / name / "flags").write_text(f"{flags}\n")
    options.interface = name
    assert (f"ip link set {name} up" in run(options, kernel=kernel)) is told


@pytest.mark.parametrize(("name", "why"), [("eth0", "default route"), ("br0", "is a bridge")])
def test_the_way_that_its_owner_comes_by_is_taken_only_by_force(name, why, options, etc, kernel) -> None:
    options.interface = name
    with pytest.raises(ConfigError, match=rf"--interface: {name} .*{why}.*nothing was written \(--force"):
        run(options, kernel=kernel)
    options.interface, capacity, options.capacity = None, options.capacity, None
    with pytest.raises(ConfigError, match=why):
        run(options, Terminal(f"{name}\n"), kernel=kernel)  # before anything else is asked
    assert not etc.exists()
    options.interface, options.capacity, options.force = name, capacity, True
    run(options, kernel=kernel)
    assert load_config(etc / "apd.toml", lambda _interface: ADDRESS).box.shaper.interface == name


def test_the_question_offers_neither_and_says_why(options, kernel) -> None:
    options.interface = None
    said = run(options, Terminal("wlan0\n"), kernel=kernel)
    assert "(wlan0, eth1)" in said
    assert "never the one that you are logged in by" in said


@pytest.mark.parametrize(("mode", "others"), [(0o644, True), (0o600, False)])
def test_the_operators_file_is_a_secret_to_delete(mode, others, options, operator_file) -> None:
    operator_file.chmod(mode)
    said = run(options)
    assert f"{operator_file}: holds the box's private key" in said
    assert said.count("delete it now") == 1
    assert ("others on this machine may read it" in said) is others
