"""The .deb of the box in a clean Debian that runs: installed, set up, serving as its own user, upgraded, removed."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from images.stage import PACKAGES
from lab.box import INTERFACE, BoxSite, box_site
from lab.debian_root import DebianRoot, absent, debian_root, forbidden
from nas_tunnel.lobby import Joined
from tests.conftest import ROOT, missing
from tests.docs.markdown import block

DEBIAN = ROOT / "images" / "debian"
UNIT = "airgrant-apd"
NET_ADMIN = 1 << 12
NET_RAW = 1 << 13
"""CAP_NET_ADMIN and CAP_NET_RAW, linux/capability.h."""
DEADLINE_S = 40.0


def build(tree: Path, release: int, umask: int = 0o022) -> Path:
    subprocess.run(
        [tree / "images" / "build.sh", "airgrant-apd"],
        check=True,
        capture_output=True,
        env={**os.environ, "AIRGRANT_RELEASE": str(release)},
        umask=umask,
    )
    (found,) = (tree / "build" / "images").glob(f"airgrant-apd_*-{release}_all.deb")
    return found


@pytest.fixture(scope="module")
def tree(go_program, tmp_path_factory) -> Path:
    """A copy of what is packed, which nobody works on meanwhile."""
    go_program("nfpm")
    folder = tmp_path_factory.mktemp("tree")
    for name in ("images", *PACKAGES):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "lab").mkdir()
    shutil.copy2(ROOT / "lab" / "go.sh", folder / "lab")
    (folder / "build").mkdir()
    (folder / "build" / "go").symlink_to(ROOT / "build" / "go")
    return folder


@pytest.fixture(scope="module")
def packages(tree, tmp_path_factory) -> list[Path]:
    """Two releases of it, the older first."""
    folder = tmp_path_factory.mktemp("packages")
    return [Path(shutil.copy(build(tree, release), folder)) for release in (1, 2)]


def test_the_same_tree_gives_the_same_octets(tree, packages) -> None:
    assert build(tree, 1, umask=0o077).read_bytes() == packages[0].read_bytes(), "whoever builds it"


def test_it_holds_what_the_daemon_imports_and_nothing_for_tests(packages, needs) -> None:
    needs("dpkg-deb")
    shown = subprocess.run(
        ["dpkg-deb", "--contents", packages[0]], check=True, capture_output=True, text=True
    ).stdout
    names = {line.split()[-1].removeprefix("./") for line in shown.splitlines()}
    assert {"usr/bin/apd", "usr/lib/airgrant/apd/daemon.py", "usr/lib/airgrant/tc_shaper/kernel.py"} <= names
    assert not [name for name in names if re.search(r"/(fake|test|scapy)|__pycache__", name)]
    assert all(re.match(r"[-d]rw[-x]r-[-x]r-[-x] root/root ", line) for line in shown.splitlines())


def test_the_unit_asks_for_little(tmp_path, needs) -> None:
    needs("systemd-analyze")
    unit = tmp_path / f"{UNIT}.service"
    unit.write_bytes((DEBIAN / unit.name).read_bytes())
    assert exposure(unit) <= 2.0
    with_air = tmp_path / f"{unit.name}.d"
    with_air.mkdir()
    (with_air / "air.conf").write_bytes((DEBIAN / "air.conf").read_bytes())
    assert exposure(unit) <= 2.5, "with packet sockets, for a section [air]"


def exposure(unit: Path) -> float:
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", unit],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "SYSTEMD_COLORS": "0"},
    )
    found = re.search(r"Overall exposure level for \S+: (\d+\.\d)", said.stdout)
    assert found, said.stderr
    return float(found[1])


def test_the_operators_file_is_for_nobody_else(tmp_path) -> None:
    """It holds the box's key, also where a file of that name was there."""
    for name in ("authority.pem", "roof.pem", "roof.key"):
        (tmp_path / name).write_text(f"{name}\n")
    made = tmp_path / "roof.toml"
    for _ in range(2):
        values = dict.fromkeys(("HOST", "KEY", "LEDGER_ID"), "x")
        run_operators_script(tmp_path, values)
        assert made.stat().st_mode & 0o777 == 0o600
        assert "roof.key" in made.read_text()
        made.chmod(0o644)


