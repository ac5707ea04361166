"""What a benchmark left, or nothing."""

from __future__ import annotations

from pathlib import Path

from lab.bench.result import Figure, write_result
from lab.papers.measured import measured


def test_a_figure_is_found_by_how_its_name_begins(tmp_path: Path) -> None:
    write_result("ledger", [Figure("bulk, durable", 5.0, "per s")], tmp_path)
    assert measured("ledger", "bulk", tmp_path) == 5.0
    assert measured("ledger", "single", tmp_path) is None
    assert measured("wifi", "bulk", tmp_path) is None
