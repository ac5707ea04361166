"""The ledger's signed word on a provider's current offer: what a box advertises and sells by.

Sent by the ledger, retained at the broker, whenever the offer or the units left change. The newest `height` counts.
Reference: Bandcoin 5.1.4. Largest legal size 400 bytes.
"""

from wire.band import Band, read_band, write_band
from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.create import read_public_key
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PublicKey
from wire.keys import PrivateKey
from wire.qos import Qos, read_qos, write_qos
from wire.units import U32_MAX

EXTERNAL = b"airgrant/offer-state/"
MAX_OFFER_STATE_BYTES = 400

_PROVIDER, _HEIGHT, _EPOCH, _PRICE, _BAND, _DURATION, _QOS, _LEFT = range(1, 9)


@dataclass(frozen=True, slots=True)
class OfferState:
    """`allocations_left` units of the offer `epoch` may still be bought on the spot, as of block `height`."""

    provider: PublicKey
    height: int
    epoch: int
    price_ubc: int
    band: Band
    allocation_duration_s: int
    qos: Qos
    allocations_left: int


def write_offer_state(state: OfferState, ledger: PrivateKey, ledger_id: bytes) -> bytes:
    fields: dict[Key, Value] = {
        _PROVIDER: state.provider.octets,
        _HEIGHT: state.height,
        _EPOCH: state.epoch,
        _PRICE: state.price_ubc,
        _BAND: write_band(state.band),
        _DURATION: state.allocation_duration_s,
        _QOS: write_qos(state.qos),
        _LEFT: state.allocations_left,
    }
    return sign_envelope(fields, ledger, EXTERNAL + ledger_id).encoded


def read_offer_state(data: bytes, ledger: PublicKey, ledger_id: bytes) -> OfferState:
    """A verified state. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_OFFER_STATE_BYTES)
    envelope.verify(ledger, EXTERNAL + ledger_id)
    fields = FieldReader(envelope.payload, "offer state")
    state = OfferState(
        provider=read_public_key(fields, _PROVIDER, "provider"),
        height=fields.integer(_HEIGHT, "height"),
        epoch=fields.integer(_EPOCH, "epoch", minimum=1),
        price_ubc=fields.integer(_PRICE, "price_ubc"),
        band=read_band(fields, _BAND),
        allocation_duration_s=fields.integer(_DURATION, "allocation_duration_s", 1, U32_MAX),
        qos=read_qos(fields, _QOS),
        allocations_left=fields.integer(_LEFT, "allocations_left", 0, U32_MAX),
    )
    fields.finish()
    return state
