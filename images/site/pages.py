"""Makes pages of docs/ ready for mkdocs: links out of docs/, marks of tests, lists as Python-Markdown wants them.

On a checkout links lead to files; in the site a file outside of docs/ becomes a page that shows it, and a folder
becomes its list. Text comes in and goes out; `on_files` alone reads the disk. mkdocs finds these functions by name.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent.parent
SOURCE = "source"
"""The folder of the site with what is outside of docs/."""

LISTS = {"decisions": "decisions/index.md", "wire": "wire/README.md"}
"""Folders of docs/, and the page that lists what is in them."""

_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]*)?(?=\))")
_NAMED = re.compile(r"(?<=\[)([\w./-]+\.md)(?=\]\((?!https?:)([^)#\s]+)(?:#[^)\s]*)?\))")
_STATES = re.compile(r"^```mermaid\nstateDiagram-v2\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_HERE = re.compile(r"(?<=\]\(#)([^)\s]+)(?=\))")
_MARK = re.compile(r"^\s*<!-- /?(?:begin|end|bench|bytes)[:\s][^>]*-->\s*$")
_ITEM = re.compile(r"( *)([-*+]|\d{1,9}[.)])( +)\S")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Headings that begin with a digit get an anchor that the theme's script can look for."""
    config.mdx_configs["toc"]["slugify"] = anchor
    return config


def anchor(heading: str, separator: str) -> str:
    """As GitHub makes it of a heading, in lower case with hyphens; behind `s-` where it begins with a digit."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", separator)
    return safe(kept)


def safe(name: str) -> str:
    """An anchor that begins with no digit: `#1-...` is no selector of CSS."""
    return f"s-{name}" if name[:1].isdigit() else name


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds a page for each file outside of docs/ that a page links to, and the list of decisions."""
    from mkdocs.structure.files import File

    decisions = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
    lines = [f"- [{title(path.read_text())}]({path.name})" for path in decisions[1:]]
    pages = {
        "decisions/index.md": "# Decisions\n\nWhat was decided, and what that cost.\n\n"
        + "\n".join(lines)
        + "\n"
    }
    texts = {
        posixpath.join("docs", file.src_uri): Path(file.abs_src_path).read_text()
        for file in files.documentation_pages()
        if file.abs_src_path
    }
    while texts:  # what a file outside links to is outside, too
        wanted = {one for path, text in texts.items() for one in outside(text, path)}
        texts = {}
        for path in sorted(wanted):
            if (ROOT / path).exists() and source_page(path) not in pages:
                pages[source_page(path)] = content = shown(path, read(ROOT / path))
                texts |= {path: content} if path.endswith(".md") else {}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001
    """A page's text as Python-Markdown reads it like CommonMark, with links that lead somewhere in the site."""
    at = page.file.src_uri
    if at.startswith(f"{SOURCE}/"):
        path = at.removeprefix(f"{SOURCE}/")
        if (ROOT / path).suffix != ".md":
            return markdown
        return prepared(relinked(markdown, path, at))
    return prepared(relinked(markdown, posixpath.join("docs", at), at))


def read(path: Path) -> str:
    """A file's text; of a folder the names of what is in it."""
    if not path.is_dir():
        return path.read_text()
    return "".join(f"{one.relative_to(path)}\n" for one in sorted(path.rglob("*")) if one.is_file())


def title(text: str) -> str:
    """The first heading of a page."""
    return text.split("\n", 1)[0].lstrip("# ")


def outside(text: str, path: str) -> list[str]:
    """Files outside of docs/ that the page at `path` links to, from the root."""
    return sorted(
        {
            one
            for one in (target(path, match[1]) for match in _LINK.finditer(text))
            if not one.startswith("docs/")
        }
    )


def target(path: str, link: str) -> str:
    """What a link of the page at `path` means, from the root; a folder ends with a slash."""
    found = posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    return found + "/" if link.endswith("/") else found


