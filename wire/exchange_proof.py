"""A signed word in an exchange of messages: I am the one whose key this is, and these were our messages.

Sent by both ends of the EAP exchange (nas_tunnel/eap_purchase.py). `transcript` is a hash over every message so far,
both fresh shares of the key agreement included, so a proof fits no other exchange. The external data says whose word it
is: a buyer's cannot be handed back as a box's. Largest legal size 130 bytes.
"""

from enum import Enum

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.fields import FieldReader
from wire.ids import PublicKey
from wire.keys import PrivateKey

MAX_EXCHANGE_PROOF_BYTES = 130
TRANSCRIPT_SIZE = 32

_TRANSCRIPT = 1


class Prover(Enum):
    """Whose word it is, as external data."""

    BOX = b"airgrant/exchange/box"
    """With the provider's key, which signs the offers too."""
    BUYER = b"airgrant/exchange/buyer"
    """With the key that the grant names."""


def write_exchange_proof(prover: Prover, transcript: bytes, key: PrivateKey) -> bytes:
    assert len(transcript) == TRANSCRIPT_SIZE, f"a transcript of {len(transcript)} bytes"
    fields: dict[Key, Value] = {_TRANSCRIPT: transcript}
    return sign_envelope(fields, key, prover.value).encoded


def verify_exchange_proof(data: bytes, prover: Prover, transcript: bytes, key: PublicKey) -> None:
    """Returns if this key proved this transcript. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_EXCHANGE_PROOF_BYTES)
    envelope.verify(key, prover.value)
    fields = FieldReader(envelope.payload, "exchange proof")
    proved = fields.octets(_TRANSCRIPT, "transcript", TRANSCRIPT_SIZE)
    fields.finish()
    if proved != transcript:
        raise fields.error("it proves another exchange")
