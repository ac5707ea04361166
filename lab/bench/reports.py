"""A million session rows verified, added up and exported by `airgrant report`, and how much memory that takes.

The files are those of boxes with a TPM (a fake one: its quotes and signatures are real ones) that report each minute;
a session lasts an hour. One file has twenty sessions in each report; ten others have one, which is the dearest form
that rows come in, as every row then needs a signature. They are made once, into build/.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from apd.shells.fake_tpm import FakeTpm
from lab.bench.result import Against, Figure
from lab.meter_chain import MeterChain
from ledger.completeness import ChainProof
from ledger.entries import MeterChain as ChainEnd
from ledger.entries import chain_key, write_entry
from ledger.genesis import Genesis, write_genesis
from ledger.reports.trust import format_trust
from ledger.state_tree import StateTree
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.band import Band
from wire.block_header import Header, write_signed_header
from wire.cbor import write_cbor, write_head
from wire.errors import ShellError
from wire.grant import Grant, grant_id_of, write_grant
from wire.keys import PrivateKey
from wire.merkle import EMPTY_ROOT
from wire.meter_record import UsageRow
from wire.qos import Qos
from wire.state_proof import write_proof

ROWS = 1_000_000
FEW_ROWS = 100_000
SESSIONS = 20
"""In each report of a busy box."""
BOXES = 10
MOST_S = 300
MINUTE_MS = 60_000
SESSION_REPORTS = 60
ANCHOR_EVERY = 1_000
START_S = 1_790_000_000
BAND, QOS = Band(5_170_000, 5_250_000, 80_000), Qos(2_000_000, 10_000_000, 1_000_000, 5_000_000)
LEDGER = PrivateKey.from_secret(1)
GENESIS = Genesis((LEDGER.public,), LEDGER.public, START_S)
FOLDER = Path(__file__).resolve().parents[2] / "build" / "bench" / "reports"
_ARRAY, _BYTES = 4, 2
_CHILD = """\
import os, sys
from ledger.report_cli import report
status = report(sys.argv[1:])
spent = os.times()
(peak,) = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")]
print(round(1e3 * sum(spent[:4])), peak, file=sys.stderr)
sys.exit(status)
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """How long a command took, its processor time with that of its children, and the most memory of its process."""

    took_s: float
    spent_s: float
    peak_mb: float


