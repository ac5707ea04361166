"""The signed offer that an access point shows to strangers: a price, before anybody associates.

Sent by a provider's box, in the lobby and in every carriage that has room for 160 bytes; signed by the provider,
whose key travels beside it. It repeats the binding part of the `offer` transaction on the ledger, names the basic
service set and expires, as nothing around it is authenticated. At most 160 bytes while rates and data cap stay below
4.29 Gbit/s and GB and use is not paid for, 180 where it is, 232 in any case.
"""

from wire.band import Band, read_band, write_band
from wire.cbor import Value
from wire.cose import Envelope, read_envelope, sign_envelope
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.qos import Qos, read_qos, write_qos
from wire.units import U32_MAX

EXTERNAL = b"airgrant/offer"
MAX_OFFER_BYTES = 232

_EPOCH, _PRICE, _DURATION, _BAND, _QOS, _BSSID, _EXPIRES = range(1, 8)


@dataclass(frozen=True, slots=True)
class Offer:
    """`price_ubc` buys one unit of `qos` for `allocation_duration_s`, from `bssid`, until `expires_s` (UTC)."""

    epoch: int
    price_ubc: int
    allocation_duration_s: int
    band: Band
    qos: Qos
    bssid: MacAddress
    expires_s: int


def write_offer(offer: Offer, provider: PrivateKey) -> bytes:
    fields: dict[int | bytes | str, Value] = {
        _EPOCH: offer.epoch,
        _PRICE: offer.price_ubc,
        _DURATION: offer.allocation_duration_s,
        _BAND: write_band(offer.band),
        _QOS: write_qos(offer.qos),
        _BSSID: offer.bssid.octets,
        _EXPIRES: offer.expires_s,
    }
    encoded = sign_envelope(fields, provider, EXTERNAL).encoded
    assert len(encoded) <= MAX_OFFER_BYTES, f"offer of {len(encoded)} bytes"
    return encoded


def read_offer(data: bytes, provider: PublicKey) -> Offer:
    """A verified offer. Raises DecodeError, VerificationError. Whether it has expired is for the caller, who has a
    clock.
    """
    envelope = read_envelope(data, MAX_OFFER_BYTES)
    envelope.verify(provider, EXTERNAL)
    return parse_offer(envelope)


def parse_offer(envelope: Envelope) -> Offer:
    """The fields of an offer whose signature somebody else checks."""
    fields = FieldReader(envelope.payload, "offer")
    offer = Offer(
        epoch=fields.integer(_EPOCH, "epoch", minimum=1),
        price_ubc=fields.integer(_PRICE, "price_ubc"),
        allocation_duration_s=fields.integer(_DURATION, "allocation_duration_s", 1, U32_MAX),
        band=read_band(fields, _BAND),
        qos=read_qos(fields, _QOS),
        bssid=MacAddress(fields.octets(_BSSID, "bssid", 6)),
        expires_s=fields.integer(_EXPIRES, "expires_s"),
    )
    fields.finish()
    return offer
