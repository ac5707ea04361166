"""What devices attest of their meters, held against who is enrolled. Pure.

    none       evidence is not looked at
    remember   it is verified, and the latest that held is remembered, for whoever decides by it
    require    who is not enrolled is not let in, and a session goes on only while its statements are attested

An enrolment is an account, the key that vouches for its device, and perhaps the digest of the PCRs that trusted
software leaves in its TPM: then a software key's word is not enough. Evidence says which program counted; that the
count is true is what the access point's own count is compared for (docs/decisions/0034). It travels in a datagram that
may be lost, so that one statement without any ends nothing; two in a row do.
Reference: Datanet 5.5.4.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from wire.device_evidence import verify_evidence
from wire.errors import DecodeError
from wire.ids import PublicKey
from wire.meter_statement import statement_digest
from wire.tpm_attest import Quoted

MISSING_ALLOWED = 1
"""Statements in a row for which no evidence came, although the next one was paid."""


class Policy(Enum):
    """What is done with evidence."""

    NONE = "none"
    REMEMBER = "remember"
    REQUIRE = "require"


class Vouched(Enum):
    """By what a device's statement was attested."""

    SOFTWARE = "software"
    TPM = "tpm"


@dataclass(frozen=True, slots=True)
class Enrolled:
    """The key that vouches for a device; `pcr_digest`: 32 octets, or empty where any software will do."""

    key: PublicKey
    pcr_digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Attestation:
    """The rules: what is done, and who is enrolled, by account."""

    policy: Policy = Policy.NONE
    enrolled: Mapping[PublicKey, Enrolled] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Attested:
    """The latest statement of a device for which evidence held."""

    session: bytes
    interval: int
    by: Vouched


def judge(rules: Attestation, consumer: PublicKey, statement: bytes, evidence: bytes) -> Vouched:
    """Raises DecodeError, VerificationError with what is wrong."""
    enrolled = rules.enrolled.get(consumer)
    if enrolled is None:
        raise DecodeError(f"evidence: nobody is enrolled who vouches for {consumer}")
    said = verify_evidence(evidence, statement_digest(statement), enrolled.key)
    if said is None:
        if enrolled.pcr_digest:
            raise DecodeError("evidence: a software key's word, where a TPM's quote is wanted")
        return Vouched.SOFTWARE
    assert isinstance(said.attested, Quoted), "a quote, or it would not have been verified"
    if enrolled.pcr_digest and said.attested.digest != enrolled.pcr_digest:
        raise DecodeError(f"evidence: other software, the PCRs' digest is {said.attested.digest.hex()}")
    return Vouched.TPM
