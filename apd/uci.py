"""OpenWrt's configuration of the box: text of /etc/config/airgrant becomes the settings document of apd/config.py.

Pure. In: UCI text as `uci export` writes it and people do. Out: sections, a document, TOML. Each section of the
daemon's settings is a UCI section of that name (`cell.core` is `cell_core`); one more, `main`, is the package's.
Values in UCI are texts: the field of the settings dataclass says what they become. It raises ConfigError, which names
the option as `airgrant.section.option`. Text beyond 64 KiB is refused, and parsing is linear in it.
Reference: libuci, file.c and list.c.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from pathlib import Path
from typing import Any, get_origin, get_type_hints

from apd.sections import ALWAYS, SECTIONS
from wire.errors import ConfigError
from wire.frozen import dataclass

PACKAGE = "airgrant"
MAIN = "main"
"""The section that is not the daemon's: `version`, `enabled`, `jail`."""
VERSION = 1
"""Of the file; a greater one is refused."""
MAX_BYTES = 64 * 1024
"""A full configuration has 4 KiB; UCI itself knows no limit."""
KEYS = Path("/etc/airgrant")
"""Where relative paths begin: it is on flash, and a system upgrade keeps it."""

Value = str | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Section:
    """`config TYPE 'NAME'` with its options in order; a list is a tuple."""

    kind: str
    name: str
    options: Mapping[str, Value] = field(default_factory=dict)
    has_name: bool = True
    """False: it was written without one, and bears that of its type; uci finds it by no name."""


Migration = Callable[[Sequence[Section]], Sequence[Section]]


def _number_it(sections: Sequence[Section]) -> Sequence[Section]:
    """From 0, a file without a number, as people write one by hand: it means what 1 means."""
    if any(section.name == MAIN for section in sections):
        return sections
    return (Section(PACKAGE, MAIN), *sections)


MIGRATIONS: Mapping[int, Migration] = {0: _number_it}
"""What makes version n + 1 of version n. `version` itself is set by `migrate`."""


SETTINGS: Mapping[str, Callable[[], type]] = {
    section.replace(".", "_"): load for section, load in SECTIONS.items()
}
"""The settings dataclass of each section, which may say `option enabled '0'` if it is none of ALWAYS."""
_HERE: Mapping[str, Mapping[str, str]] = {
    "ledger": {
        "authority_file": "authority.pem",
        "certificate_file": "box.pem",
        "certificate_key_file": "box.key",
    },
    "files": {
        "provider_key_file": "provider.pem",
        "store": "apd.sqlite",
        "control_socket": "/var/run/airgrant/apd.sock",
    },
}
"""Where things are on OpenWrt unless the file says otherwise: /var is memory there, and there may be no /run."""
_MADE = frozenset({"store", "software_key_file", "sib_file", "gnb_files"})
"""Files that the daemon makes, or that are replaced while it runs."""
_BOOLEANS = {
    **dict.fromkeys(("1", "on", "true", "yes", "enabled"), True),
    **dict.fromkeys(("0", "off", "false", "no", "disabled"), False),
}


# ---- UCI


def parse_uci(text: str) -> tuple[Section, ...]:
    """The sections of a configuration file, those of one name together, in the order in which they begin."""
    if len(text.encode()) > MAX_BYTES:
        raise ConfigError(f"{PACKAGE}: has more than {MAX_BYTES} octets")
    found: dict[str, tuple[str, dict[str, Value]]] = {}
    nameless: set[str] = set()
    options: dict[str, Value] | None = None
    for line, words in _commands(text):
        match words:
            case ["package" | "p", _]:
                continue
            case ["config" | "c", kind]:
                name = kind if kind != PACKAGE else MAIN
                nameless.add(name)
                options = _begin(found, kind, name, line)
            case ["config" | "c", kind, name]:
                options = _begin(found, kind, name, line)
            case ["option" | "o" | "list" | "l" as word, name, *rest] if len(rest) <= 1:
                if options is None:
                    raise ConfigError(
                        f"{PACKAGE}: line {line}: {word} {name}: stands before the first section"
                    )
                _put(options, word[0] == "l", _name(name, line), rest[0] if rest else "")
            case _:
                raise ConfigError(f"{PACKAGE}: line {line}: not understood: {' '.join(words)[:60]}")
    return tuple(
        Section(kind, name, options, name not in nameless) for name, (kind, options) in found.items()
    )


