"""`make demo`: the whole idea for real, in about a minute, and a report to look at.

Exit status: 0 everything held; 1 a promise did not hold (the summary says which); 2 usage; 3 a part could not be
started.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.counters import Witness
from lab.demo.cast import PAYING
from lab.demo.findings import Money, find
from lab.demo.live import show
from lab.demo.stage import Stage, set_stage
from lab.demo.story import Kept, play
from lab.demo.verdict import audit, settle
from lab.demo.watch import Watch
from lab.processes import interruptible
from lab.report import write_report
from lab.result import Result, meter_error, problems
from wire.errors import ShellError
from wire.units import format_money, format_rate

DONE, NO, WORLD, INTERRUPTED = 0, 1, 3, 130
ROOT = Path(__file__).parents[2]
_EXAMPLES = """examples:
  make demo                          the same, with all set-up
  airgrant demo --out /tmp/demo      somewhere else
  airgrant demo --json | jq .ok      for scripts
"""


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant demo",
        description="Buys a guaranteed rate, gets it from the kernel, verifies the signed meter.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo", metavar="FOLDER")
    parser.add_argument(
        "--json", action="store_true", help="print result.json when done; the story goes to stderr"
    )
    arguments = parser.parse_args(argv)
    if not Path("/run/netns").is_dir() or not os.environ.get("AIRGRANT_SANDBOX"):
        return _enter_sandbox(argv)
    console = Console(stderr=arguments.json, highlight=False)
    try:
        with interruptible():
            result = run(arguments.out, console)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except ShellError as error:
        console.print(f"[red]demo:[/] {escape(str(error))}")
        console.print(f"logs: {arguments.out / 'logs'}")
        return WORLD
    _summarise(result, arguments.out, console)
    if arguments.json:
        sys.stdout.write((arguments.out / "result.json").read_text())
    return DONE if result.ok else NO


def run(out: Path, console: Console) -> Result:
    """Sets the stage, plays, audits, and writes result.json and report.html into `out`."""
    logs = out / "logs"
    shutil.rmtree(logs, ignore_errors=True)
    status = console.status("setting the stage")
    with status, set_stage(logs, lambda what: status.update(f"setting the stage: {what}")) as stage:
        status.stop()
        console.print("[bold]The stage is set[/]: an operator, an access point, five stations on one air.")
        return _perform(stage, out, console)


def _perform(stage: Stage, out: Path, console: Console) -> Result:
    before = stage.bank.balances(stage.wallets, PAYING)
    with (
        Witness(stage.network.operator) as witness,
        Watch(stage.network, witness) as watch,
        show(watch, console) as view,
    ):
        kept: Kept = play(stage, watch, witness, view.flush if not console.is_terminal else lambda: None)
        watch.tell("operator", "waits until every record has its receipt")
        settle(stage)
        watch.tell("auditor", "verifies every record: signature, quote, chain, sequence, anchor, totals")
        audited = audit(stage, watch, kept)
    after = stage.bank.balances(stage.wallets, PAYING)
    state = stage.bank.state()
    money = Money(before, after, state.conserved, state.app_hash, state.height, state.transactions)
    result = find(stage, watch, kept, audited, money, "make demo")
    write_report(result, out)
    return result


def _summarise(result: Result, out: Path, console: Console) -> None:
    table = Table("", "", "floor", "delivered", "ceiling", "meter off by", box=None, header_style="dim")
    for session in result.sessions:
        table.add_row(
            session.buyer,
            session.direction,
            format_rate(session.floor_bps),
            f"[bold]{format_rate(session.delivered_bps)}[/]",
            format_rate(session.ceil_bps),
            f"{meter_error(session):+.3%}",
        )
    console.print(table)
    stopped = sum(attack.stopped for attack in result.attacks)
    console.print(f"records   {result.reports.verified} of {result.reports.count} verified, TPM-signed")
    console.print(f"attacks   {stopped} of {len(result.attacks)} stopped")
    for attack in result.attacks:
        if not attack.stopped:
            console.print(f"          not: {attack.name}; {attack.by}")
    paid_ubc = sum(account.before_ubc - account.after_ubc for account in result.ledger.accounts[1:])
    kept = "conserved" if result.ledger.conserved else "[red]NOT conserved[/]"
    console.print(f"money     {format_money(paid_ubc)} paid, {kept}")
    for sentence in problems(result):
        console.print(f"[red]problem[/]   {sentence}")
    console.print(f"report    {out / 'report.html'}")
    console.print("[bold green]It holds.[/]" if result.ok else "[bold red]It does not hold.[/]")


def _enter_sandbox(argv: list[str] | None) -> int:
    """Starts itself again inside private namespaces."""
    sandbox = ROOT / "lab" / "sandbox.sh"
    words = sys.argv[1:] if argv is None else argv
    os.execv(str(sandbox), [str(sandbox), sys.executable, "-m", "lab.demo", *words])


if __name__ == "__main__":
    sys.exit(main())
