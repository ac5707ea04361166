"""`airgrant report`: field metering reports, verified, exported, added up, compared and printed.

A shell: argv, terminal, files, exit status. What a command writes is there whole or not at all. Exit status: 0 done,
and everything holds; 1 something does not, or a file is no report; 2 the command line, a trust file or a missing file;
3 the world failed. With --json one JSON value on standard output, whatever happens.
"""

import argparse
import hashlib
import importlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from pathlib import Path
from typing import Any

from ledger.bundle import Bundle, read_bundle, write_bundle
from ledger.cli import (
    EXIT_CODES,
    NO,
    OK,
    add_reading_options,
    add_subcommand,
    audit_bundle,
    command_parser,
    progress,
    read_file,
    reader_of,
    run_options,
    show_page,
)
from ledger.fetching import Tell, fetch_bundle, fetch_genesis, fetch_key_ids, fetch_repayments
from ledger.reports.bulk import open_report, require_different_boxes, verified_together, verify_files
from ledger.reports.export import csv_rows, csv_sums, json_rows, sum_values
from ledger.reports.outcome import Outcome, name_of
from ledger.reports.rows import ALWAYS, Dispute, Row, Span
from ledger.reports.statement import GROUPS as STATEMENT_GROUPS
from ledger.reports.statement import statement
from ledger.reports.sum_up import DAY_MS, GROUPS, Sum, format_day, join_sums, total_of
from ledger.reports.tables import outcome_lines, sum_table
from ledger.reports.trust import Trust, format_trust, parse_trust, unused_revocations
from ledger.reports.whole import with_rest
from ledger.tables import audit_json, audit_tables
from wire.errors import ConfigError, DecodeError, ShellError

REPORT_EXAMPLES = f"""\
examples:
  airgrant report verify --ledger http://127.0.0.1:8573    every box's meter, as the ledger has it
  airgrant report verify --key-id 6f3d...c2 --json         one attestation key, for scripts
  airgrant report fetch --key-id 6f3d...c2 --out box.report
  airgrant report verify box.report --ledger-id 7d0a...31  offline, trusting that ledger only
  airgrant report trust --ledger-id 7d0a...31 --vendors makers.pem --out trust.json
  airgrant report verify *.report --trust trust.json       offline, a month of many boxes
  airgrant report sum *.report --trust trust.json --by day
  airgrant report export *.report --trust trust.json --format csv --out rows.csv
  airgrant report export *.report --trust trust.json --format html --out statement.html
  airgrant report compare --box roof.report --device phone.json --radius detail --trust trust.json

{EXIT_CODES}"""


OPERATORS = {
    "compare": ("operatord.compare_cli", "main", "hold box, device and RADIUS accounting against each other"),
}
"""What needs an operator's own knowledge, such as of accounting: module and function(argv), looked up by name as
`airgrant` does, because the ledger may not know its users (docs/decisions/0045).
"""


def report(argv: list[str]) -> int:
    """`airgrant report`; returns the exit status."""
    if argv and argv[0] in OPERATORS:
        module, function, _ = OPERATORS[argv[0]]
        return int(getattr(importlib.import_module(module), function)(argv[1:]))
    parser, commands = command_parser("airgrant report", "The signed meters of boxes.", REPORT_EXAMPLES)
    verify = add_subcommand(
        commands, "verify", "what holds of each record, and what does not", _report_verify
    )
    verify.add_argument(
        "file", type=Path, nargs="*", metavar="FILE", help="report files; default: ask the ledger"
    )
    add_trust_options(verify)
    verify.add_argument(
        "--key-id", metavar="ID", help="one attestation key (16 hexadecimal digits); default: all"
    )
    verify.add_argument("--all-findings", action="store_true", help="also say what holds, in words")
    add_day(verify, "--until", "of files: the day up to which all has to be proved (UTC): 2026-12-01")
    add_reading_options(verify)
    fetch = add_subcommand(commands, "fetch", "save one box's records with what verifies them", _report_fetch)
    fetch.add_argument(
        "--key-id", required=True, metavar="ID", help="attestation key (16 hexadecimal digits)"
    )
    fetch.add_argument("--out", type=Path, required=True, metavar="FILE")
    add_reading_options(fetch)
    trust = add_subcommand(commands, "trust", "write down which ledgers and makers you trust", _report_trust)
    trust.add_argument(
        "--ledger-id", action="append", metavar="ID", help="64 hexadecimal digits; again for more"
    )
    trust.add_argument("--vendors", type=Path, metavar="FILE", help="certificates of TPM makers, PEM")
    trust.add_argument("--out", type=Path, required=True, metavar="FILE")
    add_reading_options(trust)
    adding = _file_command(commands, "sum", "add up what holds", _report_sum)
    adding.add_argument("--by", choices=GROUPS, default="day", help="default: day")
    adding.add_argument("--format", choices=("table", "csv", "json"), default="table", help="default: table")
    adding.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    adding.add_argument("--json", action="store_true", help="as --format json, and errors too")
    export = _file_command(
        commands, "export", "every session row with its verdict, or a statement to print", _report_export
    )
    export.add_argument(
        "--format", choices=(*_EXPORTS, "html"), default="csv", help="html: a statement to print"
    )
    export.add_argument("--out", type=Path, metavar="FILE", help="default: standard output")
    for name, (_, _, text) in OPERATORS.items():  # for the help alone
        commands.add_parser(name, help=text)
    return run_options(parser, argv)


