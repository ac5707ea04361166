"""Verification of a box's metering chain: is each record genuine, is none missing, and did nobody get more than
was bought?

A fold: `step` takes the state after the records so far and the next evidence, and gives the new state and a
verdict with all findings. The ledger steps when a report comes in; `verify_chain` steps through a whole chain for
an auditor. Pure: keys, grants and state are arguments. What is checked, and why one check is not enough:

    signature    over the quote, by the enrolled key. Alone it would allow any subset in any order.
    quote        a TPM made it, about this record's hash, by a key below the owner hierarchy, over the right PCRs.
    pcr          PCR 14 replays from the last boot record: nothing was extended that is not shown.
    sequence, chain   one more than before, and naming it: nothing is missing, nothing went back.
    clock        no TPM reset without a boot record; time goes forward.
    boot record  resetCount rose by exactly one (modulo 2**32: it is obfuscated), PCR 14 began as ever.
    anchor       the NV counter rose by exactly one. A TPM whose state was put back betrays itself here.
    interval     reports neither overlap nor begin before the boot; what they leave out is an unmetered interval.
    totals       within the grants' time, rates and data caps (ledger/evidence_totals.py).

A record that nothing vouches for leaves the state as it was. A genuine one that breaks the chain becomes its new
end if it goes forward, so that one hole is reported once; if it goes back it does not.
Reference: decision 6 of docs/architecture.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ledger.chain_state import ChainState
from ledger.evidence_totals import FindGrant, check_totals
from ledger.findings import ChainVerdict, Finding, RecordVerdict, Severity, UnmeteredInterval, judge, note
from wire.attestation_result import AttestationResult
from wire.errors import DecodeError, VerificationError
from wire.evidence import SOFTWARE_DOMAIN, Evidence, read_evidence
from wire.keys import verify
from wire.meter_record import (
    BOOT_PCRS,
    METER_PCR,
    PCR_SIZE,
    AnchorRecord,
    BootRecord,
    MeterRecord,
    UsageReport,
    read_meter_record,
    record_hash,
)
from wire.tpm_attest import (
    ALGORITHM_SHA256,
    Attest,
    ClockInfo,
    NvCertified,
    PcrSelection,
    Quoted,
    compute_pcr_digest,
    extend_pcr,
    read_attest,
)
from wire.tpm_public import HIERARCHY_OWNER, anchor_name, compute_qualified_name

QUOTED = (PcrSelection(ALGORITHM_SHA256, (*BOOT_PCRS, METER_PCR)),)
MAX_CLOCK_STEP_BACK_MS = 2**22
"""How far a TPM's clock may step back over a reset: the longest interval between saves (part 1, clause 36.3.3)."""
_KINDS: dict[type, str] = {BootRecord: "boot", UsageReport: "usage", AnchorRecord: "anchor"}


@dataclass(frozen=True, slots=True)
class _Link:
    """A readable record with everything that its checks look at. `quote` is None for a software key."""

    evidence: Evidence
    record: MeterRecord
    digest: bytes
    enrolment: AttestationResult
    quote: Attest | None

    @property
    def clock(self) -> ClockInfo | None:
        return self.quote.clock if self.quote else None


def verify_chain(
    records: Iterable[bytes],
    enrolment: AttestationResult,
    find_grant: FindGrant,
    state: ChainState | None = None,
) -> ChainVerdict:
    """Verifies records in the order of their sequence, from the chain's beginning or from `state`."""
    at = state or ChainState()
    verdicts = []
    for data in records:
        at, verdict = step(at, data, enrolment, find_grant)
        verdicts.append(verdict)
    unmetered = [interval for verdict in verdicts for interval in verdict.unmetered]
    unmetered.sort(key=lambda interval: (interval.from_utc_ms, interval.to_utc_ms))
    return ChainVerdict(tuple(verdicts), tuple(unmetered), at)


def step(
    state: ChainState, data: bytes, enrolment: AttestationResult, find_grant: FindGrant
) -> tuple[ChainState, RecordVerdict]:
    """Verifies one more record. Never raises for what a peer sent: it is in the verdict."""
    after, verdict, _ = step_record(state, data, enrolment, find_grant)
    return after, verdict


