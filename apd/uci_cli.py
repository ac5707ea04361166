"""`apd uci`: OpenWrt's file of settings becomes the daemon's, an older one becomes a newer one, and the first is made.

A shell: the two files. What it writes was read by the daemon's own reader first, so that a mistake of the owner leaves
what was there before; what it says names the owner's own option.
"""

import argparse
import os
import sys
import tempfile
import tomllib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from apd.config import load_config
from apd.uci import (
    KEYS,
    MAIN,
    PACKAGE,
    Section,
    blame,
    format_toml,
    format_uci,
    migrate,
    parse_uci,
    places_elsewhere,
    require_names,
    settings_document,
    settled,
    version_of,
)
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress

CELL_PACKAGE = "airgrant-apd-cell"
ALWAYS_SEEN = (Path("/var/run/airgrant"), Path("/var/run/ubus"))
"""What the jail shows the daemon whatever its settings are, beside the folder of keys."""
SOFTWARE_KEY = "software-key.pem"
"""Beside the others: /var is memory."""


def run(
    arguments: argparse.Namespace,
    read_address: Callable[[str], MacAddress],
    keys: Path = KEYS,
    said: TextIO = sys.stdout,
) -> None:
    """One of its commands. Raises ConfigError, ShellError."""
    if arguments.what == "setup":
        _set_up(arguments, read_address, keys, said)
        return
    sections = _read(arguments.uci)
    if arguments.what == "migrate":
        newest = migrate(sections)
        if version_of(sections) != version_of(newest) or not all(one.has_name for one in sections):
            _replace(arguments.uci, format_uci(newest))
        return
    document = _translated(sections, keys)
    text = format_toml(document)
    require_names(sections)
    if arguments.what == "translate":
        _check_and_place(text, arguments.toml, read_address)
        places = places_elsewhere(document, (keys, *ALWAYS_SEEN))
        said.writelines(f"{'rw' if is_made else 'ro'} {place}\n" for place, is_made in places)
        return
    with tempfile.TemporaryDirectory() as folder:
        _check_and_place(text, Path(folder) / "apd.toml", read_address)


def _set_up(
    arguments: argparse.Namespace, read_address: Callable[[str], MacAddress], keys: Path, said: TextIO
) -> None:
    """The questions of `apd setup`, and their answers as UCI; keys and certificates stay where that puts them."""
    from apd.setup_cli import Machine, farewell, make_files

    before = _read(arguments.uci) if arguments.uci.exists() else ()
    if any(section.options.get("interface") for section in before) and not arguments.force:
        raise ConfigError(f"{PACKAGE}: {arguments.uci} has settings already; with --force they are replaced")
    arguments.config = keys / "setup.toml"
    try:
        account, file = make_files(arguments, read_address, Machine(said=said))
        document = tomllib.loads(arguments.config.read_text(encoding="utf-8"))
    finally:
        arguments.config.unlink(missing_ok=True)
    if "software_key_file" in document["meter"]:
        document["meter"]["software_key_file"] = SOFTWARE_KEY
    # The bus is there on every such system, and LuCI's page asks on it.
    document.setdefault("ubus", {})
    _replace(arguments.uci, format_uci(settled(before, document)))
    said.write(
        f"{arguments.uci}: written, and the daemon reads it.\n"
        f"{farewell(account, keys, file)}"
        "Nothing has been started, and nothing radiates. To sell:\n"
        f"uci set {PACKAGE}.{MAIN}.enabled=1 && uci commit {PACKAGE} && /etc/init.d/{PACKAGE} restart\n"
    )


def _read(path: Path) -> tuple[Section, ...]:
    try:
        return parse_uci(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{PACKAGE}: {path}: {error}") from None


def _translated(sections: tuple[Section, ...], keys: Path) -> dict[str, Any]:
    try:
        return settings_document(migrate(sections), keys)
    except ModuleNotFoundError as error:
        raise _no_cell(error) from None


def _check_and_place(text: str, path: Path, read_address: Callable[[str], MacAddress]) -> None:
    """The daemon's reader has the last word before anything is replaced."""
    draft = _write_beside(path, text)
    try:
        load_config(draft, read_address)
        draft.replace(path)
    except ConfigError as error:
        raise blame(error, draft) from None
    except ModuleNotFoundError as error:
        raise _no_cell(error) from None
    except OSError as error:
        raise ShellError(str(path), str(error.strerror)) from error
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()


def _no_cell(error: ModuleNotFoundError) -> Exception:
    """What a cell needs is a package of its own; anything else that is missing is a mistake of ours."""
    if (error.name or "").split(".")[0] in {"apd", "ran_slicing"}:
        return ConfigError(f"{PACKAGE}.cell: needs the package {CELL_PACKAGE}")
    return error


def _replace(path: Path, text: str) -> None:
    draft = _write_beside(path, text)
    try:
        if path.exists():
            draft.chmod(path.stat().st_mode & 0o777)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise ShellError(str(path), str(error.strerror)) from error


def _write_beside(path: Path, text: str) -> Path:
    """In the same folder, for nobody else to read, on the disk when this returns."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
    except OSError as error:
        raise ShellError(str(path), str(error.strerror)) from error
    return Path(name)
