"""The part of YAML in which people write a gNB's configuration, read into mappings, lists and texts.

In: text. Out: the tree, every scalar as the text that stands there, as the gNB itself takes it (an unquoted 00101 is a
PLMN, not the number 65). Understood: block mappings and lists, [..] and {..}, plain and quoted scalars, comments.
What is not understood is refused with its line, never guessed: anchors, tags, block scalars, scalars over several
lines, several documents, tabs, a key twice.
Reference: YAML 1.2.2 chapters 6 to 8, of which this is a subset; decision 0023 says why it is ours.
Promise: a tree or ConfigError "name:line: reason", in bounded time and depth.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from wire.errors import ConfigError

Yaml: TypeAlias = "str | list[Yaml] | dict[str, Yaml] | None"

MAX_TEXT = 250_000
"""A gNB's file has a few hundred lines."""
MAX_DEPTH = 32

_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0", "\\": "\\", '"': '"', "/": "/", "e": "\x1b", " ": " "}
_AFTER_COLON = {" ", "", ",", "]", "}", "[", "{", '"', "'"}
_NULLS = {"", "~", "null", "Null", "NULL"}
_KEY = re.compile(
    r"""("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s"'\[\]{},#&*!|>%@`?-][^#:]*?|[-?][^\s#:][^#:]*?)\s*:(?:\s+|$)"""
)


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    indent: int
    text: str


def read_yaml(text: str, name: str) -> Yaml:
    """The tree of one document; None if it is empty."""
    if len(text) > MAX_TEXT:
        raise ConfigError(f"{name}: {len(text)} characters, at most {MAX_TEXT} are accepted")
    reader = _Reader(name, list(_lines(text, name)))
    if not reader.lines:
        return None
    tree = reader.block(reader.lines[0].indent, 0)
    if reader.at < len(reader.lines):
        reader.fail("is indented less than what it belongs to")
    return tree


def _lines(text: str, name: str) -> Iterator[_Line]:
    """Lines without comments; a bracket that stays open takes the lines that follow with it."""
    opened: _Line | None = None
    first = True
    for number, raw in enumerate(text.removeprefix("\ufeff").splitlines(), 1):
        if "\t" in raw[: len(raw) - len(raw.lstrip())]:
            raise ConfigError(f"{name}:{number}: a tab in the indentation")
        content = _without_comment(raw, 0 if opened is None else _open_brackets(opened.text)).rstrip()
        if opened is not None:
            opened = _Line(opened.number, opened.indent, f"{opened.text} {content.strip()}")
        elif not content.strip() or (content == "---" and first):
            continue
        elif content in {"---", "..."} or content.startswith(("--- ", "%")):
            raise ConfigError(f"{name}:{number}: one document and no directive is understood")
        else:
            opened = _Line(number, len(content) - len(content.lstrip()), content.strip())
        first = False
        if _open_brackets(opened.text) <= 0:
            yield opened
            opened = None
    if opened is not None:
        raise ConfigError(f"{name}:{opened.number}: a bracket is never closed")


def _without_comment(raw: str, depth: int) -> str:
    for at, _ in _outside_quotes(raw, depth):
        if raw[at] == "#" and (at == 0 or raw[at - 1] in " \t"):
            return raw[:at]
    return raw


def _open_brackets(text: str) -> int:
    """How many brackets stay open."""
    return max((depth for at, depth in _outside_quotes(text + " ") if at == len(text)), default=0)


def _outside_quotes(text: str, depth: int = 0) -> Iterator[tuple[int, int]]:
    """Places outside of quoted scalars, and how many brackets are open there. A quote or a bracket has a meaning only
    where a value begins: after a dash, after a colon with a space, and inside of brackets also after a comma.
    """
    at, begins = 0, True
    while at < len(text):
        char, next_char = text[at], text[at + 1 : at + 2]
        if begins and char in "\"'":
            at, begins = _end_of_quoted(text, at), False
            continue
        yield at, depth
        if char in "[{" and (begins or depth):
            depth, begins = depth + 1, True
        elif depth and char in "]}":
            depth, begins = depth - 1, False
        elif char == ":":
            begins = next_char in _AFTER_COLON if depth else next_char in {" ", ""}
            begins = begins or bool(depth and at and text[at - 1] in "\"'")
        elif char != " " and not (char == "-" and begins and next_char in {" ", ""}):
            begins = bool(depth and char == ",")
        at += 1


def _end_of_quoted(text: str, start: int) -> int:
    """The place after a quoted scalar; the end of the text if it does not end."""
    quote, at = text[start], start + 1
    while at < len(text):
        if (text[at] == "\\" and quote == '"') or (
            text[at] == quote and quote == "'" and text[at + 1 : at + 2] == "'"
        ):
            at += 2
        elif text[at] == quote:
            return at + 1
        else:
            at += 1
    return len(text)