def step_record(
    state: ChainState, data: bytes, enrolment: AttestationResult, find_grant: FindGrant
) -> tuple[ChainState, RecordVerdict, MeterRecord | None]:
    """The same, and the record itself, whatever its verdict; None if it cannot be read."""
    try:
        evidence = read_evidence(data)
        record = read_meter_record(evidence.record)
    except DecodeError as error:
        finding = Finding("format", ok=False, severity=Severity.FORGERY, text=str(error))
        return state, RecordVerdict(0, "unreadable", b"", attested=False, findings=(finding,)), None
    quote, vouching = _check_vouched(evidence, enrolment)
    link = _Link(evidence, record, record_hash(evidence.record), enrolment, quote)
    if any(not finding.ok for finding in vouching):
        return state, _verdict(link, vouching, []), record
    return *_step_genuine(state, link, vouching, find_grant), record


def _step_genuine(
    state: ChainState, link: _Link, findings: list[Finding], find_grant: FindGrant
) -> tuple[ChainState, RecordVerdict]:
    record = link.record
    findings = findings + _check_position(state, record)
    if link.quote:
        findings += _check_pcr(state, link, link.quote) + _check_clock(state, link.record, link.quote.clock)
    findings += _check_boot(state, link) + _check_anchor(state, link)
    interval_findings, unmetered = _check_interval(state, link, findings)
    findings += interval_findings
    usage = state.usage
    if isinstance(record, UsageReport):
        totals, usage = check_totals(record, state.usage, link.enrolment.provider, find_grant)
        findings += totals
    verdict = _verdict(link, findings, unmetered)
    if record.sequence <= state.sequence and not isinstance(record, BootRecord):
        return state, verdict
    return replace(_follow(state, link), usage=usage), verdict


def _verdict(link: _Link, findings: list[Finding], unmetered: list[UnmeteredInterval]) -> RecordVerdict:
    attested = link.quote is not None
    kind = _KINDS[type(link.record)]
    return RecordVerdict(link.record.sequence, kind, link.digest, attested, tuple(findings), tuple(unmetered))


# ---- Who vouches for the record


def _check_vouched(evidence: Evidence, enrolment: AttestationResult) -> tuple[Attest | None, list[Finding]]:
    """(the quote, findings about signature and quote); whatever fails here makes the record a forgery."""
    try:
        _require_enrolled_key(evidence, enrolment)
        signed = evidence.attest if enrolment.in_tpm else SOFTWARE_DOMAIN + evidence.record
        verify(enrolment.attestation_key, evidence.signature, signed)
    except VerificationError as error:
        return None, [Finding("signature", ok=False, severity=Severity.FORGERY, text=str(error))]
    signature = note("signature", f"by the enrolled key {enrolment.attestation_key.key_id.hex()}")
    if not enrolment.in_tpm:
        return None, [
            signature,
            note("quote", "unattested: a software key signs, no TPM vouches for this record"),
        ]
    try:
        attest = read_attest(evidence.attest)
        _require_quote(attest, record_hash(evidence.record), enrolment)
    except DecodeError as error:
        return None, [signature, Finding("quote", ok=False, severity=Severity.FORGERY, text=str(error))]
    return attest, [signature, note("quote", "made by the TPM for this record")]


def _require_enrolled_key(evidence: Evidence, enrolment: AttestationResult) -> None:
    if evidence.key_id != enrolment.attestation_key.key_id:
        enrolled = enrolment.attestation_key.key_id.hex()
        raise VerificationError(
            f"key id {evidence.key_id.hex()} is not the enrolled {enrolled}: another TPM?"
        )
    if evidence.attested != enrolment.in_tpm:
        raise VerificationError(
            "no quote, though a TPM is enrolled" if enrolment.in_tpm else "a quote, though no TPM is enrolled"
        )


def _require_quote(attest: Attest, digest: bytes, enrolment: AttestationResult) -> None:
    _require_about(attest, digest, enrolment)
    if not isinstance(attest.attested, Quoted):
        raise VerificationError("the attest is no quote")
    if attest.attested.selections != QUOTED:
        raise VerificationError(f"quotes other PCRs than {BOOT_PCRS[0]} to {BOOT_PCRS[-1]} and {METER_PCR}")


