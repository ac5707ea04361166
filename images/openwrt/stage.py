"""What goes into each package of OpenWrt: modules, files and scripts, in a folder that is packed as it stands.

    python3 -m images.openwrt.stage modules PACKAGE FOLDER             its modules alone, for the feed's Makefile
    python3 -m images.openwrt.stage PACKAGE FORMAT VERSION RELEASE FOLDER [PYTHON]     one package's root, for nfpm

Beside FOLDER come FOLDER.scripts, FOLDER.settings and FOLDER.json, the configuration of nfpm. Owns the division into
packages: the base is what a Wi-Fi router imports, the part of a cell is the rest; each is one zip, which Python imports
from as it stands. With PYTHON (3.11 for ipk, 3.13 for apk; `modules`: the one that runs this) modules become its
byte-code, without it they stay sources. Standard library only, as images.stage. Exit status: 0 done, 2 the command
line, 3 that Python is another one.
"""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path, PurePosixPath

from images.openwrt.recipes import PYTHONS, RECIPES, SETTINGS, SOURCES, nfpm_config
from images.stage import DATA, ROOT, copy, imports, modules_of, to_byte_code

HERE = Path(__file__).resolve().parent
START = "apd.__main__"
BASE, CELL = "airgrant-apd", "airgrant-apd-cell"
LIBRARY = PurePosixPath("usr/lib/airgrant")
ONLY_A_CELL = (
    "ran_slicing",
    "apd.cell",
    "apd.cell_places",
    "apd.sib",
    "apd.shells.cell",
    "apd.shells.cell_lobby",
)
ONLY_A_CELL_BEGINS = ("ran_slicing.", "apd.signalling", "apd.shells.signalling")
"""Modules that a box without [cell] never loads; what only they import goes with them."""
SPLIT = {
    "asyncio": "asyncio",
    "bz2": "bzip2",
    "ctypes": "ctypes",
    "curses": "ncurses",
    "dbm": "dbm",
    "decimal": "decimal",
    "doctest": "pydoc",
    "email": "email",
    "http.cookiejar": "urllib",
    "logging": "logging",
    "lzma": "lzma",
    "multiprocessing": "multiprocessing",
    "pydoc": "pydoc",
    "readline": "readline",
    "sqlite3": "sqlite3",
    "ssl": "openssl",
    "unicodedata": "codecs",
    "unittest": "unittest",
    "urllib": "urllib",
    "uuid": "uuid",
    "venv": "venv",
    "xml": "xml",
    "xmlrpc": "xml",
}
"""Which module is in which python3-... of the feed (lang/python/python3/files); the others are in python3-light."""


PACKAGES = (*RECIPES, *SOURCES.values())
MODULES = (*SOURCES, *SOURCES.values())
"""Packages that have any."""


def main(arguments: list[str]) -> int:
    """From the command line; returns the exit status."""
    match arguments:
        case ["modules", package, folder] if package in MODULES:
            put_modules(package, Path(folder), sys.executable)
            return 0
        case [package, form, version, release, folder, *python] if (
            package in PACKAGES and form in PYTHONS and len(python) <= 1
        ):
            if python and version_of(python[0]) != PYTHONS[form][0]:
                sys.stderr.write(f"stage: {python[0]} is not Python {PYTHONS[form][0]}, which {form} wants\n")
                return 3
            lay_out(package, form, Path(folder), python[0] if python else "", version, release)
            return 0
        case _:
            sys.stderr.write(f"{__doc__}")
            return 2


# ---- Modules


def base_files(root: Path = ROOT) -> list[PurePosixPath]:
    """What a box without [cell] may import."""
    return _walk(root, of_a_cell)


def cell_files(root: Path = ROOT) -> list[PurePosixPath]:
    """What only a box with [cell] imports."""
    base = set(base_files(root))
    return [file for file in _walk(root, lambda _: False) if file not in base]


def _walk(root: Path, left_out: Callable[[str], bool]) -> list[PurePosixPath]:
    """As images.stage walks, but past some modules; with the files that lie beside the modules."""
    known = modules_of(root)
    reached: set[str] = set()
    ahead = [START]
    while ahead:
        name = ahead.pop()
        if name in reached or left_out(name):
            continue
        reached.add(name)
        ahead.extend(parent for parent in (name.rpartition(".")[0],) if parent)
        for said in _imported(root / known[name]):
            within = said if said in known else said.rpartition(".")[0]
            ahead.extend([within] if within in known else [])
    files = {known[name] for name in reached}
    beside = {file.with_suffix(suffix) for file in files for suffix in DATA}
    return sorted(files | {data for data in beside if (root / data).is_file()})


@cache
def _imported(path: Path) -> tuple[str, ...]:
    return tuple(imports(ast.parse(path.read_text(encoding="utf-8"))))


def of_a_cell(name: str) -> bool:
    return name in ONLY_A_CELL or name.startswith(ONLY_A_CELL_BEGINS)


