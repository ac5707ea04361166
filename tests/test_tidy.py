"""The tree keeps the rules of the architecture (docs/architecture.md); tidy_rules.py has the tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tidy_rules import RULES, Module, read_tree

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def tree() -> list[Module]:
    return read_tree(ROOT)


def test_the_tree_is_read(tree: list[Module]) -> None:
    assert {"airgrant.py", "wire/cbor.py", "tests/test_tidy.py"} <= {module.path for module in tree}


@pytest.mark.parametrize("rule", RULES)
def test_tidy(rule: str, tree: list[Module]) -> None:
    complaints = [str(complaint) for complaint in RULES[rule](tree)]
    if complaints:
        pytest.fail("\n".join((f"{rule}: {len(complaints)} to mend", *complaints)), pytrace=False)
