"""Where a chain ends, by the ledger's signed word, and whether it is shown so far."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ledger.completeness import ProvedEnd, check_complete, verify_chain_proof
from ledger.entries import MeterChain
from ledger.findings import RecordVerdict, Severity, judge
from tests.ledger.test_bundle import KEY, proof_of
from tests.ledger_world import ALICE, GENESIS, LEDGER, START_S
from wire.errors import DecodeError, VerificationError

KEY_ID = KEY.public_key.key_id
HASHES = [bytes((number,)) * 32 for number in range(5)]


def proved(sequence: int, retired_s: int = 0) -> ProvedEnd:
    return ProvedEnd(MeterChain(sequence, HASHES[sequence], retired_s), 7, START_S)


def shown(*sequences: int) -> tuple[RecordVerdict, ...]:
    return tuple(RecordVerdict(number, "usage", HASHES[number], True, ()) for number in sequences)


def test_the_end_is_read_from_a_proof_against_the_signed_header() -> None:
    end = MeterChain(3, HASHES[3], START_S + 9)
    found = verify_chain_proof(proof_of(end), KEY_ID, LEDGER.public, GENESIS.ledger_id)
    assert found == ProvedEnd(end, 7, START_S + 20)


def test_another_signer_another_key_and_another_entry_are_refused() -> None:
    proof = proof_of(MeterChain(3, HASHES[3]))
    with pytest.raises(VerificationError):
        verify_chain_proof(proof, KEY_ID, ALICE.public, GENESIS.ledger_id)
    with pytest.raises(VerificationError):
        verify_chain_proof(proof, KEY_ID, LEDGER.public, bytes(32))
    with pytest.raises(VerificationError, match="something else lies under"):
        verify_chain_proof(proof, bytes(8), LEDGER.public, GENESIS.ledger_id)
    for part in ("entry", "proof", "header"):
        with pytest.raises(DecodeError):
            verify_chain_proof(replace(proof, **{part: b""}), KEY_ID, LEDGER.public, GENESIS.ledger_id)


@pytest.mark.parametrize(
    ("end", "sequences", "ok"),
    [
        (3, (1, 2, 3), True),
        (3, (1, 2), False),
        (3, (), False),
        (3, (1, 2, 3, 4), True),
        (0, (), True),
        (0, (1,), True),
    ],
)
def test_the_last_record_is_there_and_more_may_have_come(
    end: int, sequences: tuple[int, ...], ok: bool
) -> None:
    finding = check_complete(proved(end), shown(*sequences))
    assert (finding.check, finding.ok, finding.severity) == ("complete", ok, Severity.BREAK)
    assert ("are withheld" in finding.text) == (not ok)
    assert "block 7 of 1970-01-01 16:40:00 UTC" in finding.text


def test_another_record_of_that_number_is_not_the_end_nor_is_a_forged_one() -> None:
    other = replace(shown(3)[0], record_hash=bytes(32))
    assert not check_complete(proved(3), (other,)).ok
    bad = judge("quote", Severity.FORGERY, ok=False, good="", bad="forged")
    assert not check_complete(proved(3), (replace(shown(3)[0], findings=(bad,)),)).ok


def test_a_time_that_no_calendar_has_stays_a_number() -> None:
    """Seconds of a header are whatever its ledger signs."""
    assert f"block 7 of {2**62} s" in check_complete(replace(proved(3), time_s=2**62), shown(3)).text
