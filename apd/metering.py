"""The meter's side of the core: which record comes next in the chain, when it is signed, and what waits for a receipt.

In: counted usage, time, the TPM's answers. Out: records to store, to sign, to submit. A record is on disk before the
TPM hears of it, one is with the TPM at a time, and a report leaves the outbox only when the ledger's receipt names it.
Reference: decision 6 and 7 of docs/architecture.md; the records are in wire/meter_record.py.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from apd import refunds, sessions
from apd.commands import (
    Command,
    DropUnsigned,
    ForgetSession,
    Note,
    ReadAnchorCounter,
    ReadCounters,
    SignRecord,
    StoreRecord,
)
from apd.outcome import Outcome
from apd.session import Phase, Session, Usage
from apd.state import MeterState, OutboxEntry, State, UnsignedRecord
from wire.errors import ShellError
from wire.frozen import dataclass
from wire.meter_record import (
    MAX_ROWS,
    AnchorRecord,
    BootRecord,
    MeterRecord,
    UsageReport,
    UsageRow,
    read_meter_record,
    record_hash,
    write_meter_record,
)
from wire.units import NS_PER_S, Now

TPM_RETRY_NS = 10 * NS_PER_S
"""A TPM that failed is asked again after this: long enough for a chip to come out of self-test, short beside a
report.
"""


@dataclass(frozen=True, slots=True)
class StoredChain:
    """The chain as a restart finds it on disk: its last link, what was not signed yet, and the outbox."""

    sequence: int
    head: bytes
    meter_pcr: bytes
    """PCR 14 after the last signed record, as far as we know; empty without a TPM or before the first record."""
    reported_utc_ms: int
    unsigned: tuple[bytes, ...]
    outbox: tuple[OutboxEntry, ...]


@dataclass(frozen=True, slots=True)
class TpmFound:
    """What a TPM says at start: PCRs 0 to 9 concatenated, and PCR 14."""

    boot_pcrs: bytes
    meter_pcr: bytes


@dataclass(frozen=True, slots=True)
class BegunChain:
    """The chain at start, up to its boot record."""

    meter: MeterState
    commands: tuple[Command, ...]
    dropped: tuple[MeterRecord, ...] = ()
    """Records that the TPM was never given and never will be: their usage has to be reported anew."""


def start_chain(
    meter: MeterState,
    stored: StoredChain,
    tpm: TpmFound | None,
    software: str,
    now: Now,
    *,
    kernel_kept: bool,
) -> BegunChain:
    """Unsigned records are signed now if the TPM still stands where it was left (it may have been given the first of
    them); after a reset they never were part of this boot's chain. What neither kernel nor TPM lost is metered from the
    last report on.
    """
    meter = replace(meter, sequence=stored.sequence, head=stored.head, outbox=stored.outbox)
    records = tuple(read_meter_record(encoded) for encoded in stored.unsigned)
    pcr = tpm.meter_pcr if tpm else b""
    left = records[0].meter_pcr if records and isinstance(records[0], BootRecord) else stored.meter_pcr
    extended = _extend(left, record_hash(stored.unsigned[0])) if records and tpm else left
    went_on = pcr in (left, extended)
    commands: list[Command] = []
    if records and went_on:
        meter, commands, pcr = _resume(meter, zip(records, stored.unsigned, strict=True), left, pcr)
    elif records:
        commands = [DropUnsigned()]
    goes_on = kernel_kept and went_on and stored.reported_utc_ms
    reported_utc_ms = stored.reported_utc_ms if goes_on else max(now.utc_ms, stored.reported_utc_ms)
    meter = replace(meter, reported_utc_ms=reported_utc_ms)
    boot = BootRecord(
        sequence=meter.sequence + 1,
        previous=meter.head,
        utc_ms=now.utc_ms,
        boot_pcrs=tpm.boot_pcrs if tpm else b"",
        meter_pcr=pcr,
        software=software,
    )
    meter, more = _append(meter, boot, ())
    return BegunChain(meter, (*commands, *more), () if went_on else records)


def pass_time(state: State, now: Now) -> Outcome:
    """Asks for counters when a report is due, for the counter value when an anchor is, and the TPM again after a
    failure.
    """
    commands: list[Command] = []
    meter = state.meter
    if meter.report_due_ns <= now.mono_ns:
        due_ns = now.mono_ns + state.settings.report_interval_s * NS_PER_S
        meter = replace(meter, report_due_ns=due_ns)
        commands.append(ReadCounters(report=True))
    if meter.anchor_due_ns is not None and meter.anchor_due_ns <= now.mono_ns and not meter.signing:
        meter = replace(meter, anchor_due_ns=None)
        commands.append(ReadAnchorCounter())
    if meter.retry_ns is not None and meter.retry_ns <= now.mono_ns:
        meter = replace(meter, retry_ns=None)
        commands.append(_sign(meter.signing[0]))
    return replace(state, meter=meter), commands


def deadlines_ns(state: State) -> list[int]:
    """When something of the above is due."""
    meter = state.meter
    due = [meter.report_due_ns]
    if meter.anchor_due_ns is not None and not meter.signing:
        due.append(meter.anchor_due_ns)
    if meter.retry_ns is not None:
        due.append(meter.retry_ns)
    return due


def report(state: State, now: Now) -> Outcome:
    """Usage reports of the interval that ends now: one, unless there are more sessions than fit.

    A wall clock that was set back makes no interval that ends before it begins: the next ones are empty until it has
    caught up.
    """
    state, commands = _forget_reported(sessions.count_unserved(state, now), now)
    told_of = [s for s in state.sessions.values() if s.unreported != Usage() or s.phase is Phase.ACTIVE]
    from_utc_ms = state.meter.reported_utc_ms
    to_utc_ms = max(now.utc_ms, from_utc_ms)
    meter, told = replace(state.meter, reported_utc_ms=to_utc_ms), {**state.sessions}
    for at in range(0, max(1, len(told_of)), MAX_ROWS):
        part = tuple(replace(s, unreported=Usage()) for s in told_of[at : at + MAX_ROWS])
        rows = tuple(_row(session) for session in told_of[at : at + MAX_ROWS])
        record = UsageReport(meter.sequence + 1, meter.head, from_utc_ms, to_utc_ms, rows)
        meter, more = _append(meter, record, part)
        commands += more
        told |= {session.grant_id: session for session in part}
    return replace(state, meter=meter, sessions=told), commands


def anchor(state: State, counter: int, now: Now) -> Outcome:
    """The next anchor, which certifies the value that the counter is about to have."""
    record = AnchorRecord(state.meter.sequence + 1, state.meter.head, now.utc_ms, counter + 1)
    meter, commands = _append(state.meter, record, ())
    due_ns = now.mono_ns + state.settings.anchor_interval_s * NS_PER_S
    return replace(state, meter=replace(meter, anchor_due_ns=due_ns)), commands


def anchor_failed(state: State, error: ShellError, now: Now) -> Outcome:
    """No anchor without the counter's value: the TPM is asked again later."""
    meter = replace(state.meter, anchor_due_ns=now.mono_ns + TPM_RETRY_NS)
    return replace(state, meter=meter), [Note("anchor_failed", str(error))]


