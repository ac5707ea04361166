"""A fake of OpenWrt's uci: get, show, export, set and commit over files of a folder, on the parser of the box.

What is set is in the file at once: there is no staging, so `commit` does nothing and `revert` is not known.
"""

import argparse
import re
import sys
from pathlib import Path

from apd.uci import Section, format_uci, parse_uci


def main(arguments: list[str]) -> int:
    """As the real one is called; returns the exit status."""
    parser = argparse.ArgumentParser("uci")
    parser.add_argument("-c", dest="folder", type=Path, default=Path("/etc/config"))
    parser.add_argument("-q", dest="quiet", action="store_true")
    parser.add_argument("command", choices=["get", "show", "export", "set", "commit"])
    parser.add_argument("what")
    given = parser.parse_args(arguments)
    package, _, rest = given.what.partition(".")
    file = given.folder / package
    if not file.is_file():
        return _not_found(given.quiet)
    sections = parse_uci(file.read_text(encoding="utf-8"))
    if given.command == "export":
        sys.stdout.write(f"package {package}\n{format_uci(sections)}\n")
    elif given.command == "show":
        sys.stdout.write("".join(_shown(package, section) for section in sections))
    elif given.command == "get":
        value = _value(sections, rest)
        if value is None:
            return _not_found(given.quiet)
        sys.stdout.write(f"{value}\n")
    elif given.command == "set":
        where, _, value = rest.partition("=")
        file.write_text(format_uci(_changed(sections, where, value)))
    return 0


def _not_found(quiet: bool) -> int:
    if not quiet:
        sys.stderr.write("uci: Entry not found\n")
    return 1


def _shown(package: str, section: Section) -> str:
    lines = [f"{package}.{section.name}={section.kind}\n"]
    for name, value in section.options.items():
        items = (value,) if isinstance(value, str) else value
        said = " ".join("'" + item.replace("'", "'\\''") + "'" for item in items)
        lines.append(f"{package}.{section.name}.{name}={said}\n")
    return "".join(lines)


def _value(sections: tuple[Section, ...], where: str) -> str | None:
    name, _, option = where.partition(".")
    for section in _found(sections, name):
        value = section.options.get(option) if option else section.kind
        return value if value is None or isinstance(value, str) else " ".join(value)
    return None


def _found(sections: tuple[Section, ...], name: str) -> list[Section]:
    """By its name, or as `@type[0]`."""
    match = re.fullmatch(r"@(\w+)\[0\]", name)
    return [section for section in sections if (section.kind == match[1] if match else section.name == name)][
        :1
    ]


def _changed(sections: tuple[Section, ...], where: str, value: str) -> list[Section]:
    name, _, option = where.partition(".")
    if not option:
        return [*sections, Section(value, name)] if not _found(sections, name) else list(sections)
    (old,) = _found(sections, name)
    return [
        Section(one.kind, one.name, {**one.options, option: value}) if one is old else one for one in sections
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
