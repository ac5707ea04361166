"""The admission: an operator's signed word to a box that a station was authenticated by the key in this grant.

Sent over the box's admission topic before the operator lets the RADIUS server accept, so that the box knows the grant
by the time the station is on the air. The grant inside is the ledger's and is verified for itself; what the operator
adds is who holds it, and what other access points of the provider have delivered on it. Largest legal size 440 bytes.
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.grant import MAX_GRANT_BYTES
from wire.ids import MacAddress, PublicKey
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/admission"
MAX_ADMISSION_BYTES = 440

_GRANT, _STATION, _BSSID, _USED, _EXPIRES = range(1, 6)


@dataclass(frozen=True, slots=True)
class Admission:
    """`grant` is the encoded grant (wire/grant.py); `used_bytes` were delivered on it elsewhere; the word counts for
    `station` at `bssid` until `expires_s` (UTC).
    """

    grant: bytes
    station: MacAddress
    bssid: MacAddress
    used_bytes: int
    expires_s: int

    def __post_init__(self) -> None:
        if not 1 <= len(self.grant) <= MAX_GRANT_BYTES:
            raise DecodeError(f"admission: a grant has 1 to {MAX_GRANT_BYTES} bytes, not {len(self.grant)}")
        if self.station.is_group:
            raise DecodeError(f"admission: station {self.station} is a group address")


def write_admission(admission: Admission, operator: PrivateKey) -> bytes:
    fields: dict[Key, Value] = {
        _GRANT: admission.grant,
        _STATION: admission.station.octets,
        _BSSID: admission.bssid.octets,
        _USED: admission.used_bytes,
        _EXPIRES: admission.expires_s,
    }
    return sign_envelope(fields, operator, EXTERNAL).encoded


def read_admission(data: bytes, operator: PublicKey) -> Admission:
    """An admission that the operator signed. Raises DecodeError, VerificationError. The grant inside is not verified,
    and whether either has expired is for the caller, who has a clock.
    """
    envelope = read_envelope(data, MAX_ADMISSION_BYTES)
    envelope.verify(operator, EXTERNAL)
    fields = FieldReader(envelope.payload, "admission")
    admission = Admission(
        grant=fields.octets(_GRANT, "grant", maximum=MAX_GRANT_BYTES),
        station=MacAddress(fields.octets(_STATION, "station", 6)),
        bssid=MacAddress(fields.octets(_BSSID, "bssid", 6)),
        used_bytes=fields.integer(_USED, "used_bytes"),
        expires_s=fields.integer(_EXPIRES, "expires_s"),
    )
    fields.finish()
    return admission
