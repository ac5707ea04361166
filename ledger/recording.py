"""Taking meter records and enrolments into a block.

A record is accepted when the enrolled key vouches for it, also if it shows a broken chain or claims too much:
it is evidence, and whoever reads the log sees what does not hold. What nobody vouches for is refused and not
kept. A record that skips its predecessors waits for them a while, so that a lost message does not look like a
hidden record.

A provider has one live attestation key: enrolling another retires the one before, whose chain ends there
(docs/decisions/0007).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from ledger.block import ItemKind
from ledger.chain_state import ChainState, write_chain_state
from ledger.entries import MeterChain, chain_key
from ledger.evidence import step
from ledger.evidence_totals import FindGrant
from ledger.forming import FormingBlock
from wire.attestation_result import AttestationResult
from wire.evidence import Evidence, read_evidence
from wire.meter_record import BootRecord, read_meter_record

ALREADY_ENROLLED = "already_enrolled"
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
    _gaps: dict[bytes, tuple[int, int]] = field(default_factory=dict)
    """Of a key: the sequence that is missing, and since when (UTC seconds)."""

    def merge(
        self, chains: Mapping[bytes, ChainState], enrolments: Mapping[bytes, AttestationResult]
    ) -> None:
        """What a block brought, once it is on disk; enrolments in their order."""
        self.chains.update(chains)
        self.enrolments.update(enrolments)
        self.live.update((result.provider.octets, key_id) for key_id, result in enrolments.items())

    def take_record(self, block: FormingBlock, encoded: bytes, find_grant: FindGrant) -> NotTaken | None:
        """None if the block now has it. Raises DecodeError for bytes that are no record."""
        return self._take(block, encoded, find_grant, patient=True)

    def retake_record(self, block: FormingBlock, encoded: bytes) -> NotTaken | None:
        """As `take_record`, for a record of the log's past: it waits for nothing.

        What a report claims of its grants is an auditor's matter; the state has only the end of its chain.
        """
        return self._take(block, encoded, lambda _grant_id: None, patient=False)

    def take_enrolment(
        self, block: FormingBlock, encoded: bytes, result: AttestationResult, subject: bytes
    ) -> NotTaken | None:
        """None if the block now has it; `result` is what `encoded` says."""
        key_id = result.attestation_key.key_id
        known = block.enrolments.get(key_id) or self.enrolments.get(key_id)
        if known is not None:
            return _check_live(block, key_id) or NotTaken(
                ALREADY_ENROLLED, f"attestation key {key_id.hex()} is enrolled"
            )
        self._retire_before(block, result)
        number = block.add(ItemKind.ATTESTATION_RESULT, subject, encoded)
        block.rows.enrolments.append((key_id, number))
        block.enrolments[key_id] = result
        self._note(block, key_id, ChainState())
        return None

    def _take(
        self, block: FormingBlock, encoded: bytes, find_grant: FindGrant, *, patient: bool
    ) -> NotTaken | None:
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
        if patient and (waiting := self._check_gap(before, evidence, block.time_s)):
            return waiting
        number = block.add(ItemKind.EVIDENCE, record_item_id(evidence), encoded)
        block.rows.records.append((key_id, verdict.sequence, number))
        self._note(block, key_id, after)
        return None

    def _note(self, block: FormingBlock, key_id: bytes, chain: ChainState) -> None:
        block.chains[key_id] = chain
        block.draft.put(chain_key(key_id), MeterChain(chain.sequence, chain.head))

    def _retire_before(self, block: FormingBlock, result: AttestationResult) -> None:
        """The provider's key so far, if there is one, counts no more."""
        here = [key_id for key_id, one in block.enrolments.items() if one.provider == result.provider]
        before = here[-1] if here else self.live.get(result.provider.octets)
        if before is not None:
            end = _chain_end(block, before)
            block.draft.put(chain_key(before), replace(end, retired_s=block.time_s))

    def _check_gap(self, before: ChainState, evidence: Evidence, now_s: int) -> NotTaken | None:
        record, key_id = read_meter_record(evidence.record), evidence.key_id
        wanted = before.sequence + 1
        if isinstance(record, BootRecord) or record.sequence <= wanted:
            return None
        missing, since_s = self._gaps.get(key_id, (0, 0))
        if missing != wanted:
            since_s = now_s
            self._gaps[key_id] = (wanted, since_s)
        wait_s = since_s + GAP_PATIENCE_S - now_s
        if wait_s <= 0:
            return None
        detail = f"records {wanted} to {record.sequence - 1} come first; taken without them in {wait_s} s"
        return NotTaken("sequence_gap", detail)


def _chain_end(block: FormingBlock, key_id: bytes) -> MeterChain:
    end = block.draft.get(chain_key(key_id))
    assert isinstance(end, MeterChain), f"attestation key {key_id.hex()} is enrolled and has no chain"
    return end


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