def _file_command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    command = add_subcommand(commands, name, text, run)
    command.add_argument("file", type=Path, nargs="+", metavar="FILE", help="report files")
    add_trust_options(command)
    add_day(
        command, "--since", "the first day that counts (UTC): 2026-11-01; everything is verified all the same"
    )
    add_day(command, "--until", "the first day that counts no more: 2026-12-01")
    command.set_defaults(json=False)
    return command


def add_day(command: argparse.ArgumentParser, name: str, text: str) -> None:
    command.add_argument(name, type=_parse_day, metavar="DAY", help=text)


def _parse_day(text: str) -> int:
    """When it begins, in ms UTC."""
    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days * DAY_MS
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no day such as 2026-11-01") from None


def _span_of(options: argparse.Namespace) -> Span:
    since_ms = ALWAYS.from_utc_ms if options.since is None else options.since
    until_ms = ALWAYS.to_utc_ms if options.until is None else options.until
    if not since_ms < until_ms:
        raise ConfigError("--since is not before --until: nothing would count")
    return Span(since_ms, until_ms)


def _span_page(span: Span) -> dict[str, int | None]:
    """None: without a bound."""
    return {
        "since_utc_ms": span.from_utc_ms or None,
        "until_utc_ms": None if span.to_utc_ms == ALWAYS.to_utc_ms else span.to_utc_ms,
    }


