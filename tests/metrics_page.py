"""What docs/metrics.md says of each metric, for the tests that hold it against the code."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from wire.metrics_text import Family, Kind

PAGE = Path(__file__).resolve().parents[1] / "docs" / "metrics.md"


def documented(prefix: str) -> dict[str, tuple[str, str, str]]:
    """Kind, labels and sentence of each name that begins so."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\w+) \| ([`\w, ]*) \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: (kind, labels, told) for name, kind, labels, told in rows if name.startswith(prefix)}


def as_documented(families: Iterable[Family]) -> dict[str, tuple[str, str, str]]:
    """The same of families; `le` is part of being a histogram."""
    shown: dict[str, tuple[str, str, str]] = {}
    for family in families:
        labels = sorted({name for sample in family.samples for name, _ in sample.labels} - {"le"})
        marked = ", ".join(f"`{name}`" for name in labels)
        shown[family.name] = family.kind.value, marked, family.told
    return shown


def values(families: Iterable[Family]) -> dict[str, int]:
    """`name{label value}` to the number as it is written."""
    return {
        f"{family.name}{sample.suffix}"
        + (f"{{{' '.join(value for _, value in sample.labels)}}}" if sample.labels else ""): (sample.value)
        for family in families
        for sample in family.samples
        if family.kind is not Kind.HISTOGRAM or sample.suffix != "_bucket"
    }
