"""The package's scripts on a router of stand-ins: what procd is told, when a daemon is left alone, what is logged."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from apd.uci import parse_uci
from lab.certificates import Authority
from tests.apd.world import LEDGER, LEDGER_ID
from tests.conftest import ROOT
from tests.docs.markdown import block
from tests.images.openwrt import fake_uci
from tests.images.openwrt.router import FILES, ORACLE, STAND_INS, Router, router
from wire.keys import PrivateKey

pytestmark = pytest.mark.system
TOML = "/var/etc/airgrant/apd.toml"
SCRIPTS = (
    "etc/init.d/airgrant",
    "etc/uci-defaults/90-airgrant",
    "etc/hotplug.d/net/90-airgrant",
    "usr/libexec/airgrant/doctor",
    "lib/upgrade/airgrant.sh",
)


def add_device() -> None:
    words = ["ip", "link", "add", "phy0-ap0", "type", "veth", "peer", "name", "far0"]
    subprocess.run(words, check=True)


def replace_device() -> None:
    """As `wifi reload` does."""
    subprocess.run(["ip", "link", "delete", "phy0-ap0"], check=True)
    add_device()


@pytest.fixture
def uci(request) -> str:
    """Which uci answers: OpenWrt's own where it could be built, else the fake, or the one that a test asks for."""
    wanted: str = getattr(request, "param", "real" if ORACLE.exists() else "fake")
    if wanted == "real" and not ORACLE.exists():
        pytest.skip("OpenWrt's own uci: tests/oracles/uci/build.sh build makes it where cargo and gcc are")
    return wanted


@pytest.fixture
def here(uci, tmp_path, needs) -> Iterator[Router]:
    needs("busybox", "unshare", "nsenter", "nft")
    add_device()
    try:
        with router(tmp_path, fake=uci == "fake") as running:
            yield running
    finally:
        subprocess.run(["ip", "link", "delete", "phy0-ap0"], check=False, capture_output=True)


@pytest.fixture
def settled(here, tmp_path) -> Router:
    """Three questions were answered, by the command of docs/openwrt.md."""
    box = PrivateKey.generate()
    authority = Authority.create(tmp_path / "pki")
    identity = authority.issue_client(str(box.public), box.key, label="roof")
    here.write(
        "/etc/roof.toml",
        f'[ledger]\nhost = "ledger.example"\nkey = "{LEDGER.public}"\nledger_id = "{LEDGER_ID.hex()}"\n'
        f'authority = """\n{authority.file.read_text()}"""\ncertificate = """\n{identity.certificate.read_text()}"""\n'
        f'certificate_key = """\n{identity.key.read_text()}"""\n',
    )
    said = here.run(
        "apd", "uci", "setup", "--interface", "phy0-ap0", "--capacity", "50M/20M", "--operator-file", "/etc/roof.toml",
        "--accept-unattested",
    )  # fmt: skip
    assert not said.returncode, said.stdout
    return here


def enable(here: Router) -> None:
    """The first two commands of the page; the third is `service` below."""
    for command in block("docs/openwrt.md", "openwrt-sell").splitlines()[:2]:
        assert not here.run(*command.split()).returncode


def apply_defaults(here: Router) -> None:
    """As OpenWrt does after installing and at the first boot."""
    here.run("busybox", "ash", "-c", ". /lib/functions.sh; . /etc/uci-defaults/90-airgrant")


def test_nothing_runs_before_its_owner_says_so(settled) -> None:
    assert settled.service("start") == "nothing"
    assert "not enabled" in settled.log()
    assert settled.procd.triggers == {
        "reload_trigger airgrant",
        "reload_trigger firewall",
        "raw_trigger interface.* 2000 /etc/init.d/airgrant reload",
    }


