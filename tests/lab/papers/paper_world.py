"""Exhibits made by hand for the tests of page, files and run."""

from __future__ import annotations

from lab.papers.exhibit import Chosen, Finding, Plot, Rows, Series, Verdict
from lab.papers.files import Run

PLOT = Plot(
    "Revenue <over> price",
    "price",
    "revenue, $",
    (
        Series("ours", ((1.0, 2.0), (10.0, 3.0), (100.0, 5.0)), (1.0, 2.0, 4.0), (3.0, 4.0, 6.0)),
        Series("the text", ((10.0, 4.0),), (3.0,), (5.0,), is_theirs=True, dots=True),
    ),
    log_x=True,
    marks=((10.0, "best"),),
)
FINDING = Finding(
    Verdict.SHAPE,
    "Ours <comes> out.",
    reason="Because.",
    calibrated=("sigma",),
    predicted=("the knee",),
    failures=("seed 7",),
    chosen=(Chosen("n", "8", "the text has none"),),
    plots=(PLOT,),
    tables=(Rows("A table", ("name", "value"), (("a", 1), ("b", None), ("c", 12_345.0))),),
    seeds=20,
    see=("market/vickrey.py",),
)
RUN = Run("2026-11-22 13:00 UTC", 12.0, "a machine", "0.1.0", "make papers", 20, quick=False)
