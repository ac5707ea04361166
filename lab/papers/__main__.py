"""`make papers`: theirs beside ours, for every table, figure and proposition. Exit status: 0 done; 2 usage."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from apd.version import VERSION
from lab.bench.result import describe_machine
from lab.papers.chapters import CHAPTERS
from lab.papers.exhibit import QUICK, Effort, Exhibit, is_unbuilt
from lab.papers.faults import read_tests, tests_by_fault
from lab.papers.files import Run, count_verdicts, data_files
from lab.papers.page import format_report
from lab.papers.running import reproduce

OUT = Path(__file__).parents[2] / "build" / "papers"
_EXAMPLES = """examples:
  make papers                                  everything, 20 seeds
  make papers ARGS=--quick                     2 seeds and coarse sweeps, for a look
  make papers ARGS='--seeds 50 --only ubid'    one chapter; the others count as not built
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m lab.papers",
        description="Reproduces the four papers: build/papers/report.html, and the data beside it.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="few seeds and coarse sweeps")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds wherever chance is involved (20)")
    parser.add_argument(
        "--only", action="append", choices=sorted(CHAPTERS), metavar="CHAPTER", help="one chapter"
    )
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)), metavar="N")
    parser.add_argument("--out", type=Path, default=OUT, metavar="FOLDER")
    arguments = parser.parse_args(argv)
    if arguments.processes < 1 or (arguments.seeds is not None and arguments.seeds < 1):
        parser.error("--seeds and --processes are 1 or more")
    base = QUICK if arguments.quick else Effort()
    effort = Effort(arguments.seeds or base.seeds, quick=base.quick)
    console = Console(highlight=False)
    chapters = {name: run for name, run in CHAPTERS.items() if not arguments.only or name in arguments.only}
    began, clock_s = datetime.now(UTC), time.monotonic()
    _say(console, f"{len(chapters)} chapters, {effort.seeds} seeds, {arguments.processes} at a time")
    exhibits = reproduce(chapters, effort, lambda line: _say(console, line), arguments.processes)
    run = Run(
        began=f"{began:%Y-%m-%d %H:%M} UTC",
        took_s=round(time.monotonic() - clock_s, 1),
        machine=describe_machine(),
        version=VERSION,
        command=f"make papers{f' ARGS={chr(39)}{chr(32).join(sys.argv[1:])}{chr(39)}' if sys.argv[1:] else ''}",
        seeds=effort.seeds,
        quick=effort.quick,
    )
    write(exhibits, run, arguments.out)
    for verdict, count in count_verdicts(exhibits).items():
        console.print(f"{count:5d}  {verdict.value}")
    unbuilt = sum(is_unbuilt(exhibit.finding) for exhibit in exhibits)
    console.print(f"       of them not built yet: {unbuilt}")
    console.print(f"page: {arguments.out / 'report.html'} ({run.took_s:.0f} s)")
    return 0


def write(exhibits: list[Exhibit], run: Run, out: Path) -> None:
    """The page and its data; files of an earlier run go, so that none is read as this one's."""
    data = out / "data"
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    for name, text in data_files(exhibits, run).items():
        (data / name).write_text(text, encoding="utf-8")
    page = format_report(exhibits, tests_by_fault(read_tests()), run)
    (out / "report.html").write_text(page, encoding="utf-8")


def _say(console: Console, line: str) -> None:
    console.print(f"[dim]{datetime.now(UTC):%H:%M:%S}[/]  {escape(line)}")


if __name__ == "__main__":
    sys.exit(main())
