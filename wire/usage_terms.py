"""Usage terms: a provider's signed word on what use beyond a grant's included bytes costs, paid afterwards.

An extension of an offer, for buyers who would rather pay for more than be cut off: such an offer has no data cap, and
these terms say from where on bytes are charged. `most_ubc` is all that use can ever cost for one unit: who buys knows
the bound before he signs. A purchase of that epoch accepts them. Largest legal size 220 bytes.
Reference: Bandcoin 6.3 (post-payments based on usage, as a contract extension, settled by the action transfer).
"""

from dataclasses import dataclass

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.ids import PROVIDER_ID_SIZE, PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/usage-terms/"
MAX_USAGE_TERMS_BYTES = 220

_PROVIDER, _EPOCH, _INCLUDED, _STEP, _PRICE, _MOST = range(1, 7)


@dataclass(frozen=True, slots=True)
class UsageTerms:
    """For one unit of a provider's offer of this epoch: `included_bytes`, both directions, cost nothing more; each
    begun `step_bytes` beyond costs `price_ubc`; all of it at most `most_ubc`.
    """

    provider_id: bytes
    epoch: int
    included_bytes: int
    step_bytes: int
    price_ubc: int
    most_ubc: int

    def __post_init__(self) -> None:
        if len(self.provider_id) != PROVIDER_ID_SIZE:
            raise DecodeError(f"usage terms: provider_id has {len(self.provider_id)} bytes")
        check_range("usage terms", "epoch", self.epoch, 1)
        check_range("usage terms", "included_bytes", self.included_bytes)
        check_range("usage terms", "step_bytes", self.step_bytes, 1)
        check_range("usage terms", "price_ubc", self.price_ubc, 1)
        check_range("usage terms", "most_ubc", self.most_ubc, 1)


def write_usage_terms(terms: UsageTerms, provider: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _PROVIDER: terms.provider_id,
        _EPOCH: terms.epoch,
        _INCLUDED: terms.included_bytes,
        _STEP: terms.step_bytes,
        _PRICE: terms.price_ubc,
        _MOST: terms.most_ubc,
    }
    return sign_envelope(fields, provider, EXTERNAL + ledger_id).encoded


def read_usage_terms(data: bytes, provider: PublicKey, ledger_id: bytes) -> UsageTerms:
    """Terms that this provider signed for this ledger. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_USAGE_TERMS_BYTES)
    envelope.verify(provider, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "usage terms")
    terms = UsageTerms(
        fields.octets(_PROVIDER, "provider_id", PROVIDER_ID_SIZE),
        fields.integer(_EPOCH, "epoch"),
        fields.integer(_INCLUDED, "included_bytes"),
        fields.integer(_STEP, "step_bytes"),
        fields.integer(_PRICE, "price_ubc"),
        fields.integer(_MOST, "most_ubc"),
    )
    fields.finish()
    if terms.provider_id != provider.provider_id:
        raise fields.error("of another provider")
    return terms
