"""Every block of commands has a name, and a test that types it or a reason why none does; docs/testing.md says so."""

from __future__ import annotations

import re

from tests.docs.counting import SHOWN, all_blocks, counted
from tests.docs.markdown import ROOT, blocks, read_page
from tests.docs.stories import EXECUTED, LEFT_OUT, NOT_RUN, OWN_WORDS

TABLES = (EXECUTED, OWN_WORDS, NOT_RUN)
MEND = "docs/testing.md says otherwise: `python -m tests.docs.counting` writes it"


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
        by_place = path == "tests/system/test_gateway_tpm.py"  # it takes the page's steps in their order
        assert re.search(rf"""["':]{name}["' ]""", told) or by_place, (name, path)
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
    shown = SHOWN.search(read_page("docs/testing.md"))
    assert shown
    wanted = counted()
    assert re.sub(r"\d+", "N", shown[2]) == re.sub(r"\d+", "N", wanted), MEND
    for said, true in zip(re.findall(r"\d+", shown[2]), re.findall(r"\d+", wanted), strict=True):
        assert abs(int(said) - int(true)) <= 2 + int(true) // 10, MEND


def test_blocks_are_what_markdown_shows_as_such() -> None:
    page = """Say, on port
18573) and so on:

    apd status      # here

1. First:

   <!-- begin:in-a-list -->
       make check \\
           ARGS=x
   <!-- end:in-a-list -->

   no block

    no block either, four columns are the item's

2. Last.

<!-- begin:behind -->
    [section]
    key = "value"
<!-- end:behind -->

```
apd check CONFIG
    drawn == so
```
"""
    found = blocks("p.md", page)
    assert [(one.line, one.name, one.commands()) for one in found] == [
        (4, "", ["apd status      # here"]),
        (9, "in-a-list", ["make check ARGS=x"]),
        (20, "behind", []),
        (25, "", ["apd check CONFIG"]),
    ]
