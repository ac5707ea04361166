"""Report files on disk: opened, judged record by record, many of them at once in processes of their own.

A shell: files, an index of grants that SQLite keeps out of memory, child processes. A chain can only be verified from
its beginning, so it is files that are shared out: `python -m ledger.reports.bulk` takes one job as JSON on its input
and answers with an outcome and sums. Memory does not grow with the length of a file.
"""

import json
import os
import sqlite3
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from ledger.child_module import module_words
from ledger.completeness import verify_chain_proof
from ledger.enrolment import read_enrolled
from ledger.evidence_totals import FindGrant
from ledger.findings import Finding
from ledger.genesis import Genesis
from ledger.reports.filing import Layout, read_grant_at, read_grants, read_layout, read_records
from ledger.reports.grant_uses import Uses, book, disputes, entering, find_too_much, temporary_database
from ledger.reports.outcome import Outcome, OutcomeFold, name_of, read_outcome
from ledger.reports.rows import ALWAYS, Dispute, Judged, Span, judge_records
from ledger.reports.sum_up import Sum, add_rows
from ledger.reports.trust import Trust, judge_ledger, judge_maker, parse_trust
from wire.attestation_result import AttestationResult
from wire.errors import ConfigError, DecodeError, ShellError
from wire.grant import Grant, read_grant

WINDOW_BYTES = 1024 * 1024
"""Of a file that is read, twice: records and grants."""
CACHED_GRANTS = 4_096
"""Those that serve at one time; a box has at most some hundred sessions."""
MOST_WORKERS = 8
NEWS_EVERY = 1_000
"""Records between two words on how far we are."""
Progress = Callable[[str], None]
Sums = dict[str, dict[str, Sum]]
"""By what is added up, and then by the names of the groups."""


@dataclass(frozen=True, slots=True)
class OpenReport:
    """A file whose ledger is trusted and whose enrolment, grants and end are that ledger's own."""

    layout: Layout
    enrolment: AttestationResult
    fold: OutcomeFold
    trust: Trust
    maker: Finding
    find_grant: FindGrant
    _file: BinaryIO

    def judged(
        self, progress: Progress = lambda _text: None, dispute: Dispute = lambda _grant_id: None
    ) -> Iterator[Judged]:
        """Every record, once, and told to the outcome. `dispute` says what other files make of a grant. Raises
        DecodeError.
        """
        name = self.fold.outcome.file
        revoked = self.trust.find_revoked(self.enrolment.attestation_key.key_id)
        records = read_records(self._file, self.layout)
        proved = self.fold.proved
        judging = judge_records(
            records, self.enrolment, self.find_grant, revoked, self.maker, dispute, proved
        )
        for number, one in enumerate(judging, 1):
            if number % NEWS_EVERY == 0:
                progress(f"{name}: record {number} of {self.layout.records}")
            self.fold.take(one)
            yield one


@contextmanager
def open_report(path: Path, trust: Trust, span: Span = ALWAYS) -> Iterator[OpenReport]:
    """`judged` gives every record, within `span` or not. Raises ConfigError if there is no such file, DecodeError,
    VerificationError for another ledger's report and for what is not the ledger's own; ShellError if the disk fails.
    """
    with ExitStack() as stack:
        records, grants = (stack.enter_context(_open(path)) for _ in range(2))
        try:
            layout = read_layout(records)
            genesis = layout.genesis
            judge_ledger(trust, genesis.ledger_id)
            enrolment = read_enrolled(layout.attestation_result, genesis)
            index = stack.enter_context(_index(grants, layout))
            signer = genesis.signer(layout.end.header)
            key_id = enrolment.attestation_key.key_id
            proved = verify_chain_proof(layout.end, key_id, signer, genesis.ledger_id)
            fold = OutcomeFold(Outcome(name_of(path)), proved, span)
            maker = judge_maker(trust, enrolment, genesis.ledger_id)
            _describe(fold, genesis, enrolment, trust, maker)
            find_grant = _finder(index, grants, genesis)
            yield OpenReport(layout, enrolment, fold, trust, maker, find_grant, records)
        except DecodeError as error:
            raise type(error)(_with_name(path, str(error))) from error
        except OSError as error:
            raise ShellError(name_of(path), error.strerror or str(error)) from error


