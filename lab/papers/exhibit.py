"""What a paper claims, what we found of it, and how a finding is shown: plain data, and nothing that computes or draws.

A `Claim` is in registry.py, a `Finding` comes out of a chapter's module, and together they are an `Exhibit`. Numbers in
series and tables are what the data files hold, so that a reader can draw them anew. Units stand in labels and heads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

Point = tuple[float, float]
Cell = str | int | float | None
"""None is a number that there is not."""


class Verdict(Enum):
    """The value is what the page says. A drawing, or a table of notation, states nothing that could fail."""

    REPRODUCED = "reproduced"
    SHAPE = "shape reproduced"
    REFUTED = "refuted"
    CANNOT = "cannot be reproduced"
    DRAWING = "a drawing"


class Kind(Enum):
    """What the paper calls it. NUMBER: stated in running text, and too much hangs on it to leave it out."""

    FIGURE = "figure"
    TABLE = "table"
    STATEMENT = "statement"
    ALGORITHM = "algorithm"
    NUMBER = "number"


@dataclass(frozen=True, slots=True)
class Claim:
    """`name` as the paper numbers it, `theirs` what it says or shows, in our words. Ids are like 003/figure-3.4."""

    id: str
    kind: Kind
    name: str
    title: str
    theirs: str

    @property
    def paper(self) -> str:
        return self.id[:3]


@dataclass(frozen=True, slots=True)
class Series:
    """A line, or single dots; `low` and `high` are the interval around each point, where chance is involved."""

    name: str
    points: tuple[Point, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    is_theirs: bool = False
    """What the paper states, drawn as such."""
    dots: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart: `marks` are values of x at which something is said."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    marks: tuple[tuple[float, str], ...] = ()
    y_low: float | None = None
    y_high: float | None = None


@dataclass(frozen=True, slots=True)
class Rows:
    """A table, complete: what the page shows is what the data file holds. Columns of numbers are set to the right."""

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A parameter that the paper does not give: what it is here, and why."""

    name: str
    value: str
    why: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What we have in its place. `reason` says why the verdict; for a refutation it is the counterexample."""

    verdict: Verdict
    ours: str
    reason: str = ""
    calibrated: tuple[str, ...] = ()
    """What was set so that the result comes out: no evidence."""
    predicted: tuple[str, ...] = ()
    """What came out without having been set."""
    failures: tuple[str, ...] = ()
    """Seeds and settings at which it does not hold."""
    chosen: tuple[Chosen, ...] = ()
    plots: tuple[Plot, ...] = ()
    tables: tuple[Rows, ...] = ()
    seeds: int = 0
    """How many independent runs an interval is over; 0 where there is none."""
    draws: int = 0
    """How many random instances a statement was tried on."""
    see: tuple[str, ...] = ()
    """Files of this repository where the thing itself is, or its tests."""


@dataclass(frozen=True, slots=True)
class Exhibit:
    """A claim and what we found of it."""

    claim: Claim
    finding: Finding


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is computed: `seeds` wherever chance is involved; a quick run has fewer, and says so."""

    seeds: int = 20
    quick: bool = False


QUICK = Effort(seeds=2, quick=True)

Findings = Mapping[str, Finding]
Chapter = Callable[[Effort], Findings]
"""Findings by the ids of their claims. What a chapter does not return counts as not built."""

NOT_BUILT = Finding(Verdict.CANNOT, "nothing yet", reason="not built yet")


def is_unbuilt(finding: Finding) -> bool:
    """Whether it is our work that is missing, and not the papers' data: the reason says so at its beginning."""
    return finding.reason.startswith(NOT_BUILT.reason)


def judged(
    verdict: Verdict, held: Mapping[str, bool], *, otherwise: Verdict = Verdict.CANNOT
) -> tuple[Verdict, tuple[str, ...]]:
    """`verdict` if everything held that it rests on, and `otherwise` with the names of what did not.

    A figure of several parts has all of them in `held`, so that the worst decides.
    """
    missed = tuple(f"does not hold: {what}" for what, holds in held.items() if not holds)
    return (otherwise if missed else verdict), missed


def drawing(what: str, *see: str) -> Finding:
    """A figure that shows how parts hang together: what we have of it, and where."""
    return Finding(Verdict.DRAWING, what, see=see)
