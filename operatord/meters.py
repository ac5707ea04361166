"""What the signed meters of some providers say: fetched from the ledger, verified, and added up by grant.

Pure but for its source, which it is given: `ledger.client.LedgerReader`. A chain that does not verify is a complaint;
its records that somebody vouches for count all the same. Raises ShellError, LookupError, DecodeError as
ledger/fetching.py, and VerificationError if the ledger is not the one that the settings name.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from ledger.bundle import Bundle, read_report, verify_bundle
from ledger.fetching import Source, fetch_bundle, fetch_genesis
from ledger.pages import AttestationListPage
from operatord.reconciling import Key, Metered, add_reports
from operatord.settings import LedgerLink
from wire.errors import VerificationError
from wire.ids import PublicKey
from wire.meter_record import UsageReport


@dataclass(frozen=True, slots=True)
class Meters:
    """Reports by provider id, until when (UTC) each was told, and what is wrong with a chain."""

    reports: Mapping[bytes, tuple[UsageReport, ...]]
    reported_s: Mapping[bytes, int]
    complaints: tuple[str, ...]

    def since(self, utc_s: int) -> set[bytes]:
        """Ids of the grants of which something was reported at that time or later."""
        recent = (
            report for told in self.reports.values() for report in told if report.to_utc_ms >= utc_s * 1_000
        )
        return {row.grant_id for report in recent for row in report.rows}

    def of(self, grant_ids: Collection[bytes]) -> dict[Key, Metered]:
        """All that was ever reported of these grants, in sums."""
        return {
            (grant_id, provider_id): metered
            for provider_id, reports in self.reports.items()
            for grant_id, metered in add_reports(reports).items()
            if grant_id in grant_ids
        }


def gather_meters(source: Source, ledger: LedgerLink, providers: frozenset[PublicKey]) -> Meters:
    """The chains of every attestation key that these providers ever enrolled."""
    genesis = fetch_genesis(source)
    if genesis.ledger_id != ledger.ledger_id:
        raise VerificationError(f"{source.url}: is ledger {genesis.ledger_id.hex()}, not ours")
    reports: dict[bytes, tuple[UsageReport, ...]] = {}
    reported_s: dict[bytes, int] = {}
    complaints: list[str] = []
    for page in list(source.listed(AttestationListPage, "attestations", "attestations")):
        if page.provider not in {str(provider) for provider in providers}:
            continue
        bundle = fetch_bundle(source, genesis, page.key_id, lambda _text: None)
        provider_id, told, wrong = read_meter(bundle, page.key_id)
        reports[provider_id] = reports.get(provider_id, ()) + told
        complaints += wrong
    for provider_id, told in reports.items():
        reported_s[provider_id] = max((report.to_utc_ms // 1_000 for report in told), default=0)
    return Meters(reports, reported_s, tuple(complaints))


def read_meter(bundle: Bundle, key_id: str) -> tuple[bytes, tuple[UsageReport, ...], Iterable[str]]:
    """(provider id, reports that its key vouches for, what is wrong with the chain)"""
    audit = verify_bundle(bundle)
    vouched = zip(bundle.records, audit.verdict.records, strict=True)
    readable = (read_report(record) for record, verdict in vouched if not verdict.forged)
    reports = tuple(report for report in readable if report is not None)
    wrong = [
        f"meter {key_id}: record {sequence}: {finding.text}" for sequence, finding in audit.verdict.failures
    ]
    if not audit.complete.ok:
        wrong.append(f"meter {key_id}: {audit.complete.text}")
    return audit.enrolment.provider.provider_id, reports, wrong