def _require_about(attest: Attest, digest: bytes, enrolment: AttestationResult) -> None:
    if attest.extra_data != digest:
        raise VerificationError(
            f"attests {attest.extra_data.hex()[:16]}..., not this record {digest.hex()[:16]}..."
        )
    if attest.qualified_signer != compute_qualified_name(enrolment.key_name, HIERARCHY_OWNER):
        raise VerificationError("the signer is not the enrolled key below the owner hierarchy")


# ---- Where the record stands


def _check_position(state: ChainState, record: MeterRecord) -> list[Finding]:
    wanted = state.sequence + 1
    where = (
        "went back: records were lost, or an old state was put back"
        if record.sequence < wanted
        else "are missing"
    )
    sequence = judge(
        "sequence",
        Severity.BREAK,
        ok=record.sequence == wanted,
        good=f"{wanted}, one more than before",
        bad=f"{record.sequence} instead of {wanted}: records {where}",
    )
    chain = judge(
        "chain",
        Severity.BREAK,
        ok=record.previous == state.head,
        good="names the record before it",
        bad=f"names {record.previous.hex()[:16]}... as the record before it, which is {state.head.hex()[:16]}...",
    )
    return [sequence, chain]


def _check_pcr(state: ChainState, link: _Link, quote: Attest) -> list[Finding]:
    assert isinstance(quote.attested, Quoted), "checked before"
    boot_pcrs, meter_pcr = _expected_pcrs(state, link)
    if not boot_pcrs or not meter_pcr:
        text = "cannot be replayed: records are missing since the last boot record"
        return [Finding("pcr", ok=False, severity=Severity.BREAK, text=text)]
    values = {index: boot_pcrs[PCR_SIZE * index : PCR_SIZE * (index + 1)] for index in BOOT_PCRS}
    digest = compute_pcr_digest(QUOTED[0].indices, {**values, METER_PCR: meter_pcr})
    bad = "the quoted PCRs do not follow from the records: something else was extended, or a record is hidden"
    ok = digest == quote.attested.digest
    return [judge("pcr", Severity.BREAK, ok=ok, good="PCR 14 replays from the boot record", bad=bad)]


def _expected_pcrs(state: ChainState, link: _Link) -> tuple[bytes, bytes]:
    """(boot PCRs, PCR 14) once this record is extended; empty where it cannot be known.

    One missing record can be bridged, as its successor names its hash: so a tampered record spoils only itself.
    """
    record = link.record
    if isinstance(record, BootRecord):
        return record.boot_pcrs, record.meter_pcr and extend_pcr(record.meter_pcr, link.digest)
    if not state.meter_pcr or not 1 <= record.sequence - state.sequence <= 2:
        return state.boot_pcrs, b""
    bridged = record.sequence == state.sequence + 2
    before = extend_pcr(state.meter_pcr, record.previous) if bridged else state.meter_pcr
    return state.boot_pcrs, extend_pcr(before, link.digest)


def _check_clock(state: ChainState, record: MeterRecord, clock: ClockInfo) -> list[Finding]:
    before = state.clock
    if before is None:
        return [note("clock", "the first that is known of this TPM")]
    same_run = clock.reset_count == before.reset_count
    if not same_run and not isinstance(record, BootRecord):
        text = f"the TPM was reset ({_difference(clock, before)} times) without a boot record"
        return [Finding("clock", ok=False, severity=Severity.BREAK, text=text)]
    allowance_ms = 0 if clock.reset_count == before.reset_count else MAX_CLOCK_STEP_BACK_MS
    back_ms = before.clock_ms - clock.clock_ms
    bad = f"the TPM's clock went back by {back_ms} ms: an old state was put back"
    return [judge("clock", Severity.BREAK, ok=back_ms <= allowance_ms, good="goes forward", bad=bad)]


def _difference(clock: ClockInfo, before: ClockInfo) -> int:
    """Resets in between, as a signed number: obfuscation keeps differences modulo 2**32."""
    difference = (clock.reset_count - before.reset_count) % 2**32
    return difference - 2**32 if difference >= 2**31 else difference