def saved(state: State, sequences: Iterable[int]) -> Outcome:
    """These records are on disk: the first in the queue may go to the TPM."""
    waiting, on_disk = state.meter.signing, set(sequences)
    if not on_disk:
        return state, []
    signing = tuple(
        replace(unsigned, stored=True) if unsigned.record.sequence in on_disk else unsigned
        for unsigned in waiting
    )
    state = replace(state, meter=replace(state.meter, signing=signing))
    begins = bool(signing) and signing[0].stored and not waiting[0].stored
    return state, [_sign(signing[0])] if begins else []


def signed(state: State, sequence: int) -> Outcome:
    """The TPM is done with a record: it waits for its receipt, and the next record is signed."""
    meter = state.meter
    first, *rest = meter.signing
    assert first.record.sequence == sequence, f"record {sequence} was not the one with the TPM"
    entry = OutboxEntry(sequence, record_hash(first.encoded))
    meter = replace(meter, signing=tuple(rest), outbox=(*meter.outbox, entry))
    return replace(state, meter=meter), [_sign(rest[0])] if rest and rest[0].stored else []


def signing_failed(state: State, error: ShellError, now: Now) -> Outcome:
    """The TPM is asked again later; records wait, sessions go on, and nothing is lost."""
    meter = replace(state.meter, retry_ns=now.mono_ns + TPM_RETRY_NS)
    return replace(state, meter=meter), [Note("signing_failed", str(error))]


def _resume(
    meter: MeterState, unsigned: Iterable[tuple[MeterRecord, bytes]], left: bytes, pcr: bytes
) -> tuple[MeterState, list[Command], bytes]:
    """Queues what a run before us left unsigned; returns PCR 14 as it will be after the last of them."""
    queue: list[UnsignedRecord] = []
    expected = left
    for record, encoded in unsigned:
        digest = record_hash(encoded)
        expected = _extend(expected, digest) if pcr else b""
        extended_before = bool(pcr) and expected == pcr
        queue.append(UnsignedRecord(record, encoded, extended_before, stored=True))
        meter = replace(meter, sequence=record.sequence, head=digest)
    return replace(meter, signing=tuple(queue)), [_sign(queue[0])], expected


def _append(
    meter: MeterState, record: MeterRecord, sessions: tuple[Session, ...]
) -> tuple[MeterState, list[Command]]:
    """The chain with one more link, which goes to the disk and then to the TPM."""
    encoded = write_meter_record(record)
    meter = replace(
        meter,
        sequence=record.sequence,
        head=record_hash(encoded),
        signing=(*meter.signing, UnsignedRecord(record, encoded)),
    )
    return meter, [StoreRecord(record, encoded, sessions, meter.reported_utc_ms)]


def _sign(unsigned: UnsignedRecord) -> SignRecord:
    return SignRecord(unsigned.record, unsigned.encoded, unsigned.extended_before)


def _row(session: Session) -> UsageRow:
    usage = session.unreported
    return UsageRow(
        session.grant_id,
        usage.down_bytes,
        usage.up_bytes,
        usage.down_offered_bytes,
        usage.up_offered_bytes,
        usage.down_shortfall_bytes,
        usage.up_shortfall_bytes,
    )


def _forget_reported(state: State, now: Now) -> Outcome:
    """Sessions whose grant is over and whose usage is in signed records: an unsigned one may have to be made anew. What
    they are owed is taken over by their refund, in one transaction of the disk.
    """
    if state.meter.signing:
        return state, []
    commands: list[Command] = []
    over = {
        grant_id: session
        for grant_id, session in state.sessions.items()
        if session.phase is Phase.CLOSED and session.ends_ns <= now.mono_ns and session.unreported == Usage()
    }
    for session in over.values():
        state, owing = refunds.owe(state, session, now)
        commands += owing
    kept = {grant_id: session for grant_id, session in state.sessions.items() if grant_id not in over}
    forgetting = [ForgetSession(grant_id) for grant_id in over]
    return replace(state, sessions=kept), [*commands, *forgetting]


def _extend(pcr: bytes, digest: bytes) -> bytes:
    """What a SHA-256 PCR is after an extension (TPM 2.0 Part 1, clause 17.3)."""
    return hashlib.sha256(pcr + digest).digest()
