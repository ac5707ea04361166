"""Enrolment conversations that are under way: a request, a challenge, an answer, an attestation result.

Chance and time come in as arguments. An answer uses its challenge up, right or wrong. At most MAX_PENDING
are kept, so that requests without answers cost no more memory than that.
"""

from dataclasses import dataclass, field

from ledger.enrolment import (
    PendingEnrolment,
    Vendors,
    begin_enrolment,
    enrol_software_key,
    finish_enrolment,
)
from wire.attestation_result import AttestationResult
from wire.enrolment import EnrolmentAnswer, EnrolmentChallenge, EnrolmentRequest
from wire.errors import VerificationError

MAX_PENDING = 1_000


@dataclass(slots=True)
class Enrolling:
    """`vendors` None: no TPM can be enrolled here. Software keys only if the operator accepts them."""

    vendors: Vendors | None
    accept_software_keys: bool
    _pending: dict[bytes, PendingEnrolment] = field(default_factory=dict)

    def take(
        self, message: EnrolmentRequest | EnrolmentAnswer, chance: bytes, now_s: int
    ) -> EnrolmentChallenge | AttestationResult:
        """The next word of the conversation. Raises DecodeError, VerificationError.

        `chance`: CHANCE_SIZE fresh random octets, used only if there is a challenge to make.
        """
        if isinstance(message, EnrolmentAnswer):
            pending = self._pending.pop(message.key_id, None)
            if pending is None:
                raise VerificationError(f"enrolment: nothing was asked of key {message.key_id.hex()}")
            return finish_enrolment(pending, message, now_s)
        if message.software_key is not None:
            if not self.accept_software_keys:
                raise VerificationError("enrolment: this ledger accepts no software keys")
            return enrol_software_key(message, now_s)
        if self.vendors is None:
            raise VerificationError("enrolment: this ledger trusts no maker of TPMs (tpm_vendors is not set)")
        pending, challenge = begin_enrolment(message, self.vendors, chance, now_s)
        self._keep(pending, now_s)
        return challenge

    def _keep(self, pending: PendingEnrolment, now_s: int) -> None:
        if len(self._pending) >= MAX_PENDING:
            late = [key for key, waiting in self._pending.items() if waiting.expires_s < now_s]
            for key in late:
                del self._pending[key]
        if len(self._pending) >= MAX_PENDING:
            raise VerificationError("enrolment: too many are under way, try again in a minute")
        self._pending[pending.attestation_key.public_key.key_id] = pending
