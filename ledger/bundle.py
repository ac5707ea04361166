"""A report file: one box's whole metering chain with everything that an auditor needs to verify it.

[ "airgrant report", 1, genesis, attestation result, [ evidence, ... ], [ grant, ... ] ]     canonical CBOR

Everything inside is signed: attestation result and grants by the ledger, evidence by the box. What an auditor
has to know from elsewhere is which ledger he trusts: its id is the hash of the genesis. Largest legal size
256 MiB. Pure.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ledger.evidence import verify_chain
from ledger.findings import ChainVerdict
from ledger.genesis import Genesis, read_genesis, write_genesis
from wire.attestation_result import AttestationResult, read_attestation_result
from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.evidence import read_evidence
from wire.grant import Grant, read_grant
from wire.meter_record import UsageReport, read_meter_record

MAX_BUNDLE_BYTES = 256 * 1024 * 1024
_NAME, _FORM = "airgrant report", 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """Encoded parts, unverified; `records` in the order of their sequence."""

    genesis: Genesis
    attestation_result: bytes
    records: tuple[bytes, ...]
    grants: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Usage:
    """What all readable reports of a chain say that one grant got, in IP bytes."""

    down_bytes: int = 0
    up_bytes: int = 0
    down_offered_bytes: int = 0
    up_offered_bytes: int = 0


@dataclass(frozen=True, slots=True)
class Audit:
    """A bundle that was verified: who reports, what was found, and what each grant got."""

    enrolment: AttestationResult
    verdict: ChainVerdict
    usage: dict[bytes, Usage]


def write_bundle(bundle: Bundle) -> bytes:
    records: list[Value] = list(bundle.records)
    grants: list[Value] = list(bundle.grants)
    genesis = write_genesis(bundle.genesis)
    return write_cbor([_NAME, _FORM, genesis, bundle.attestation_result, records, grants])


def read_bundle(data: bytes) -> Bundle:
    """The parts, unverified. Raises DecodeError."""
    if len(data) > MAX_BUNDLE_BYTES:
        raise DecodeError(f"report file: {len(data)} bytes, at most {MAX_BUNDLE_BYTES} are accepted")
    match read_cbor(data):
        case ["airgrant report", 1, bytes(genesis), bytes(result), list(records), list(grants)]:
            kept = tuple(one for one in records if isinstance(one, bytes))
            shown = tuple(one for one in grants if isinstance(one, bytes))
            if len(kept) == len(records) and len(shown) == len(grants):
                return Bundle(read_genesis(genesis), result, kept, shown)
    raise DecodeError("report file: not a report of form 1")


def verify_bundle(bundle: Bundle) -> Audit:
    """Every record's verdict. Raises DecodeError if attestation result or a grant is not the ledger's own."""
    genesis = bundle.genesis
    ledger, ledger_id = genesis.ledger, genesis.ledger_id
    enrolment = read_attestation_result(bundle.attestation_result, ledger, ledger_id)
    granted = [read_grant(one, ledger, ledger_id) for one in bundle.grants]
    grants: dict[bytes, Grant] = {grant.grant_id: grant for grant in granted}
    verdict = verify_chain(bundle.records, enrolment, grants.get)
    return Audit(enrolment, verdict, add_usage(bundle.records))


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
) -> Bundle:
    """A bundle with every grant that the reports name and `find` knows."""
    found = (find(grant_id) for grant_id in named_grants(records))
    return Bundle(genesis, attestation_result, records, tuple(one for one in found if one is not None))
