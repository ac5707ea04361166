"""Taking meter records and enrolments into a block.

A record is accepted when the enrolled key vouches for it, also if it shows a broken chain or claims too much:
it is evidence, and whoever reads the log sees what does not hold. What nobody vouches for is refused and not
kept. A record that skips its predecessors waits for them a while, so that a lost message does not look like a
hidden record. That it came early, and when, is noted in the log and in the state: how long a record waits must be the
same for everybody who applies the log, whenever he does.

A provider has one live attestation key: enrolling another retires the one before, whose chain ends there
(docs/decisions/0007). An account that enrols itself ends for good: no meter of it counts, none is enrolled any more and
nothing of it is sold (0053). That is said of the account, whatever its key was enrolled as, and by whom, before.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from ledger.block import ItemKind
from ledger.chain_state import ChainState, write_chain_state
from ledger.entries import (
    AccountEnd,
    MeterChain,
    MeterGap,
    account_end_key,
    chain_key,
    gap_key,
    offer_key,
)
from ledger.evidence import step
from ledger.evidence_totals import FindGrant
from ledger.forming import FormingBlock
from ledger.state import read_offer
from wire.attestation_result import AttestationResult
from wire.evidence import Evidence, read_evidence
from wire.meter_record import BootRecord, read_meter_record

ALREADY_ENROLLED = "already_enrolled"
ACCOUNT_ENDED = "account_ended"
"""It has said its last word before; to whoever says it again this is a yes."""
GAP_PATIENCE_S = 60
"""How long a record that skips its predecessors is refused, before it is taken as a break of the chain."""


@dataclass(frozen=True, slots=True)
class NotTaken:
    """Why a record or an enrolment was not taken: the name of a rule, and a sentence."""

    reason: str
    detail: str


@dataclass(slots=True)
class Metering:
    """Every enrolled key, how far its chain has come, and the records that wait for their predecessors.

    `live` has the key id of each provider's last enrolment, under the provider's octets.
    """

    chains: dict[bytes, ChainState] = field(default_factory=dict)
    enrolments: dict[bytes, AttestationResult] = field(default_factory=dict)
    live: dict[bytes, bytes] = field(default_factory=dict)

    def merge(
        self, chains: Mapping[bytes, ChainState], enrolments: Mapping[bytes, AttestationResult]
    ) -> None:
        """What a block brought, once it is on disk; enrolments in their order."""
        self.chains.update(chains)
        self.enrolments.update(enrolments)
        self.live.update((result.provider.octets, key_id) for key_id, result in enrolments.items())

    def take_record(self, block: FormingBlock, encoded: bytes, find_grant: FindGrant) -> NotTaken | None:
        """None if the block now has it. Raises DecodeError for bytes that are no record."""
        evidence = read_evidence(encoded)
        key_id = evidence.key_id
        enrolment = block.enrolments.get(key_id) or self.enrolments.get(key_id)
        if enrolment is None:
            return NotTaken("not_enrolled", f"attestation key {key_id.hex()} is not enrolled here")
        if retired := _check_live(block, key_id):
            return retired
        before = block.chains.get(key_id) or self.chains[key_id]
        after, verdict = step(before, encoded, enrolment, find_grant)
        if verdict.forged:
            return NotTaken("forged", verdict.failures[0].text)
        if waiting := _check_gap(block, before, evidence, encoded):
            return waiting
        number = block.add(ItemKind.EVIDENCE, record_item_id(evidence), encoded)
        block.rows.records.append((key_id, verdict.sequence, number))
        self._note(block, key_id, after)
        return None

    def take_enrolment(
        self, block: FormingBlock, encoded: bytes, result: AttestationResult, subject: bytes
    ) -> NotTaken | None:
        """None if the block now has it; `result` is what `encoded` says."""
        key_id, provider = result.attestation_key.key_id, result.provider
        if block.draft.get(account_end_key(provider)) is not None:
            return NotTaken(ACCOUNT_ENDED, f"account {provider} has ended, for good")
        known = block.enrolments.get(key_id) or self.enrolments.get(key_id)
        if result.attestation_key == provider:
            self._end_account(block, result)
        elif known is not None:
            return _check_live(block, key_id) or NotTaken(
                ALREADY_ENROLLED, f"attestation key {key_id.hex()} is enrolled"
            )
        else:
            self._retire_before(block, result)
        number = block.add(ItemKind.ATTESTATION_RESULT, subject, encoded)
        if known is None:
            block.rows.enrolments.append((key_id, number))
            block.enrolments[key_id] = result
            self._note(block, key_id, ChainState())
        if result.attestation_key == provider:
            _retire(block, key_id)
        return None

    def _end_account(self, block: FormingBlock, result: AttestationResult) -> None:
        """Its meter counts no more, and what it has on offer nobody buys."""
        provider = result.provider
        self._retire_before(block, result)
        block.draft.put(account_end_key(provider), AccountEnd(block.time_s))
        offer = read_offer(block.draft, provider)
        if offer is not None:
            block.draft.put(offer_key(provider.key_id), replace(offer, max_allocations=0))

    def _note(self, block: FormingBlock, key_id: bytes, chain: ChainState) -> None:
        block.chains[key_id] = chain
        block.draft.put(chain_key(key_id), MeterChain(chain.sequence, chain.head))

    def _live(self, block: FormingBlock, result: AttestationResult) -> bytes | None:
        """The key id of its provider's last enrolment."""
        here = [key_id for key_id, one in block.enrolments.items() if one.provider == result.provider]
        return here[-1] if here else self.live.get(result.provider.octets)

    def _retire_before(self, block: FormingBlock, result: AttestationResult) -> None:
        """The provider's key so far, if there is one, counts no more."""
        before = self._live(block, result)
        if before is not None:
            _retire(block, before)


