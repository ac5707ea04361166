"""What each package of OpenWrt holds: the base what a router imports, no more; byte-code, modes, lists and scripts."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

import pytest

from images.openwrt.recipes import PYTHONS, RECIPES, SETTINGS
from images.openwrt.stage import (
    MODULES,
    base_files,
    cell_files,
    lay_out,
    main,
    of_a_cell,
    split_packages,
    version_of,
)
from images.stage import ROOT, modules_of, plan_files
from tests.docs.markdown import block

FEED = ROOT / "images" / "openwrt" / "airgrant-apd"
PYTHON = sys.executable
HERE = version_of(PYTHON)


@pytest.fixture(scope="module")
def parts() -> tuple[list[PurePosixPath], list[PurePosixPath]]:
    """The base, and the part of a cell."""
    return base_files(), cell_files()


def test_the_two_parts_are_what_the_daemon_imports_and_share_nothing(parts) -> None:
    base, cell = parts
    assert sorted([*base, *cell]) == plan_files(ROOT, "apd.__main__")
    assert not set(base) & set(cell)
    assert PurePosixPath("apd/daemon.py") in base
    assert PurePosixPath("apd/uci_cli.py") in base
    assert {PurePosixPath("apd/cell.py"), PurePosixPath("ran_slicing/cell.py")} <= set(cell)
    assert not [
        file for file in base if file.parts[0] == "ran_slicing" or re.search(r"/(fake|test)", str(file))
    ]


_IMPORT_ALL = """
import importlib.abc, sys
refused = set(%r)
class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name in refused or name.partition('.')[0] in refused:
            raise ModuleNotFoundError(f'{name}: not in what is depended on', name=name)
sys.meta_path.insert(0, Refuse())
import importlib
for name in %r:
    importlib.import_module(name)
