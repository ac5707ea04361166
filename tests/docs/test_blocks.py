"""Every block of commands has a name, and a test that types it or a reason why none does; docs/testing.md says so."""

from __future__ import annotations

import re

from tests.docs.markdown import ROOT, Block, blocks, commands, pages, read_page
from tests.docs.stories import EXECUTED, LEFT_OUT, NOT_RUN, OWN_WORDS

TABLES = (EXECUTED, OWN_WORDS, NOT_RUN)


def all_blocks() -> list[Block]:
    return [one for page in pages() for one in blocks(page, read_page(page))]


def test_every_block_of_commands_is_accounted_for() -> None:
    known = {name for table in TABLES for name in table}
    astray = [
        f"{one.page}:{one.line}: {one.name or 'no name'}: put <!-- begin:NAME --> and <!-- end:NAME --> round it, "
        "and NAME into tests/docs/stories.py with the test that types it, or with the reason why none does"
        for one in all_blocks()
        if one.commands() and one.name not in known
    ]
    assert not astray, "\n".join(astray)


def test_every_row_has_its_block_and_its_test() -> None:
    named = {one.name for one in all_blocks()}
    for table in TABLES:
        assert not set(table) - named, "rows without a block"
    assert len({name for table in TABLES for name in table}) == sum(map(len, TABLES)), "one table for each"
    for name, path in EXECUTED.items():
        told = (ROOT / path).read_text()
        assert f'"{name}"' in told or f"begin:{name}" in told or path == "tests/system/test_gateway_tpm.py", (
            name,
            path,
        )
    for path in OWN_WORDS.values():
        assert (ROOT / path).exists(), path
    for name, begins in LEFT_OUT:
        assert name in EXECUTED, name
        lines = [line for one in all_blocks() if one.name == name for line in one.text.split("\n")]
        assert any(line.strip().startswith(begins) for line in lines), (name, begins)


def test_a_name_is_of_one_page() -> None:
    where: dict[str, str] = {}
    for one in all_blocks():
        if one.name:
            assert where.setdefault(one.name, one.page) == one.page, one.name


def test_the_page_says_what_is_not_run_and_about_how_much_is() -> None:
    """Words are the table's; a number may be off by a tenth, so that not every new sentence changes it."""
    shown = re.search(
        r"<!-- begin:commands-counted -->\n(.*?)<!-- end:", read_page("docs/testing.md"), re.DOTALL
    )
    assert shown
    wanted = counted()
    assert re.sub(r"\d+", "N", shown[1]) == re.sub(r"\d+", "N", wanted), (
        f"docs/testing.md should have:\n{wanted}"
    )
    for said, true in zip(re.findall(r"\d+", shown[1]), re.findall(r"\d+", wanted), strict=True):
        assert abs(int(said) - int(true)) <= 2 + int(true) // 10, f"docs/testing.md should have:\n{wanted}"


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
