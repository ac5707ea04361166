"""`airgrant report compare`: a box's signed meter, a device's counters and RADIUS accounting, held against each other.

A shell: argv, files, exit status. 0 all that ended was judged and agrees; 1 somebody stands alone, something that
ended could not be judged, there is nothing to judge, or a file is not what it should be; 2 the command line, a trust
file or a missing file; 3 the world failed. Box files are verified first: what is forged, or of another ledger, is
nobody's witness, and of what is signed only rows of which everything holds are in a sum.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from ledger.cli import EXIT_CODES, NO, OK, progress, read_file, run_options, show_page
from ledger.evidence_totals import FindGrant
from ledger.fetching import Tell
from ledger.report_cli import add_trust_options, trust_of
from ledger.reports.bulk import OpenReport, open_report, require_different_boxes
from ledger.reports.grant_uses import Uses, book, disputes, entering, find_too_much
from ledger.reports.outcome import Outcome
from ledger.reports.rows import Dispute, Row, Standing
from ledger.reports.trust import Trust
from operatord.detail import Told, read_detail
from operatord.reconciling import Accounted, Metered, add_sessions
from operatord.sessions import DOWN_OVERHEAD_BYTES, UP_OVERHEAD_BYTES, Session
from operatord.tally import Tally
from operatord.witnesses import (
    Apart,
    Boxed,
    Compared,
    Witnessed,
    compare,
    parse_device,
    passes,
    refuse_beyond,
)
from wire.block_header import read_signed_header
from wire.errors import ConfigError, DecodeError, ShellError
from wire.meter_record import UsageRow
from wire.units import format_size

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
        boxes = _read_boxes(options.file, trust, tell)
    device = None if options.device is None else _read_devices(options.device, boxes.proved_s)
    radius, left_out = (None, []) if options.radius is None else _read_radius(options)
    rows = compare(boxes.grants, device, radius, boxes.reported_s)
    ok = passes(rows) and all(one.ok for one in boxes.outcomes)
    left_out = boxes.left_out + left_out
    page = {
        "ok": ok,
        "trust_sha256": trust.digest.hex(),
        "files": [one.page() for one in boxes.outcomes],
        "left_out": left_out,
        "counts": {one.name.lower(): count for one, count in _count(rows).items()},
        "grants": [_row_page(row) for row in rows],
    }
    show_page(options, page, lambda: _lines(rows, boxes.outcomes, left_out))
    return OK if ok else NO


@dataclass(slots=True)
class _Boxes:
    """All box files. `reported_s`: until when every one of them told; `proved_s`: the latest signed header."""

    grants: dict[bytes, Boxed] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    reported_s: int = 0
    proved_s: int = 0


def _read_boxes(files: Sequence[Path], trust: Trust, tell: Tell) -> _Boxes:
    """Where boxes together say more of a grant than it can carry, they are read again; their rows of it are apart."""
    if len(files) == 1:
        return _read_each(files, trust, tell)
    with book() as grants:
        boxes = _read_each(files, trust, tell, grants)
        if not find_too_much(grants):
            return boxes
        with disputes(grants) as dispute:
            return _read_each(files, trust, tell, dispute=dispute)


def _read_each(
    files: Iterable[Path],
    trust: Trust,
    tell: Tell,
    grants: Path | None = None,
    dispute: Dispute = lambda _grant_id: None,
) -> _Boxes:
    """`grants`: the book into which goes what each says of them."""
    boxes = _Boxes()
    for file in files:
        with open_report(file, trust) as report, ExitStack() as stack:
            box = _Box()
            enter: Uses = _enter_nothing
            if grants is not None:
                enter = stack.enter_context(entering(grants, report.fold.outcome.key_id))
            for judged in report.judged(tell, dispute):
                enter(judged.rows, report.find_grant)
                for row in judged.rows:
                    box.take(row)
            outcome, proved_s = report.fold.finish(), _proved_s(report)
        first = not boxes.outcomes
        boxes.outcomes.append(outcome)
        require_different_boxes(boxes.outcomes)
        # A retired key tells no more: what the header proves is all.
        told_s = proved_s if outcome.ended_s and outcome.complete else (outcome.to_utc_ms or 0) // 1_000
        boxes.reported_s = told_s if first else min(boxes.reported_s, told_s)
        boxes.proved_s = max(boxes.proved_s, proved_s)
        for grant_id in box.tallies.keys() | box.apart.keys():
            one = Boxed(box.metered(grant_id), told_s, box.apart.get(grant_id, Apart()))
            before = boxes.grants.get(grant_id)
            boxes.grants[grant_id] = one if before is None else _plus(before, one)
        if said := box.left_out():
            boxes.left_out.append(f"{outcome.file}: {said}")
    return boxes


def _enter_nothing(_rows: Iterable[Row], _find_grant: FindGrant) -> None:
    """One file alone shows nothing of others."""


def _proved_s(report: OpenReport) -> int:
    """As of when its ledger signed what it shows; verified when it was opened."""
    genesis, header = report.layout.genesis, report.layout.end.header
    return read_signed_header(header, genesis.signer(header), genesis.ledger_id).time_s


@dataclass(slots=True)
class _Box:
    """Rows of one box by grant: those that hold, and apart from them those that do not. Forged ones name whatever their
    writer likes, so they are counted only.
    """

    tallies: dict[bytes, Tally] = field(default_factory=dict)
    apart: dict[bytes, Apart] = field(default_factory=dict)
    forged: int = 0

    def take(self, row: Row) -> None:
        grant_id = row.grant_id
        if row.standing is Standing.FORGED:
            self.forged += 1
        elif row.standing is Standing.HOLDS:
            usage = UsageRow(
                grant_id, row.down_bytes, row.up_bytes, row.down_offered_bytes, row.up_offered_bytes
            )
            before = self.tallies.get(grant_id, Tally())
            self.tallies[grant_id] = before.with_row(usage, row.from_utc_ms, row.to_utc_ms)
        else:
            one = Apart(1, row.down_bytes, row.up_bytes)
            self.apart[grant_id] = _plus_apart(self.apart.get(grant_id, Apart()), one)

    def metered(self, grant_id: bytes) -> Metered:
        return self.tallies.get(grant_id, Tally()).metered()

    def left_out(self) -> str:
        """Empty if every row is in a sum."""
        rows = sum(one.rows for one in self.apart.values())
        if not rows and not self.forged:
            return ""
        return f"{rows} signed rows that do not hold, and {self.forged} forged ones, are in no sum"


def _plus(one: Boxed, other: Boxed) -> Boxed:
    """Partners' boxes serve a grant one after the other; neither may be missing."""
    metered = Metered(
        one.metered.up_bytes + other.metered.up_bytes,
        one.metered.down_bytes + other.metered.down_bytes,
        one.metered.least_ms + other.metered.least_ms,
        one.metered.most_ms + other.metered.most_ms,
        one.metered.up_offered_bytes + other.metered.up_offered_bytes,
    )
    return Boxed(metered, min(one.reported_s, other.reported_s), _plus_apart(one.apart, other.apart))


