"""Usage bill: a provider's signed word on what a grant's use beyond what it included comes to, after its end.

Sent by the provider to whoever paid for the grant. It binds nobody: the terms are in the grant, the bytes in signed
meters, and the buyer's own program comes to the amount or refuses the bill (ledger/usage_charges.py). It says which
grant is meant and what the provider found, so that a difference is in writing. Largest legal size 190 bytes.
Reference: Bandcoin 6.3.
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader, check_range
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE, PROVIDER_ID_SIZE, PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/usage-bill/"
MAX_USAGE_BILL_BYTES = 190

_PROVIDER, _GRANT, _EPOCH, _USED, _OWED = range(1, 6)


@dataclass(frozen=True, slots=True)
class UsageBill:
    """`used_bytes` in both directions of a grant of this epoch come to `owed_ubc` in all, what was paid included."""

    provider_id: bytes
    grant_id: bytes
    epoch: int
    used_bytes: int
    owed_ubc: int

    def __post_init__(self) -> None:
        if (len(self.provider_id), len(self.grant_id)) != (PROVIDER_ID_SIZE, GRANT_ID_SIZE):
            raise DecodeError(
                f"usage bill: ids of {len(self.provider_id)} and {len(self.grant_id)} bytes, "
                f"not {PROVIDER_ID_SIZE} and {GRANT_ID_SIZE}"
            )
        check_range("usage bill", "epoch", self.epoch, 1)
        check_range("usage bill", "used_bytes", self.used_bytes)
        check_range("usage bill", "owed_ubc", self.owed_ubc, 1)


def write_usage_bill(bill: UsageBill, provider: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _PROVIDER: bill.provider_id,
        _GRANT: bill.grant_id,
        _EPOCH: bill.epoch,
        _USED: bill.used_bytes,
        _OWED: bill.owed_ubc,
    }
    return sign_envelope(fields, provider, EXTERNAL + ledger_id).encoded


def read_usage_bill(data: bytes, provider: PublicKey, ledger_id: bytes) -> UsageBill:
    """A bill that this provider signed for this ledger. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_USAGE_BILL_BYTES)
    envelope.verify(provider, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "usage bill")
    bill = UsageBill(
        fields.octets(_PROVIDER, "provider_id", PROVIDER_ID_SIZE),
        fields.octets(_GRANT, "grant_id", GRANT_ID_SIZE),
        fields.integer(_EPOCH, "epoch"),
        fields.integer(_USED, "used_bytes"),
        fields.integer(_OWED, "owed_ubc"),
    )
    fields.finish()
    if bill.provider_id != provider.provider_id:
        raise fields.error("of another provider")
    return bill