import socket, ssl
socket.getaddrinfo("localhost", 1)
ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="broker.example").pending()
"""
"""And what is loaded at the first use only: the codec of names."""


def test_every_module_of_the_base_imports_with_what_it_depends_on_and_nothing_else(parts) -> None:
    """Those of a cell, and every split package of Python that is not depended on, are as if they were not there:
    neither our modules nor those of paho and cryptography may want them.
    """
    from images.openwrt.stage import SPLIT

    declared = {name.removeprefix("python3-") for name in RECIPES["airgrant-apd"].depends}
    brought = {"email", "uuid"}  # by python3-urllib and python3-paho-mqtt
    refused = {module for module, split in SPLIT.items() if split not in declared | brought}
    assert {"multiprocessing", "ctypes", "unittest", "xml"} <= refused
    known = modules_of(ROOT)
    names = {str(path): name for name, path in known.items()}
    modules = [names[str(file)] for file in parts[0] if file.suffix == ".py"]
    refused |= {name for name in known if of_a_cell(name)}
    # OpenWrt's cryptography uses cffi's C part alone; tpm2_pytss is for the lab, and asked for by name only.
    script = _IMPORT_ALL % (sorted(refused), [name for name in modules if name != "apd.__main__"])
    done = subprocess.run([PYTHON, "-c", script], check=False, cwd=ROOT, capture_output=True, text=True)
    assert not done.returncode, done.stderr[-2_000:]
    for hidden, wanted in (("asyncio", ["apd.daemon"]), ("unicodedata", [])):
        planted = _IMPORT_ALL % ([hidden], wanted)
        assert subprocess.run([PYTHON, "-c", planted], check=False, cwd=ROOT, capture_output=True).returncode


def test_split_packages_are_those_that_are_imported_and_depended_on(parts) -> None:
    ours = split_packages(parts[0])
    assert ours == {"python3-asyncio", "python3-openssl", "python3-sqlite3"}
    assert ours <= set(RECIPES["airgrant-apd"].depends)
    assert split_packages(parts[1]) <= ours, "the part of a cell needs no more"


def test_another_python_is_refused(tmp_path, capsys) -> None:
    wrong = "apk" if HERE == "3.11" else "ipk"
    assert main(["airgrant-apd", wrong, "0", "1", str(tmp_path / "root"), PYTHON]) == 3
    assert f"is not Python {'3.13' if wrong == 'apk' else '3.11'}" in capsys.readouterr().err
    assert main(["airgrant-nothing", "ipk", "0", "1", str(tmp_path / "root")]) == 2


# ---- Packages, opened


@pytest.fixture(scope="module")
def packed(go_program) -> dict[str, Path]:
    """By the command of docs/openwrt.md."""
    go_program("nfpm")
    done = subprocess.run(
        ["bash", "-euc", block("docs/openwrt.md", "openwrt-build")],
        check=True, cwd=ROOT, capture_output=True, text=True, umask=0o077,
    )  # fmt: skip
    made = [ROOT / name for name in re.findall(r"^images: (build/images/\S+) \(", done.stderr, re.MULTILINE)]
    return {f"{path.name.split('_')[0]}{path.suffix}": path for path in made}


def open_ipk(path: Path) -> tuple[dict[str, bytes], dict[str, tarfile.TarInfo], dict[str, bytes]]:
    """Control files, and what is installed: members by name, and contents."""
    outer = read_tar(path.read_bytes(), "r:gz")[1]
    control = read_tar(outer["control.tar.gz"], "r:gz")[1]
    return (control, *read_tar(outer["data.tar.gz"], "r:gz"))


def read_tar(content: bytes, mode: str) -> tuple[dict[str, tarfile.TarInfo], dict[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(content), mode=mode, ignore_zeros=True) as tar:  # type: ignore[call-overload]
        members = {member.name.removeprefix("./"): member for member in tar if not member.isdir()}
        return members, {
            name: file.read() for name, member in members.items() if (file := tar.extractfile(member))
        }


def open_apk(path: Path) -> tuple[dict[str, bytes], dict[str, tarfile.TarInfo], dict[str, bytes]]:
    """The same of an apk of version 2: gzip streams of control and of data, one after the other."""
    streams, rest = [], path.read_bytes()
    while rest:
        gzip = zlib.decompressobj(31)
        streams.append(gzip.decompress(rest) + gzip.flush())
        rest = gzip.unused_data
    assert len(streams) == 2, "no signature: whoever installs it says --allow-untrusted"
    return (read_tar(streams[0], "r:")[1], *read_tar(streams[1], "r:"))


def test_both_kinds_hold_the_same_files_with_modes_and_owners(packed) -> None:
    for package in ("airgrant-apd", "airgrant-apd-cell"):
        _, ipk, ipk_data = open_ipk(packed[f"{package}.ipk"])
        _, apk, apk_data = open_apk(packed[f"{package}.apk"])
        lists = {name for name in apk if name.startswith("lib/apk/packages/")}
        assert set(apk) - lists == set(ipk)
        same = [name for name in ipk if not name.endswith(".zip")]
        assert all(apk_data[name] == ipk_data[name] for name in same)
        for members in (ipk, apk):
            assert {(member.uid, member.gid) for member in members.values()} == {(0, 0)}
            assert {member.mode & 0o777 for member in members.values()} <= {0o600, 0o644, 0o755}
            assert members.keys() >= ({"usr/bin/apd"} if package == "airgrant-apd" else set())
    modes = {name: member.mode & 0o777 for name, member in open_ipk(packed["airgrant-apd.ipk"])[1].items()}
    assert modes["etc/config/airgrant"] == 0o600, "it may hold what is nobody's business"
    for name in (
        "usr/bin/apd",
        "etc/init.d/airgrant",
        "etc/uci-defaults/90-airgrant",
        "usr/libexec/airgrant/doctor",
    ):
        assert modes[name] == 0o755, name
    assert modes["usr/lib/airgrant/airgrant-apd.zip"] == modes["etc/hotplug.d/net/90-airgrant"] == 0o644


IMPORT_AND_READ = """
import importlib, pkgutil
for name in %r:
    print(importlib.import_module(name).__loader__.archive)