def split_packages(files: Iterable[PurePosixPath], root: Path = ROOT) -> set[str]:
    """The python3-... packages that these modules import from, besides python3-light."""
    said = {name for file in files if file.suffix == ".py" for name in _imported(root / file)}
    return {
        f"python3-{SPLIT[part]}" for name in said for part in (name.partition(".")[0], name) if part in SPLIT
    }


# ---- Roots of packages


def lay_out(
    package: str, form: str, folder: Path, python: str, version: str = "0", release: str = "1"
) -> None:
    """The root of `package` in `folder`, and what nfpm wants beside it; all of it is made anew."""
    scripts, settings = (folder.with_name(f"{folder.name}.{kind}") for kind in ("scripts", "settings"))
    for old in (folder, scripts):
        shutil.rmtree(old, ignore_errors=True)
    folder.mkdir(parents=True)
    if package in MODULES:
        put_modules(package, folder / LIBRARY, python)
    if package in RECIPES:
        _copy_files(package, folder)
    write_scripts(package, form, scripts)
    if form == "apk":
        _write_lists(package, folder)
    if (folder / SETTINGS.lstrip("/")).is_file():
        (folder / SETTINGS.lstrip("/")).replace(settings)
    folder.with_name(f"{folder.name}.json").write_text(nfpm_config(package, form, version, release, folder))


def put_modules(package: str, library: Path, python: str) -> None:
    """Into `library`: one zip of them; of a twin the sources one by one, where tracebacks of the zip look for them."""
    name = package.removesuffix("-src")
    modules = {BASE: base_files, CELL: cell_files}[name]()
    if package != name:
        copy(ROOT, [file for file in modules if file.suffix == ".py"], library)
        return
    with tempfile.TemporaryDirectory() as made:
        copy(ROOT, modules, Path(made))
        if python:
            to_byte_code(Path(made), python, PurePosixPath("/") / LIBRARY)
        _zip(Path(made), _made(library) / f"{package}.zip")


def _zip(folder: Path, target: Path) -> None:
    """The same octets for the same files: in order, without times, by a zlib of the same kind. Python wants no more."""
    with zipfile.ZipFile(target, "w") as made:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix())
            entry.external_attr = 0o100644 << 16
            made.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    target.chmod(0o644)


def version_of(python: str) -> str:
    """Such as 3.11."""
    script = "import sys; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-I", "-c", script], check=False, capture_output=True, text=True)
    return done.stdout.strip()


def _copy_files(package: str, folder: Path) -> None:
    """What lies in the tree, with modes of its own; of LuCI's page as its Makefile puts it."""
    for source, to in (
        (HERE / package / "files", "."),
        (HERE / package / "root", "."),
        (HERE / package / "htdocs", "www"),
    ):
        for path in sorted(path for path in source.rglob("*") if path.is_file()):
            target = folder / to / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            target.chmod(0o755 if os.access(path, os.X_OK) else 0o644)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _write_lists(package: str, folder: Path) -> None:
    """What OpenWrt's own packages for apk have in /lib/apk/packages, which its scripts and sysupgrade read."""
    files = sorted(f"/{path.relative_to(folder)}" for path in folder.rglob("*") if path.is_file())
    lists = _made(folder / "lib" / "apk" / "packages")
    (lists / f"{package}.list").write_text("".join(f"{file}\n" for file in files))
    if SETTINGS in files:
        digest = hashlib.sha256((folder / SETTINGS.lstrip("/")).read_bytes()).hexdigest()
        (lists / f"{package}.conffiles").write_text(f"{SETTINGS}\n")
        (lists / f"{package}.conffiles_static").write_text(f"{SETTINGS} {digest}\n")


# ---- Scripts


def write_scripts(package: str, form: str, folder: Path) -> None:
    """Those that OpenWrt's build wraps around a package's own (include/package-pack.mk), for both formats."""
    folder.mkdir(parents=True)
    for name, ours in {"postinst": "postinst-pkg", "prerm": "prerm-pkg"}.items():
        own = HERE / package / ours
        body = own.read_text(encoding="utf-8").partition("\n")[2] if own.is_file() else ""
        _write_script(folder / name, package, form, f"default_{name}", body)
    upgraded = "export PKG_UPGRADE=1\n" + (folder / "postinst").read_text().partition("\n")[2]
    (folder / "postupgrade").write_text(f"#!/bin/sh\n{upgraded}")


def _write_script(path: Path, package: str, form: str, default: str, body: str) -> None:
    opening = (
        '#!/bin/sh\n[ "${IPKG_NO_SCRIPT}" = "1" ] && exit 0\n'
        '[ -s "${IPKG_INSTROOT}/lib/functions.sh" ] || exit 0\n'
    )
    names = f'export root="${{IPKG_INSTROOT}}"\nexport pkgname="{package}"\n' if form == "apk" else ""
    call = default if form == "apk" else f'{default} "$0" "$@"'
    path.write_text(f'{opening}. "${{IPKG_INSTROOT}}/lib/functions.sh"\n{names}{call}\n{body}')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