def verify_files(
    paths: Sequence[Path],
    trust: Trust,
    by: Sequence[str],
    progress: Progress,
    workers: int | None = None,
    span: Span = ALWAYS,
) -> list[tuple[Outcome, Sums]]:
    """Outcomes in the order of the files, each with its sums by whatever of GROUPS is asked for. A file that cannot be
    read has an outcome that says so. Where boxes together say more of a grant than it can carry, these are verified
    again, and their rows of it are disputed. Raises ConfigError for a file that is not there, ShellError for a process
    that failed.
    """
    with verified_together(paths, trust, by, progress, workers, span) as (done, _):
        return done


@contextmanager
def verified_together(
    paths: Sequence[Path],
    trust: Trust,
    by: Sequence[str],
    progress: Progress,
    workers: int | None = None,
    span: Span = ALWAYS,
) -> Iterator[tuple[list[tuple[Outcome, Sums]], Dispute]]:
    """The same, and what all files together make of a grant, for as long as the context lasts."""
    for path in paths:
        with _open(path):
            pass
    most = min(MOST_WORKERS, os.cpu_count() or 1) if workers is None else workers
    with book() as grants:
        alone = len(paths) == 1
        jobs = [_Job(path, trust, tuple(by), span, grants, alone) for path in paths]
        done = _do_jobs(jobs, progress, most)
        boxes = set() if alone else find_too_much(grants)
        again = [at for at, (outcome, _) in enumerate(done) if outcome.key_id in boxes]
        redone = _do_jobs([replace(jobs[at], again=True) for at in again], progress, most)
        for at, one in zip(again, redone, strict=True):
            done[at] = one
        with disputes(grants) as dispute:
            yield done, dispute


def require_different_boxes(outcomes: Iterable[Outcome]) -> None:
    """A file has a box's whole chain, so that two of one box would be added up twice. Raises ConfigError."""
    named: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.key_id and outcome.key_id in named:
            before = named[outcome.key_id]
            raise ConfigError(
                f"{outcome.file}: is of box {outcome.key_id}, as is {before}: its rows would count twice"
            )
        named[outcome.key_id] = outcome.file


@dataclass(frozen=True, slots=True)
class _Job:
    """A file to verify. `grants` is the book that all share, but for one `alone`; `again`: with what it has of too
    much.
    """

    path: Path
    trust: Trust
    by: tuple[str, ...]
    span: Span
    grants: Path
    alone: bool
    again: bool = False

    def page(self) -> dict[str, Any]:
        return {
            "file": str(self.path),
            "trust": self.trust.text,
            "by": list(self.by),
            "span": [self.span.from_utc_ms, self.span.to_utc_ms],
            "grants": str(self.grants),
            "alone": self.alone,
            "again": self.again,
        }


def _read_job(page: dict[str, Any]) -> _Job:
    trust, span = parse_trust(page["trust"], "trust"), Span(*page["span"])
    book_path = Path(page["grants"])
    return _Job(Path(page["file"]), trust, tuple(page["by"]), span, book_path, page["alone"], page["again"])


def _do_jobs(jobs: Sequence[_Job], progress: Progress, most: int) -> list[tuple[Outcome, Sums]]:
    if len(jobs) < 2 or most < 2:
        return [_do_job(job, progress) for job in jobs]
    return _share(jobs, progress, most)


def _do_job(job: _Job, progress: Progress = lambda _text: None) -> tuple[Outcome, Sums]:
    sums: Sums = {name: {} for name in job.by}
    outcome = Outcome(name_of(job.path))
    try:
        with open_report(job.path, job.trust, job.span) as report, ExitStack() as stack:
            outcome = report.fold.outcome
            if job.alone:
                judging = report.judged(progress)
            elif job.again:
                judging = report.judged(progress, stack.enter_context(disputes(job.grants)))
            else:
                judging = _entered(
                    report, progress, stack.enter_context(entering(job.grants, outcome.key_id))
                )
            for judged in judging:
                rows = [row for row in judged.rows if job.span.has(row)] if sums else []
                for name, one in sums.items():
                    add_rows(one, rows, name)
            report.fold.finish()
    except DecodeError as error:
        outcome.error = str(error)
        sums = {name: {} for name in job.by}
    return outcome, sums


def _entered(report: OpenReport, progress: Progress, enter: Uses) -> Iterator[Judged]:
    for judged in report.judged(progress):
        enter(judged.rows, report.find_grant)
        yield judged