assert b"<html" in pkgutil.get_data("apd", "status_page.html")
"""


@pytest.mark.parametrize(("form", "release"), [("ipk", "24.10"), ("apk", "25.12")])
def test_the_packages_run_as_they_are(packed, parts, tmp_path, form, release) -> None:
    """By their own command, with the Python and the libraries of the release: every module, at first without the part
    of a cell. A traceback names module and line.
    """
    script = ROOT / "images" / "openwrt" / "python.sh"
    found = subprocess.run([script, "path", PYTHONS[form][0]], check=False, capture_output=True, text=True)
    libraries = ROOT / "build" / "openwrt-libraries" / release
    if found.returncode or not (libraries / "release").is_file():
        pytest.skip(f"Python and libraries of {release}: images/openwrt/libraries.sh build fetches them")
    opened = open_ipk if form == "ipk" else open_apk
    known = {str(path): name for name, path in modules_of(ROOT).items()}
    library = tmp_path / "usr" / "lib" / "airgrant"

    def install(package: str) -> None:
        for name, content in opened(packed[f"{package}.{form}"])[2].items():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(content)

    def run(*words: str, then: str = "") -> subprocess.CompletedProcess[str]:
        """The command, with the folder that is its library here, and with other last words."""
        text = (tmp_path / "usr/bin/apd").read_text().replace("/usr/lib/airgrant", str(library))
        head, ours, rest = text.partition("from apd.__main__")
        paths = f"import sys; sys.path.append({str(libraries)!r})\n"
        command = head.replace("import sys\n", paths, 1) + (then or ours + rest)
        python = found.stdout.strip()
        return subprocess.run(
            [python, "-I", "-c", command, *words], check=False, capture_output=True, text=True, cwd=tmp_path
        )

    for package, files in (("airgrant-apd", parts[0]), ("airgrant-apd-cell", [*parts[0], *parts[1]])):
        install(package)
        done = run("--version")
        assert done.stdout.startswith("apd "), done.stderr
        modules = [name for file in files if (name := known.get(str(file), "apd.__main__")) != "apd.__main__"]
        done = run(then=IMPORT_AND_READ % modules)
        assert not done.returncode, done.stderr
        assert set(done.stdout.split()) == {str(path) for path in library.glob("*.zip")}
    fails = "from wire.units import parse_rate\nparse_rate('much')\n"
    done = run(then=fails)
    assert re.search(r'File "/usr/lib/airgrant/wire/units.py", line \d+, in parse_rate', done.stderr)


def test_what_they_say_of_themselves(packed) -> None:
    control = open_ipk(packed["airgrant-apd.ipk"])[0]
    fields = dict(
        line.split(": ", 1)
        for line in control["control"].decode().splitlines()
        if re.match(r"[A-Z]\S+: ", line)
    )
    assert (fields["Package"], fields["Version"], fields["Architecture"]) == (
        "airgrant-apd",
        "0.1.0-1",
        "all",
    )
    assert fields["Depends"].split(", ") == [
        "python3-light (>= 3.11)", "python3-light (<< 3.12)", *RECIPES["airgrant-apd"].depends,
    ]  # fmt: skip
    assert control["conffiles"].decode().split() == [SETTINGS]
    info = open_apk(packed["airgrant-apd.apk"])[0][".PKGINFO"].decode()
    assert re.search(r"^pkgver = 0\.1\.0-r1$", info, re.MULTILINE)
    assert re.search(r"^arch = noarch$", info, re.MULTILINE)
    assert re.findall(r"^depend = (.*)$", info, re.MULTILINE) == [
        "python3-light>=3.13", "python3-light<3.14", *RECIPES["airgrant-apd"].depends,
    ]  # fmt: skip
    tpm = open_ipk(packed["airgrant-apd-tpm.ipk"])[0]["control"].decode()
    assert "Depends: airgrant-apd, kmod-tpm-tis-spi" in tpm


def test_what_openwrts_scripts_look_for_is_there(packed) -> None:
    _, members, data = open_apk(packed["airgrant-apd.apk"])
    listed = data["lib/apk/packages/airgrant-apd.list"].decode().split()
    assert set(listed) == {f"/{name}" for name in members if not name.startswith("lib/apk/packages/")}
    assert data["lib/apk/packages/airgrant-apd.conffiles"].decode() == f"{SETTINGS}\n"
    (named, digest) = data["lib/apk/packages/airgrant-apd.conffiles_static"].decode().split()
    assert (named, len(digest)) == (SETTINGS, 64)
    assert data["lib/upgrade/keep.d/airgrant-apd"] == b"/etc/airgrant/\n", (
        "keys and records outlive a system upgrade"
    )


def test_scripts_end_sessions_on_removal_only(packed, tmp_path, needs) -> None:
    needs("busybox", "shellcheck")
    ipk = open_ipk(packed["airgrant-apd.ipk"])[0]
    apk = open_apk(packed["airgrant-apd.apk"])[0]
    for name, script in (
        ("postinst", ipk["postinst"]), ("prerm", ipk["prerm"]), ("post-install", apk[".post-install"]),
        ("pre-deinstall", apk[".pre-deinstall"]), ("post-upgrade", apk[".post-upgrade"]),
    ):  # fmt: skip
        (tmp_path / name).write_bytes(script)
        done = subprocess.run(
            ["shellcheck", "-s", "dash", "-e", "SC1091,SC2034", tmp_path / name],
            check=False,
            capture_output=True,
            text=True,
        )
        assert not done.returncode, done.stdout
    assert b"apd clear" in ipk["prerm"]
    assert b"apd clear" not in apk[".post-upgrade"]
    assert b"export PKG_UPGRADE=1" in apk[".post-upgrade"]
    # On a machine that is not OpenWrt they do nothing; on one, what OpenWrt's own wrappers do.
    calls = tmp_path / "calls"
    functions = tmp_path / "root" / "lib"
    functions.mkdir(parents=True)
    (functions / "functions.sh").write_text(f'default_prerm() {{ echo "default $pkgname $*" >>{calls}; }}\n')
    for upgrade, form in (("", "prerm"), ("1", "pre-deinstall")):
        subprocess.run(
            ["busybox", "ash", tmp_path / form],
            check=True,
            env={"IPKG_INSTROOT": str(tmp_path / "root"), "PKG_UPGRADE": upgrade, "PATH": "/bin"},
        )
    assert calls.read_text().splitlines() == [f"default  {tmp_path / 'prerm'}", "default airgrant-apd "]


# ---- The feed's Makefile says the same


def make(expression: str, folder: Path) -> str:
    """What GNU make makes of an expression in that Makefile; OpenWrt's own includes are empty here."""
    for name in ("rules.mk", "package.mk", "feeds/packages/lang/python/python3-package.mk"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("Python3/Run=python $(2)\n" if "python" in name else "")
    (folder / "ask.mk").write_text(
        f"TOPDIR:={folder}\nINCLUDE_DIR:={folder}\nspace:= $() $()\ndefine newline\n\n\nendef\n"
        f"include {FEED}/Makefile\n$(info {expression})\nall:;@:\n"
    )
    done = subprocess.run(
        ["make", "-s", "-f", folder / "ask.mk"], check=False, capture_output=True, text=True
    )
    assert not done.returncode, done.stderr
    return done.stdout


def test_the_makefile_depends_on_the_same(tmp_path) -> None:
    said = make("$(Package/airgrant-apd)", tmp_path)
    depends = re.findall(r"\+(\S+)", said)
    assert sorted(depends) == sorted({"python3-light", *RECIPES["airgrant-apd"].depends})
    assert re.findall(r"\+(\S+)", make("$(Package/airgrant-apd-tpm)", tmp_path)) == list(
        RECIPES["airgrant-apd-tpm"].depends
    )


def test_the_makefile_packs_what_is_packed_here(tmp_path) -> None:
    for package in MODULES:
        recipe = make(f"$(call Package/{package}/install,{tmp_path}/{package})", tmp_path)
        words = re.search(r"^\s*python -m images\.openwrt\.stage (.*)$", recipe, re.MULTILINE)
        assert words is not None, recipe
        assert words[1].split() == ["modules", package, f"{tmp_path}/{package}/usr/lib/airgrant"]
        assert make(f"$(Package/{package})", tmp_path).strip()


def test_modules_are_the_same_octets_again(tmp_path, parts) -> None:
    for name in ("one", "two"):
        assert main(["modules", "airgrant-apd-cell", str(tmp_path / name)]) == 0
    one, two = (tmp_path / name / "airgrant-apd-cell.zip" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    with zipfile.ZipFile(one) as made:
        assert made.namelist() == sorted(f"{file}c" for file in parts[1])
    assert main(["modules", "airgrant-apd-cell-src", str(tmp_path / "sources")]) == 0
    found = (path for path in (tmp_path / "sources").rglob("*") if path.is_file())
    assert {path.relative_to(tmp_path / "sources").as_posix() for path in found} == set(map(str, parts[1]))
    assert main(["modules", "airgrant-apd-tpm", str(tmp_path / "none")]) == 2


def test_the_makefile_is_as_its_reviewers_ask(tmp_path) -> None:
    text = (FEED / "Makefile").read_text()
    assert text.startswith("# SPDX-License-Identifier: MIT\n")
    version = re.search(r'^VERSION = "(.*)"$', (ROOT / "apd" / "version.py").read_text(), re.MULTILINE)
    assert version is not None
    assert make("$(PKG_VERSION)", tmp_path).strip() == version[1]
    for name in ("PKG_NAME", "PKG_RELEASE", "PKG_HASH", "PKG_LICENSE", "PKG_LICENSE_FILES", "PKG_MAINTAINER"):
        assert make(f"$({name})", tmp_path).strip(), name
    for name, body in re.findall(r"^define (\S+)\n(.*?)^endef$", text, re.MULTILINE | re.DOTALL):
        assert "$(PKG_NAME)" not in name
        if name.endswith("/conffiles"):
            assert all(re.match(r"/", line) for line in body.splitlines()), "unindented"
        elif re.search(r"/(install|Compile)$", name):
            assert all(line.startswith("\t") for line in body.splitlines()), "recipes are indented by tabs"
        elif re.match(r"Package/[^/]+(/Default|/description)?$", name):
            assert all(line.startswith("  ") for line in body.splitlines()), "metadata by two spaces"
    assert make("$(Package/airgrant-apd/conffiles)", tmp_path).split() == ["/etc/airgrant/", SETTINGS]
    for name in ("postinst", "prerm"):
        said = make(f"$(Package/airgrant-apd/{name})", tmp_path)
        assert said.strip() == (FEED / f"{name}-pkg").read_text().strip(), (
            "as the packages that are made here"
        )


def test_luci_is_packed_where_it_is_there(tmp_path) -> None:
    """With its files where LuCI looks for them."""
    page = ROOT / "images" / "openwrt" / "luci-app-airgrant"
    if not page.is_dir():
        pytest.skip("there is no page of LuCI yet")
    lay_out("luci-app-airgrant", "ipk", tmp_path / "root", "")
    made = {
        str(path.relative_to(tmp_path / "root")) for path in (tmp_path / "root").rglob("*") if path.is_file()
    }
    assert any(name.startswith("www/luci-static/resources/view/") for name in made)
    assert json.loads((tmp_path / "root.json").read_text())["depends"] == ["airgrant-apd", "luci-base"]
    shutil.rmtree(tmp_path / "root")
