"""What a page of docs/ has typed by its reader: blocks of commands, and commands in a sentence.

A page comes in as text, blocks and words go out; nothing is run here. A block is what Markdown shows as one: fenced, or
indented by four columns behind an empty line. It has a name if it stands between `<!-- begin:NAME -->` and
`<!-- end:NAME -->`, which no reader sees, and a test takes its words by that name.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

OURS = ("airgrant", "apd", "operatord", "make")
"""Commands whose whole line can be held against the code."""

PROGRAMS = frozenset({
    *OURS, ".", "adduser", "apt", "apt-get", "cd", "chmod", "chown", "cometbft", "cp", "curl", "docker", "git", "helm",
    "hostapd_cli", "install", "iperf3", "ip", "issue", "journalctl", "kubectl", "logger", "mkdir", "mosquitto", "mv",
    "opkg", "apk", "openssl", "pip", "python", "python3", "scp", "service", "source", "ssh", "sudo", "systemctl",
    "sysupgrade", "ubus", "uci", "umask", "wpa_cli", "xdg-open", "go", "npm", "sysctl", "promtool", "date", "logread",
})  # fmt: skip
"""By these words a line of a block is one that somebody types."""

_PLACES = re.compile(r"(?:lab|images)/[\w/.-]+\.sh|(?:\S*/)?\.venv/bin/\S+|(?:/\S+)?/bin/\S+")
_MARK = re.compile(r"\s*<!-- (begin|end):([\w-]+) -->\s*$")
_ITEM = re.compile(r"( *)(?:[-*+]|\d+[.)])( +)\S")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
_SIGNED = re.compile(r"airgrant [a-z ]+ 1")
"""What stands before the bytes that are signed (docs/wire): "airgrant payplace voucher 1". No command."""
_END = {"&&", "||", "|", ";", "&", "(", ")", "{", "}", "<(", "then", "do", "if", "while", "time", "!"}


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page: where it begins, its name if it has one, its text without the indentation."""

    page: str
    line: int
    name: str
    text: str

    def commands(self) -> list[str]:
        """Its lines that somebody types, continued ones joined; empty for a block that only shows something."""
        return [line for line in logical_lines(self.text) if is_typed(line)]


@dataclass(frozen=True, slots=True)
class Command:
    """One command of ours: where it stands, its words, and whether a sentence has it, which may name a part of it."""

    page: str
    line: int
    words: tuple[str, ...]
    inline: bool

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {shlex.join(self.words)}"


def pages() -> list[str]:
    """Every page that a reader has, from the root. Decisions and papers tell what was; nobody types from them."""
    found = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"]
    names = sorted(str(path.relative_to(ROOT)) for path in found)
    return [name for name in names if not name.startswith("docs/decisions/")]


def read_page(page: str) -> str:
    return (ROOT / page).read_text()


def block(page: str, name: str) -> str:
    """The text of the blocks of that name, one below the other; KeyError if the page has none."""
    found = [one.text for one in blocks(page, read_page(page)) if one.name == name]
    if not found:
        raise KeyError(f"{page} has no block {name}")
    return "\n".join(found)


def blocks(page: str, text: str) -> list[Block]:
    """Every block of a page, in order."""
    found: list[Block] = []
    lines = text.split("\n")
    name, at, margin, blank = "", 0, 0, True
    while at < len(lines):
        line = lines[at]
        if mark := _MARK.match(line):
            name = mark[2] if mark[1] == "begin" else ""
            margin = margin if line.startswith(" ") else 0  # at the margin a comment ends a list
            at, blank = at + 1, True
            continue
        if line.lstrip().startswith("```"):
            ends = next(n for n in range(at + 1, len(lines)) if lines[n].lstrip().startswith("```"))
            found.append(Block(page, at + 2, name, _unindented(lines[at + 1 : ends])))
            at, blank = ends + 1, False
            continue
        item = _ITEM.match(line)
        if item and (blank or margin or not line.lstrip()[0].isdigit()) and len(item[1]) < margin + 4:
            margin = len(item[0]) - 1
        elif line.strip() and not line.startswith(" "):
            margin = 0
        if blank and line.strip() and len(line) - len(line.lstrip()) >= margin + 4:
            ends = at
            while ends < len(lines) and (
                not lines[ends].strip() or len(lines[ends]) - len(lines[ends].lstrip()) >= margin + 4
            ):
                ends += 1
            found.append(Block(page, at + 1, name, _unindented(lines[at:ends])))
            at, blank = ends, True
            continue
        blank = not line.strip()
        at += 1
    return found


