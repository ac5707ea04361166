"""`make lab-wifi`: every scenario of the Wi-Fi lab in the guest, told as it goes, with a table, a page and captures.

Exit status: 0 everything held; 1 a promise did not hold (the table says which); 3 a part could not be started, or
this kernel has no radios (lab/guest.sh has).
"""

import argparse
import datetime as dt
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lab.bench.result import describe_machine
from lab.processes import interruptible
from lab.wifi import hostile, journeys
from lab.wifi.capture import Capture, capture, look
from lab.wifi.finding import Finding
from lab.wifi.page import format_page
from lab.wifi.stage import WifiStage, set_wifi_stage
from wire.errors import ShellError

DONE, NO, WORLD, INTERRUPTED = 0, 1, 3, 130
ROOT = Path(__file__).parents[2]
STATIONS = 4
GRANT_S = 240

Scenario = Callable[[WifiStage, Callable[[str], None]], Finding]
SCENARIOS: tuple[Scenario, ...] = (
    journeys.three_buy,
    journeys.roams,
    journeys.reassociates,
    journeys.another_mac,
    journeys.revoked,
    journeys.time_is_up,
    hostile.strange_keys,
    hostile.second_device,
    hostile.borrowed_mac,
    hostile.false_disconnects,
    hostile.leaves_without_a_word,
    hostile.flood_of_purchases,
    journeys.books_agree,
)


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser("make lab-wifi", description="The whole Wi-Fi path on virtual radios.")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "lab-wifi", metavar="FOLDER")
    parser.add_argument("--only", metavar="NAME", help="one scenario: " + ", ".join(_names()))
    arguments = parser.parse_args(argv)
    console = Console(highlight=False, width=int(os.environ.get("COLUMNS") or 110))
    try:
        with interruptible():
            return run(arguments.out, console, arguments.only)
    except KeyboardInterrupt:
        console.print("interrupted; everything that was started is gone")
        return INTERRUPTED
    except ShellError as error:
        console.print(f"[red]lab-wifi:[/] {escape(str(error))}")
        console.print(f"logs: {arguments.out / 'logs'}")
        return WORLD


def _names() -> list[str]:
    return [scenario.__name__ for scenario in SCENARIOS]


def run(out: Path, console: Console, only: str | None = None) -> int:
    """Plays, then writes result.json, report.html and the captures into `out`."""
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    began = time.monotonic()

    def tell(text: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.1f} s[/]  {escape(text)}")

    chosen = [scenario for scenario in SCENARIOS if only in (None, scenario.__name__)]
    with (
        set_wifi_stage(out / "logs", tell, stations=STATIONS, duration_s=GRANT_S) as stage,
        capture(stage.household, out / "radio.pcapng") as recording,
    ):
        console.print("[bold]The stage is set[/]: an operator, two access points, four stations with radios.")
        found = [_play(scenario, stage, tell, console) for scenario in chosen]
    seen = look(recording.file)
    _write(out, found, seen, time.monotonic() - began)
    return _summarise(out, found, seen, console)


def _play(scenario: Scenario, stage: WifiStage, tell: Callable[[str], None], console: Console) -> Finding:
    assert scenario.__doc__ is not None
    console.print(
        f"\n[bold]{scenario.__name__.replace('_', ' ')}[/]: {escape(scenario.__doc__.splitlines()[0])}"
    )
    try:
        found = scenario(stage, tell)
    except (ShellError, TimeoutError) as error:
        found = Finding(scenario.__name__.replace("_", " "), held=False, seen=str(error)[:900])
    console.print(
        "        [green]held[/]" if found.held else f"        [red]NOT held[/]: {escape(found.seen)}"
    )
    return found


def _write(out: Path, found: list[Finding], seen: Capture, lasted_s: float) -> None:
    document = {
        "ok": all(each.held for each in found) and seen.clean,
        "machine": describe_machine(),
        "began": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "lasted_s": round(lasted_s, 1),
        "findings": [asdict(each) for each in found],
        "capture": asdict(seen),
    }
    (out / "result.json").write_text(json.dumps(document, indent=1) + "\n")
    (out / "report.html").write_text(format_page(document))


def _summarise(out: Path, found: list[Finding], seen: Capture, console: Console) -> int:
    table = Table("scenario", "", "measured", box=None, header_style="dim")
    for each in found:
        numbers = "\n".join(f"{number.what}: {number.value:.2f} {number.unit}" for number in each.numbers)
        table.add_row(each.name, "[green]held[/]" if each.held else "[red]NOT[/]", numbers)
    console.print(table)
    console.print(
        f"capture   {seen.frames} frames, {seen.ours} with elements of ours, {len(seen.complaints)} complaints"
    )
    for complaint in seen.complaints[:10]:
        console.print(f"          {escape(complaint)}")
    console.print(f"report    {out / 'report.html'}")
    held = all(each.held for each in found) and seen.clean
    console.print("[bold green]It holds.[/]" if held else "[bold red]It does not hold.[/]")
    return DONE if held else NO


if __name__ == "__main__":
    sys.exit(main())