def _begin(
    found: dict[str, tuple[str, dict[str, Value]]], kind: str, name: str, line: int
) -> dict[str, Value]:
    """Two of one name are one, as for uci; a section without a name has that of its type."""
    known = found.setdefault(_name(name, line), (kind, {}))
    if known[0] != kind:
        raise ConfigError(f"{PACKAGE}.{name}: is a section of type {known[0]} and of type {kind}")
    return known[1]


def _put(options: dict[str, Value], is_list: bool, name: str, value: str) -> None:  # noqa: FBT001 as UCI has it
    """A later option counts; a later item of a list is one more. An empty option is none."""
    before = options.get(name, ())
    if is_list:
        options[name] = (*((before,) if isinstance(before, str) else before), value)
    elif value:
        options[name] = value
    else:
        options.pop(name, None)


def _name(text: str, line: int) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_]+", text):
        raise ConfigError(f"{PACKAGE}: line {line}: {text[:60]!r} is no name: letters, digits and _")
    return text


def _commands(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each command, and the line in which it begins."""
    words: list[str] = []
    line = begins = 1
    for kind, word in _tokens(text):
        if kind == "word":
            begins = begins if words else line
            words.append(word)
        elif words:
            yield begins, words
            words = []
        line += word.count("\n")
    if words:
        yield begins, words


_WORD = re.compile(
    r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^\s'"\\;#])+""",
    re.DOTALL,
)
_PIECE = re.compile(r"""'([^']*)'|"((?:[^"\\]|\\.)*)"|\\(.)|([^'"\\]+)""", re.DOTALL)


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Words, and what ends a command: `;`, the end of a line, a comment."""
    at = 0
    while at < len(text):
        if text[at] in "\n;":
            yield "end", text[at]
            at += 1
        elif text[at].isspace():
            at += 1
        elif text[at] == "#":
            at = text.find("\n", at) if "\n" in text[at:] else len(text)
        elif (match := _WORD.match(text, at)) is not None:
            yield "word", "".join(map(_piece, _PIECE.finditer(match[0])))
            at = match.end()
        else:
            line = text.count("\n", 0, at) + 1
            raise ConfigError(f"{PACKAGE}: line {line}: a quote that nobody closes")


def _piece(match: re.Match[str]) -> str:
    """What part of a word stands for: a backslash takes a line's end away, and any other character as it is."""
    single, double, escaped, plain = match.groups()
    if double is not None:
        return re.sub(r"\\(.)", lambda inner: _unescaped(inner[1]), double, flags=re.DOTALL)
    if escaped is not None:
        return _unescaped(escaped)
    return str(plain if single is None else single)


def _unescaped(character: str) -> str:
    return "" if character == "\n" else character


def format_uci(sections: Sequence[Section]) -> str:
    """As `uci export` writes it, without the name of the package."""
    lines = []
    for section in sections:
        lines.append(f"\nconfig {section.kind} {_quoted(section.name)}\n")
        for name, value in section.options.items():
            word = "option" if isinstance(value, str) else "list"
            items = (value,) if isinstance(value, str) else value
            lines += [f"\t{word} {name} {_quoted(item)}\n" for item in items]
    return "".join(lines)


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


# ---- Versions


def version_of(sections: Sequence[Section]) -> int:
    """Of the file; 0 if it does not say."""
    text = next((section.options.get("version", "0") for section in sections if section.name == MAIN), "0")
    if not isinstance(text, str) or not re.fullmatch(r"[0-9]{1,4}", text):
        raise ConfigError(f"{PACKAGE}.{MAIN}.version: {text!r} is no version")
    return int(text)