def run(progress: Callable[[str], None]) -> list[Figure]:
    FOLDER.mkdir(parents=True, exist_ok=True)
    trust = FOLDER / "trust.json"
    trust.write_text(format_trust([GENESIS.ledger_id]))
    busy = kept_file(FOLDER, ROWS, SESSIONS, 0, progress)
    few = kept_file(FOLDER, FEW_ROWS, SESSIONS, 0, progress)
    lonely = [kept_file(FOLDER, ROWS // BOXES, 1, box, progress) for box in range(1, BOXES + 1)]
    progress("verifying")
    small, large = (report("verify", [file], trust) for file in (few, busy))
    whole = report_whole(few)
    progress("verifying rows that each have a record of their own")
    apart = report("verify", lonely, trust)
    progress("adding up and exporting")
    added = report("sum", [busy], trust, "--by", "consumer", "--format", "csv")
    exported = report("export", [busy], trust, "--out", str(FOLDER / "rows.csv"))
    size_mb = (FOLDER / "rows.csv").stat().st_size / 1e6
    (FOLDER / "rows.csv").unlink()
    return [
        Figure(f"1,000,000 session rows verified, {SESSIONS} in a report, one box", large.took_s, "s", MOST_S, "lower"),
        Figure(
            f"1,000,000 session rows verified, one in a report, {BOXES} boxes", apart.took_s, "s", MOST_S, "lower"
        ),
        Figure("processor time of the first", large.spent_s, "s", None, "lower"),
        Figure("processor time of the second", apart.spent_s, "s", None, "lower"),
        Figure(
            "memory at its most for 1,000,000 rows", large.peak_mb, "MB", small.peak_mb * 1.1, "lower",
            Against("for 100,000 rows", small.peak_mb),
        ),
        Figure(
            "memory at its most for 100,000 rows", small.peak_mb, "MB", None, "lower",
            Against("with every finding kept, as without a trust file", whole.peak_mb),
        ),
        Figure("1,000,000 rows verified and added up by consumer", added.took_s, "s", MOST_S, "lower"),
        Figure(f"1,000,000 rows verified and exported, {size_mb:.0f} MB of CSV", exported.took_s, "s", MOST_S, "lower"),
        Figure("memory at its most while they are exported", exported.peak_mb, "MB", None, "lower"),
    ]  # fmt: skip


def report(command: str, files: list[Path], trust: Path, *more: str) -> Ran:
    """`airgrant report COMMAND`, in a process of its own. Raises ShellError if anything does not hold."""
    return _ran([command, *map(str, files), "--trust", str(trust), *more])


def report_whole(file: Path) -> Ran:
    """The same question to the verification that keeps every finding of every record."""
    return _ran(["verify", str(file), "--ledger-id", GENESIS.ledger_id.hex(), "--json"])


def _ran(argv: list[str]) -> Ran:
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *argv],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    took_s = time.perf_counter() - started
    if done.returncode:
        raise ShellError(f"airgrant report {argv[0]}", done.stderr.strip()[-500:])
    spent_ms, peak_kb = map(int, done.stderr.split()[-2:])
    return Ran(took_s, spent_ms / 1e3, peak_kb / 1e3)


# ---- Report files


def kept_file(folder: Path, rows: int, sessions: int, box: int, progress: Callable[[str], None]) -> Path:
    """Made if it is not there yet."""
    file = folder / f"{box}-{rows}-{sessions}.report"
    if not file.exists():
        progress(f"making {file.name}")
        unfinished = file.with_suffix(".new")
        write_report_file(unfinished, rows // sessions, sessions, box)
        unfinished.replace(file)
    return file


def write_report_file(path: Path, reports: int, sessions: int, box: int) -> None:
    """A file of form 2, as ledger.bundle.write_bundle makes them, without having it in memory."""
    tpm, provider = FakeTpm(), PrivateKey.from_secret(100 + box)
    key = tpm.attestation_key()
    result = AttestationResult(key.public_key, key.name, provider.public, bytes(32), START_S)
    chain = MeterChain(tpm, START_S * 1_000)
    with path.open("wb") as file:
        file.write(write_head(_ARRAY, 7) + write_cbor("airgrant report") + write_cbor(2))
        file.write(write_cbor(write_genesis(GENESIS)))
        file.write(write_cbor(write_attestation_result(result, LEDGER, GENESIS.ledger_id)))
        file.write(write_head(_ARRAY, 1 + reports + reports // ANCHOR_EVERY))
        for encoded in _records(chain, reports, sessions):
            file.write(write_cbor(encoded))
        hours = -(-reports // SESSION_REPORTS)
        file.write(write_head(_ARRAY, hours * sessions))
        for hour in range(hours):
            for session in range(sessions):
                file.write(write_cbor(_grant(provider, hour, session)))
        end = _prove_end(ChainEnd(chain.sequence, chain.head), key.public_key.key_id, chain.utc_ms // 1_000)
        file.write(write_cbor([end.entry, end.proof, end.header]))


def _records(chain: MeterChain, reports: int, sessions: int) -> Iterator[bytes]:
    yield chain.boot()
    for number in range(reports):
        hour = number // SESSION_REPORTS
        yield chain.usage(MINUTE_MS, *(_row(hour, session) for session in range(sessions)))
        if number % ANCHOR_EVERY == ANCHOR_EVERY - 1:
            yield chain.anchor()


def _row(hour: int, session: int) -> UsageRow:
    return UsageRow(_grant_id(hour, session), 1_000_000 + session, 100_000, 1_000_000 + session, 100_000)


def _grant_id(hour: int, session: int) -> bytes:
    return grant_id_of((hour + 1).to_bytes(4, "big") * 8, session)


def _grant(provider: PrivateKey, hour: int, session: int) -> bytes:
    buyer = PrivateKey.from_secret(1_000 + session).public
    starts_s = START_S + hour * SESSION_REPORTS * MINUTE_MS // 1_000
    grant = Grant(buyer, provider.public.provider_id, _grant_id(hour, session), 1, starts_s, 3_600, BAND, QOS)
    return write_grant(grant, LEDGER, GENESIS.ledger_id)


def _prove_end(end: ChainEnd, key_id: bytes, time_s: int) -> ChainProof:
    tree, key, entry = StateTree(), chain_key(key_id), write_entry(end)
    tree.commit(tree.plan([(key, entry)]))
    header = Header(7, bytes(32), time_s, bytes(32), 1, tree.root, EMPTY_ROOT)
    signed = write_signed_header(header, LEDGER, GENESIS.ledger_id)
    return ChainProof(entry, write_proof(tree.prove(key)), signed)
