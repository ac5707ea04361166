"""Enrolment conversations that are under way: a request, a challenge, an answer, an attestation result.

Chance and time come in as arguments. A conversation is one provider's about one attestation key. An answer is not
signed and names the key alone, so its secret decides whose it is: the right one ends that conversation, a wrong one
ends nobody's, as 32 octets are not guessed within CHALLENGE_LIFETIME_S. At most MAX_PENDING are kept, the oldest makes
room: who wants to push somebody's challenge out has to be faster than that box's TPM.
"""

from dataclasses import dataclass, field, replace

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
    """`vendors` None: no TPM can be enrolled here. Software keys only if the operator accepts them.

    An account's last word (`ends_meters`) is taken everywhere, as it is no meter.

    `shared`: others, who were not asked, have to see that the provider did ask; its request is then in the result.
    """

    vendors: Vendors | None
    accept_software_keys: bool
    shared: bool = False
    _pending: dict[tuple[bytes, bytes], PendingEnrolment] = field(default_factory=dict)
    """By (attestation key's id, provider's octets), the oldest first."""

    def take(
        self, message: EnrolmentRequest | EnrolmentAnswer, chance: bytes, now_s: int
    ) -> EnrolmentChallenge | AttestationResult:
        """The next word of the conversation. Raises DecodeError, VerificationError.

        `chance`: CHANCE_SIZE fresh random octets, used only if there is a challenge to make.
        """
        word = self._take(message, chance, now_s)
        return replace(word, request=b"") if isinstance(word, AttestationResult) and not self.shared else word

    def _take(
        self, message: EnrolmentRequest | EnrolmentAnswer, chance: bytes, now_s: int
    ) -> EnrolmentChallenge | AttestationResult:
        if isinstance(message, EnrolmentAnswer):
            return self._finish(message, now_s)
        if message.software_key is not None:
            if not self.accept_software_keys and not message.ends_meters:
                raise VerificationError("enrolment: this ledger accepts no software keys")
            return enrol_software_key(message, now_s)
        if self.vendors is None:
            raise VerificationError("enrolment: this ledger trusts no maker of TPMs (tpm_vendors is not set)")
        pending, challenge = begin_enrolment(message, self.vendors, chance, now_s)
        self._keep(pending)
        return challenge

    def _finish(self, answer: EnrolmentAnswer, now_s: int) -> AttestationResult:
        """The conversation that this secret ends; if it ends none, what is wrong with it in the last one."""
        asked = [key for key in self._pending if key[0] == answer.key_id]
        if not asked:
            raise VerificationError(f"enrolment: nothing was asked of key {answer.key_id.hex()}")
        why: VerificationError | None = None
        for key in asked:
            try:
                result = finish_enrolment(self._pending[key], answer, now_s)
            except VerificationError as error:
                why = error
                continue
            del self._pending[key]
            return result
        assert why is not None, "one of them was tried"
        raise why

    def _keep(self, pending: PendingEnrolment) -> None:
        """A provider that asks again gets a new challenge in place of the old one."""
        key = pending.attestation_key.public_key.key_id, pending.provider.octets
        self._pending.pop(key, None)
        while len(self._pending) >= MAX_PENDING:
            del self._pending[next(iter(self._pending))]
        self._pending[key] = pending
