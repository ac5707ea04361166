"""A provider's signed word to its own box: this grant ends now.

Sent over the box's command topic. What the buyer is owed for the rest is between the parties and the ledger; the box
closes the session and reports what was delivered. Largest legal size 400 bytes.
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.fields import FieldReader, cut_text
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE, PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/revocation"
MAX_REVOCATION_BYTES = 400
MAX_REASON_BYTES = 200

_GRANT, _REASON = 1, 2


@dataclass(frozen=True, slots=True)
class Revocation:
    """Needs no time: revoking twice is revoking once, and a grant id never returns."""

    grant_id: bytes
    reason: str


def write_revocation(revocation: Revocation, provider: PrivateKey) -> bytes:
    fields: dict[Key, Value] = {
        _GRANT: revocation.grant_id,
        _REASON: cut_text(revocation.reason, MAX_REASON_BYTES),
    }
    return sign_envelope(fields, provider, EXTERNAL).encoded


def read_revocation(data: bytes, provider: PublicKey) -> Revocation:
    """A revocation that the provider signed. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_REVOCATION_BYTES)
    envelope.verify(provider, EXTERNAL)
    fields = FieldReader(envelope.payload, "revocation")
    revocation = Revocation(
        fields.octets(_GRANT, "grant_id", GRANT_ID_SIZE), fields.text(_REASON, "reason", MAX_REASON_BYTES)
    )
    fields.finish()
    return revocation