class _Reader:
    """Goes through the lines once."""

    def __init__(self, name: str, lines: list[_Line]) -> None:
        self.name, self.lines, self.at = name, lines, 0

    def fail(self, why: str, number: int | None = None) -> NoReturn:
        line = number or self.lines[min(self.at, len(self.lines) - 1)].number
        raise ConfigError(f"{self.name}:{line}: {why}")

    def block(self, indent: int, depth: int) -> Yaml:
        """What begins at this indentation: a list, a mapping, or a scalar that is all there is."""
        if depth > MAX_DEPTH:
            self.fail(f"deeper than {MAX_DEPTH} levels")
        line = self.lines[self.at]
        if line.text == "-" or line.text.startswith("- "):
            return self._list(indent, depth)
        if _KEY.match(line.text):
            return self._mapping(indent, depth)
        self.at += 1
        return self._inline(line.text, line.number)

    def _list(self, indent: int, depth: int) -> list[Yaml]:
        items: list[Yaml] = []
        while (line := self._here(indent)) and (line.text == "-" or line.text.startswith("- ")):
            rest = line.text[1:].lstrip()
            if rest:
                inner = indent + len(line.text) - len(rest)
                self.lines[self.at] = _Line(line.number, inner, rest)
                items.append(self.block(inner, depth + 1))
            else:
                self.at += 1
                items.append(self._nested(indent, depth, at_same=False))
        return items

    def _mapping(self, indent: int, depth: int) -> dict[str, Yaml]:
        tree: dict[str, Yaml] = {}
        while line := self._here(indent):
            match = _KEY.match(line.text)
            if match is None:
                self.fail(f"{line.text[:40]!r} is not `key: value`")
            key = self._scalar(match[1], line.number) or ""
            if key in tree:
                self.fail(f"{key} stands here twice")
            self.at += 1
            rest = line.text[match.end() :].strip()
            tree[key] = self._inline(rest, line.number) if rest else self._nested(indent, depth, at_same=True)
        return tree

    def _here(self, indent: int) -> _Line | None:
        """The next line if it belongs to this block; None at its end."""
        if self.at >= len(self.lines) or self.lines[self.at].indent < indent:
            return None
        if self.lines[self.at].indent > indent:
            self.fail("is indented more than what stands beside it")
        return self.lines[self.at]

    def _nested(self, indent: int, depth: int, *, at_same: bool) -> Yaml:
        """What a key or dash with nothing beside it has below it. A list may stand as far left as its key."""
        if self.at >= len(self.lines):
            return None
        line = self.lines[self.at]
        is_list = line.text == "-" or line.text.startswith("- ")
        if line.indent > indent or (at_same and is_list and line.indent == indent):
            return self.block(line.indent, depth + 1)
        return None

    def _inline(self, text: str, number: int) -> Yaml:
        """A value that stands on its line."""
        if text[0] not in "[{":
            if self.at < len(self.lines) and self.lines[self.at].indent > self.lines[self.at - 1].indent:
                self.fail("goes on in the next line, which is not understood", number)
            return self._scalar(text, number)
        value, at = self._flow(text, 0, number, 0)
        if text[at:].strip():
            self.fail(f"{text[at:].strip()[:40]!r} after a closing bracket", number)
        return value

    def _flow(self, text: str, at: int, number: int, depth: int) -> tuple[Yaml, int]:
        """A value inside brackets, and the place after it."""
        if depth > MAX_DEPTH:
            self.fail(f"deeper than {MAX_DEPTH} levels", number)
        at = _skip(text, at)
        if text[at : at + 1] == "[":
            return self._flow_list(text, at + 1, number, depth)
        if text[at : at + 1] == "{":
            return self._flow_mapping(text, at + 1, number, depth)
        end = _end_of_quoted(text, at) if text[at : at + 1] in {'"', "'"} else at
        while (
            end < len(text)
            and text[end] not in ",]}"
            and not (text[end] == ":" and text[end + 1 : end + 2] in " ,]}")
        ):
            end += 1
        return self._scalar(text[at:end].strip(), number), end

    def _flow_list(self, text: str, at: int, number: int, depth: int) -> tuple[Yaml, int]:
        items: list[Yaml] = []
        while text[(at := _skip(text, at)) : at + 1] != "]":
            value, at = self._flow(text, at, number, depth + 1)
            items.append(value)
            at = self._separated(text, at, "]", number)
        return items, at + 1

    def _flow_mapping(self, text: str, at: int, number: int, depth: int) -> tuple[Yaml, int]:
        tree: dict[str, Yaml] = {}
        while text[(at := _skip(text, at)) : at + 1] != "}":
            key, at = self._flow(text, at, number, depth + 1)
            at = _skip(text, at)
            if not isinstance(key, str) or text[at : at + 1] != ":":
                self.fail("inside {..} stands something that is not `key: value`", number)
            if key in tree:
                self.fail(f"{key} stands here twice", number)
            tree[key], at = self._flow(text, at + 1, number, depth + 1)
            at = self._separated(text, at, "}", number)
        return tree, at + 1

    def _separated(self, text: str, at: int, end: str, number: int) -> int:
        at = _skip(text, at)
        if text[at : at + 1] == ",":
            return at + 1
        if text[at : at + 1] != end:
            self.fail(f"a bracket without its {end}", number)
        return at

    def _scalar(self, text: str, number: int) -> str | None:
        if text[:1] == '"' or text[:1] == "'":
            if _end_of_quoted(text, 0) != len(text) or len(text) < 2 or text[-1] != text[0]:
                self.fail(f"{text[:40]!r} is quoted wrongly", number)
            return self._quoted(text, number)
        if text == "-" or text.startswith(("- ", "? ")):
            self.fail(f"{text[:40]!r}: a list begins on a line of its own", number)
        if text[:1] in set("&*!|>%@`,:[]{}") and text:
            self.fail(
                f"{text[:40]!r}: anchors, tags and block scalars are not understood; quote it, or write it out",
                number,
            )
        if re.search(r":\s", text) or text.endswith(":"):
            self.fail(f"{text[:40]!r} has a colon; put it into quotes", number)
        return None if text in _NULLS else text

    def _quoted(self, text: str, number: int) -> str:
        inner = text[1:-1]
        if text[0] == "'":
            return inner.replace("''", "'")
        parts = re.split(r"\\(.)", inner)
        unknown = [escape for escape in parts[1::2] if escape not in _ESCAPES]
        if unknown:
            self.fail(f"\\{unknown[0]} is not understood", number)
        return "".join(_ESCAPES[part] if index % 2 else part for index, part in enumerate(parts))


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] == " ":
        at += 1
    return at