def _check_gap(
    block: FormingBlock, before: ChainState, evidence: Evidence, encoded: bytes
) -> NotTaken | None:
    """None if the record follows, or if its predecessors have been waited for long enough."""
    record, key_id = read_meter_record(evidence.record), evidence.key_id
    wanted = before.sequence + 1
    if isinstance(record, BootRecord) or record.sequence <= wanted:
        return None
    noted = block.draft.get(gap_key(key_id))
    if not isinstance(noted, MeterGap) or noted.missing != wanted:
        noted = MeterGap(wanted, block.time_s)
        _note_early(block, evidence, encoded, noted)
    wait_s = noted.since_s + GAP_PATIENCE_S - block.time_s
    if wait_s <= 0:
        return None
    detail = f"records {wanted} to {record.sequence - 1} come first; taken without them in {wait_s} s"
    return NotTaken("sequence_gap", detail)


def _note_early(block: FormingBlock, evidence: Evidence, encoded: bytes, gap: MeterGap) -> None:
    """Once for what is missing, so that it costs a box nothing less than the record before."""
    numbers = block.height.to_bytes(8, "big") + gap.missing.to_bytes(8, "big")
    item_id = sha256(b"early" + numbers + evidence.key_id + evidence.record).digest()
    if item_id not in block.item_ids:
        block.add(ItemKind.EARLY_EVIDENCE, item_id, encoded)
        block.draft.put(gap_key(evidence.key_id), gap)


def _chain_end(block: FormingBlock, key_id: bytes) -> MeterChain:
    end = block.draft.get(chain_key(key_id))
    assert isinstance(end, MeterChain), f"attestation key {key_id.hex()} is enrolled and has no chain"
    return end


def _retire(block: FormingBlock, key_id: bytes) -> None:
    block.draft.put(chain_key(key_id), replace(_chain_end(block, key_id), retired_s=block.time_s))


def _check_live(block: FormingBlock, key_id: bytes) -> NotTaken | None:
    retired_s = _chain_end(block, key_id).retired_s
    if not retired_s:
        return None
    detail = f"attestation key {key_id.hex()} was retired at {retired_s}: its provider enrolled another"
    return NotTaken("retired_key", detail)


def record_item_id(evidence: Evidence) -> bytes:
    """The name of a record in the log: two boxes may well say the same thing, word for word."""
    return sha256(evidence.key_id + evidence.record).digest()


def chain_rows(block: FormingBlock) -> list[tuple[bytes, bytes]]:
    """What the store keeps of the chains that a block moved."""
    return [(key_id, write_chain_state(chain)) for key_id, chain in block.chains.items()]
