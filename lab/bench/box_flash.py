"""What a box writes to its flash in a day at default settings: the real store through a day of records.

Each minute has what the daemon orders in it: the record before the TPM hears of it, its evidence, the ledger's
receipt; each hour the sessions are others, with one write more for each than the daemon orders. Minutes do not pass:
after each, all files of the store are written out, as a kernel does by itself within the half minute. Counted is what
this process made the file system write (proc(5), io, write_bytes: whole pages of 4 KiB), its own journal not, and not
what flash adds.
"""

import os
from collections.abc import Sequence
from dataclasses import fields, replace
from pathlib import Path

from apd.commands import ForgetRecord, ForgetSession, StoreRecord, StoreSession
from apd.session import Phase, Session, Usage
from apd.settings import BoxSettings
from apd.shells.fake_tpm import FakeTpm
from apd.shells.store import Store
from lab.meter_chain import MeterChain
from wire.band import Band
from wire.evidence import read_evidence
from wire.frozen import dataclass
from wire.grant import Grant, grant_id_of, write_grant
from wire.ids import MacAddress
from wire.keys import PrivateKey
from wire.meter_record import UsageRow, read_meter_record
from wire.qos import Qos

DAY_S = 86_400
SESSION_S = 3_600
START_S = 1_790_000_000
BAND, QOS = Band(5_170_000, 5_250_000, 80_000), Qos(2_000_000, 10_000_000, 1_000_000, 5_000_000)
CONSUMER, PROVIDER, LEDGER = (PrivateKey.from_secret(secret) for secret in (1, 2, 3))
_DEFAULTS = {item.name: item.default for item in fields(BoxSettings)}
REPORT_S, ANCHOR_S = (int(str(_DEFAULTS[f"{name}_interval_s"])) for name in ("report", "anchor"))


@dataclass(frozen=True, slots=True)
class Written:
    """Of some time: octets that the file system was given, and how often it had to be safe at once."""

    octets: int
    records: int


def written_in(folder: Path, sessions: int, seconds: int = DAY_S) -> Written:
    """What the store in `folder`, which has to be on a disk, writes in so many seconds, with so many sessions at any
    time.
    """
    store, chain = Store(folder / "apd.sqlite", alone=True), MeterChain(FakeTpm(), START_S * 1_000)
    _add(store, folder, chain.boot(), ())
    before, records = _write_bytes(), 0
    present: list[Session] = []
    for at_s in range(0, seconds, REPORT_S):
        if at_s % SESSION_S == 0:
            present = _others(store, present, at_s, sessions)
        present = [_used(session) for session in present]
        rows = [UsageRow(session.grant_id, 7_500_000, 700_000, 7_500_000, 700_000) for session in present]
        _add(store, folder, chain.usage(REPORT_S * 1_000, *rows), present)
        records += 1
        if at_s % ANCHOR_S == 0:
            _add(store, folder, chain.anchor(), ())
            records += 1
    octets = _write_bytes() - before
    store.close()
    return Written(octets, records)


def _add(store: Store, folder: Path, encoded: bytes, sessions: Sequence[Session]) -> None:
    """As the daemon does: the record, its evidence, the receipt for it; then the kernel writes out what it has."""
    evidence = read_evidence(encoded)
    record = read_meter_record(evidence.record)
    store.save([StoreRecord(record, evidence.record, tuple(sessions), START_S * 1_000)])
    store.save_evidence(record.sequence, evidence, bytes(32))
    store.save([ForgetRecord(record.sequence)])
    write_out(folder)


def _others(store: Store, gone: Sequence[Session], at_s: int, count: int) -> list[Session]:
    """The hour is over: each of `gone` is closed and forgotten, and as many come; each moment has its own commit."""
    for session in gone:
        store.save([StoreSession(session)])
        store.save([ForgetSession(session.grant_id)])
    new = [_session(at_s, number) for number in range(count)]
    for session in new:
        store.save([StoreSession(session)])
        store.save([StoreSession(session)])  # admitted, and then in force
    return new


def _session(at_s: int, number: int) -> Session:
    grant = Grant(
        CONSUMER.public,
        PROVIDER.public.provider_id,
        grant_id_of(at_s.to_bytes(32, "big"), number),
        1,
        START_S + at_s,
        SESSION_S,
        BAND,
        QOS,
    )
    encoded = write_grant(grant, LEDGER, bytes(32))
    station = MacAddress(b"\x02\0\0\0\0" + bytes((number,)))
    return Session(grant, encoded, QOS, station, number, Phase.ACTIVE, 0, 0)


def _used(session: Session) -> Session:
    more = Usage(7_500_000, 700_000, 7_500_000, 700_000)
    return replace(session, baseline=session.baseline.plus(more), used=session.used.plus(more))


def write_out(folder: Path) -> None:
    """All that is in memory of the files in `folder`, as the kernel does some seconds later."""
    for path in folder.iterdir():
        number = os.open(path, os.O_RDWR)
        try:
            os.fdatasync(number)
        finally:
            os.close(number)


def _write_bytes() -> int:
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    raise AssertionError("proc(5): io has write_bytes")