def run_operators_script(folder: Path, values: dict[str, str]) -> None:
    """The commands of docs/guides/first-sale.md, as most people's shells run them."""
    script = block("docs/guides/first-sale.md", "operator-file")
    subprocess.run(
        ["bash", "-euc", script], check=True, cwd=folder, env={**os.environ, **values}, umask=0o022
    )


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm", "root.sh", "../build.sh"])
def test_scripts_are_linted(script, needs) -> None:
    needs("shellcheck")
    said = subprocess.run(["shellcheck", DEBIAN / script], check=False, capture_output=True, text=True)
    assert not said.returncode, said.stdout


# ---- In a Debian that runs


@pytest.fixture
def site(tmp_path) -> Iterator[BoxSite]:
    if reason := forbidden():
        pytest.skip(reason)
    if reason := absent():
        missing(reason)
    with box_site(tmp_path / "site") as running:
        yield running


@pytest.fixture
def debian(site, tmp_path) -> Iterator[DebianRoot]:
    folder = tmp_path / "debian"
    folder.mkdir()
    with debian_root(folder, site.household, site.namespace) as running:
        yield running


@pytest.mark.timeout(240)
@pytest.mark.system
def test_from_a_package_to_a_session_and_to_nothing_left(
    site, debian, packages, tmp_path, eventually
) -> None:
    install(debian, packages[0])
    assert not is_active(debian), "nothing runs before its owner says so"
    set_up(debian, site, tmp_path)
    debian.run("systemctl", "enable", "--now", UNIT)
    eventually(lambda: serves(debian), "it sells", DEADLINE_S)
    assert privileges(debian) == NET_ADMIN
    limits = debian.run("cat", f"/proc/{main_pid(debian)}/limits").stdout
    assert re.search(r"^Max core file size +0 +0 ", limits, re.MULTILINE), "no key in a core file"
    assert isinstance(site.join(site.grant(1)), Joined)
    take_aside(site, debian, packages[0], eventually)
    first = main_pid(debian)

    install(debian, packages[1])
    eventually(lambda: main_pid(debian) not in {0, first} and serves(debian), "the new one sells", DEADLINE_S)
    assert [one["phase"] for one in status(debian)["sessions"]] == ["active"], "adopted, not begun anew"
    assert "htb" in site.namespace.run(["tc", "qdisc", "show", "dev", INTERFACE])

    second = main_pid(debian)
    debian.run("sh", "-euc", block("docs/install.md", "install-air"))
    debian.run("systemctl", "restart", UNIT)
    eventually(
        lambda: main_pid(debian) not in {0, second} and serves(debian), "it may hear frames", DEADLINE_S
    )
    assert privileges(debian) == NET_ADMIN | NET_RAW

    call_off_a_removal(debian, eventually)
    debian.run("dpkg", "--remove", UNIT)
    assert not is_active(debian)
    assert f"{UNIT}.service" not in {path.name for path in (debian.folder / "etc/systemd").rglob("*")}, (
        "enabled"
    )
    assert "airgrant" not in site.namespace.run(["nft", "list", "tables"])
    assert "htb" not in site.namespace.run(["tc", "qdisc", "show"])
    assert "airgrant0" not in site.namespace.run(["ip", "link", "show"])
    assert not (debian.folder / "usr/lib/airgrant").exists(), "no byte-code is left behind"
    assert (debian.folder / "etc/airgrant/apd.toml").exists(), "settings stay until a purge"

    debian.run("dpkg", "--purge", UNIT)
    left = {path.name for path in (debian.folder / "etc/airgrant").iterdir()}
    assert left == {"provider.pem"}, "the key of an account is money"
    assert not (debian.folder / "var/lib/airgrant").exists()


def install(debian: DebianRoot, package: Path) -> None:
    debian.put(package, f"/root/{package.name}")
    debian.run("dpkg", "--install", f"/root/{package.name}")


def take_aside(site: BoxSite, debian: DebianRoot, package: Path, eventually) -> None:
    """As dpkg does for a package that this one is in conflict with: sessions stay, and afterwards it sells again,
    whether that was called off or done (Debian Policy 6.5 to 6.7).
    """
    for again in (
        ["abort-deconfigure", "in-favour", "other", "1"],
        ["configure", package.name.split("_")[1]],
    ):
        script(debian, "prerm", "deconfigure", "in-favour", "other", "1")
        assert not is_active(debian)
        assert "htb" in site.namespace.run(["tc", "qdisc", "show", "dev", INTERFACE])
        assert not has_byte_code(debian)
        script(debian, "postinst", *again)
        assert has_byte_code(debian), again[0]
        eventually(lambda: serves(debian), f"it sells after {again[0]}", DEADLINE_S)
        assert [one["phase"] for one in status(debian)["sessions"]] == ["active"], "adopted, not begun anew"


