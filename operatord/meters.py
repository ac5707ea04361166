"""What the signed meters of some providers say: fetched from the ledger, verified, and added up by grant.

A chain is verified record by record from where its *checkpoint* is, which `kept` remembers: what was verified stays
verified, as each record names the one before. What does not continue a checkpoint exactly is verified from the
beginning. A chain that does not verify is a complaint, for as long as anybody asks; its records that somebody vouches
for count all the same. While a hole in it is younger than a week its checkpoint stays before the hole, as the missing
records may still come.

Pure but for its source, `ledger.client.LedgerReader`, and its memory, operatord/shells/checkpoints.py, which it is
given. Raises ShellError, LookupError, DecodeError as ledger/fetching.py, and VerificationError if the ledger is not the
one that the settings name.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from ledger.bundle import read_report
from ledger.chain_state import ChainState
from ledger.completeness import ChainProof, ProvedEnd, check_complete, verify_chain_proof
from ledger.enrolment import read_enrolled
from ledger.evidence import step
from ledger.fetching import Source, fetch_genesis, read_base64
from ledger.findings import RecordVerdict
from ledger.genesis import Genesis
from ledger.pages import AttestationListPage, AttestationPage, ChainProofPage, GrantPage, RecordListPage
from operatord.permit import GrantPermit, Permit
from operatord.reconciling import Key, Metered
from operatord.settings import LedgerLink
from operatord.tally import Tally, add_report
from wire.attestation_result import AttestationResult
from wire.errors import VerificationError
from wire.grant import Grant, read_grant
from wire.ids import PublicKey
from wire.metered_pass import has_pass_mark, is_metered_pass

SAVE_EVERY = 1_000
"""Records after which a checkpoint is kept: what is lost of a first verification that is interrupted, a second."""
NO_PASSES: Mapping[bytes, Grant] = {}
HOLE_PATIENCE_MS = 7 * 86_400 * 1_000
"""How long records that are missing may still come: a box has them on its disk until they are acknowledged."""
MAX_COMPLAINTS = 1_000
"""Of one chain; how many more there are is said."""

Hear = Callable[[str, bytes, RecordVerdict, bytes], None]
"""Of each record that is verified now: the attestation key's id, the provider's, the verdict, and the evidence itself.
A record may come again.
"""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How far a chain was verified, and what its records came to."""

    chain: ChainState = field(default_factory=ChainState)
    reported_ms: int = 0
    """Until when (UTC) it told."""
    before_hole: bool = False
    """The next record is known not to continue it."""
    complaints: tuple[str, ...] = ()
    more_complaints: int = 0
    tallies: Mapping[bytes, Tally] = field(default_factory=dict)


def _hear_nothing(_key_id: str, _provider_id: bytes, _verdict: RecordVerdict, _evidence: bytes) -> None:
    pass


