"""`airgrant report compare`: a box's signed meter, a device's counters and RADIUS accounting, held against each other.

A shell: argv, files, exit status. 0 all agree; 1 somebody stands alone, or a file is not what it should be; 2 the
command line, a trust file or a missing file; 3 the world failed. Box files are verified first: what is forged, or of
another ledger, is nobody's witness.
"""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from rich.markup import escape
from rich.table import Table

from ledger.cli import EXIT_CODES, NO, OK, progress, read_file, run_options, show_page
from ledger.fetching import Tell
from ledger.report_cli import add_trust_options, trust_of
from ledger.reports.bulk import open_report, require_different_boxes
from ledger.reports.outcome import Outcome
from ledger.reports.rows import Standing
from ledger.reports.trust import Trust
from operatord.detail import read_detail
from operatord.reconciling import Accounted, Metered, add_sessions
from operatord.sessions import DOWN_OVERHEAD_BYTES, UP_OVERHEAD_BYTES, Session
from operatord.tally import Tally
from operatord.witnesses import Compared, Witnessed, compare, parse_device
from wire.errors import ConfigError, DecodeError
from wire.meter_record import UsageRow
from wire.units import format_size

T = TypeVar("T")
EXAMPLES = f"""\
examples:
  airgrant report compare --box roof.report --radius detail-20261122 --trust trust.json
  airgrant report compare --box *.report --device phone.json --radius detail --trust trust.json --json

--radius reads FreeRADIUS's detail files; --device what docs/reports.md describes.

{EXIT_CODES}"""


def main(argv: list[str]) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(
        "airgrant report compare",
        description="Box against device against RADIUS.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--box", dest="file", type=Path, nargs="+", required=True, metavar="FILE", help="report files")
    add("--device", type=Path, nargs="+", metavar="FILE", help="what a device counted")
    add(
        "--radius", type=Path, nargs="+", metavar="FILE", help="FreeRADIUS detail files, in the order of time"
    )
    add(
        "--up-overhead",
        type=int,
        default=UP_OVERHEAD_BYTES,
        metavar="BYTES",
        help="of a frame from the station",
    )
    add(
        "--down-overhead",
        type=int,
        default=DOWN_OVERHEAD_BYTES,
        metavar="BYTES",
        help="of a frame towards it",
    )
    add_trust_options(parser)
    add("--json", action="store_true", help="one JSON value on standard output")
    parser.set_defaults(run=_compare)
    return run_options(parser, argv)


def _compare(options: argparse.Namespace) -> int:
    if options.device is None and options.radius is None:
        raise ConfigError("nothing to compare with: --device or --radius")
    trust = trust_of(options)
    with progress(quiet=options.json) as tell:
        box, outcomes, reported_s = _read_boxes(options.file, trust, tell)
    device = None if options.device is None else _read_devices(options.device)
    radius, left_out = (None, []) if options.radius is None else _read_radius(options)
    rows = compare(box, device, radius, reported_s)
    ok = all(row.outcome.ok for row in rows) and all(one.ok for one in outcomes)
    page = {
        "ok": ok,
        "trust_sha256": trust.digest.hex(),
        "files": [one.page() for one in outcomes],
        "left_out": left_out,
        "grants": [_row_page(row) for row in rows],
    }
    show_page(options, page, lambda: _lines(rows, outcomes, left_out))
    return OK if ok else NO


def _read_boxes(
    files: Iterable[Path], trust: Trust, tell: Tell
) -> tuple[dict[bytes, Metered], list[Outcome], int]:
    """(what all boxes say of each grant, the verdict on each file, until when the last of them told)"""
    metered: dict[bytes, Metered] = {}
    outcomes = []
    reported_ms = 0
    for file in files:
        with open_report(file, trust) as report:
            tallies: dict[bytes, Tally] = {}
            for judged in report.judged(tell):
                for row in judged.rows:
                    if row.standing is not Standing.FORGED:
                        usage = UsageRow(
                            row.grant_id,
                            row.down_bytes,
                            row.up_bytes,
                            row.down_offered_bytes,
                            row.up_offered_bytes,
                        )
                        before = tallies.get(row.grant_id, Tally())
                        tallies[row.grant_id] = before.with_row(usage, row.from_utc_ms, row.to_utc_ms)
            outcomes.append(report.fold.finish())
        require_different_boxes(outcomes)
        reported_ms = max(reported_ms, outcomes[-1].to_utc_ms or 0)
        for grant_id, tally in tallies.items():
            metered[grant_id] = _plus(metered.get(grant_id, Metered()), tally.metered())
    return metered, outcomes, reported_ms // 1_000


