"""`airgrant ledger status`: how a ledger stands, and who shares it.

Waits for the next block of a shared ledger, as whoever is connected may still sign nothing.
A shell: argv, terminal, exit status. 0 all is well; 1 its node is behind, too few operators are connected to decide
anything, or no block comes; 2 the command line is wrong; 3 nobody answers.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table

from ledger.abci.network_page import NetworkPage
from ledger.client import LedgerReader
from ledger.pages import LedgerPage
from ledger.running import NO, OK, run_command
from wire.errors import VerificationError

PATIENCE_S = 10
"""For a block, beside what passes between two of them: an operator who is away costs each of its turns two seconds."""
LOOKS_PER_S = 2
NO_BLOCKS = "[red]no[/]: too few votes are connected, or those who are sign no block"

LEDGER_VARIABLE, DEFAULT_LEDGER = "AIRGRANT_LEDGER", "http://127.0.0.1:8573"


def main(argv: list[str]) -> int:
    """Entry point; returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant ledger status", description="How a ledger stands, and who shares it."
    )
    default = os.environ.get(LEDGER_VARIABLE, DEFAULT_LEDGER)
    parser.add_argument("--ledger", default=default, metavar="URL", help=f"default: {default}")
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")
    parser.set_defaults(run=_status)
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command("status", options, VerificationError)


def _status(options: argparse.Namespace) -> int:
    reader = LedgerReader(options.ledger)
    ledger = reader.read(LedgerPage, "ledger")
    try:
        network = reader.read(NetworkPage, "network")
        network = await_block(network, lambda: reader.read(NetworkPage, "network"), time.sleep)
    except LookupError:  # there is no such page: it is shared with nobody
        network = None
    well = network is None or (network.decides and not network.catching_up)
    if options.json:
        shared = None if network is None else network.model_dump()
        sys.stdout.write(json.dumps({"ok": well, "ledger": ledger.model_dump(), "network": shared}) + "\n")
    else:
        _show(ledger, network)
    return OK if well else NO


def await_block(
    first: NetworkPage, read: Callable[[], NetworkPage], wait: Callable[[float], None]
) -> NetworkPage:
    """The network once it has signed another block; if none comes, that it decides nothing."""
    if first.catching_up or not first.decides:
        return first
    page = first
    for _ in range((PATIENCE_S + first.empty_block_s) * LOOKS_PER_S):
        wait(1 / LOOKS_PER_S)
        page = read()
        if page.height > first.height:
            return page
    return page.model_copy(update={"decides": False})


def _show(ledger: LedgerPage, network: NetworkPage | None) -> None:
    console = Console(highlight=False)
    facts = Table.grid(padding=(0, 2))
    facts.add_row("ledger", ledger.ledger_id)
    facts.add_row(
        "last block", f"{ledger.height}, {datetime.fromtimestamp(ledger.time_s, UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    facts.add_row("app hash", ledger.app_hash)
    if network is None:
        facts.add_row("shared with", "nobody: blocks are made on one machine")
        console.print(facts)
        return
    pace = "behind, catching up" if network.catching_up else "up to date"
    facts.add_row("node", f"{network.name or 'not of this network'}, at block {network.height}, {pace}")
    facts.add_row("decides", "yes" if network.decides else NO_BLOCKS)
    console.print(facts)
    table = Table(box=None, header_style="dim")
    for name in ("operator", "votes", "node", "connected"):
        table.add_column(name)
    for one in network.operators:
        there = "[green]yes[/]" if one.connected else "[red]no[/]"
        table.add_row(one.name, str(one.power), f"{one.node[:12]}… {one.address}", there)
    console.print(table)