def migrate(
    sections: Sequence[Section], migrations: Mapping[int, Migration] = MIGRATIONS, newest: int = VERSION
) -> tuple[Section, ...]:
    """The same settings as the newest version has them."""
    version = version_of(sections)
    if version > newest:
        raise ConfigError(
            f"{PACKAGE}.{MAIN}.version: {version} is newer than {newest}, the newest that this package knows"
        )
    while version < newest:
        sections = migrations[version](sections)
        version += 1
    return tuple(
        replace(
            section,
            options={"version": str(newest), **_without(section.options, "version")}
            if section.name == MAIN
            else section.options,
            has_name=True,
        )
        for section in sections
    )


def _without(options: Mapping[str, Value], name: str) -> dict[str, Value]:
    return {key: value for key, value in options.items() if key != name}


# ---- The settings document


def settings_document(sections: Sequence[Section], folder: Path = KEYS) -> dict[str, Any]:
    """What apd/config.py reads, of sections of the newest version. Its values have the right kind; whether they may be
    is the reader's to say, and whether an option exists.
    """
    document: dict[str, Any] = {}
    for section in _switched_on(sections):
        table = _table(section, folder)
        if section.name.startswith("cell_"):
            document.setdefault("cell", {})[section.name.removeprefix("cell_")] = table
        else:
            document[section.name] = {**table, **document.get(section.name, {})}
    if "cell" in document and not any(section.name == "cell" for section in _switched_on(sections)):
        del document["cell"]  # its parts are nothing without it
    for name, defaults in _HERE.items():
        placed = {key: str(folder / value) for key, value in defaults.items()}
        document[name] = {**placed, **document.get(name, {})}
    return document


def _switched_on(sections: Sequence[Section]) -> Iterator[Section]:
    """Of the daemon's, without `enabled`."""
    for section in sections:
        if section.name == MAIN:
            continue
        if section.name not in SETTINGS:
            raise ConfigError(f"{PACKAGE}.{section.name}: unknown section; known are {', '.join(SETTINGS)}")
        if section.kind != section.name:
            raise ConfigError(
                f"{PACKAGE}.{section.name}: has type {section.kind}: config {section.name} '{section.name}'"
            )
        if section.name not in ALWAYS and "enabled" in section.options:
            if _boolean(f"{section.name}.enabled", section.options["enabled"]):
                yield replace(section, options=_without(section.options, "enabled"))
        else:
            yield section


def require_names(sections: Sequence[Section]) -> None:
    """The package's scripts ask uci by section and option, and uci finds nothing in a section without a name."""
    for section in sections:
        if not section.has_name:
            wanted = f"config {section.kind} '{section.name}'"
            raise ConfigError(f"{PACKAGE}.{section.name}: has no name: {wanted}; apd uci migrate writes it")


def places_elsewhere(document: Mapping[str, Any], seen: Sequence[Path]) -> tuple[tuple[Path, bool], ...]:
    """What the settings name outside of the folders in `seen`, and whether the daemon makes files there: a file that it
    reads, or the folder of one that it makes, of a socket and of a file that others replace.
    """
    found: dict[Path, bool] = {}
    for name, table in _tables(document):
        hints = get_type_hints(SETTINGS[name]())
        for key, value in table.items():
            if not _is_path(hints.get(key)):
                continue
            for path in map(Path, [value] if isinstance(value, str) else value):
                made = key in _MADE or key.endswith("socket")
                place = path.parent if made else path
                if path.is_absolute() and not any(place.is_relative_to(folder) for folder in seen):
                    found[place] = found.get(place, False) or made
    return tuple(sorted(found.items()))


