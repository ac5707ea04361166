"""Which statements of chapter 4 hold, on the page as in the register."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest


@pytest.mark.parametrize(
    "name", ["theorem-2", "theorem-3", "algorithm-2", "theorem-4", "lemma-3", "theorem-7"]
)
def test_these_fail_as_printed(quick: Mapping[str, Any], name: str) -> None:
    assert quick[f"003/{name}"]["verdict"] == "refuted"


@pytest.mark.parametrize("name", ["theorem-1", "lemma-2", "theorem-5", "lemma-4", "theorem-6", "lemma-5"])
def test_these_hold(quick: Mapping[str, Any], name: str) -> None:
    assert quick[f"003/{name}"]["verdict"] == "reproduced"


@pytest.mark.parametrize("name", ["theorem-3", "algorithm-2"])
def test_what_is_mended_is_never_wrong(quick: Mapping[str, Any], name: str) -> None:
    printed, mended, ours = (row[1] for row in quick[f"003/{name}"]["tables"][0]["rows"])
    assert printed > 0
    assert mended == ours == 0
