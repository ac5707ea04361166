"""`make bench`: run benchmarks, write `build/bench/NAME.json`, print tables; `page` renews docs/performance.md.

A figure below its goal is printed, and fails nothing; a benchmark that cannot run is an error (status 3), and the
others run.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from rich.console import Console
from rich.status import Status

from lab.bench.result import RESULTS, Figure, Result, format_result, parse_result, write_result
from lab.bench.table import markdown_table, replace_between_markers, terminal_table
from wire.errors import ShellError

BENCHMARKS = {
    "wire": "lab.bench.wire",
    "ledger": "lab.bench.ledger",
    "shaper": "lab.bench.shaper",
    "journey": "lab.bench.journey",
    "wifi": "lab.bench.wifi",
    "operatord": "lab.bench.operatord",
    "cellular": "lab.bench.cellular",
    "gateway": "lab.bench.gateway",
    "payplace": "lab.bench.payplace",
    "auction": "lab.bench.auction",
    "sdo": "lab.bench.sdo",
    "learning": "lab.bench.learning",
    "learning-rows": "lab.bench.learning_rows",
    "reports": "lab.bench.reports",
    "box": "lab.bench.box",
    "operator-page": "lab.bench.page",
}
"""Each module has `run(progress) -> list[Figure]`, and calls `progress(text)` when it begins something new."""

PAGE = Path(__file__).resolve().parents[2] / "docs" / "performance.md"
OK, USAGE, WORLD_FAILED = 0, 2, 3

EXAMPLES = """\
examples:
  airgrant bench                  every benchmark (or: make bench)
  airgrant bench wire             one (or: make bench NAME=wire)
  airgrant bench wire --json      its result as JSON on the standard output
  airgrant bench page             renew the tables of docs/performance.md from build/bench/
  airgrant bench page wire        only that one
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what is asked for; returns 0, 2 for an unknown name, 3 if a benchmark could not run."""
    parser = argparse.ArgumentParser(
        prog="airgrant bench",
        description="Measure, beside the alternative, and compare with the goals.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; or page and names (all, if none)"
    )
    parser.add_argument("--json", action="store_true", help="print results as JSON, one after the other")
    options = parser.parse_args(argv)
    names = [name.removeprefix("NAME=") for name in options.names]
    to_page = names[:1] == ["page"]
    names = names[1 if to_page else 0 :] or list(BENCHMARKS)
    if unknown := [name for name in names if name not in BENCHMARKS]:
        sys.stderr.write(f"bench: no benchmark {unknown[0]!r}; there are {', '.join(BENCHMARKS)}\n")
        return USAGE
    if to_page:
        return renew_page(names)
    show = _show_json if options.json else _show_table
    return max(_run_one(name, show) for name in names)


def _run_one(name: str, show: Callable[[Result], None]) -> int:
    try:
        figures = measure(name)
    except (ShellError, OSError, ImportError) as error:
        sys.stderr.write(f"bench: {name} could not run: {error}\n")
        return WORLD_FAILED
    show(write_result(name, figures))
    return OK


def measure(name: str) -> list[Figure]:
    """The figures of one benchmark, with a line on the terminal that says what it is doing."""
    run: Callable[[Callable[[str], None]], list[Figure]] = importlib.import_module(BENCHMARKS[name]).run
    console = Console(stderr=True)
    with console.status(f"{name} ...") as status:
        return run(lambda text: _tell(console, status, f"{name}: {text}"))


def _tell(console: Console, status: Status, text: str) -> None:
    if console.is_terminal:
        status.update(text)
    else:
        sys.stderr.write(f"{text}\n")


def _show_json(result: Result) -> None:
    sys.stdout.write(format_result(result))


def _show_table(result: Result) -> None:
    console = Console()
    console = console if console.is_terminal else Console(width=140)
    console.print(terminal_table(result))
    below = [figure for figure in result.figures if not figure.ok]
    console.print(f"{len(below)} below goal" if below else "every goal reached")


def renew_page(names: Iterable[str] = BENCHMARKS, page: Path = PAGE, folder: Path = RESULTS) -> int:
    """Put the tables of these benchmarks, as far as `folder` has results, between their markers in `page`."""
    found = [path for name in names if (path := folder / f"{name}.json").exists()]
    if not found:
        sys.stderr.write(f"bench: no results in {folder}: run `make bench` first\n")
        return WORLD_FAILED
    text = page.read_text(encoding="utf-8") if page.exists() else "# Performance\n"
    for path in found:
        result = parse_result(path.read_text(encoding="utf-8"))
        text = replace_between_markers(text, result.name, markdown_table(result))
    page.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{page}: {', '.join(path.stem for path in found)}\n")
    return OK


if __name__ == "__main__":
    sys.exit(main())
