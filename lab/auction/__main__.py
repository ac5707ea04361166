"""`make lab-auction`: a box sells its next minutes by auction, on the real shaper. Two minutes, and a page."""

import sys
import time

from rich.table import Table

from lab.auction.books import collect, draw
from lab.auction.page import Drawn, format_page, format_result
from lab.auction.stage import set_stage
from lab.auction.story import SlotWatch, TooSlowError, play
from lab.auction.verdict import BidSeen, Books, dues, judge
from lab.counters import Witness
from lab.demo.watch import Watch
from lab.playing import Finding, Lab, Told, main
from wire.units import format_money

SLOTS_S = (20, 40, 60)
"""Of one try after the other: on a slow machine two commands do not start within a short slot."""


def run(told: Told) -> list[Finding]:
    """Plays it all and writes result.json and report.html. Raises ShellError, TimeoutError."""
    books, drawn = _try_longer(told)
    findings = judge(books)
    (told.out / "result.json").write_text(format_result(books, findings, drawn))
    (told.out / "report.html").write_text(format_page(books, findings, drawn))
    told.console.print(_bid_table(books))
    return findings


def _try_longer(told: Told) -> tuple[Books, Drawn]:
    *tries, last = SLOTS_S
    for slot_s in tries:
        try:
            return _try(told, slot_s)
        except TooSlowError as error:
            told.tell(f"{error}; once more, with longer slots")
    return _try(told, last)


def _try(told: Told, slot_s: int) -> tuple[Books, Drawn]:
    with (
        set_stage(told.out / "logs", slot_s, told.tell) as stage,
        Witness(stage.network.operator) as witness,
        Watch(stage.network, witness) as watch,
        SlotWatch(stage) as slots,
    ):
        utc_zero_s = time.time() - watch.now_s()
        story = play(stage, watch, told.tell)
        stage.stop_pushing()
        stage.settle_meter()
        told.tell("every record of the box's meter has its receipt; the house's log is audited")
        books = collect(stage, story, watch, slots, utc_zero_s)
        return books, draw(stage, story, watch, utc_zero_s)


def _bid_table(books: Books) -> Table:
    table = Table("auction", "who", "bid", "units x slots", "came to", "paid", box=None, header_style="dim")
    for seen, due in dues(books):
        table.add_row(
            str(seen.round + 1),
            seen.bid.bidder,
            format_money(seen.bid.worth_ubc),
            f"{seen.bid.units} x {seen.bid.slots}",
            _came_to(seen),
            format_money(seen.paid_ubc) if seen.won else "",
            style="" if seen.won == due.won else "red",
        )
    return table


def _came_to(seen: BidSeen) -> str:
    if seen.won:
        return "won"
    if seen.wins_above_ubc is None:
        return seen.reason
    return f"{seen.reason}; more than {format_money(seen.wins_above_ubc)} would have won"


LAB = Lab(
    "lab-auction",
    "lab.auction",
    "An access point sells its next minutes at three auctions, on the real shaper.",
    run,
)

if __name__ == "__main__":
    sys.exit(main(LAB))