def call_off_a_removal(debian: DebianRoot, eventually) -> None:
    script(debian, "prerm", "remove", "in-favour", "other", "1")
    assert not is_active(debian)
    script(debian, "postinst", "abort-remove", "in-favour", "other", "1")
    eventually(lambda: serves(debian), "it sells after abort-remove", DEADLINE_S)
    script(debian, "prerm", "upgrade", "2")
    assert not has_byte_code(debian)
    script(debian, "postinst", "abort-upgrade", "2")
    assert has_byte_code(debian)


def script(debian: DebianRoot, name: str, *words: str) -> None:
    """A maintainer script, as dpkg calls it."""
    debian.run("env", f"DPKG_MAINTSCRIPT_PACKAGE={UNIT}", f"/var/lib/dpkg/info/{UNIT}.{name}", *words)


def has_byte_code(debian: DebianRoot) -> bool:
    return any((debian.folder / "usr/lib/airgrant").rglob("*.pyc"))


def set_up(debian: DebianRoot, site: BoxSite, tmp_path: Path) -> None:
    nobody = debian.run("apd", "setup", check=False)
    assert nobody.returncode == 2, "nobody is there to be asked"
    assert "nobody is there to ask" in nobody.stdout
    debian.put(operator_file(site, tmp_path), "/root/roof.toml")
    debian.put(site.folder / "provider.pem", "/etc/airgrant/provider.pem")
    debian.run("chmod", "600", "/etc/airgrant/provider.pem")
    said = debian.run(
        "apd", "setup", "--interface", INTERFACE, "--capacity", "500M", "--operator-file", "/root/roof.toml",
        "--accept-unattested",
    ).stdout  # fmt: skip
    assert str(site.provider.public) in said
    assert "delete it now" in said
    for name in ("apd.toml", "box.key", "provider.pem"):
        found = debian.run("stat", "--format=%U:%G %a", f"/etc/airgrant/{name}").stdout
        assert found == "root:airgrant 640\n", name


def operator_file(site: BoxSite, folder: Path) -> Path:
    """What an operator hands out, by the commands of docs/install.md, from what the site's box was told."""
    ledger = tomllib.loads(site.config.read_text())["ledger"]
    for name, option in {
        "authority.pem": "authority",
        "roof.pem": "certificate",
        "roof.key": "certificate_key",
    }.items():
        shutil.copyfile(site.folder / ledger[f"{option}_file"], folder / name)
    values = {name.upper(): ledger[name] for name in ("host", "key", "ledger_id")}
    run_operators_script(folder, values)
    made = folder / "roof.toml"
    made.write_text(made.read_text().replace("\nkey", f"\nport = {ledger['port']}\nkey", 1))
    return made


def status(debian: DebianRoot) -> dict:
    return json.loads(debian.run("apd", "status", "--json").stdout)


def serves(debian: DebianRoot) -> bool:
    said = debian.run("apd", "status", "--json", check=False)
    if said.returncode:
        assert "failed" not in debian.run("systemctl", "is-failed", UNIT, check=False).stdout, debian.journal(
            UNIT
        )
        return False
    page = json.loads(said.stdout)
    return bool(page["offer"] and page["enrolled"])


def is_active(debian: DebianRoot) -> bool:
    return debian.run("systemctl", "is-active", UNIT, check=False).stdout == "active\n"


def main_pid(debian: DebianRoot) -> int:
    return int(debian.run("systemctl", "show", "--property=MainPID", "--value", UNIT).stdout)


def privileges(debian: DebianRoot) -> int:
    """What the daemon may do beyond its user, which is nobody's; and that it can never get more."""
    page = debian.run("cat", f"/proc/{main_pid(debian)}/status").stdout
    values = dict(line.split(":\t", 1) for line in page.splitlines() if ":\t" in line)
    assert set(values["Uid"].split()) == {debian.run("id", "--user", "airgrant").stdout.strip()}
    assert (values["NoNewPrivs"], values["Seccomp"]) == ("1", "2")
    assert values["CapEff"] == values["CapBnd"]
    return int(values["CapEff"], 16)
