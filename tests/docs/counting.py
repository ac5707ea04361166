"""Counts the commands of docs/ and README.md: `python -m tests.docs.counting` writes the table of docs/testing.md."""

from __future__ import annotations

import re

from tests.docs.markdown import ROOT, Block, blocks, commands, pages, read_page
from tests.docs.stories import EXECUTED, LEFT_OUT, NOT_RUN, OWN_WORDS

SHOWN = re.compile(r"(<!-- begin:commands-counted -->\n)(.*?)(<!-- end:commands-counted -->)", re.DOTALL)


def all_blocks() -> list[Block]:
    return [one for page in pages() for one in blocks(page, read_page(page))]


def counted() -> str:
    """The table of docs/testing.md."""
    typed = [(one, line) for one in all_blocks() for line in one.commands()]
    left_out = [
        line
        for one, line in typed
        if any(name == one.name and line.startswith(begins) for name, begins in LEFT_OUT)
    ]
    executed = sum(one.name in EXECUTED for one, _ in typed) - len(left_out)
    own = sum(one.name in OWN_WORDS for one, _ in typed)
    not_run = sum(one.name in NOT_RUN for one, _ in typed)
    ours = [one for page in pages() for one in commands(page, read_page(page))]
    inline = sum(one.inline for one in ours)
    lines = [
        "| commands in docs/, README.md and CONTRIBUTING.md | |",
        "|---|---|",
        f"| lines in blocks that somebody types | {len(typed)} |",
        f"| of these typed by a test, word for word from the page | {executed} |",
        f"| run by a test in words of its own, or the program behind a goal of make | {own} |",
        f"| lines of typed blocks that are left out, most of them run elsewhere | {len(left_out)} |",
        f"| not run here | {not_run} |",
        f"| commands of ours held against the parsers: in blocks, in sentences | {len(ours) - inline}, {inline} |",
        "",
        "Not run here, by name of the block, and what is not here for it:",
        "",
        *(f"- `{name}`: {why}" for name, why in sorted(NOT_RUN.items())),
        "",
        "Left out of blocks that are typed:",
        "",
        *(f"- `{name}`, `{begins}`: {why}" for (name, begins), why in sorted(LEFT_OUT.items())),
        "",
    ]
    return "\n".join(lines)


def main() -> None:
    page = ROOT / "docs" / "testing.md"
    page.write_text(SHOWN.sub(lambda found: found[1] + counted() + found[3], page.read_text()))


if __name__ == "__main__":
    main()