# ---- Boot records


def _check_boot(state: ChainState, link: _Link) -> list[Finding]:
    record = link.record
    if not isinstance(record, BootRecord):
        ok = state.sequence > 0 or record.sequence > 1
        return [] if ok else [_boot_finding("the chain does not begin with a boot record", ok=False)]
    if link.quote is None:
        return [
            _boot_finding(
                f"the daemon ({record.software}) started; no TPM, so reboots cannot be told", ok=True
            )
        ]
    if not record.meter_pcr:
        return [_boot_finding("has no PCR values, though a TPM is enrolled", ok=False)]
    if state.clock is None:
        return [_boot_finding(f"the first known of this box, running {record.software}", ok=True)]
    findings = [_check_reset(state, record, link.quote.clock, state.clock)]
    changed = [
        index
        for index in BOOT_PCRS
        if _boot_pcr(record.boot_pcrs, index) != _boot_pcr(state.boot_pcrs, index)
    ]
    if changed and state.boot_pcrs:
        findings.append(
            note("boot record", f"other software was measured: PCR {', '.join(map(str, changed))}")
        )
    return findings


def _check_reset(state: ChainState, record: BootRecord, clock: ClockInfo, before: ClockInfo) -> Finding:
    resets = _difference(clock, before)
    if resets == 0 and record.meter_pcr == state.meter_pcr:
        return _boot_finding("the daemon started again; the TPM and PCR 14 went on", ok=True)
    if resets == 0 and clock.restart_count == before.restart_count:
        text = "resetCount stands still, yet PCR 14 is not where the chain left it: "
        return _boot_finding(text + "an old TPM state was put back, or records are hidden", ok=False)
    if resets not in (0, 1):
        return _boot_finding(
            f"resetCount changed by {resets} instead of 1: boots without a boot record", ok=False
        )
    if record.meter_pcr not in (bytes(PCR_SIZE), state.first_meter_pcr):
        return _boot_finding("PCR 14 did not begin as at the first boot: records may be hidden", ok=False)
    return _boot_finding("the TPM was reset once and PCR 14 began anew", ok=True)


def _boot_finding(text: str, *, ok: bool) -> Finding:
    return Finding("boot record", ok=ok, severity=Severity.BREAK, text=text)


def _boot_pcr(boot_pcrs: bytes, index: int) -> bytes:
    return boot_pcrs[PCR_SIZE * index : PCR_SIZE * (index + 1)]


def _began_anew(state: ChainState, record: BootRecord, clock: ClockInfo | None) -> bool:
    """Whether the kernel's counters, too, began at zero, as far as can be told."""
    if state.clock is None or clock is None:
        return state.sequence == 0
    return clock.reset_count != state.clock.reset_count or record.meter_pcr != state.meter_pcr


# ---- Anchors


def _check_anchor(state: ChainState, link: _Link) -> list[Finding]:
    record = link.record
    if not isinstance(record, AnchorRecord):
        if link.evidence.certify:
            return [_anchor_finding("a certified counter on a record that is no anchor", ok=False)]
        if isinstance(record, UsageReport) and state.anchor_due:
            return [note("anchor", "none yet since the TPM was reset: a roll-back would not show so far")]
        if isinstance(record, BootRecord) and state.anchor_due and state.since_anchor:
            text = f"the boot before made {state.since_anchor} usage reports and no anchor: they may be rolled back"
            return [_anchor_finding(text, ok=False)] if _began_anew(state, record, link.clock) else []
        return []
    if link.quote is None:
        return [_anchor_finding("an anchor without a TPM", ok=False)]
    try:
        _require_certified(record, link, link.quote.clock)
    except DecodeError as error:
        return [_anchor_finding(str(error), ok=False)]
    if state.counter is None:
        return [_anchor_finding(f"the counter is {record.counter}, the first that is known", ok=True)]
    wanted = state.counter + 1
    bad = f"the counter is {record.counter} instead of {wanted}: "
    bad += "an old TPM state was put back" if record.counter < wanted else "an anchor is missing"
    good = f"the counter is {wanted}, one more than before"
    ok = record.counter == wanted
    return [_anchor_finding(good if ok else bad, ok=ok)]


