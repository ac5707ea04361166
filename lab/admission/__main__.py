"""`make lab-admission`: a crowd's evenings as real packets, with and without admission. Five minutes.

Exit status: 0 every claim held; 1 one did not; 2 usage; 3 a part could not be started, or the machine did not keep
time; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from apd.version import VERSION
from lab.admission.judge import judge, left_out
from lab.admission.measuring import Outcome
from lab.admission.page import HEAD, Provenance, format_page, format_result, row
from lab.admission.scenarios import EVERYTHING, MINUTE_S, QUICK_MINUTE_S, play_all, quick
from lab.bench.result import describe_machine
from lab.playing import DONE, INTERRUPTED, NO, PAGE_COLUMNS, ROOT, WORLD, promise_table
from lab.processes import interruptible
from wire.errors import ConfigError, ShellError

NAMES = tuple(scenario.name for scenario in EVERYTHING)


def main(argv: list[str] | None = None) -> int:
    """Entry point; outside of the sandbox it begins again inside. Returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    arguments = _read_options(words)
    if not os.environ.get("AIRGRANT_SANDBOX"):
        sandbox = str(ROOT / "lab" / "sandbox.sh")
        os.execv(sandbox, [sandbox, sys.executable, "-m", "lab.admission", *words])
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=PAGE_COLUMNS)
    try:
        with interruptible():
            return _play(arguments, words, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except (ShellError, ConfigError, TimeoutError) as error:
        console.print(f"[red]lab-admission:[/] {escape(str(error))}\nlogs: {arguments.out / 'runs'}")
        return WORLD


def _read_options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m lab.admission",
        description="Fifty clients' sessions as real packets through the real shaper, with and without admission.",
        epilog="examples:\n"
        "  make lab-admission                               all evenings, five to six minutes\n"
        "  make lab-admission ARGS='--minute-s 1'           sessions of 4 to 8 s, a quarter of an hour\n"
        "  make lab-admission ARGS='--only 50-floors'       one of them\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab-admission", metavar="FOLDER")
    parser.add_argument("--only", action="append", choices=NAMES, metavar="EVENING", help=", ".join(NAMES))
    parser.add_argument(
        "--minute-s", type=float, metavar="S", help=f"what a minute of the evening lasts ({MINUTE_S:g})"
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="twelve clients, some seconds: to see that it works; nothing is judged",
    )
    arguments = parser.parse_args(words)
    if arguments.minute_s is not None and not 0.05 <= arguments.minute_s <= 10:
        parser.error("--minute-s is 0.05 to 10")
    return arguments


def _play(arguments: argparse.Namespace, words: list[str], console: Console) -> int:
    began, clock_s = datetime.now(UTC), time.monotonic()

    def tell(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - clock_s:6.1f} s[/]  {escape(line)}")

    chosen = [each for each in EVERYTHING if not arguments.only or each.name in arguments.only]
    scenarios = quick(chosen) if arguments.quick else tuple(chosen)
    minute_s = arguments.minute_s or (QUICK_MINUTE_S if arguments.quick else MINUTE_S)
    out: Path = arguments.out
    tell(f"{len(scenarios)} evenings, {scenarios[0].minutes} minutes of {minute_s:g} s each")
    outcomes = play_all(scenarios, minute_s, out / "runs", tell)
    findings = [] if arguments.quick else judge(outcomes)
    unjudged = left_out(outcomes)
    run = Provenance(
        began=f"{began:%Y-%m-%d %H:%M} UTC",
        took_s=round(time.monotonic() - clock_s, 1),
        machine=describe_machine(),
        version=VERSION,
        command=f"make lab-admission{f' ARGS={chr(39)}{chr(32).join(words)}{chr(39)}' if words else ''}",
        minute_s=minute_s,
    )
    (out / "result.json").write_text(format_result(outcomes, findings, unjudged, run), encoding="utf-8")
    (out / "report.html").write_text(format_page(outcomes, findings, unjudged, run), encoding="utf-8")
    console.print(_table(outcomes), promise_table(findings))
    for line in unjudged:
        console.print(f"[yellow]not judged, as the machine did not keep time:[/] {escape(line)}")
    console.print(f"page: {out / 'report.html'}")
    if unjudged:
        return WORLD
    return DONE if all(finding.ok for finding in findings) else NO


def _table(outcomes: list[Outcome]) -> Table:
    table = Table(box=None, header_style="dim")
    for number, name in enumerate(HEAD):
        table.add_column(name, justify="left" if number in (2, 3) else "right")
    for outcome in outcomes:
        table.add_row(*map(escape, row(outcome)), style="yellow" if outcome.unfit else "")
    return table


if __name__ == "__main__":
    sys.exit(main())