def _span_text(span: Span) -> str:
    if span == ALWAYS:
        return "all reports"
    begins = format_day(span.from_utc_ms // DAY_MS) if span.from_utc_ms else "the beginning"
    ends = "the end" if span.to_utc_ms == ALWAYS.to_utc_ms else format_day(span.to_utc_ms // DAY_MS)
    return f"reports that begin from {begins} until before {ends} (UTC)"


def add_trust_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--trust", type=Path, metavar="FILE", help="which ledgers, makers and keys are trusted"
    )
    parser.add_argument(
        "--ledger-id",
        metavar="ID",
        help="trust this ledger only (64 hexadecimal digits); a file needs one of both",
    )


# ---- verify, fetch, trust


def _report_verify(options: argparse.Namespace) -> int:
    if options.file and options.key_id is not None:
        raise ConfigError("--key-id is for a ledger that is asked: a file is of the box that it names")
    if options.trust is not None or options.until is not None or len(options.file) > 1:
        return _verify_many(options)
    with progress(quiet=options.json) as tell:
        bundles = [_filed_bundle(options)] if options.file else _shown_bundles(options, tell)
        audits = [audit_bundle(bundle, options.ledger_id, tell) for bundle in bundles]
        if options.file:
            audits = [with_rest(bundle, one) for bundle, one in zip(bundles, audits, strict=True)]
        else:
            reader = reader_of(options)
            audits = [replace(one, repayments=fetch_repayments(reader, one, tell)) for one in audits]
    page = audit_json(audits)
    show_page(options, page, lambda: audit_tables(audits, options.all_findings))
    return OK if page["ok"] else NO


def _verify_many(options: argparse.Namespace) -> int:
    """As totals, in memory that does not grow; what does not hold is told record by record, up to a number."""
    if not options.file:
        raise ConfigError(
            "--trust and --until are for report files: name some, or ask the ledger with --ledger-id"
        )
    trust = trust_of(options)
    span = ALWAYS if options.until is None else Span(to_utc_ms=options.until)
    with progress(quiet=options.json) as tell:
        outcomes = [outcome for outcome, _ in verify_files(options.file, trust, (), tell, span=span)]
    require_different_boxes(outcomes)
    with _standard_output():
        show_page(options, _outcomes_page(outcomes, trust), lambda: _outcome_lines(outcomes, trust))
    return _status(outcomes)


def _outcome_lines(outcomes: list[Outcome], trust: Trust) -> list[Any]:
    unused = unused_revocations(trust, (one.key_id for one in outcomes))
    return outcome_lines(outcomes, trust.digest, unused)


def _outcomes_page(outcomes: list[Outcome], trust: Trust) -> dict[str, Any]:
    return {
        "ok": _holds(outcomes),
        "trust_sha256": trust.digest.hex(),
        "unused_revoked_keys": unused_revocations(trust, (one.key_id for one in outcomes)),
        "records": sum(one.records for one in outcomes),
        "rows": sum(one.rows for one in outcomes),
        "files": [one.page() for one in outcomes],
    }


def _status(outcomes: Iterable[Outcome]) -> int:
    return OK if _holds(outcomes) else NO


def _holds(outcomes: Iterable[Outcome]) -> bool:
    """Everything that is shown, and it is shown for all the time that was asked about."""
    return all(one.ok and not one.is_short for one in outcomes)


def _filed_bundle(options: argparse.Namespace) -> Bundle:
    (file,) = options.file
    _require_trust(options)
    try:
        return read_bundle(read_file(file))
    except DecodeError as error:
        raise DecodeError(f"{name_of(file)}: {error}") from error


def _require_trust(options: argparse.Namespace) -> None:
    """A file brings its own genesis and could be anybody's: which ledger is meant has to come from elsewhere."""
    if options.ledger_id is None and options.trust is None:
        raise ConfigError(
            f"{options.file[0]}: --ledger-id or --trust is missing: a file proves nothing by itself. The ledger's "
            "operator has the id from `airgrant ledger init`, /v1/ledger shows it, and every receipt and grant is "
            "signed for it"
        )


def trust_of(options: argparse.Namespace) -> Trust:
    """Of the file, or of the one ledger that is named, which then is the only one."""
    _require_trust(options)
    if options.trust is None:
        return parse_trust(format_trust([_ledger_id(options.ledger_id)]), "--ledger-id")
    try:
        text = read_file(options.trust).decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{options.trust}: is no text: {error}") from None
    trust = parse_trust(text, str(options.trust))
    if options.ledger_id is not None and _ledger_id(options.ledger_id) not in trust.ledgers:
        raise ConfigError(f"{options.trust}: ledgers: --ledger-id {options.ledger_id} is not among them")
    return trust


def _shown_bundles(options: argparse.Namespace, tell: Tell) -> list[Bundle]:
    reader = reader_of(options)
    genesis = fetch_genesis(reader)
    named = [options.key_id] if options.key_id else fetch_key_ids(reader)
    return [fetch_bundle(reader, genesis, _key_id(key_id), tell) for key_id in named]


def _report_fetch(options: argparse.Namespace) -> int:
    _check_out(options.out)
    reader = reader_of(options)
    with progress(quiet=options.json) as tell:
        bundle = fetch_bundle(reader, fetch_genesis(reader), _key_id(options.key_id), tell)
        encoded = write_bundle(bundle)
    with _written(options.out) as write:
        write(encoded)
    page = {"file": str(options.out), "records": len(bundle.records), "bytes": len(encoded)}
    return show_page(
        options, page, lambda: [f"{page['file']}: {page['records']} records, {page['bytes']} bytes"]
    )


def _report_trust(options: argparse.Namespace) -> int:
    """Without --ledger-id the ledger is asked who it is: then the operator's word for it should be asked elsewhere."""
    _check_out(options.out, options.vendors)
    ids = [_ledger_id(one) for one in options.ledger_id or []]
    if not ids:
        ids = [fetch_genesis(reader_of(options)).ledger_id]
    vendors = ""
    if options.vendors is not None:
        vendors = read_file(options.vendors).decode("ascii", "replace")
    text = format_trust(ids, vendors)
    trust = parse_trust(text, str(options.vendors or options.out))
    with _written(options.out) as write:
        write(text.encode())
    page: dict[str, Any] = {
        "file": str(options.out),
        "sha256": trust.digest.hex(),
        "ledgers": [one.hex() for one in ids],
        "makers": len(trust.vendors.roots) if trust.vendors else 0,
    }
    lines = [f"{page['file']}: sha256 {page['sha256']}"]
    lines += [f"trusts ledger {one}" for one in page["ledgers"]]
    lines.append(f"trusts {page['makers']} makers of TPMs" if page["makers"] else "names no makers of TPMs")
    return show_page(options, page, lambda: lines)


# ---- sum, export


def _report_sum(options: argparse.Namespace) -> int:
    if options.out is not None and options.format == "table" and not options.json:
        raise ConfigError("--out: a table is for the terminal: say --format csv or json")
    _check_out(options.out, options.trust, *options.file)
    trust = trust_of(options)
    with progress(quiet=options.json or options.format != "table") as tell:
        found = verify_files(options.file, trust, [options.by], tell, span=_span_of(options))
    outcomes = [outcome for outcome, _ in found]
    require_different_boxes(outcomes)
    sums = join_sums(part[options.by] for _, part in found)
    if options.json or options.format == "json":
        page = _sum_page(outcomes, sums, options, trust)
        _put(options, [json.dumps(page, indent=2) + "\n"])
    elif options.format == "csv":
        _put(options, csv_sums(sums, options.by))
    else:
        with _standard_output():
            show_page(
                options,
                None,
                lambda: [
                    f"counted: {_span_text(_span_of(options))}",
                    sum_table(sums, options.by),
                    *_outcome_lines(outcomes, trust),
                ],
            )
    if options.format == "csv" and not options.json:
        sys.stderr.write(f"airgrant: counted: {_span_text(_span_of(options))}\n")
    _complain(outcomes)
    return _status(outcomes)


def _sum_page(
    outcomes: list[Outcome], sums: dict[str, Sum], options: argparse.Namespace, trust: Trust
) -> dict[str, Any]:
    return {
        **_outcomes_page(outcomes, trust),
        "span": _span_page(_span_of(options)),
        "by": options.by,
        "total": sum_values(total_of(sums)),
        "sums": {name: sum_values(one) for name, one in sums.items()},
    }


def _report_export(options: argparse.Namespace) -> int:
    """In one pass: rows are written while the chain is verified, and the file gets its name once all is written."""
    _check_out(options.out, options.trust, *options.file)
    trust = trust_of(options)
    if options.format == "html":
        return _export_statement(options, trust)
    span, exported, digest = _span_of(options), _Exported(), hashlib.sha256()
    with ExitStack() as stack:
        tell = stack.enter_context(progress(quiet=options.json or options.out is None))
        dispute = _ask_together(options.file, trust, tell, stack)
        write = stack.enter_context(_written(options.out))
        rows = chain.from_iterable(
            exported.rows_of(file, trust, span, dispute, tell) for file in options.file
        )
        for piece in _EXPORTS[options.format](rows, trust, span, exported):
            data = piece.encode()
            digest.update(data)
            write(data)
    _complain(exported.outcomes)
    if options.out is not None and not options.json:
        files = len(exported.outcomes)
        sys.stderr.write(
            f"airgrant: {options.out}: {exported.count} rows of {files} files, {_span_text(span)}; "
            f"sha256 {digest.hexdigest()}\n"
        )
    return _status(exported.outcomes)


def _ask_together(files: list[Path], trust: Trust, tell: Tell, stack: ExitStack) -> Dispute:
    """What the files together make of a grant, which takes a first pass if they are several."""
    if len(files) < 2:
        return _undisputed
    done, dispute = stack.enter_context(verified_together(files, trust, (), tell))
    require_different_boxes(outcome for outcome, _ in done)
    return dispute


def _undisputed(_grant_id: bytes) -> None:
    return None


def _export_statement(options: argparse.Namespace, trust: Trust) -> int:
    with progress(quiet=options.out is None) as tell:
        found = verify_files(options.file, trust, STATEMENT_GROUPS, tell, span=_span_of(options))
    outcomes = [outcome for outcome, _ in found]
    require_different_boxes(outcomes)
    sums = {by: join_sums(part[by] for _, part in found) for by in STATEMENT_GROUPS}
    _put(options, [statement(outcomes, sums, trust.digest, _span_of(options))])
    _complain(outcomes)
    return _status(outcomes)


@dataclass(slots=True)
class _Exported:
    """What was written so far, and the verdict on each file that was begun."""

    count: int = 0
    outcomes: list[Outcome] = field(default_factory=list)

    def rows_of(self, file: Path, trust: Trust, span: Span, dispute: Dispute, tell: Tell) -> Iterator[Row]:
        with open_report(file, trust, span) as report:
            self.outcomes.append(report.fold.outcome)
            require_different_boxes(self.outcomes)
            for judged in report.judged(tell, dispute):
                for row in filter(span.has, judged.rows):
                    self.count += 1
                    yield row
            report.fold.finish()

    def closing(self) -> dict[str, Any]:
        return {"ok": _holds(self.outcomes), "files": [one.page() for one in self.outcomes]}


def _csv(rows: Iterable[Row], _trust: Trust, _span: Span, _exported: _Exported) -> Iterator[str]:
    return csv_rows(rows)


def _json(rows: Iterable[Row], trust: Trust, span: Span, exported: _Exported) -> Iterator[str]:
    about = {"trust_sha256": trust.digest.hex(), "span": _span_page(span)}
    return json_rows(rows, about, exported.closing)


_EXPORTS: dict[str, Callable[[Iterable[Row], Trust, Span, _Exported], Iterator[str]]] = {
    "csv": _csv,
    "json": _json,
}


def _complain(outcomes: Iterable[Outcome]) -> None:
    """On standard error, as the other carries data."""
    for outcome in outcomes:
        if not outcome.ok or outcome.is_short:
            sys.stderr.write(f"airgrant: {outcome.file}: {outcome.sentence}\n")


# ---- Files


def _put(options: argparse.Namespace, pieces: Iterable[str]) -> None:
    with _written(options.out) as write:
        for piece in pieces:
            write(piece.encode())


def _check_out(out: Path | None, *read: Path | None) -> None:
    """Before any work is done: a device is no file to be put in place of, and evidence is not written over. Raises
    ConfigError, ShellError.
    """
    if out is None:
        return
    try:
        if out.exists() and not out.is_file():
            raise ConfigError(f"--out {out}: is no file to write to")
        if not out.parent.is_dir():
            raise ConfigError(f"--out {out}: there is no folder {out.parent}")
        for one in filter(None, read):
            if out.exists() and one.exists() and out.samefile(one):
                raise ConfigError(f"--out {out}: is read here, and would be lost")
    except OSError as error:
        raise ShellError(str(out), error.strerror or str(error)) from error


@contextmanager
def _written(path: Path | None) -> Iterator[Callable[[bytes], object]]:
    """A file that gets its name once everything is in it; None: standard output. Raises ShellError."""
    if path is None:
        with _standard_output():
            yield sys.stdout.buffer.write
        return
    unfinished: Path | None = None
    try:
        with tempfile.NamedTemporaryFile(
            dir=path.parent, prefix=f".{path.name}.", suffix=".new", delete=False
        ) as file:
            unfinished = Path(file.name)
            yield file.write
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
        unfinished = None
    except OSError as error:
        raise ShellError(str(path), error.strerror or str(error)) from error
    finally:
        if unfinished is not None:
            unfinished.unlink(missing_ok=True)


@contextmanager
def _standard_output() -> Iterator[None]:
    """All that is said within is out at the end. Raises ShellError."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())  # what is still in buffers would fail again at the end
        os.close(nowhere)
        why = "nobody reads on" if isinstance(error, BrokenPipeError) else error.strerror or str(error)
        raise ShellError("standard output", why) from None


def _key_id(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{16}", text):
        raise ConfigError(f"{text!r} is not an attestation key id: want 16 hexadecimal digits")
    return text


def _ledger_id(text: str) -> bytes:
    if not re.fullmatch("[0-9a-fA-F]{64}", text):
        raise ConfigError(f"{text!r} is not a ledger id: want 64 hexadecimal digits")
    return bytes.fromhex(text)
