"""A lab that plays a story and judges it: its options, its sandbox, its terminal, its folder and its exit status.

Exit status: 0 every promise held; 1 one did not (the table says which); 2 usage; 3 a part could not be started; 130
interrupted.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.processes import interruptible
from wire.errors import ShellError

DONE, NO, WORLD, INTERRUPTED = 0, 1, 3, 130
ROOT = Path(__file__).parents[1]
PAGE_COLUMNS = 150
"""Of a table that no terminal cuts."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Whether a promise held, and what was seen of it."""

    promise: str
    ok: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Told:
    """Where a lab says what happens, and the folder for what it leaves: `logs/`, result.json, report.html."""

    console: Console
    tell: Callable[[str], None]
    out: Path


@dataclass(frozen=True, slots=True)
class Lab:
    """`name` is the goal of the Makefile and the folder under build/; `play` may raise ShellError and TimeoutError."""

    name: str
    module: str
    description: str
    play: Callable[[Told], Sequence[Finding]]


def main(lab: Lab, argv: list[str] | None = None) -> int:
    """Entry point of a lab; outside of the sandbox it begins again inside. Returns the exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    out: Path = _read_options(lab, arguments).out
    if not os.environ.get("AIRGRANT_SANDBOX"):
        sandbox = str(ROOT / "lab" / "sandbox.sh")
        os.execv(sandbox, [sandbox, sys.executable, "-m", lab.module, *arguments])
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=PAGE_COLUMNS)
    try:
        with interruptible():
            return _play(lab, out, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except (ShellError, TimeoutError) as error:
        console.print(f"[red]{lab.name}:[/] {escape(str(error))}\nlogs: {out / 'logs'}")
        return WORLD


def _read_options(lab: Lab, arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        f"python -m {lab.module}",
        description=lab.description,
        epilog=f"examples:\n"
        f"  make {lab.name}                          the same, with all set-up\n"
        f"  make {lab.name} ARGS='--out /tmp/{lab.name}'  somewhere else\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / lab.name, metavar="FOLDER")
    return parser.parse_args(arguments)


def _play(lab: Lab, out: Path, console: Console) -> int:
    shutil.rmtree(out / "logs", ignore_errors=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {escape(text)}")

    findings = lab.play(Told(console, tell, out))
    console.print(promise_table(findings))
    console.print(f"page: {out / 'report.html'}")
    return DONE if all(finding.ok for finding in findings) else NO


def promise_table(findings: Sequence[Finding]) -> Table:
    """A row for each promise: whether it held, and what was seen."""
    promises = Table("", "promise", "seen", box=None, header_style="dim")
    for finding in findings:
        mark = "[green]held[/]" if finding.ok else "[red]BROKEN[/]"
        promises.add_row(mark, escape(finding.promise), escape(finding.seen))
    return promises
