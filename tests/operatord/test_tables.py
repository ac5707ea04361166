"""The reconciliation for people and for programs."""

from __future__ import annotations

import io
import json

from rich.console import Console

from operatord.reconciling import reconcile
from operatord.tables import complaints, describe_rows, reconciliation_table
from tests.operatord.test_reconciling import ACCOUNTED, GRANT, KEY, METERED, OWN
from tests.operatord.world import NOW_S

ROWS = reconcile(
    {KEY: ACCOUNTED, (GRANT, bytes(16)): ACCOUNTED}, {KEY: METERED}, {OWN: NOW_S, bytes(16): NOW_S}
)


def test_what_agrees_and_what_does_not_is_shown() -> None:
    console = Console(width=140, file=io.StringIO())
    console.print(reconciliation_table(ROWS))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "agrees" in text
    assert "disagrees" in text
    assert len(complaints(ROWS)) == 3


def test_rows_are_plain_values() -> None:
    first, second = json.loads(json.dumps(describe_rows(ROWS)))
    told = {first["outcome"]: first["ok"], second["outcome"]: second["ok"]}
    assert told == {"agrees": True, "disagrees": False}
    assert {len(first["findings"]), len(second["findings"])} == {3}
