"""`make lab-pay`: three devices pay as they go, everybody cheats once, and a table says who lost what. Two minutes.

Exit status: 0 every promise held; 1 one did not (the table says which); 2 usage; 3 a part could not be started.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.pay.books import collect
from lab.pay.page import format_page, format_result
from lab.pay.stage import set_stage
from lab.pay.story import play
from lab.pay.verdict import Finding, Party, account, judge
from lab.processes import interruptible
from wire.errors import ShellError

DONE, NO, WORLD, INTERRUPTED = 0, 1, 3, 130
ROOT = Path(__file__).parents[2]
_EXAMPLES = """examples:
  make lab-pay                        the same, with all set-up
  make lab-pay ARGS='--out /tmp/pay'  somewhere else
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m lab.pay",
        description="Three devices pay as they go at two operators, and everybody cheats once.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab-pay", metavar="FOLDER")
    arguments = parser.parse_args(argv)
    if not os.environ.get("AIRGRANT_SANDBOX"):
        sandbox = str(ROOT / "lab" / "sandbox.sh")
        os.execv(sandbox, [sandbox, sys.executable, "-m", "lab.pay", *(argv or sys.argv[1:])])
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=150)
    try:
        with interruptible():
            findings = run(arguments.out, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except (ShellError, TimeoutError) as error:
        console.print(f"[red]lab-pay:[/] {escape(str(error))}\nlogs: {arguments.out / 'logs'}")
        return WORLD
    return DONE if all(finding.ok for finding in findings) else NO


def run(out: Path, console: Console) -> list[Finding]:
    """Plays it all and writes result.json and report.html into `out`. Raises ShellError, TimeoutError."""
    shutil.rmtree(out / "logs", ignore_errors=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {escape(text)}")

    with set_stage(out / "logs", tell) as stage:
        story = play(stage, tell)
        books = collect(stage, story)
    parties = account(books)
    findings = judge(books, parties)
    (out / "result.json").write_text(format_result(books, parties, findings, story.events))
    (out / "report.html").write_text(format_page(books, parties, findings, story.events))
    _show(console, parties, findings)
    console.print(f"page: {out / 'report.html'}")
    return findings


def _show(console: Console, parties: Sequence[Party], findings: Sequence[Finding]) -> None:
    accounts = Table("who", "is", box=None, header_style="dim")
    for name in ("owed", "got", "lost", "at most"):
        accounts.add_column(name, justify="right")
    accounts.add_column("the rule that bounds it")
    for one in parties:
        amounts = (f"{ubc:,}" for ubc in (one.owed_ubc, one.got_ubc, one.lost_ubc, one.bound_ubc))
        accounts.add_row(one.name, one.role, *amounts, one.rule, style="" if one.ok else "red")
    console.print(accounts)
    promises = Table("", "promise", "seen", box=None, header_style="dim")
    for finding in findings:
        mark = "[green]held[/]" if finding.ok else "[red]BROKEN[/]"
        promises.add_row(mark, finding.promise, escape(finding.seen))
    console.print(promises)


if __name__ == "__main__":
    sys.exit(main())
