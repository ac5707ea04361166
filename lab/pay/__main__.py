"""`make lab-pay`: three devices pay as they go, everybody cheats once, and a table says who lost what. Two minutes."""

import sys
from collections.abc import Sequence

from rich.table import Table

from lab.pay.books import collect
from lab.pay.page import format_page, format_result
from lab.pay.stage import set_stage
from lab.pay.story import play
from lab.pay.verdict import Party, account, judge
from lab.playing import Finding, Lab, Told, main


def run(told: Told) -> list[Finding]:
    """Plays it all and writes result.json and report.html. Raises ShellError, TimeoutError."""
    with set_stage(told.out / "logs", told.tell) as stage:
        story = play(stage, told.tell)
        books = collect(stage, story)
    parties = account(books)
    findings = judge(books, parties)
    (told.out / "result.json").write_text(format_result(books, parties, findings, story.events))
    (told.out / "report.html").write_text(format_page(books, parties, findings, story.events))
    told.console.print(_account_table(parties))
    return findings


def _account_table(parties: Sequence[Party]) -> Table:
    accounts = Table("who", "is", box=None, header_style="dim")
    for name in ("owed", "got", "lost", "at most"):
        accounts.add_column(name, justify="right")
    accounts.add_column("the rule that bounds it")
    for one in parties:
        amounts = (f"{ubc:,}" for ubc in (one.owed_ubc, one.got_ubc, one.lost_ubc, one.bound_ubc))
        accounts.add_row(one.name, one.role, *amounts, one.rule, style="" if one.ok else "red")
    return accounts


LAB = Lab(
    "lab-pay",
    "lab.pay",
    "Three devices pay as they go at two operators, and everybody cheats once.",
    run,
)

if __name__ == "__main__":
    sys.exit(main(LAB))
