"""A child that takes orders and tells facts."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from lab.ran.told import Told
from wire.errors import ShellError

PARROT = """
import json, sys
for line in sys.stdin:
    if line == "end\\n":
        sys.exit("enough")
    print(json.dumps({"event": "said", "words": line.strip()}), flush=True)
"""


def parrot(folder: Path) -> Told:
    return Told("parrot", [sys.executable, "-c", PARROT], folder)


def test_facts_are_taken_once_in_their_order(tmp_path: Path) -> None:
    with parrot(tmp_path / "log") as child:
        child.order("one")
        child.order("two", "words")
        assert child.take("said")["words"] == "one"
        assert child.take("said", lambda fact: "words" in fact["words"])["words"] == "two words"
        with pytest.raises(ShellError, match="does not tell it"):
            child.take("said", deadline_s=0.1)
        assert [fact["words"] for fact in child.told()] == ["one", "two words"]


def test_its_end_is_told_with_its_last_words(tmp_path: Path) -> None:
    with parrot(tmp_path / "log") as child:
        child.order("end")
        with pytest.raises(ShellError, match=r"ended with 1.*enough"):
            child.take("said")


def test_a_program_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    with (
        pytest.raises(ShellError, match=r"lab/go\.sh build nothing"),
        Told("x", [tmp_path / "nothing"], tmp_path),
    ):
        pass