def _require_certified(record: AnchorRecord, link: _Link, clock: ClockInfo) -> None:
    verify(link.enrolment.attestation_key, link.evidence.certify_signature, link.evidence.certify)
    attest = read_attest(link.evidence.certify)
    _require_about(attest, link.digest, link.enrolment)
    certified = attest.attested
    if not isinstance(certified, NvCertified) or certified.index_name != anchor_name() or certified.offset:
        raise VerificationError(
            "certifies something else than the anchor counter (index, attributes, offset)"
        )
    if certified.contents != record.counter.to_bytes(8, "big"):
        counter = int.from_bytes(certified.contents, "big")
        raise VerificationError(f"the TPM certifies {counter}, the record says {record.counter}")
    if attest.clock.reset_count != clock.reset_count:
        raise VerificationError("the TPM was reset between quote and certificate of the counter")


def _anchor_finding(text: str, *, ok: bool) -> Finding:
    return Finding("anchor", ok=ok, severity=Severity.BREAK, text=text)


# ---- Time that is metered, and time that is not


def _check_interval(
    state: ChainState, link: _Link, so_far: list[Finding]
) -> tuple[list[Finding], list[UnmeteredInterval]]:
    record, covered_ms = link.record, state.covered_to_utc_ms
    if isinstance(record, AnchorRecord) or covered_ms is None:
        return [], []
    starts_ms = record.utc_ms if isinstance(record, BootRecord) else record.from_utc_ms
    ok = starts_ms >= covered_ms or _continues(state, record)
    bad = f"begins {covered_ms - starts_ms} ms before the end of what was reported, or of the boot"
    findings = [
        judge("interval", Severity.CLAIM, ok=ok, good="begins where the last one ended, or later", bad=bad)
    ]
    if isinstance(record, BootRecord):
        anew = _began_anew(state, record, link.clock)
        return findings, _gap(covered_ms, starts_ms, "until the box had booted again") if anew else []
    gap = _gap(covered_ms, starts_ms, "no report covers it")
    if any(not finding.ok and finding.check == "pcr" for finding in so_far):
        gap += _gap(max(covered_ms, starts_ms), record.to_utc_ms, "its report does not replay in PCR 14")
    return findings, gap


def _continues(state: ChainState, record: MeterRecord) -> bool:
    """Whether it is a further part of the report before it, which had too many sessions for one record."""
    parts = (state.last_from_utc_ms, state.covered_to_utc_ms)
    return isinstance(record, UsageReport) and (record.from_utc_ms, record.to_utc_ms) == parts


def _gap(from_utc_ms: int, to_utc_ms: int, why: str) -> list[UnmeteredInterval]:
    return [UnmeteredInterval(from_utc_ms, to_utc_ms, why)] if to_utc_ms > from_utc_ms else []


# ---- The chain's new end


def _follow(state: ChainState, link: _Link) -> ChainState:
    record = link.record
    boot_pcrs, meter_pcr = _expected_pcrs(state, link)
    after = replace(
        state,
        sequence=record.sequence,
        head=link.digest,
        boot_pcrs=boot_pcrs,
        meter_pcr=meter_pcr,
        clock=link.clock,
    )
    match record:
        case BootRecord():
            return _follow_boot(state, after, record)
        case UsageReport():
            return replace(
                after,
                last_from_utc_ms=record.from_utc_ms,
                covered_to_utc_ms=max(record.to_utc_ms, state.covered_to_utc_ms or 0),
                since_anchor=state.since_anchor + 1,
            )
        case AnchorRecord():
            return replace(after, counter=record.counter, anchor_due=False, since_anchor=0)


def _follow_boot(state: ChainState, after: ChainState, record: BootRecord) -> ChainState:
    first_meter_pcr = state.first_meter_pcr or record.meter_pcr
    if not _began_anew(state, record, after.clock):
        return replace(after, first_meter_pcr=first_meter_pcr)
    return replace(
        after,
        first_meter_pcr=first_meter_pcr,
        last_from_utc_ms=None,
        covered_to_utc_ms=max(record.utc_ms, state.covered_to_utc_ms or 0),
        anchor_due=after.clock is not None,
        since_anchor=0,
    )
