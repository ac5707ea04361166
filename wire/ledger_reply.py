"""The ledger's reply to a transaction or meter record: a signed receipt, and the grants that it made.

    [ receipt, [ grant, ... ] ]

Only a carriage: receipt and grants are signed each for itself. An `allocate` for one consumer brings its grant; of a
bulk purchase each consumer fetches its own. A transaction that ran before is answered with its rejection as replayed
and the grants of the first run, so that a lost reply costs nothing. Largest legal size 8 KiB.
"""

from wire.cbor import Value, read_cbor, write_cbor
from wire.errors import DecodeError
from wire.frozen import dataclass
from wire.grant import MAX_GRANT_BYTES
from wire.receipt import MAX_RECEIPT_BYTES

MAX_GRANTS = 16
MAX_LEDGER_REPLY_BYTES = 8 * 1024


@dataclass(frozen=True, slots=True)
class LedgerReply:
    """Encoded receipt and grants; whoever needs them verifies them."""

    receipt: bytes
    grants: tuple[bytes, ...] = ()


def write_ledger_reply(reply: LedgerReply) -> bytes:
    grants: list[Value] = list(reply.grants)
    return write_cbor([reply.receipt, grants])


def read_ledger_reply(data: bytes) -> LedgerReply:
    """The parts, unverified. Raises DecodeError."""
    if len(data) > MAX_LEDGER_REPLY_BYTES:
        raise DecodeError(f"ledger reply: {len(data)} bytes, at most {MAX_LEDGER_REPLY_BYTES} are accepted")
    match read_cbor(data):
        case [bytes(receipt), list(items)] if len(receipt) <= MAX_RECEIPT_BYTES and len(items) <= MAX_GRANTS:
            grants = tuple(item for item in items if isinstance(item, bytes) and len(item) <= MAX_GRANT_BYTES)
            if len(grants) == len(items):
                return LedgerReply(receipt, grants)
    raise DecodeError("ledger reply: not a receipt and a list of grants")