@pytest.mark.parametrize("uci", ["real", "fake"], indirect=True)
def test_from_settings_to_a_process_and_what_restarts_it(settled) -> None:
    enable(settled)
    assert settled.service("start") == "started"
    told = settled.procd.running
    assert told is not None
    assert told.params["command"] == ["/usr/bin/apd", "run", TOML]
    assert told.params["respawn"] == ["3600", "5", "0"], "without end"
    assert told.params["limits"] == ["core=0"]
    assert "pidfile" not in told.params
    assert not settled.run("apd", "check", TOML).returncode
    assert settled.run("stat", "-c", "%a", TOML).stdout == "600\n"
    assert settled.service("reload") == "went on", "nothing has changed"

    settled.run("uci", "set", "airgrant.shaper.pool_size=64")
    settled.run("uci", "commit", "airgrant")
    assert settled.service("reload") == "restarted"
    settled.run("uci", "set", "airgrant.shaper.pool_size=none")
    settled.run("uci", "commit", "airgrant")
    before = len(settled.procd.done)
    check, _, reload = block("docs/openwrt.md", "openwrt-settings").splitlines()
    assert settled.run(*check.split()).returncode == 2
    assert reload == "/etc/init.d/airgrant reload"
    settled.service("reload")
    assert len(settled.procd.done) == before, "procd is told nothing: what runs goes on"
    assert "airgrant.shaper.pool_size: has to be a whole number, not 'none'" in settled.log()
    settled.run("uci", "set", "airgrant.shaper.pool_size=64")
    settled.run("uci", "commit", "airgrant")

    replace_device()
    assert settled.service("reload") == "restarted", "the device is a new one"
    subprocess.run(["ip", "link", "delete", "phy0-ap0"], check=True)
    settled.service("reload")
    assert settled.procd.running is None
    assert "waits for the interface 'phy0-ap0'" in settled.log()
    add_device()
    assert settled.service("reload") == "started"
    assert settled.service("stop") == "stopped"


def test_the_jail_shows_what_it_needs_and_no_more(settled) -> None:
    enable(settled)
    settled.service("start")
    told = settled.procd.running
    assert told is not None
    assert told.jail[0] == "airgrant"
    assert told.params["capabilities"] == ["/etc/capabilities/airgrant.json"]
    assert told.params["no_new_privs"] == ["1"]
    assert {"/etc/airgrant", "/var/run/airgrant"} <= set(told.mounts_rw)
    shown = {*told.mounts, *told.mounts_rw}
    assert "/var/etc/airgrant" in shown
    assert not shown & {"/", "/etc", "/root", "/tmp", "/etc/config", "/overlay"}
    assert "ubus" not in told.jail, "of ubusd's folder, not of the one socket that it has now"
    assert settled.run("stat", "-c", "%a", "/var/run/airgrant").stdout == "711\n", "hostapd answers there"
    settled.run("mkdir", "-p", "/mnt/usb", "/srv/keys", "/var/run/ubus")
    settled.run("cp", "/etc/airgrant/authority.pem", "/srv/keys/authority.pem")
    settled.run("uci", "set", "airgrant.ledger.authority_file=/srv/keys/authority.pem")
    settled.run("uci", "set", "airgrant.files.store=/mnt/usb/apd.sqlite")
    settled.run("uci", "commit", "airgrant")
    settled.service("reload")
    told = settled.procd.running
    assert told is not None
    assert {"/mnt/usb", "/var/run/ubus"} <= set(told.mounts_rw)
    assert "/srv/keys/authority.pem" in told.mounts
    assert "/srv/keys" not in [*told.mounts, *told.mounts_rw], "nothing else that lies there"
    settled.run("uci", "set", "airgrant.main.jail=0")
    settled.service("reload")
    assert settled.procd.running is not None
    assert not settled.procd.running.jail
    sets = json.loads((FILES / "etc/capabilities/airgrant.json").read_text())
    assert {name for names in sets.values() for name in names} == {
        "CAP_NET_ADMIN", "CAP_NET_RAW", "CAP_DAC_OVERRIDE",
    }  # fmt: skip


def test_a_reload_takes_what_is_new_and_never_loses_what_runs(settled) -> None:
    settled.write("/etc/resolv.conf", "")
    enable(settled)
    assert settled.service("start") == "started"
    # netifd writes a new file in place of the old one, which the jail still shows.
    settled.write("/etc/resolv.new", "nameserver 192.0.2.1\n")
    settled.run("mv", "/etc/resolv.new", "/etc/resolv.conf")
    assert settled.service("reload") == "restarted"

    # It is translated once: a second time might fail, for want of memory say.
    apd = settled.read("/usr/bin/apd")
    once = "#!/bin/sh\n[ ! -e /var/asked ] || { echo no memory; exit 1; }\n>/var/asked\n"
    settled.write("/usr/bin/apd", once + apd.partition("\n")[2])
    assert settled.service("reload") == "went on"
    assert settled.procd.running is not None
    settled.write("/usr/bin/apd", apd)

    # Past the meter nothing goes on, whatever the settings are.
    settled.run("uci", "set", "airgrant.shaper.pool_size=none")
    settled.run("uci", "commit", "airgrant")
    settled.write("/etc/config/firewall", "config defaults\n\toption flow_offloading '1'\n")
    assert settled.service("reload") == "stopped"
    assert "firewall.@defaults[0].flow_offloading is 1" in settled.log()


