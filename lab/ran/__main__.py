"""`make lab-ran`: every scenario of the cellular laboratory, with a table, a page with charts, and result.json.

Exit status: 0 everything was played, and table and page say what held; with --strict 1 if a promise did not; 130
interrupted. A figure below its goal is shown, not hidden, and breaks no build; docs/cell-lab.md says which it is.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.bench.cellular_codecs import acquisitions
from lab.bench.result import describe_machine
from lab.processes import interruptible
from lab.ran.lab_run import QUICK, LabRun, Sizes, as_document, claims, run_lab
from lab.ran.page import format_page

DONE, NO, INTERRUPTED = 0, 1, 130
ROOT = Path(__file__).parents[2]


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "make lab-ran", description="A model of a cell behind a gNB's remote control."
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab-ran", metavar="FOLDER")
    parser.add_argument(
        "--quick", action="store_true", help="short runs: to see that it works, not what is so"
    )
    parser.add_argument("--strict", action="store_true", help="exit status 1 if a promise did not hold")
    arguments = parser.parse_args(argv)
    console = Console(highlight=False, width=int(os.environ.get("COLUMNS") or 110))
    try:
        with interruptible():
            held = play(arguments.out, QUICK if arguments.quick else Sizes(), console)
            return DONE if held or not arguments.strict else NO
    except KeyboardInterrupt:
        console.print("interrupted")
        return INTERRUPTED


def play(out: Path, sizes: Sizes, console: Console) -> bool:
    """Run, write report.html and result.json, print what was promised; whether all of it held."""
    began = time.monotonic()

    def tell(what: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {escape(what)}")

    run = run_lab(sizes, acquisitions, tell)
    lasted_s = time.monotonic() - began
    out.mkdir(parents=True, exist_ok=True)
    document = as_document(run, describe_machine(), lasted_s)
    (out / "result.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    (out / "report.html").write_text(format_page(run, describe_machine(), lasted_s), encoding="utf-8")
    return _summarise(run, out, console)


def _summarise(run: LabRun, out: Path, console: Console) -> bool:
    table = Table("promise", "", "seen", box=None, header_style="dim")
    judged = claims(run)
    for claim in judged:
        table.add_row(claim.what, "[green]held[/]" if claim.held else "[red]NOT[/]", escape(claim.seen))
    console.print(table)
    console.print(f"report    {out / 'report.html'}")
    held = all(claim.held for claim in judged)
    console.print("[bold green]It holds.[/]" if held else "[bold red]Not all of it holds.[/]")
    return held


if __name__ == "__main__":
    sys.exit(main())
