"""A report file: one box's whole metering chain with everything that an auditor needs to verify it.

[ "airgrant report", 2, genesis, attestation result, [ evidence, ... ], [ grant, ... ],
      [ end of the chain, its proof, signed header ] ]     canonical CBOR

Everything inside is signed: attestation result, grants and header by the ledger, evidence by the box. What an auditor
has to know from elsewhere is which ledger he trusts: its id is the hash of the genesis. Form 1 had no end, so that
nobody could see a chain that was cut short. Largest legal size 256 MiB. Pure.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ledger.completeness import ChainProof, ProvedEnd, check_complete, verify_chain_proof
from ledger.enrolment import read_enrolled
from ledger.evidence import verify_chain
from ledger.findings import ChainVerdict, Finding
from ledger.genesis import Genesis, read_genesis, write_genesis
from ledger.repayment import Repayment
from wire.attestation_result import AttestationResult
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import Grant, read_grant
from wire.meter_record import UsageReport, read_meter_record

MAX_BUNDLE_BYTES = 256 * 1024 * 1024
_NAME, _FORM = "airgrant report", 2
NO_REPORT = "is not a report file (`airgrant report fetch` makes one)"


@dataclass(frozen=True, slots=True)
class Bundle:
    """Encoded parts, unverified; `records` in the order of their sequence."""

    genesis: Genesis
    attestation_result: bytes
    records: tuple[bytes, ...]
    grants: tuple[bytes, ...]
    end: ChainProof


@dataclass(frozen=True, slots=True)
class Usage:
    """What all readable reports of a chain say that one grant got, in IP bytes, and what was missing of its floors."""

    down_bytes: int = 0
    up_bytes: int = 0
    down_offered_bytes: int = 0
    up_offered_bytes: int = 0
    down_shortfall_bytes: int = 0
    up_shortfall_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """A bundle that was verified: by which ledger, who reports, what was found, and what each grant got.

    `complete` is the finding about the chain's end, which is in `proved`.
    """

    ledger_id: bytes
    enrolment: AttestationResult
    verdict: ChainVerdict
    usage: dict[bytes, Usage]
    proved: ProvedEnd
    complete: Finding
    grants: dict[bytes, Grant] = field(default_factory=dict)
    repayments: tuple[Repayment, ...] = ()
    """What a ledger that was asked has of shortfalls being paid back; a file cannot know."""

    @property
    def short_grants(self) -> list[tuple[Grant, Usage]]:
        """The known grants that something was missing of."""
        return [
            (self.grants[grant_id], use)
            for grant_id, use in self.usage.items()
            if grant_id in self.grants and (use.down_shortfall_bytes or use.up_shortfall_bytes)
        ]

    @property
    def ok(self) -> bool:
        """Everything holds, and there is something that does: records, or a retired key that never had one."""
        shown = bool(self.verdict.records) or bool(self.proved.end.retired_s)
        return shown and not self.verdict.failures and self.complete.ok


def write_bundle(bundle: Bundle) -> bytes:
    records: list[Value] = list(bundle.records)
    grants: list[Value] = list(bundle.grants)
    genesis = write_genesis(bundle.genesis)
    end: list[Value] = [bundle.end.entry, bundle.end.proof, bundle.end.header]
    return write_cbor([_NAME, _FORM, genesis, bundle.attestation_result, records, grants, end])


def read_bundle(data: bytes) -> Bundle:
    """The parts, unverified. Raises DecodeError."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise DecodeError(f"report file: {len(data)} bytes, at most {MAX_BUNDLE_BYTES} are accepted")
    try:
        parts = read_cbor(data)
    except DecodeError as error:
        raise DecodeError(f"{NO_REPORT}: {error}") from error
    match parts:
        case ["airgrant report", 1, *_]:
            raise DecodeError("report file: form 1 does not say where the chain ends: fetch it again")
        case [
            "airgrant report", 2, bytes(genesis), bytes(result), list(records), list(grants),
            [bytes(entry), bytes(proof), bytes(header)],
        ]:  # fmt: skip
            kept = tuple(one for one in records if isinstance(one, bytes))
            shown = tuple(one for one in grants if isinstance(one, bytes))
            if len(kept) == len(records) and len(shown) == len(grants):
                end = ChainProof(entry, proof, header)
                return Bundle(read_genesis(genesis), result, kept, shown, end)
    raise DecodeError(NO_REPORT)


def verify_bundle(bundle: Bundle, on_record: Callable[[int], None] = lambda _number: None) -> Audit:
    """Every record's verdict. Raises DecodeError if attestation result, a grant or the end is not the ledger's own.

    `on_record` gets the number of each record before it is verified, from 1 on.
    """
    genesis = bundle.genesis
    ledger_id, signer = genesis.ledger_id, genesis.signer
    enrolment = read_enrolled(bundle.attestation_result, genesis)
    granted = [read_grant(one, signer(one), ledger_id) for one in bundle.grants]
    grants: dict[bytes, Grant] = {grant.grant_id: grant for grant in granted}
    header_signer = signer(bundle.end.header)
    proved = verify_chain_proof(bundle.end, enrolment.attestation_key.key_id, header_signer, ledger_id)
    verdict = verify_chain(_counted(bundle.records, on_record), enrolment, grants.get)
    complete = check_complete(proved, verdict.records)
    return Audit(ledger_id, enrolment, verdict, add_usage(bundle.records), proved, complete, grants)


def _counted(records: Sequence[bytes], on_record: Callable[[int], None]) -> Iterator[bytes]:
    for number, record in enumerate(records, 1):
        on_record(number)
        yield record


def add_usage(records: tuple[bytes, ...]) -> dict[bytes, Usage]:
    """What the usage reports say for each grant, added up."""
    usage: dict[bytes, Usage] = {}
    for report in filter(None, map(read_report, records)):
        for row in report.rows:
            before = usage.get(row.grant_id, Usage())
            usage[row.grant_id] = Usage(
                before.down_bytes + row.down_bytes,
                before.up_bytes + row.up_bytes,
                before.down_offered_bytes + row.down_offered_bytes,
                before.up_offered_bytes + row.up_offered_bytes,
                before.down_shortfall_bytes + row.down_shortfall_bytes,
                before.up_shortfall_bytes + row.up_shortfall_bytes,
            )
    return usage


def named_grants(records: tuple[bytes, ...]) -> list[bytes]:
    """The ids of all grants that the reports name, each once, in their order."""
    reports = filter(None, map(read_report, records))
    return list(dict.fromkeys(row.grant_id for report in reports for row in report.rows))


def read_report(evidence: bytes) -> UsageReport | None:
    """The usage report inside; None for another record, or for what cannot be read."""
    try:
        record = read_meter_record(read_evidence(evidence).record)
    except DecodeError:
        return None
    return record if isinstance(record, UsageReport) else None


def gather_bundle(
    genesis: Genesis,
    attestation_result: bytes,
    records: tuple[bytes, ...],
    find: Callable[[bytes], bytes | None],
    end: ChainProof,
) -> Bundle:
    """A bundle with every grant that the reports name and `find` knows."""
    found = (find(grant_id) for grant_id in named_grants(records))
    return Bundle(genesis, attestation_result, records, tuple(one for one in found if one is not None), end)
