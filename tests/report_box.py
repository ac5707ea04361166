"""Report files of any box, for tests that need more than one: its key, its provider, its reports, its end."""

from __future__ import annotations

from pathlib import Path

from apd.shells.fake_tpm import FakeTpm
from apd.shells.software_key import SoftwareKey
from lab.meter_chain import MeterChain
from ledger.bundle import gather_bundle, write_bundle
from ledger.completeness import ChainProof
from ledger.entries import MeterChain as ChainEnd
from ledger.entries import chain_key, write_entry
from ledger.state_tree import StateTree
from tests.ledger.test_bundle import GRANT
from tests.ledger_world import GENESIS, LEDGER, PROVIDER, START_S
from wire.attestation_result import AttestationResult, write_attestation_result
from wire.block_header import Header, write_signed_header
from wire.grant import write_grant
from wire.keys import PrivateKey
from wire.merkle import EMPTY_ROOT
from wire.meter_record import UsageRow
from wire.state_proof import write_proof

ALL_THAT_FITS = UsageRow(GRANT.grant_id, 750_000_000, 375_000_000, 750_000_000, 375_000_000)
"""Of GRANT, whose ceilings it fills for all its 600 s."""


def write_box(
    path: Path,
    signer: FakeTpm | SoftwareKey,
    *rows: UsageRow,
    provider: PrivateKey = PROVIDER,
    lasted_s: int = 600,
    header_s: int = START_S + 700,
    retired_s: int = 0,
) -> Path:
    """A chain of a boot record and one report with these rows, which lasted so long; without rows the boot alone."""
    chain = MeterChain(signer, START_S * 1_000)
    records = [chain.boot()]
    if rows:
        records.append(chain.usage(lasted_s * 1_000, *rows))
    if isinstance(signer, FakeTpm):
        key = signer.attestation_key()
        result = AttestationResult(key.public_key, key.name, provider.public, bytes(32), START_S)
    else:
        result = AttestationResult(signer.public_key, b"", provider.public, b"", START_S)
    enrolment = write_attestation_result(result, LEDGER, GENESIS.ledger_id)
    grants = {GRANT.grant_id: write_grant(GRANT, LEDGER, GENESIS.ledger_id)}
    end = _proof(result.attestation_key.key_id, ChainEnd(chain.sequence, chain.head, retired_s), header_s)
    path.write_bytes(write_bundle(gather_bundle(GENESIS, enrolment, tuple(records), grants.get, end)))
    return path


def _proof(key_id: bytes, end: ChainEnd, header_s: int) -> ChainProof:
    tree, key, entry = StateTree(), chain_key(key_id), write_entry(end)
    tree.commit(tree.plan([(key, entry)]))
    header = Header(7, bytes(32), header_s, bytes(32), 1, tree.root, EMPTY_ROOT)
    signed = write_signed_header(header, LEDGER, GENESIS.ledger_id)
    return ChainProof(entry, write_proof(tree.prove(key)), signed)
