"""The page that a person reads after the demo: report.html from a `Result`, and result.json beside it.

    python -m lab.report build/demo/result.json [report.html]     draw the page of an earlier run again

The page needs nothing but itself: no script, font or picture from elsewhere. What did not hold is said first.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from string import Template

from lab import report_sections as sections
from lab.markup import text
from lab.result import Result, format_result, parse_result

TEMPLATE = Path(__file__).with_name("report_page.html")


def write_report(result: Result, folder: Path) -> tuple[Path, Path]:
    """Write result.json and report.html into the folder (made if need be); their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    data, page = folder / "result.json", folder / "report.html"
    data.write_text(format_result(result))
    page.write_text(format_page(result))
    return data, page


def format_page(result: Result) -> str:
    """The whole page as text."""
    written = (
        sections.opening(result),
        sections.tiles(result),
        sections.rates(result),
        sections.latency(result),
        sections.metering(result),
        sections.accounting(result),
        sections.shortfalls(result),
        sections.chain(result),
        sections.money(result),
        sections.attacks(result.attacks),
        sections.moments(result),
        sections.further_reading(),
    )
    return Template(TEMPLATE.read_text()).substitute(
        title=f"Airgrant demo: {sections.verdict(result)}",
        body="\n".join(section for section in written if section),
        footer=text(
            f"Made by {result.run.command}, version {result.run.version}. The numbers are in result.json."
        ),
    )


def main(arguments: Sequence[str]) -> int:
    """Draw the page of a result.json again; 2 for wrong arguments."""
    if len(arguments) not in (1, 2):
        sys.stderr.write(f"{__doc__}\n")
        return 2
    source = Path(arguments[0])
    target = Path(arguments[1]) if len(arguments) == 2 else source.with_name("report.html")
    target.write_text(format_page(parse_result(source.read_text())))
    print(target)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
