"""Proofs of an exchange: whose, over what, and nobody else's."""

from __future__ import annotations

import pytest

from tests.wire.examples import CONSUMER, PROVIDER
from wire.cose import sign_envelope
from wire.errors import DecodeError, VerificationError
from wire.exchange_proof import (
    MAX_EXCHANGE_PROOF_BYTES,
    Prover,
    verify_exchange_proof,
    write_exchange_proof,
)

TRANSCRIPT = bytes(range(32))


def test_proved_and_verified() -> None:
    proof = write_exchange_proof(Prover.BOX, TRANSCRIPT, PROVIDER)
    assert len(proof) <= MAX_EXCHANGE_PROOF_BYTES
    verify_exchange_proof(proof, Prover.BOX, TRANSCRIPT, PROVIDER.public)


def test_another_key_role_or_exchange() -> None:
    proof = write_exchange_proof(Prover.BUYER, TRANSCRIPT, CONSUMER)
    for prover, transcript, key in (
        (Prover.BOX, TRANSCRIPT, CONSUMER.public),
        (Prover.BUYER, TRANSCRIPT, PROVIDER.public),
    ):
        with pytest.raises(VerificationError):
            verify_exchange_proof(proof, prover, transcript, key)
    with pytest.raises(DecodeError, match="another exchange"):
        verify_exchange_proof(proof, Prover.BUYER, bytes(32), CONSUMER.public)


@pytest.mark.parametrize("fields", [{}, {1: b"short"}, {1: TRANSCRIPT, 2: 3}, [TRANSCRIPT]])
def test_malformed(fields: object) -> None:
    proof = sign_envelope(fields, CONSUMER, Prover.BUYER.value).encoded  # type: ignore[arg-type]
    with pytest.raises(DecodeError):
        verify_exchange_proof(proof, Prover.BUYER, TRANSCRIPT, CONSUMER.public)
