"""The grant: the ledger's signed receipt of an `allocate`, by which a consumer is let in.

Sent by the ledger to the buyer, shown by the station to the access point, which verifies it offline with the
ledger's key. It binds a consumer key, a provider, the epoch of the offer, a time window, a band and the qos of one
unit times `allocations`. At most 220 bytes while rates and data cap stay below 4.29 Gbit/s and GB and use is not paid
for, 240 where it is, 292 in any case.
Reference: Bandcoin 5.1.1, allocate ("used by the receiver to prove its bandwidth grant").
"""

from wire.band import Band, read_band, write_band
from wire.cbor import Value
from wire.cose import Envelope, Unsigned, draft_envelope, read_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE, PROVIDER_ID_SIZE, PUBLIC_KEY_SIZE, PublicKey
from wire.keys import PrivateKey
from wire.qos import Qos, read_qos, write_qos
from wire.units import U32_MAX, U63_MAX

EXTERNAL = b"airgrant/grant/"
MAX_GRANT_BYTES = 292
POSITION_SIZE = 2
TRANSACTION_REFERENCE_SIZE = GRANT_ID_SIZE - POSITION_SIZE
"""Leading octets of the transaction id: enough to find it. Whoever finds two that share them has his second purchase
refused (docs/decisions/0030).
"""

_CONSUMER, _PROVIDER, _GRANT_ID, _EPOCH, _STARTS, _DURATION, _BAND, _QOS, _ALLOCATIONS = range(1, 10)


@dataclass(frozen=True, slots=True)
class Grant:
    """`consumer` may use `qos` x `allocations` at `provider_id` from `starts_s` (UTC) for `duration_s` seconds."""

    consumer: PublicKey
    provider_id: bytes
    grant_id: bytes
    """16 octets that name this grant in sessions and usage reports (`grant_id_of`)."""
    epoch: int
    starts_s: int
    duration_s: int
    band: Band
    qos: Qos
    allocations: int = 1

    @property
    def ends_s(self) -> int:
        return self.starts_s + self.duration_s

    @property
    def transaction(self) -> bytes:
        """The leading octets of the id of the purchase."""
        return self.grant_id[:TRANSACTION_REFERENCE_SIZE]

    @property
    def position(self) -> int:
        """Which of the purchase's consumers it is for, from 0."""
        return int.from_bytes(self.grant_id[TRANSACTION_REFERENCE_SIZE:], "big")

    @property
    def total_qos(self) -> Qos:
        return self.qos.times(self.allocations)


def grant_id_of(transaction_id: bytes, position: int = 0) -> bytes:
    """The id of the grant of a purchase's consumer at this position: different for each consumer of each purchase."""
    return transaction_id[:TRANSACTION_REFERENCE_SIZE] + position.to_bytes(POSITION_SIZE, "big")


def write_grant(grant: Grant, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    unsigned = draft_grant(grant, ledger.public, ledger_id)
    encoded = unsigned.join(ledger.sign(unsigned.message)).encoded
    assert len(encoded) <= MAX_GRANT_BYTES, f"grant of {len(encoded)} bytes"
    return encoded


def draft_grant(grant: Grant, ledger: PublicKey, ledger_id: bytes) -> Unsigned:
    """For whoever has many signed at once."""
    fields: dict[int | bytes | str, Value] = {
        _CONSUMER: grant.consumer.octets,
        _PROVIDER: grant.provider_id,
        _GRANT_ID: grant.grant_id,
        _EPOCH: grant.epoch,
        _STARTS: grant.starts_s,
        _DURATION: grant.duration_s,
        _BAND: write_band(grant.band),
        _QOS: write_qos(grant.qos),
    }
    if grant.allocations != 1:
        fields[_ALLOCATIONS] = grant.allocations
    return draft_envelope(fields, ledger, EXTERNAL + ledger_id)


def read_grant(data: bytes, ledger: PublicKey, ledger_id: bytes) -> Grant:
    """A verified grant. Raises DecodeError, VerificationError. Whether its time has come is for the caller, who has
    a clock.
    """
    envelope = read_envelope(data, MAX_GRANT_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    return parse_grant(envelope)


def parse_grant(envelope: Envelope) -> Grant:
    """The fields of a grant whose signature somebody else checks."""
    fields = FieldReader(envelope.payload, "grant")
    try:
        consumer = PublicKey(fields.octets(_CONSUMER, "consumer", PUBLIC_KEY_SIZE))
    except ValueError as error:
        raise fields.error(str(error)) from None
    grant = Grant(
        consumer=consumer,
        provider_id=fields.octets(_PROVIDER, "provider_id", PROVIDER_ID_SIZE),
        grant_id=fields.octets(_GRANT_ID, "grant_id", GRANT_ID_SIZE),
        epoch=fields.integer(_EPOCH, "epoch", minimum=1),
        starts_s=fields.integer(_STARTS, "starts_s", maximum=U63_MAX - U32_MAX),
        duration_s=fields.integer(_DURATION, "duration_s", 1, U32_MAX),
        band=read_band(fields, _BAND),
        qos=read_qos(fields, _QOS),
        allocations=fields.integer(_ALLOCATIONS, "allocations", 2, U32_MAX) if _ALLOCATIONS in fields else 1,
    )
    fields.finish()
    try:
        grant.qos.times(grant.allocations)  # so that `total_qos` of a grant that was read always is
    except DecodeError as error:
        raise fields.error(f"{grant.allocations} units are too many: {error}") from None
    return grant
