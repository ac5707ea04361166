"""The ledger's signed answer to a transaction or to a meter record: executed, or why not.

Sent by the ledger. For an executed `allocate` the answer is a grant (or one per consumer) instead. `subject` is the
transaction id, or the hash of the meter record; a record's receipt is what lets the box delete it from its outbox. Of a
copy that is not the issuer's (`bad_signature`), or that the ledger could not deal with (`internal_fault`), it is the
SHA-256 of the bytes that came, as nothing may be said about the good one (docs/decisions/0009).
Largest legal size 400 bytes.
"""

from wire.cbor import Key, Value
from wire.cose import Unsigned, draft_envelope, read_envelope
from wire.fields import FieldReader, cut_text
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/receipt/"
MAX_RECEIPT_BYTES = 400
MAX_REASON_BYTES = 60
MAX_DETAIL_BYTES = 150

_SUBJECT, _HEIGHT, _TIME, _REASON, _DETAIL = range(1, 6)


@dataclass(frozen=True, slots=True)
class Receipt:
    """`reason` is empty when it was executed at `height`, else the name of the rule that says no; `detail` is for
    people.
    """

    subject: bytes
    height: int
    utc_s: int
    reason: str = ""
    detail: str = ""

    @property
    def executed(self) -> bool:
        return not self.reason


def write_receipt(receipt: Receipt, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    unsigned = draft_receipt(receipt, ledger.public, ledger_id)
    return unsigned.join(ledger.sign(unsigned.message)).encoded


def draft_receipt(receipt: Receipt, ledger: PublicKey, ledger_id: bytes) -> Unsigned:
    """For whoever has many signed at once."""
    fields: dict[Key, Value] = {_SUBJECT: receipt.subject, _HEIGHT: receipt.height, _TIME: receipt.utc_s}
    if receipt.reason:
        fields |= {
            _REASON: cut_text(receipt.reason, MAX_REASON_BYTES),
            _DETAIL: cut_text(receipt.detail, MAX_DETAIL_BYTES),
        }
    return draft_envelope(fields, ledger, EXTERNAL + ledger_id)


def read_receipt(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Receipt:
    """A verified receipt. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_RECEIPT_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "receipt")
    rejected = _REASON in fields
    receipt = Receipt(
        subject=fields.octets(_SUBJECT, "subject", 32),
        height=fields.integer(_HEIGHT, "height"),
        utc_s=fields.integer(_TIME, "utc_s"),
        reason=fields.text(_REASON, "reason", MAX_REASON_BYTES) if rejected else "",
        detail=fields.text(_DETAIL, "detail", MAX_DETAIL_BYTES) if rejected else "",
    )
    if rejected and not receipt.reason:
        raise fields.error("reason is empty and has to be left out")
    fields.finish()
    return receipt
