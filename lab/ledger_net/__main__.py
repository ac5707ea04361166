"""`make lab-ledger`: four operators share a ledger, and everything goes wrong that may. Two minutes, and a page."""

import sys
from collections.abc import Sequence

from rich.table import Table

from lab.ledger_net.market import Market
from lab.ledger_net.page import format_page, format_result
from lab.ledger_net.sites import open_sites
from lab.ledger_net.story import play
from lab.ledger_net.verdict import Copy, judge, read_copies
from lab.playing import Finding, Lab, Told, main


def run(told: Told) -> list[Finding]:
    """Plays it all and writes result.json and report.html. Raises ShellError, TimeoutError."""
    with open_sites(told.out / "logs", told.tell) as sites:
        market = Market(sites.exchange, sites.network.genesis.ledger_id)
        chapters = play(sites, market, told.tell)
        told.tell("every log is read, and replayed from its genesis")
        copies = read_copies([*sites.everybody, sites.newcomer], market)
        told.tell("blocks, balances, proofs and auctions are compared")
        findings = judge(copies, sites, market)
    (told.out / "result.json").write_text(format_result(chapters, copies, findings))
    (told.out / "report.html").write_text(format_page(chapters, copies, findings))
    told.tell(f"{sum(chapter.purchases for chapter in chapters)} purchases in {len(chapters)} chapters")
    told.console.print(_copy_table(copies))
    return findings


def _copy_table(copies: Sequence[Copy]) -> Table:
    operators = Table("operator", "block", "transactions", "app hash", box=None, header_style="dim")
    for copy in copies:
        operators.add_row(copy.name, str(copy.height), str(len(copy.transactions)), copy.app_hash.hex()[:32])
    return operators


LAB = Lab(
    "lab-ledger",
    "lab.ledger_net",
    "Four operators share a ledger on CometBFT, and whatever may go wrong does.",
    run,
)

if __name__ == "__main__":
    sys.exit(main(LAB))