def _share(jobs: Sequence[_Job], progress: Progress, most: int) -> list[tuple[Outcome, Sums]]:
    """Each file has a process; so many run that every processor has one."""
    done: list[tuple[Outcome, Sums]] = []
    waiting, running = deque(jobs), deque[tuple[Path, "subprocess.Popen[str]"]]()
    try:
        while waiting or running:
            while waiting and len(running) < most:
                job = waiting.popleft()
                running.append((job.path, _start(job.page())))
            path, process = running[0]
            progress(f"{name_of(path)}: {len(done)} of {len(jobs)} files are verified")
            said, complaints = process.communicate()
            running.popleft()
            if process.returncode:
                raise ShellError(
                    f"verifying {name_of(path)}", complaints.strip()[-500:] or f"status {process.returncode}"
                )
            done.append(_read_answer(json.loads(said)))
    finally:
        for _, process in running:
            process.kill()
            process.communicate()
    return done


def _start(job: dict[str, Any]) -> "subprocess.Popen[str]":
    pipe = subprocess.PIPE
    words = module_words("ledger.reports.bulk")
    process = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdin is not None, "it was started with pipes"
    try:
        process.stdin.write(json.dumps(job))
        process.stdin.close()
    except BrokenPipeError:  # it ended: its status says how
        pass
    process.stdin = None  # told all; `communicate` would write no more
    return process


def main() -> int:
    """One job."""
    outcome, sums = _do_job(_read_job(json.loads(sys.stdin.read())))
    written = {by: {name: asdict(one) for name, one in groups.items()} for by, groups in sums.items()}
    answer = {"outcome": outcome.page(), "sums": written}
    sys.stdout.write(json.dumps(answer))
    return 0


def _read_answer(answer: dict[str, Any]) -> tuple[Outcome, Sums]:
    sums = {by: {name: Sum(**one) for name, one in groups.items()} for by, groups in answer["sums"].items()}
    return read_outcome(answer["outcome"]), sums


def _describe(
    fold: OutcomeFold, genesis: Genesis, enrolment: AttestationResult, trust: Trust, maker: Finding
) -> None:
    """Says whose file it is, and whether its TPM is one that is trusted."""
    outcome = fold.outcome
    outcome.key_id = enrolment.attestation_key.key_id.hex()
    outcome.provider = str(enrolment.provider)
    outcome.ledger_id = genesis.ledger_id.hex()
    outcome.in_tpm = enrolment.in_tpm
    outcome.maker_asked = trust.vendors is not None and enrolment.in_tpm
    outcome.maker_text = maker.text
    outcome.revoked_named = len({one.key_id for one in trust.revoked})
    outcome.revoked_asked = trust.find_revoked(enrolment.attestation_key.key_id) is not None
    if not maker.ok:
        fold.fail(0, maker)


def _with_name(path: Path, text: str) -> str:
    name = name_of(path)
    return text if text.startswith(f"{name}: ") else f"{name}: {text}"


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb", buffering=WINDOW_BYTES)
    except OSError as error:
        raise ConfigError(f"{name_of(path)}: {error.strerror}") from error


@contextmanager
def _index(file: BinaryIO, layout: Layout) -> Iterator[sqlite3.Connection]:
    """Where in the file each grant is, by its id, in a file of SQLite's own that nobody sees. Every grant's signature
    is verified. Raises DecodeError, VerificationError.
    """
    genesis = layout.genesis
    with temporary_database("") as connection:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("CREATE TABLE grants (id BLOB PRIMARY KEY, at INTEGER) WITHOUT ROWID")
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT OR REPLACE INTO grants VALUES (?, ?)",
            (
                (read_grant(encoded, genesis.signer(encoded), genesis.ledger_id).grant_id, at)
                for at, encoded in read_grants(file, layout)
            ),
        )
        yield connection


def _finder(index: sqlite3.Connection, file: BinaryIO, genesis: Genesis) -> FindGrant:
    """Reads and verifies a grant again where it was forgotten: the file is not ours, and may change under us."""

    @lru_cache(maxsize=CACHED_GRANTS)
    def find(grant_id: bytes) -> Grant | None:
        found = index.execute("SELECT at FROM grants WHERE id = ?", (grant_id,)).fetchone()
        if found is None:
            return None
        encoded = read_grant_at(file, found[0])
        grant = read_grant(encoded, genesis.signer(encoded), genesis.ledger_id)
        if grant.grant_id != grant_id:
            raise DecodeError("report file: changed while it was read")
        return grant

    return find


if __name__ == "__main__":
    sys.exit(main())
