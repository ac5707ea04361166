"""docs/apd.md: the parts that follow from the code are printed from it. `python -m lab.box_page` renews the page.

The session diagram comes from the table of legal moves, the configuration reference from the settings dataclasses and
the sentence under each of their fields. Whatever a person has to write (what a note means and what to do about it) is
written in the page, and a test holds it against the words that the code uses.
"""

import ast
import inspect
import re
import sys
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any

from apd.sections import SECTIONS
from apd.session import FINAL_REASONS, FOLLOWS, EndReason, Phase
from apd.settings import BoxSettings
from tc_shaper.settings import ShaperSettings

PAGE = Path(__file__).resolve().parent.parent / "docs" / "apd.md"
GIVEN: dict[type, frozenset[str]] = {
    BoxSettings: frozenset({"provider", "ledger", "ledger_id", "shaper", "air", "cell", "tariff", "auction"}),
    ShaperSettings: frozenset({"closed", "lobby_interface"}),
}
"""Fields that follow from other sections and are not written in their own."""


def format_sessions() -> str:
    """The legal moves as a diagram that GitHub and others draw, and as lines that everybody reads."""
    moves = [(before, after) for before in Phase for after in Phase if after in FOLLOWS[before]]
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {Phase.OFFERED.value}"]
    lines += [f"    {before.value} --> {after.value}" for before, after in moves]
    lines += [f"    {Phase.CLOSED.value} --> [*]", "```", ""]
    final = ", ".join(f"`{reason.value}`" for reason in EndReason if reason in FINAL_REASONS)
    other = ", ".join(
        f"`{reason.value}`" for reason in EndReason if reason.value and reason not in FINAL_REASONS
    )
    lines.append(f"A grant opens no session again after {final}; it may after {other}.")
    return "\n".join(lines)


def format_configuration() -> str:
    """One table for each section: key, default, and the sentence of its field."""
    return "\n\n".join(f"### [{section}]\n\n{_format_table(load())}" for section, load in SECTIONS.items())


def renew(page: str) -> str:
    """The page with its generated parts as the code is now."""
    page = _replace(page, "sessions", format_sessions())
    return _replace(page, "configuration", format_configuration())


def _format_table(cls: type) -> str:
    told = read_sentences(cls)
    rows = [
        f"| `{item.name}` | {_format_default(cls, item)} | {told[item.name]} |"
        for item in fields(cls)
        if item.name not in GIVEN.get(cls, ())
    ]
    return "\n".join(["| key | default | what it is |", "|---|---|---|", *rows])


def _format_default(cls: type, item: "Field[Any]") -> str:
    if cls is BoxSettings and item.name == "bssid":
        return "the interface's own"
    if item.default is MISSING:
        return "**required**"
    if item.default in (None, "", ()):
        return "none"
    value = str(item.default).lower() if isinstance(item.default, bool) else item.default
    return f"`{value:_}`" if isinstance(value, int) and value >= 10_000 else f"`{value}`"


def read_sentences(cls: type) -> dict[str, str]:
    """The string below each field."""
    (owner,) = ast.parse(inspect.getsource(cls)).body
    assert isinstance(owner, ast.ClassDef)
    return {
        field.target.id: " ".join(str(after.value.value).split())
        for field, after in zip(owner.body, owner.body[1:], strict=False)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(after, ast.Expr)
        and isinstance(after.value, ast.Constant)
    }


def _replace(page: str, name: str, text: str) -> str:
    begin, end = f"<!-- begin:{name} -->", f"<!-- end:{name} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"docs/apd.md: no place for {name}: {begin} ... {end}")
    return pattern.sub(lambda _: f"{begin}\n{text}\n{end}", page)


if __name__ == "__main__":
    PAGE.write_text(renew(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{PAGE}: renewed\n")