def test_the_log_of_the_page_shows_both_who_write() -> None:
    """procd gives lines of the daemon the name of its program; the init script has another."""
    command = block("docs/openwrt.md", "openwrt-sell").splitlines()[3]
    assert command.startswith("logread | ")
    said = "apd[7]: enrolled\nairgrant: not enabled\ndnsmasq[1]: started\n"
    words = ["sh", "-c", command.removeprefix("logread | ")]
    done = subprocess.run(words, input=said, check=True, capture_output=True, text=True)
    assert len(done.stdout.splitlines()) == 2
    init = (FILES / "etc/init.d/airgrant").read_text()
    assert "logger -t airgrant " in init
    assert "command /usr/bin/apd run" in init


def test_an_upgrade_takes_the_store_at_rest_and_a_backup_leaves_it_out(settled) -> None:
    """A chain that goes on from an older copy looks like fraud."""
    enable(settled)
    settled.service("start")
    for name in ("apd.sqlite", "apd.sqlite-wal", "software-key.pem"):
        settled.write(f"/etc/airgrant/{name}", "")
    # Stands in for a daemon that ends when it is told to, and leaves a store of one file.
    init = settled.read("/etc/init.d/airgrant")
    settled.write("/etc/init.d/airgrant", f"{init}\nstop_service() {{ rm /etc/airgrant/apd.sqlite-wal; }}\n")
    upgrade = (
        ". /lib/functions.sh; find /etc/airgrant -type f >/tmp/list; sysupgrade_init_conffiles=; "
        ". /lib/upgrade/airgrant.sh; for hook in $sysupgrade_init_conffiles; do $hook /tmp/list; done"
    )
    for backup in ("/tmp/backup.tar.gz", ""):
        settled.write("/var/procd.log", "")
        done = settled.run("busybox", "ash", "-c", upgrade, CONF_BACKUP=backup, CONF_BACKUP_LIST="0")
        assert not done.returncode, done.stdout
        kept = {line.rpartition("/")[2] for line in settled.read("/tmp/list").splitlines()}
        assert "provider.pem" in kept, "it is money"
        assert "apd.sqlite-wal" not in kept
        assert kept.isdisjoint({"apd.sqlite", "software-key.pem"}) == bool(backup)
        settled.procd.hear(settled.read("/var/procd.log"), settled)
        assert (settled.procd.running is None) == (not backup), "only an upgrade stops it"


@pytest.mark.parametrize("option", ["flow_offloading", "flow_offloading_hw"])
def test_whoever_is_offloaded_is_not_sold_to(settled, option) -> None:
    enable(settled)
    settled.write("/etc/config/firewall", f"config defaults\n\toption {option} '1'\n")
    assert settled.service("start") == "nothing"
    assert f"firewall.@defaults[0].{option} is 1" in settled.log()
    settled.write("/etc/config/firewall", f"config defaults\n\toption {option} '0'\n")
    assert settled.service("reload") == "started"


def test_a_device_that_comes_is_told_to_procd(settled) -> None:
    hook = "/etc/hotplug.d/net/90-airgrant"
    for device, action, told in (
        ("phy0-ap0", "add", True), ("phy0-ap0", "move", True), ("phy0-ap0", "remove", False),
        ("lan1", "add", False), ("", "add", False),
    ):  # fmt: skip
        settled.write("/var/ubus.log", "")
        settled.run("busybox", "ash", hook, ACTION=action, DEVICENAME=device)
        said = settled.read("/var/ubus.log")
        assert bool(said) == told, (device, action)
        if told:
            assert json.loads(said.removeprefix("call service event "))["data"] == {"package": "airgrant"}