def _plus_apart(one: Apart, other: Apart) -> Apart:
    return Apart(one.rows + other.rows, one.down_bytes + other.down_bytes, one.up_bytes + other.up_bytes)


def _read_devices(files: Iterable[Path], proved_s: int) -> dict[bytes, Accounted]:
    found: dict[bytes, Accounted] = {}
    for file in files:
        told = _of_file(file, proved_s)
        if twice := found.keys() & told.keys():
            raise DecodeError(f"{file}: grant {min(twice).hex()} is told of by another file, too")
        found |= told
    return found


def _of_file(file: Path, proved_s: int) -> dict[bytes, Accounted]:
    try:
        told = parse_device(read_file(file).decode())
        refuse_beyond(told, proved_s)
    except UnicodeDecodeError as error:
        raise DecodeError(f"{file}: is no text: {error}") from None
    except DecodeError as error:
        raise DecodeError(f"{file}: {error}") from None
    return told


def _read_radius(options: argparse.Namespace) -> tuple[dict[bytes, Accounted], list[str]]:
    """What all detail files say together, as if they were one; and how much was left out."""
    told = Told()
    for path in options.radius:
        try:
            file = path.open("rb")
        except OSError as error:
            raise ConfigError(f"{path}: {error.strerror}") from error
        try:
            with file:
                read_detail(file, str(path), told, options.up_overhead, options.down_overhead)
        except OSError as error:
            raise ShellError(str(path), error.strerror or str(error)) from error
    sessions: Sequence[Session] = list(told.sessions.values())
    last_s = max((session.event_s for session in sessions), default=0)
    sums = add_sessions(sessions, {session.box: b"" for session in sessions}, last_s)
    left_out = [f"{told.left_out} of {told.packets} packets of RADIUS, the first at {told.first_left_out}"]
    return {grant_id: one for (grant_id, _), one in sums.items()}, left_out if told.left_out else []


# ---- What is shown


def _row_page(row: Compared) -> dict[str, Any]:
    return {
        "grant": row.grant_id.hex(),
        "ok": row.outcome is Witnessed.AGREE,
        "judged": row.outcome.judged,
        "outcome": row.outcome.name.lower(),
        "words": row.outcome.value,
        "box": asdict(row.box),
        "box_apart": asdict(row.apart),
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
        counts = (*_pair(row.box), *_pair(row.device), *_pair(row.radius))
        table.add_row(row.grant_id.hex(), _mark(row.outcome), *map(_cell, counts))
    lines: list[Any] = [table]
    for row in rows:
        if row.outcome is not Witnessed.AGREE:
            lines.append(f"{_mark(row.outcome)} grant {row.grant_id.hex()}: {row.outcome.value}")
            lines += [f"    {escape(one.text)}" for one in row.findings if not one.ok]
        if row.apart.rows:
            lines.append(
                f"[yellow]apart[/] grant {row.grant_id.hex()}: {row.apart.rows} rows of a box that do not hold, "
                f"{format_size(row.apart.down_bytes)} down, {format_size(row.apart.up_bytes)} up"
            )
    lines += [f"[yellow]left out[/] {escape(text)}" for text in left_out]
    lines += [f"[bold red]✗[/] {escape(one.file)}: {escape(one.sentence)}" for one in outcomes if not one.ok]
    counted = _count(rows)
    lines.append(f"{counted[Witnessed.AGREE]} of {len(rows)} grants agree")
    lines += [
        f"{counted[one]} {'is' if counted[one] == 1 else 'are'} {one.value}"
        for one in Witnessed
        if not one.judged and counted[one]
    ]
    if not rows:
        lines.append("[bold red]✗[/] there is nothing to compare")
    return lines


def _mark(outcome: Witnessed) -> str:
    if outcome is Witnessed.AGREE:
        return "[green]✓[/]"
    return "[yellow]·[/]" if outcome is Witnessed.OPEN else "[bold red]✗[/]"


def _count(rows: Iterable[Compared]) -> Counter[Witnessed]:
    """How many came to what; 0 for what none came to."""
    found = Counter(row.outcome for row in rows)
    return Counter({one: found[one] for one in Witnessed})


def _pair(one: Metered | Accounted | None) -> tuple[int | None, int | None]:
    return (None, None) if one is None else (one.down_bytes, one.up_bytes)


def _cell(count: int | None) -> str:
    return "" if count is None else format_size(count)