class Kept(Protocol):
    """Remembers checkpoints, by the attestation key's id."""

    def load(self, key_id: str) -> Checkpoint | None: ...

    def save(self, key_id: str, checkpoint: Checkpoint, changed: Collection[bytes]) -> None: ...

    def forget(self, key_id: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Meters:
    """Tallies by provider id, one mapping for each chain; until when (UTC) each told; what is wrong with a chain."""

    tallies: Mapping[bytes, tuple[Mapping[bytes, Tally], ...]]
    reported_s: Mapping[bytes, int]
    complaints: tuple[str, ...]

    def since(self, utc_s: int) -> set[bytes]:
        """Ids of the grants of which something was reported at that time or later."""
        return {
            grant_id
            for chains in self.tallies.values()
            for tallies in chains
            for grant_id, tally in tallies.items()
            if tally.last_to_ms >= utc_s * 1_000
        }

    def of(self, grant_ids: Collection[bytes]) -> dict[Key, Metered]:
        """All that was ever reported of these grants, in sums."""
        sums: dict[Key, Metered] = {}
        for provider_id, chains in self.tallies.items():
            for tallies in chains:
                for grant_id in grant_ids & tallies.keys():
                    key = (grant_id, provider_id)
                    sums[key] = _add(sums.get(key, Metered()), tallies[grant_id].metered())
        return sums


def _add(one: Metered, other: Metered) -> Metered:
    """Of two boxes of one provider."""
    return Metered(
        one.up_bytes + other.up_bytes,
        one.down_bytes + other.down_bytes,
        one.least_ms + other.least_ms,
        one.most_ms + other.most_ms,
        one.up_offered_bytes + other.up_offered_bytes,
    )


def passes_among(permits: Iterable[Permit]) -> dict[bytes, Grant]:
    """The operator's own metered passes, of which the ledger knows nothing, by id; good from ever, as a channel's
    passes before this one had the same id.
    """
    found = {one.permit_id: one.grant for one in permits if isinstance(one, GrantPermit)}
    return {
        permit_id: replace(grant, starts_s=0, duration_s=grant.ends_s)
        for permit_id, grant in found.items()
        if is_metered_pass(grant)
    }


def gather_meters(
    source: Source,
    ledger: LedgerLink,
    providers: frozenset[PublicKey],
    kept: Kept,
    now_ms: int,
    passes: Mapping[bytes, Grant] = NO_PASSES,
    hear: Hear = _hear_nothing,
) -> Meters:
    """The chains of every attestation key that these providers ever enrolled. `passes` are what stations were served by
    that bought nothing; `hear` is told of each new record.
    """
    genesis = fetch_genesis(source)
    if genesis.ledger_id != ledger.ledger_id:
        raise VerificationError(f"{source.url}: is ledger {genesis.ledger_id.hex()}, not ours")
    tallies: dict[bytes, tuple[Mapping[bytes, Tally], ...]] = {}
    reported_s: dict[bytes, int] = {}
    complaints: list[str] = []
    for page in list(source.listed(AttestationListPage, "attestations", "attestations")):
        if page.provider not in {str(provider) for provider in providers}:
            continue
        provider_id, reached, incomplete = follow_meter(
            source, genesis, page.key_id, kept, now_ms, passes, hear
        )
        tallies[provider_id] = (*tallies.get(provider_id, ()), reached.tallies)
        reported_s[provider_id] = max(reported_s.get(provider_id, 0), reached.reported_ms // 1_000)
        complaints += [f"meter {page.key_id}: {text}" for text in (*reached.complaints, *incomplete)]
        if reached.more_complaints:
            complaints.append(f"meter {page.key_id}: and {reached.more_complaints} more")
    return Meters(tallies, reported_s, tuple(complaints))


def follow_meter(
    source: Source,
    genesis: Genesis,
    key_id: str,
    kept: Kept,
    now_ms: int,
    passes: Mapping[bytes, Grant] = NO_PASSES,
    hear: Hear = _hear_nothing,
) -> tuple[bytes, Checkpoint, tuple[str, ...]]:
    """(provider id, all that the chain says, what is wrong with its end)"""
    page = source.read(AttestationPage, f"attestations/{key_id}")
    encoded = read_base64(page.attestation_result, source.url)
    enrolment = read_enrolled(encoded, genesis)
    proved = _fetch_end(source, genesis, key_id)
    known = kept.load(key_id)
    follower = _Follower(source, genesis, enrolment, known or Checkpoint(), proved, now_ms, passes, hear)
    follower.follow(key_id, kept)
    if known is not None and not (follower.continues and follower.shows_end):
        kept.forget(key_id)
        follower = _Follower(source, genesis, enrolment, Checkpoint(), proved, now_ms, passes, hear)
        follower.follow(key_id, kept)
    incomplete: tuple[str, ...] = ()
    if not follower.shows_end:
        shown = () if follower.last is None else (follower.last,)
        incomplete = (check_complete(proved, shown).text,)
    return enrolment.provider.provider_id, follower.reached(), incomplete


def _fetch_end(source: Source, genesis: Genesis, key_id: str) -> ProvedEnd:
    page = source.read(ChainProofPage, f"proofs/chains/{key_id}")
    shown = ChainProof(*(read_base64(text, source.url) for text in (page.entry, page.proof, page.header)))
    return verify_chain_proof(shown, bytes.fromhex(key_id), genesis.signer(shown.header), genesis.ledger_id)


class _Follower:
    """One chain being verified from a checkpoint on; `proved` was fetched before its records, which go on.

    `continues` says whether the first new record does continue the checkpoint, or nothing else was known; `shows_end`
    whether the record at which the ledger's state ends the chain is there.
    """

    def __init__(
        self,
        source: Source,
        genesis: Genesis,
        enrolment: AttestationResult,
        start: Checkpoint,
        proved: ProvedEnd,
        now_ms: int,
        passes: Mapping[bytes, Grant],
        hear: Hear,
    ) -> None:
        self._hear = hear
        self._source, self._genesis, self._enrolment, self._now_ms = source, genesis, enrolment, now_ms
        self._chain, self._reported_ms = start.chain, start.reported_ms
        self._complaints = dict.fromkeys(start.complaints)
        self._more_complaints = start.more_complaints
        self._tallies = dict(start.tallies)
        self._before_hole = start.before_hole
        self._changed: set[bytes] = set()
        self._holds = False
        self._grants: dict[bytes, Grant | None] = {}
        self._passes = passes
        self._end = (proved.end.sequence, proved.end.head)
        self.shows_end = not proved.end.sequence or self._end == (start.chain.sequence, start.chain.head)
        self.continues = True
        self.last: RecordVerdict | None = None

    def follow(self, key_id: str, kept: Kept) -> None:
        """Takes every record that the ledger has beyond the checkpoint."""
        after, number = self._chain.sequence, 0
        pages = self._source.listed(RecordListPage, "records", f"records/{key_id}", after=after or None)
        for number, page in enumerate(pages, 1):
            evidence = read_base64(page.evidence, self._source.url)
            chain, verdict = step(self._chain, evidence, self._enrolment, self._find_grant)
            if _is_hole(verdict):
                self._meet_hole(key_id, kept, first=number == 1)
            self._take(key_id, chain, verdict, evidence)
            if number % SAVE_EVERY == 0:
                self._save(key_id, kept)
        if number:
            self._save(key_id, kept)

    def reached(self) -> Checkpoint:
        return Checkpoint(
            self._chain,
            self._reported_ms,
            self._before_hole,
            tuple(self._complaints),
            self._more_complaints,
            self._tallies,
        )

    def _meet_hole(self, key_id: str, kept: Kept, *, first: bool) -> None:
        """The checkpoint stays here, unless nothing can fill the hole any more."""
        if first and not self._before_hole:
            self.continues = False
        if self._holds or 0 < self._reported_ms < self._now_ms - HOLE_PATIENCE_MS:
            self._before_hole = False
            return
        self._before_hole = True
        self._save(key_id, kept)
        self._holds = True

    def _take(self, key_id: str, chain: ChainState, verdict: RecordVerdict, evidence: bytes) -> None:
        self._chain, self.last = chain, verdict
        for finding in verdict.failures:
            self._complain(f"record {verdict.sequence}: {finding.text}")
        self._hear(key_id, self._enrolment.provider.provider_id, verdict, evidence)
        if verdict.forged:
            return
        self.shows_end |= (verdict.sequence, verdict.record_hash) == self._end
        report = read_report(evidence)
        if report is not None:
            for row in report.rows:
                if has_pass_mark(row.grant_id) and self._find_grant(row.grant_id) is None:
                    self._complain(f"record {verdict.sequence}: pass {row.grant_id.hex()}: is none of ours")
            changed = add_report(self._tallies, report)
            self._tallies |= changed
            self._changed |= changed.keys()
            self._reported_ms = max(self._reported_ms, report.to_utc_ms)

    def _complain(self, text: str) -> None:
        if len(self._complaints) < MAX_COMPLAINTS:
            self._complaints[text] = None
        elif text not in self._complaints:
            self._more_complaints += 1

    def _save(self, key_id: str, kept: Kept) -> None:
        if self._holds:
            return
        kept.save(key_id, self.reached(), self._changed)
        self._changed = set()

    def _find_grant(self, grant_id: bytes) -> Grant | None:
        if grant_id not in self._grants:
            self._grants[grant_id] = self._fetch_grant(grant_id)
        return self._grants[grant_id]

    def _fetch_grant(self, grant_id: bytes) -> Grant | None:
        try:
            page = self._source.read(GrantPage, f"grants/{grant_id.hex()}")
        except LookupError:
            return self._passes.get(grant_id)
        encoded = read_base64(page.grant, self._source.url)
        return read_grant(encoded, self._genesis.signer(encoded), self._genesis.ledger_id)


def _is_hole(verdict: RecordVerdict) -> bool:
    return any(finding.check in ("sequence", "chain") for finding in verdict.failures)