def test_the_doctor_says_what_must_change_and_changes_nothing(here) -> None:
    here.write("/etc/config/firewall", "config defaults\n\toption flow_offloading '1'\n")
    here.write("/var/hostapd", "sae\n")
    before = here.run("sh", "-c", "cat /etc/config/*; nft list tables").stdout
    done = here.run(*block("docs/openwrt.md", "openwrt-doctor").split())
    assert done.returncode == 1
    assert "change: packets pass by the meter: uci set firewall.@defaults[0].flow_offloading=0" in done.stdout
    assert "change: this hostapd is a basic one" in done.stdout
    assert "fine: firewall.@defaults[0].flow_offloading_hw is off" in done.stdout
    assert re.search(r"^fine: memory: \d+ MB$", done.stdout, re.MULTILINE)
    assert "fine: the kernel can meter what is sent (egress hook)" in done.stdout
    assert here.run("sh", "-c", "cat /etc/config/*; nft list tables").stdout == before
    zone = "config defaults\n\nconfig zone\n\toption name 'guest'\n\toption input 'REJECT'\n"
    rule = "\nconfig rule\n\toption src 'guest'\n\toption dest_port '18573'\n\toption target 'ACCEPT'\n"
    here.write("/var/hostapd", "eap\n")
    for firewall, wrong in ((zone, 1), (zone + rule, 0)):
        here.write("/etc/config/firewall", firewall)
        done = here.run("busybox", "ash", "/usr/libexec/airgrant/doctor")
        assert ("change: the firewall lets nobody buy (UDP 18573" in done.stdout) == bool(wrong)
        assert done.returncode == wrong
    here.write("/etc/config/firewall", "config defaults\n")
    assert not here.run("busybox", "ash", "/usr/libexec/airgrant/doctor").returncode
    apply_defaults(here)
    assert "airgrant daemon.notice fine: hostapd can let stations in by EAP" in here.log()
    assert "enabled '0'" in here.read("/etc/config/airgrant"), "nothing is switched on"


def test_an_older_file_is_migrated_when_the_package_comes(here) -> None:
    here.write("/etc/config/airgrant", "config shaper\n\toption interface phy0-ap0\n")
    apply_defaults(here)
    sections = parse_uci(here.read("/etc/config/airgrant"))
    assert [section.name for section in sections] == ["main", "shaper"]
    assert here.run("uci", "get", "airgrant.main.version").stdout == "1\n"


def test_what_it_does_is_linted() -> None:
    stand_ins = [path for path in STAND_INS.rglob("*") if path.is_file()]
    ours = [FILES / name for name in SCRIPTS] + [
        FILES.parent / name for name in ("postinst-pkg", "prerm-pkg")
    ]
    for script in (*ours, *stand_ins):
        done = subprocess.run(["busybox", "ash", "-n", script], check=False, capture_output=True, text=True)
        assert not done.returncode, done.stderr
    codes = "SC3043,SC2034,SC1090,SC1091,SC2154,SC2317"  # `local`, which ash has; files of the router
    done = subprocess.run(
        ["shellcheck", "-s", "dash", "-e", codes, *ours, *stand_ins],
        check=False,
        capture_output=True,
        text=True,
    )
    assert not done.returncode, done.stdout
    bash = [
        ROOT / "images/openwrt/build.sh",
        ROOT / "images/openwrt/python.sh",
        ROOT / "tests/oracles/uci/build.sh",
    ]
    done = subprocess.run(["shellcheck", *bash], check=False, capture_output=True, text=True)
    assert not done.returncode, done.stdout


# ---- The fake and the parser against the real uci

CORPUS = (
    "config a 'b'\n\toption c 'd'\n\tlist e '1'\n\tlist e '2'\n",
    'config shaper \'shaper\'\n option x "a\\"b" ; option y c\\ d\n',
    "config shaper 'shaper'\n option x 'it'\\''s'\n option y foo#bar\n option z 'a\nb'\n",
    "package airgrant\n\nconfig shaper 'shaper'\n\toption x a'b'c\"d\"\n# no\n\toption y ''\n\toption y2 ''\n",
    "config s 's'\n option a 1\n list a 2\n list b 1\n option b 2\nconfig s 's'\n option c 3\n",
    "config s 's'\n option a 1 2\n",
    "config s 's'\n option a \\\n  next\n option b 'x' # end\n",
    "option a b\n",
    "config s 'a-b'\n option a b\n",
    "config s 's'\n option a 'open\n",
    "nonsense here\n",
)


@pytest.mark.parametrize("text", CORPUS)
def test_the_parser_reads_as_uci_does(tmp_path, text) -> None:
    if not ORACLE.exists():
        pytest.skip("OpenWrt's own uci: tests/oracles/uci/build.sh build makes it where cargo and gcc are")
    (tmp_path / "airgrant").write_text(text)
    real = subprocess.run(
        [ORACLE, "-c", tmp_path, "export", "airgrant"], check=False, capture_output=True, text=True
    )
    ours = subprocess.run(
        [sys.executable, fake_uci.__file__, "-c", tmp_path, "export", "airgrant"],
        check=False, capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert bool(real.returncode) == bool(ours.returncode), real.stderr + ours.stderr
    if not real.returncode:
        assert ours.stdout == real.stdout