def _tables(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each section's own, by its name in UCI."""
    for name, table in document.items():
        yield name, {key: value for key, value in table.items() if not isinstance(value, dict)}
        yield from ((f"{name}_{key}", value) for key, value in table.items() if isinstance(value, dict))


def _is_path(hint: Any) -> bool:
    return hint is Path or Path in getattr(hint, "__args__", ())


def is_enabled(sections: Sequence[Section]) -> bool:
    """Whether the owner wants the daemon to run at all."""
    found = next((section.options.get("enabled", "0") for section in sections if section.name == MAIN), "0")
    return _boolean(f"{MAIN}.enabled", found)


def _table(section: Section, folder: Path) -> dict[str, Any]:
    hints = get_type_hints(SETTINGS[section.name]())
    return {
        name: _convert(f"{section.name}.{name}", hints.get(name, str), value, folder)
        for name, value in section.options.items()
    }


def _convert(where: str, hint: Any, value: Value, folder: Path) -> Any:
    kinds = getattr(hint, "__args__", (hint,))
    if get_origin(hint) is tuple:
        items = (value,) if isinstance(value, str) else value
        return [_convert(where, kinds[0], item, folder) for item in items]
    if bool in kinds:
        return _boolean(where, value)
    text = _one(where, value)
    if Path in kinds:
        return str(folder / text)
    if int in kinds:
        return _number(where, text)
    return text


def _boolean(where: str, value: Value) -> bool:
    text = _one(where, value)
    if text not in _BOOLEANS:
        raise ConfigError(f"{PACKAGE}.{where}: has to be 1 or 0, not {text!r}")
    return _BOOLEANS[text]


def _number(where: str, text: str) -> int | str:
    """Rates and durations may be written as people do: the reader knows how."""
    if re.fullmatch(r"-?[0-9]{1,15}", text):
        return int(text)
    if where.endswith(("_bps", "_s")):
        return text
    raise ConfigError(f"{PACKAGE}.{where}: has to be a whole number, not {text!r}")


def _one(where: str, value: Value) -> str:
    if isinstance(value, str):
        return value
    raise ConfigError(f"{PACKAGE}.{where}: is a list, and one value is wanted: option {where.split('.')[1]}")


def settled(sections: Sequence[Section], document: Mapping[str, Any]) -> tuple[Section, ...]:
    """The same sections with those of a settings document in place of their namesakes, for a file of UCI."""
    made = {name: Section(name, name, _options(table)) for name, table in document.items()}
    kept = [section for section in migrate(sections) if section.name not in made]
    return (*kept, *made.values())


def _options(table: Mapping[str, Any]) -> dict[str, Value]:
    return {
        name: tuple(map(_said, value)) if isinstance(value, list) else _said(value)
        for name, value in table.items()
    }


def _said(value: Any) -> str:
    return str(int(value)) if isinstance(value, bool) else str(value)


def format_toml(document: Mapping[str, Any]) -> str:
    """The document as TOML; every table by its full name."""
    lines = ["# Made of /etc/config/airgrant at each start: change that, and not this.\n"]
    for name, table in document.items():
        lines += _format_table(name, table)
    return "".join(lines)


def _format_table(name: str, table: Mapping[str, Any]) -> Iterator[str]:
    yield f"\n[{name}]\n"
    for key, value in table.items():
        if not isinstance(value, dict):
            yield f"{key} = {_format_value(value)}\n"
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _format_table(f"{name}.{key}", value)


def _format_value(value: Any) -> str:
    """As TOML writes it; JSON's escapes are a part of TOML's (TOML 1.0, String), and so are its numbers and lists."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def blame(error: ConfigError, path: Path) -> ConfigError:
    """What the reader of the TOML at `path` says, in the words of who wrote UCI."""
    text = str(error).removeprefix(f"{path}: ")
    where, colon, reason = text.partition(": ")
    for name in sorted(SETTINGS, key=len, reverse=True):
        table = name.replace("cell_", "cell.", 1)
        if colon and (where == table or where.startswith(f"{table}.")):
            return ConfigError(f"{PACKAGE}.{name}{where.removeprefix(table)}: {reason}")
    return ConfigError(f"{PACKAGE}: {text}")
