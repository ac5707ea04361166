"""`airgrant ledger export` and `airgrant ledger replay`: a ledger's log as a file, and a ledger made from such a file.

A shell: argv, files, exit status. 0 done; 1 the file or the database is not what it says; 2 the command line is wrong;
3 the disk or a database failed. What `replay` makes is applied by the rules, signatures and all, and every app hash is
compared, so neither the file nor who wrote it is trusted. A database that was begun goes on where it is, once what it
has is seen to be what the file says.
"""

import argparse
import gzip
import json
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from ledger.application import Application
from ledger.database import is_there, open_snapshot
from ledger.genesis import read_genesis
from ledger.log_lines import MAX_LINE_BYTES, LoggedBlock, read_genesis_line, read_log, write_log
from ledger.opening import finalise_again, open_application
from ledger.running import OK, run_command
from wire.block_header import write_header
from wire.errors import ConfigError, DecodeError, ShellError, VerificationError

PROGRESS_BLOCKS = 1_000

_EXPORT_EXAMPLES = """\
examples:
  airgrant ledger export ledger.db --out ledger.jsonl.gz       the whole log, a line of JSON for each item
  airgrant ledger export ledger.db | jq -r .kind | sort | uniq -c
"""
_REPLAY_EXAMPLES = """\
examples:
  airgrant ledger replay ledger.jsonl.gz                       does it hold? nothing is kept
  airgrant ledger replay ledger.jsonl.gz --into postgresql:///bandcoin
"""


def export(argv: list[str]) -> int:
    """`airgrant ledger export`; returns the exit status."""
    parser = _parser("export", "Write a ledger's whole log, also while it runs.", _EXPORT_EXAMPLES)
    parser.add_argument("database", metavar="DATABASE", help="a file, or postgresql://...")
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="a new file; .gz compresses; default: stdout"
    )
    parser.set_defaults(run=_export)
    return _run(parser, argv)


def replay(argv: list[str]) -> int:
    """`airgrant ledger replay`; returns the exit status."""
    parser = _parser("replay", "Apply an exported log again, from the genesis.", _REPLAY_EXAMPLES)
    parser.add_argument("file", type=Path, metavar="FILE", help="what `export` wrote")
    parser.add_argument("--into", metavar="DATABASE", help="a file or postgresql://..., new or begun before")
    parser.add_argument("--json", action="store_true", help="one JSON value on standard output")
    parser.set_defaults(run=_replay)
    return _run(parser, argv)


def _parser(name: str, description: str, examples: str) -> argparse.ArgumentParser:
    return argparse.ArgumentParser(
        f"airgrant ledger {name}",
        description=description,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _run(parser: argparse.ArgumentParser, argv: list[str]) -> int:
    try:
        options = parser.parse_args(argv)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 2
    return run_command(parser.prog, options, DecodeError)


def _export(options: argparse.Namespace) -> int:
    if not is_there(options.database):
        raise ShellError(options.database, "is not there")
    store = open_snapshot(options.database)
    try:
        stored = store.genesis()
        if stored is None:
            raise VerificationError(f"{store.name}: holds no ledger")
        with _written(options.out) as out:
            for line in write_log(read_genesis(stored), store.headers(), store.items()):
                out.write(line + "\n")
        sys.stderr.write(
            f"export: {store.last_number()} items, up to block {store.last_block(store.height())}\n"
        )
    finally:
        store.close()
    return OK


def _replay(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        lines = stack.enter_context(_lines(options.file))
        genesis = read_genesis_line(next(lines, ""))
        place = options.into or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "ledger.db"
        application = open_application(place, genesis)
        stack.callback(application.store.close)
        apply_log(read_log(lines), application, _tell)
    head = application.head
    kept = application.store.name if options.into else None
    if options.json:
        page = {"ok": True, "blocks": head.height, "app_hash": head.app_hash.hex(), "database": kept}
        sys.stdout.write(json.dumps(page) + "\n")
    else:
        where = f", and is in {kept}" if kept else ""
        sys.stdout.write(
            f"{options.file}: {head.height} blocks hold; app hash {head.app_hash.hex()}{where}\n"
        )
    return OK


def apply_log(blocks: Iterator[LoggedBlock], application: Application, tell: Callable[[str], None]) -> None:
    """Makes each block again that the ledger does not have yet. Raises VerificationError at the first that comes out
    another one, or of which the ledger has another.
    """
    last = application.height
    for block in blocks:
        header = block.header
        if header.height > last:
            _apply(block, application)
        elif application.store.header(header.height) != write_header(header):
            raise VerificationError(
                f"block {header.height}: {application.store.name} has another one, or none"
            )
        _compare_ids(block, application)
        if header.height and header.height % PROGRESS_BLOCKS == 0:
            tell(f"{header.height} blocks")


def _apply(block: LoggedBlock, application: Application) -> None:
    header = block.header
    if header.height <= application.height or header.time_s < application.head.time_s:
        raise VerificationError(f"block {header.height}: does not follow the block before it")
    items = [(kind, encoded) for kind, _, encoded in block.items]
    if finalise_again(application, header, items) != header.app_hash:
        raise VerificationError(f"block {header.height}: the log leads to another app hash")
    application.commit()


def _compare_ids(block: LoggedBlock, application: Application) -> None:
    """With those that the ledger made of the items."""
    made = [item.id.hex() for item in application.store.block_items(block.header.height)]
    if made != [item.id for item in block.items]:
        raise VerificationError(f"block {block.header.height}: the ids of its items are others")


@contextmanager
def _lines(file: Path) -> Iterator[Iterator[str]]:
    """Of a file, compressed or not. Raises ShellError, DecodeError."""
    try:
        with file.open("rb") as raw:
            squeezed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(file, "rt") if squeezed else file.open() as opened:
            yield iter(lambda: opened.readline(MAX_LINE_BYTES + 1), "")
    except (EOFError, gzip.BadGzipFile, zlib.error, UnicodeDecodeError) as error:
        raise DecodeError(f"{file}: {error}") from error
    except OSError as error:
        raise ShellError(str(file), str(error.strerror or error)) from error


@contextmanager
def _written(out: Path | None) -> Iterator[IO[str]]:
    """A new file that is there when it is whole, and never over another one; or standard output."""
    if out is None:
        yield sys.stdout
        return
    if out.exists():
        raise ConfigError(f"{out}: is there already")
    begun = out.with_name(out.name + ".part")
    try:
        with gzip.open(begun, "wt") if out.suffix == ".gz" else begun.open("w") as opened:
            yield opened
        begun.replace(out)
    except BaseException:
        begun.unlink(missing_ok=True)
        raise


def _tell(text: str) -> None:
    sys.stderr.write(f"replay: {text}\n")
