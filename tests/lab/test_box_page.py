"""docs/apd.md says what the code does: generated parts are as the code is, every note and refusal is explained."""

import ast
import itertools
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from apd.sections import SECTIONS
from apd.session import FOLLOWS, EndReason, Phase
from lab.box_page import GIVEN, PAGE, format_configuration, format_sessions, renew

ROOT = Path(__file__).resolve().parents[2]
TEXT = PAGE.read_text(encoding="utf-8")
ON_A_CELL = {"address_differs", "core_unreachable", "other_slice", "ue_unknown"}
PLAIN_WORDS = {"big", "ip"}
"""Strings in the lobby's code that look like a reason and are none."""


def explained(heading: str) -> set[str]:
    """Words in code marks in the first column of the tables below a heading, and in the text after them."""
    part = TEXT.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    first = [line.split("|")[1] for line in part.splitlines() if line.startswith("| ")]
    plain = [line for line in part.splitlines() if not line.startswith("|")]
    return set(re.findall(r"`([a-z_]+)`", " ".join([*first, *plain])))


def strings(path: Path) -> set[str]:
    return {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z]+(_[a-z]+)*", node.value)
    }


def notes() -> set[str]:
    """The first argument of every Note(...) in the package."""
    found: set[str] = set()
    for path in (ROOT / "apd").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Note":
                (first, *_) = node.args
                if path.name == "cell.py" and getattr(first, "id", "") == "kind":
                    continue  # the machine's own words
                assert isinstance(first, ast.Constant), f"{path}: a note's word is fixed"
                found.add(str(first.value))
    machine = strings(ROOT / "ran_slicing" / "cell.py")
    return found | {word for word in machine if re.match(r"(gnb|slice|cell|ue_unknown)_", word)}


def test_the_page_is_as_the_code_is():
    assert renew(TEXT) == TEXT, "run: .venv/bin/python -m lab.box_page"


def test_the_diagram_has_every_legal_move_and_no_other():
    drawn = set(re.findall(r"^    (\w+) --> (\w+)$", format_sessions(), re.MULTILINE))
    assert drawn == {(before.value, after.value) for before in Phase for after in FOLLOWS[before]}


def test_every_key_is_in_the_reference():
    written = sum(len(fields(load())) for load in SECTIONS.values()) - sum(map(len, GIVEN.values()))
    assert format_configuration().count("\n| `") == written


def test_every_note_is_explained_and_no_other():
    told = explained("What it tells the operator")
    assert notes() - told == set(), "what should the operator do about these?"
    assert told - notes() - {"what"} == set(), "nobody says these any more"


def test_every_refusal_is_explained_and_no_other():
    reasons = strings(ROOT / "apd" / "lobby.py") | strings(ROOT / "apd" / "joins.py")
    reasons = (reasons | strings(ROOT / "apd" / "bids.py")) - PLAIN_WORDS
    reasons -= notes() - {"not_metered", "rate_layer_differs"}
    reasons |= {reason.value for reason in EndReason if reason.value}
    reasons |= {"no_airtime"}  # apd/budget.py's, which the lobby passes on
    reasons |= strings(ROOT / "apd" / "cell_places.py") & ON_A_CELL
    told = explained("What it tells strangers")
    never_waited_for = {"data_cap_used", "moved", "no_room"}
    """Only an active session ends so, and nobody waits for an active one to begin."""
    assert reasons - told - never_waited_for == set(), "what should a device do about these?"
    assert told - reasons - {"refused"} - {"create", "allocate", "early_join_s"} == set(), "nobody says these"


def test_every_reason_on_the_air_is_explained_and_no_other():
    said = {
        str(word.value)
        for name in ("air", "associations", "known_grants", "core")
        for node in ast.walk(ast.parse((ROOT / "apd" / f"{name}.py").read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "with_refusal"
        for word in node.args[:1]
        if isinstance(word, ast.Constant)
    }
    said -= {"transaction_invalid"}  # the lobby says it, too: explained there
    reasons = said - notes() | {"no_account", "no_admission", "no_grant", "grant_in_use", "identity_differs"}
    part = TEXT.partition("\nA station is deauthenticated")[2].partition("\n### ")[0]
    assert set(re.findall(r"`([a-z]+_[a-z_]+)`", part)) - {"thrown_out"} == reasons


def test_the_least_configuration_is_one(tmp_path):
    lines = TEXT.partition("The least that works:\n")[2].splitlines()
    block = itertools.takewhile(lambda line: not line or line.startswith("    "), lines)
    parsed = tomllib.loads("\n".join(line.strip() for line in block))
    assert set(parsed) == {"shaper", "ledger", "meter", "files"}
    assert parsed["shaper"]["interface"] == "wlan0"


def test_a_page_without_a_place_is_told():
    with pytest.raises(ValueError, match="no place for sessions"):
        renew("# apd\n")
