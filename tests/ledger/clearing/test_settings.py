"""The section [clearing]: where the log is, and who else keeps time keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ledger.clearing.settings import parse_clearing
from ledger.section import Section
from tests.ledger_world import ALICE
from wire.errors import ConfigError

FILE = Path("/etc/airgrant/ledger.toml")


def parse(values: dict[str, Any]) -> Any:
    return parse_clearing(Section(values, "clearing", FILE))


def test_a_house_with_another_keeper() -> None:
    settings = parse(
        {"database": "clearing.db", "keepers": {str(ALICE.public): "https://other.example:8573"}}
    )
    assert settings.database == Path("/etc/airgrant/clearing.db")
    assert settings.keepers == {ALICE.public: "https://other.example:8573"}
    assert parse({"database": "clearing.db"}).keepers == {}


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({}, "clearing.database: a text is needed"),
        ({"database": "x", "keepers": "https://x"}, "clearing.keepers: is not a section"),
        ({"database": "x", "keepers": {"02ab": "https://x"}}, "clearing.keepers: '02ab' is not an account"),
        ({"database": "x", "keepers": {str(ALICE.public): "x"}}, "'x' is no http or https URL"),
    ],
)
def test_refused_by_name(values: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        parse(values)
