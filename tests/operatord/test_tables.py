"""The reconciliation for people and for programs."""

from __future__ import annotations

import io
import json

from rich.console import Console

from operatord.reconciling import Overhead, reconcile
from operatord.state import Box
from operatord.tables import (
    complaints,
    count_judged,
    describe_overheads,
    describe_rows,
    reconciliation_table,
    say_judged,
    say_overheads,
)
from tests.operatord.test_reconciling import ACCOUNTED, GRANT, KEY, METERED, OWN
from tests.operatord.world import NOW_S, PARTNER, PROVIDER
from wire.keys import PrivateKey

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


def test_what_could_not_be_judged_is_no_agreement() -> None:
    waiting = reconcile({KEY: ACCOUNTED}, {KEY: METERED}, {OWN: 0})
    assert (count_judged(ROWS), count_judged(waiting)) == (2, 0)
    assert [say_judged(rows) for rows in (ROWS, [*ROWS, *waiting], waiting, [])] == [
        "2 grants judged, 0 not yet",
        "2 grants judged, 1 not yet",
        "nothing was compared: 0 grants judged, 1 not yet",
        "nothing was compared: neither accounting nor a meter has told of a grant",
    ]
    assert [row["judged"] for row in describe_rows([*ROWS, *waiting])] == [True, True, False]


def test_rows_are_plain_values() -> None:
    first, second = json.loads(json.dumps(describe_rows(ROWS)))
    told = {first["outcome"]: first["ok"], second["outcome"]: second["ok"]}
    assert told == {"agrees": True, "disagrees": False}
    assert {len(first["findings"]), len(second["findings"])} == {3}


def test_an_owner_hears_what_its_driver_counts() -> None:
    def box(name: str, provider: PrivateKey) -> Box:
        return Box(name, provider.public, "192.0.2.7", frozenset(), 50, 34)

    boxes = [box("roof", PROVIDER), box("inn", PARTNER)]
    fine = Overhead(PARTNER.public.provider_id, 519, None)
    bare = Overhead(OWN, 341, 139)
    assert say_overheads([fine, bare], boxes) == [
        "roof counts 34.1 octets beyond IP for each packet up; [boxes.roof] up_overhead_bytes is 50",
        "roof counts 13.9 octets beyond IP for each packet down; [boxes.roof] down_overhead_bytes is 34",
    ]
    assert say_overheads([Overhead(bytes(16), 0, 0)], boxes) == [], "a box that is no longer ours"
    page = describe_overheads([fine])
    assert page == [
        {"provider_id": fine.provider_id.hex(), "up_overhead_bytes": 51.9, "down_overhead_bytes": None}
    ]
