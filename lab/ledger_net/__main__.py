"""`make lab-ledger`: four operators share a ledger, and everything goes wrong that may. Two minutes, and a page.

Exit status: 0 every promise held; 1 one did not (the table says which); 2 usage; 3 a part could not be started.
"""

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.ledger_net.market import Market
from lab.ledger_net.page import format_page, format_result
from lab.ledger_net.sites import open_sites
from lab.ledger_net.story import Chapter, play
from lab.ledger_net.verdict import Copy, Finding, judge, read_copies
from lab.processes import interruptible
from wire.errors import ShellError

DONE, NO, WORLD, INTERRUPTED = 0, 1, 3, 130
ROOT = Path(__file__).parents[2]
_EXAMPLES = """examples:
  make lab-ledger                        the same, with all set-up
  make lab-ledger ARGS='--out /tmp/net'  somewhere else
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "python -m lab.ledger_net",
        description="Four operators share a ledger on CometBFT, and whatever may go wrong does.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab-ledger", metavar="FOLDER")
    arguments = parser.parse_args(argv)
    if not os.environ.get("AIRGRANT_SANDBOX"):
        words = [
            str(ROOT / "lab" / "sandbox.sh"),
            sys.executable,
            "-m",
            "lab.ledger_net",
            *(argv or sys.argv[1:]),
        ]
        os.execv(words[0], words)
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=140)
    try:
        with interruptible():
            findings = run(arguments.out, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except (ShellError, TimeoutError) as error:
        console.print(f"[red]lab-ledger:[/] {escape(str(error))}\nlogs: {arguments.out / 'logs'}")
        return WORLD
    return DONE if all(finding.ok for finding in findings) else NO


def run(out: Path, console: Console) -> list[Finding]:
    """Plays it all and writes result.json and report.html into `out`. Raises ShellError, TimeoutError."""
    shutil.rmtree(out / "logs", ignore_errors=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {escape(text)}")

    with open_sites(out / "logs", tell) as sites:
        market = Market(sites.exchange, sites.network.genesis.ledger_id)
        chapters = play(sites, market, tell)
        tell("every log is read, and replayed from its genesis")
        copies = read_copies([*sites.everybody, sites.newcomer], market)
        tell("blocks, balances, proofs and auctions are compared")
        findings = judge(copies, sites, market)
    (out / "result.json").write_text(format_result(chapters, copies, findings))
    (out / "report.html").write_text(format_page(chapters, copies, findings))
    _show(console, copies, findings, chapters, tell)
    console.print(f"page: {out / 'report.html'}")
    return findings


def _show(
    console: Console,
    copies: list[Copy],
    findings: list[Finding],
    chapters: list[Chapter],
    tell: Callable[[str], None],
) -> None:
    operators = Table("operator", "block", "transactions", "app hash", box=None, header_style="dim")
    for copy in copies:
        operators.add_row(copy.name, str(copy.height), str(len(copy.transactions)), copy.app_hash.hex()[:32])
    console.print(operators)
    promises = Table("", "promise", "seen", box=None, header_style="dim")
    for finding in findings:
        mark = "[green]held[/]" if finding.ok else "[red]BROKEN[/]"
        promises.add_row(mark, finding.promise, escape(finding.seen))
    console.print(promises)
    tell(f"{sum(chapter.purchases for chapter in chapters)} purchases in {len(chapters)} chapters")


if __name__ == "__main__":
    sys.exit(main())
