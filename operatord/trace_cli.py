"""`airgrant trace`: what became of one grant, from the offer that was taken to the last receipt, by all who know of it.

A shell: argv, files, the ledger's pages, exit status. 0 there is something to tell; 1 nobody knows of such a grant, or
a report file withholds records; 2 the command line, a trust file or a missing file; 3 the ledger or the disk failed.
Report files are verified on the way.
"""

import argparse
import re
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from ledger.cli import (
    DEFAULT_LEDGER,
    EXIT_CODES,
    NO,
    OK,
    progress,
    read_file,
    reader_of,
    run_options,
    show_page,
)
from ledger.fetching import Tell, fetch_genesis, fetch_proved_grant
from ledger.pages import GrantPage
from ledger.report_cli import add_trust_options, trust_of
from ledger.reports.bulk import open_report, require_different_boxes
from ledger.reports.outcome import Outcome, printable
from operatord.tracing import (
    Step,
    in_order,
    read_log,
    tell_counted,
    tell_end,
    tell_rows,
    tell_sale,
    tell_term,
)
from operatord.witnesses import parse_device
from wire.errors import ConfigError, DecodeError, VerificationError
from wire.grant_proof import read_grant_proof
from wire.units import format_instant

EXAMPLES = f"""\
examples:
  airgrant trace 0f3e...20                                                   what the ledger knows
  airgrant trace 0f3e...20 --log roof=apd.log operator=operatord.log         and what they logged
  airgrant trace 0f3e...20 --report roof.report --trust trust.json --device phone.json
  journalctl -u airgrant-apd -o cat > apd.log                                how to get a log

{EXIT_CODES}"""


def main(argv: list[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant trace",
        description="One grant, from the offer to the receipt.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("grant", type=_grant_id, metavar="GRANT", help="its id, 32 hexadecimal digits")
    add("--ledger", metavar="URL", default=DEFAULT_LEDGER, help=f"default: {DEFAULT_LEDGER}; none: no ledger")
    add(
        "--log",
        type=_named_file,
        nargs="+",
        default=[],
        metavar="[NAME=]FILE",
        help="lines of JSON of a daemon",
    )
    add("--report", type=Path, nargs="+", default=[], metavar="FILE", help="report files of boxes")
    add("--device", type=Path, nargs="+", default=[], metavar="FILE", help="what a device counted")
    add_trust_options(parser)
    add("--json", action="store_true", help="one JSON value on standard output")
    parser.set_defaults(run=_trace)
    return run_options(parser, argv)


def _grant_id(text: str) -> bytes:
    if not re.fullmatch(r"[0-9a-fA-F]{32}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no grant's id, which has 32 hexadecimal digits")
    return bytes.fromhex(text)


def _named_file(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    return (name, Path(path)) if equals else (Path(text).stem, Path(text))


def _trace(options: argparse.Namespace) -> int:
    if options.report and not _names_ledger(options):
        raise ConfigError(
            f"{options.report[0]}: --ledger-id or --trust is missing: a file proves nothing by itself"
        )
    outcomes: list[Outcome] = []
    with progress(quiet=options.json) as tell:
        steps = in_order(
            [
                *_of_ledger(options),
                *(step for name, file in options.log for step in _of_log(name, file, options.grant)),
                *(step for file in options.report for step in _of_report(file, options, tell, outcomes)),
                *(step for file in options.device for step in _of_device(file, options.grant)),
            ]
        )
    if not steps:
        raise LookupError(f"nobody who was asked knows of grant {options.grant.hex()}")
    ok = all(one.complete for one in outcomes)
    page = {"ok": ok, "grant": options.grant.hex(), "steps": [asdict(step) for step in steps]}
    show_page(options, page, lambda: _lines(steps))
    return OK if ok else NO


def _of_ledger(options: argparse.Namespace) -> Iterator[Step]:
    """Nothing if it sold no such grant: a pass is sold by nobody."""
    if options.ledger == "none":
        return
    reader = reader_of(options)
    try:
        grant = reader.read(GrantPage, f"grants/{options.grant.hex()}")
    except LookupError:
        return
    genesis = fetch_genesis(reader)
    if _names_ledger(options) and genesis.ledger_id not in trust_of(options).ledgers:
        raise VerificationError(
            f"{reader.url}: is ledger {genesis.ledger_id.hex()}, which is not trusted here"
        )
    proof = read_grant_proof(fetch_proved_grant(reader, genesis, options.grant.hex()).proof)
    yield tell_sale(grant, proof, reader.url)
    yield from tell_term(proof, reader.url)


def _names_ledger(options: argparse.Namespace) -> bool:
    """Without it the pages prove as much as whoever answers there."""
    return options.ledger_id is not None or options.trust is not None


def _of_log(name: str, file: Path, grant_id: bytes) -> Iterator[Step]:
    try:
        with file.open(encoding="utf-8", errors="replace") as lines:
            yield from read_log(lines, name, grant_id)
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error


def _of_report(
    file: Path, options: argparse.Namespace, tell: Tell, outcomes: list[Outcome]
) -> Iterator[Step]:
    """Of a file that is cut short its end is told in any case: something of the grant may have stood there."""
    with open_report(file, trust_of(options)) as report:
        outcomes.append(report.fold.outcome)
        require_different_boxes(outcomes)
        steps = list(tell_rows(report.judged(tell), options.grant, report.fold.outcome.file))
        outcome = report.fold.finish()
        yield from steps
        if steps or not outcome.complete:
            yield tell_end(outcome)


def _of_device(file: Path, grant_id: bytes) -> Iterator[Step]:
    try:
        counted = parse_device(read_file(file).decode()).get(grant_id)
    except UnicodeDecodeError as error:
        raise DecodeError(f"{file}: is no text: {error}") from None
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from None
    if counted is not None:
        yield tell_counted(counted, str(file))


def _lines(steps: list[Step]) -> list[Any]:
    table = Table(box=None, show_header=True, header_style="dim")
    for name in ("when", "who", "what", ""):
        table.add_column(name, overflow="fold")
    for step in steps:
        seconds = format_instant(step.utc_ms // 1_000).removesuffix(" UTC")
        table.add_row(
            f"{seconds}.{step.utc_ms % 1_000:03d}",
            *(escape(printable(text)) for text in (step.by, step.what, step.text)),
        )
    return [table]