def _plus(one: Metered, other: Metered) -> Metered:
    """Partners' boxes serve a grant one after the other."""
    return Metered(
        one.up_bytes + other.up_bytes,
        one.down_bytes + other.down_bytes,
        one.least_ms + other.least_ms,
        one.most_ms + other.most_ms,
        one.up_offered_bytes + other.up_offered_bytes,
    )


def _read_devices(files: Iterable[Path]) -> dict[bytes, Accounted]:
    found: dict[bytes, Accounted] = {}
    for file in files:
        told = _of_file(file, parse_device)
        if twice := found.keys() & told.keys():
            raise DecodeError(f"{file}: grant {min(twice).hex()} is told of by another file, too")
        found |= told
    return found


def _read_radius(options: argparse.Namespace) -> tuple[dict[bytes, Accounted], list[str]]:
    """What all detail files say together, as if they were one; and how much was left out."""
    text = "\n".join(_of_file(file, str) for file in options.radius)
    where = ", ".join(map(str, options.radius))
    try:
        told = read_detail(text.splitlines(), options.up_overhead, options.down_overhead)
    except DecodeError as error:
        raise DecodeError(f"{where}: {error}") from None
    sessions: Sequence[Session] = list(told.sessions.values())
    last_s = max((session.event_s for session in sessions), default=0)
    sums = add_sessions(sessions, {session.box: b"" for session in sessions}, last_s)
    left_out = [f"{where}: {told.left_out} of {told.packets} packets, the first at {told.first_left_out}"]
    return {grant_id: one for (grant_id, _), one in sums.items()}, left_out if told.left_out else []


def _of_file(file: Path, read: Callable[[str], T]) -> T:
    try:
        return read(read_file(file).decode())
    except UnicodeDecodeError as error:
        raise DecodeError(f"{file}: is no text: {error}") from None
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from None


# ---- What is shown


def _row_page(row: Compared) -> dict[str, Any]:
    return {
        "grant": row.grant_id.hex(),
        "ok": row.outcome.ok,
        "outcome": row.outcome.name.lower(),
        "words": row.outcome.value,
        "box": asdict(row.box),
        "device": _sums(row.device),
        "radius": _sums(row.radius),
        "findings": [{"ok": one.ok, "text": one.text} for one in row.findings],
    }


def _sums(one: Accounted | None) -> Mapping[str, int] | None:
    if one is None:
        return None
    return {
        "up_bytes": one.up_bytes,
        "down_bytes": one.down_bytes,
        "duration_s": one.duration_s,
        "sessions": one.sessions,
    }


def _lines(rows: Sequence[Compared], outcomes: Iterable[Outcome], left_out: Iterable[str]) -> list[Any]:
    table = Table("grant", "", "box down", "up", "device down", "up", "RADIUS down", "up")
    for row in rows:
        mark = (
            "[green]✓[/]" if row.outcome is Witnessed.AGREE else "·" if row.outcome.ok else "[bold red]✗[/]"
        )
        counts = (*_pair(row.box), *_pair(row.device), *_pair(row.radius))
        table.add_row(row.grant_id.hex(), mark, *map(_cell, counts))
    lines: list[Any] = [table]
    for row in rows:
        if not row.outcome.ok:
            lines.append(f"[bold red]✗[/] grant {row.grant_id.hex()}: {row.outcome.value}")
            lines += [f"    {escape(one.text)}" for one in row.findings if not one.ok]
    lines += [f"[yellow]left out[/] {escape(text)}" for text in left_out]
    lines += [f"[bold red]✗[/] {escape(one.file)}: {escape(one.sentence)}" for one in outcomes if not one.ok]
    agreed = sum(row.outcome is Witnessed.AGREE for row in rows)
    lines.append(f"{agreed} of {len(rows)} grants agree")
    return lines


def _pair(one: Metered | Accounted | None) -> tuple[int | None, int | None]:
    return (None, None) if one is None else (one.down_bytes, one.up_bytes)


def _cell(count: int | None) -> str:
    return "" if count is None else format_size(count)