def _unindented(lines: list[str]) -> str:
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return "\n".join(line[margin:] for line in lines).strip("\n") + "\n"


def outside(text: str) -> str:
    """The page with its blocks blanked, lines kept: what is said in sentences."""
    lines = text.split("\n")
    for one in blocks("", text):
        for number in range(one.line - 1, one.line - 1 + one.text.count("\n")):
            lines[number] = ""
    return "\n".join(lines)


def logical_lines(text: str) -> Iterator[str]:
    """Lines as a shell sees them: a backslash at the end joins the next one, a comment alone is none."""
    pending = ""
    for line in text.split("\n"):
        if line.endswith("\\"):
            pending += line[:-1].strip() + " "
            continue
        whole, pending = pending + line.strip(), ""
        if whole and not whole.startswith("#"):
            yield whole


def is_typed(line: str) -> bool:
    """Whether somebody types this, as far as its first words tell."""
    words = line.split()
    if " == " in line or " | <" in line:  # a drawing
        return False
    while words and (_ASSIGNMENT.match(words[0]) and '"' not in words[0]):
        words = words[1:]
    return bool(words) and (
        words[0] in PROGRAMS or bool(_PLACES.fullmatch(words[0])) or bool(re.match(r'[a-z_]+="', words[0]))
    )


def commands(page: str, text: str) -> list[Command]:
    """Every command of ours on a page: in blocks, with the page's own `name="..."` filled in, and in sentences."""
    found: list[Command] = []
    values: dict[str, str] = {}
    for one in blocks(page, text):
        for line in one.commands():
            at = one.line + _line_of(one.text, line)
            for words in simple_commands(line, values):
                found.extend(_ours(page, at, words, inline=False))
        for match in re.finditer(r"^ExecStart=(.*)$", one.text, re.MULTILINE):
            at = one.line + one.text[: match.start()].count("\n")
            found.extend(_ours(page, at, match[1].split(), inline=False))
    said = outside(text)
    for match in re.finditer(r"`([^`]+)`", said):
        line = " ".join(match[1].split())
        if " " in line and line.split()[0] in OURS and not _SIGNED.fullmatch(line):
            at = said[: match.start()].count("\n") + 1
            for words in simple_commands(line, {}):
                found.extend(_ours(page, at, words, inline=True))
    return found


def _line_of(text: str, logical: str) -> int:
    """Where a logical line begins in a block, from 0."""
    first = logical.split(maxsplit=1)[0]
    return next(
        (
            n
            for n, line in enumerate(text.split("\n"))
            if logical.startswith(line.rstrip("\\").strip()) and first in line
        ),
        0,
    )


def simple_commands(line: str, values: dict[str, str]) -> Iterator[list[str]]:
    """The words of each command in a line: pipes, lists and substitutions taken apart, `$name` filled in from `values`,
    to which the line's own assignments are added.
    """
    values.update(re.findall(r'(?:^|\s)([a-z_]+)="([^"]*)"', line))
    filled = re.sub(r"\$\{?([a-z_]+)\}?", lambda match: values.get(match[1], match[0]), line)
    lexer = shlex.shlex(filled, posix=True, punctuation_chars="();<>|&")
    lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        words = list(lexer)
    except ValueError:  # an apostrophe in a sentence, or one part of a longer quotation
        words = filled.split()
    command: list[str] = []
    for word in words:
        if word.startswith("#"):
            break
        if word in _END or (set(word) <= set("();|&") and word):
            if command:
                yield command
            command = []
        else:
            command.append(word)
    if command:
        yield command


def _ours(page: str, line: int, words: list[str], *, inline: bool) -> Iterator[Command]:
    while words and (words[0] == "sudo" or _ASSIGNMENT.match(words[0])):
        words = words[1:]
    cut = next(
        (n for n, word in enumerate(words) if set(word) <= set("<>") or word in {"2>", "1>"}), len(words)
    )
    words = words[:cut]
    if not words:
        return
    name = words[0].rpartition("/bin/")[2] if "/bin/" in words[0] else words[0]
    if (
        name in OURS
        or words[0].startswith(("lab/", "images/"))
        or (name.startswith("python") and "-m" in words[1:2])
    ):
        yield Command(page, line, (name, *words[1:]), inline)