def source_page(path: str) -> str:
    """Where the site shows a file or folder of the root."""
    path = path.rstrip("/")
    return f"{SOURCE}/{path}" if path.endswith(".md") else f"{SOURCE}/{path}.md"


def shown(path: str, content: str) -> str:
    """A page that shows a file: as it is, if it is Markdown."""
    if path.endswith(".md"):
        return content
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall(r"`+", content)), default=0))
    return f"# {path}\n\n{fence}\n{content.rstrip()}\n{fence}\n"


def relinked(text: str, path: str, at: str) -> str:
    """The page at `path` with the links that it has at `at` in the site."""

    def link(match: re.Match[str]) -> str:
        found = target(path, match[1])
        page = found.removeprefix("docs/") if found.startswith("docs/") else source_page(found)
        if page.rstrip("/") in LISTS:
            page = LISTS[page.rstrip("/")]
        return posixpath.relpath(page, posixpath.dirname(at) or ".") + (
            "#" + safe(match[2][1:]) if match[2] else ""
        )

    def named(match: re.Match[str]) -> str:
        """No file of that name is in the site."""
        page = ROOT / target(path, match[2])
        return title(read(page)) if page.is_file() else match[1]

    def change(prose: str) -> str:
        return _HERE.sub(lambda match: safe(match[1]), _LINK.sub(link, _NAMED.sub(named, prose)))

    return outside_of_code(_STATES.sub(told, text), change)


def told(drawing: re.Match[str]) -> str:
    """A mermaid diagram of states as text: each state, and those that can follow."""
    follow: dict[str, list[str]] = {}
    for line in drawing[1].strip().split("\n"):
        state, after = (word.strip() for word in line.split("-->"))
        follow.setdefault("(begin)" if state == "[*]" else state, []).append(
            "(end)" if after == "[*]" else after
        )
    width = max(map(len, follow))
    lines = [f"{state:{width}}  ->  {', '.join(after)}" for state, after in follow.items()]
    return "\n".join(["```", *lines, "```"])


def outside_of_code(text: str, change: Callable[[str], str]) -> str:
    """Changes each line that is in no fence and not indented as code."""
    lines, fenced = text.split("\n"), False
    for number, line in enumerate(lines):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and not line.startswith("        "):
            lines[number] = change(line)
    return "\n".join(lines)


def prepared(text: str) -> str:
    """Python-Markdown wants an empty line before a list, four columns in an item, and no mark in between."""
    made: list[str] = []
    margins: list[int] = []
    fenced = False
    for written in text.split("\n"):
        line, indent = written, len(written) - len(written.lstrip())
        if _MARK.match(line):  # at the margin it ends a list, and parts two blocks
            margins = margins if indent else []
            made += [""] if indent else ["", "<!-- -->", ""]
            continue
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced and line.strip():
            made_blank = not made or not made[-1].strip()
            item = _ITEM.match(line)
            sibling = bool(item) and indent < (margins[-1] if margins else 0)
            while margins and indent < margins[-1] and (made_blank or item):
                margins.pop()
            if margins and indent < margins[-1]:  # the paragraph goes on, less far in
                made.append(" " * 4 * len(margins) + line.lstrip())
                continue
            if item and indent < (margins[-1] if margins else 0) + 4:
                if made_blank or sibling or item[2] in {"-", "*", "+", "1.", "1)"}:
                    made += [] if made_blank or sibling or margins else [""]
                    made.append(" " * 4 * len(margins) + line.lstrip())
                    margins.append(len(item[0]) - 1)
                    continue
                line = line.replace(
                    item[2], f"{item[2][:-1]}\\{item[2][-1]}", 1
                )  # a number that ends a sentence
        if margins and line.strip():
            line = " " * (4 * len(margins) + indent - margins[-1]) + line.lstrip()
        made.append(line)
    return "\n".join(made)
