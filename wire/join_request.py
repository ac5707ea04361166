"""A consumer's signed word to an access point: let this station use my grant, or stop.

Sent by the station in the lobby, next to the grant. The consumer's signature names the station, the basic service
set and the access point's challenge, so that it does not matter who carries it: replayed elsewhere or later it
admits nobody else. A station is its MAC address, 6 octets; a UE of a cell, which has none, is the IP address of its PDU
session, 4 or 16. Largest legal size 200 bytes.
"""

from enum import IntEnum

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import GRANT_ID_SIZE, MacAddress, PublicKey, Station, station_octets, station_of
from wire.keys import PrivateKey

EXTERNAL = b"airgrant/join"
MAX_JOIN_REQUEST_BYTES = 200
CHALLENGE_SIZE = 16

_PURPOSE, _GRANT, _STATION, _BSSID, _CHALLENGE = range(1, 6)


class JoinPurpose(IntEnum):
    """What is asked for."""

    JOIN = 1
    LEAVE = 2


@dataclass(frozen=True, slots=True)
class JoinRequest:
    """`station` is let in at `bssid`, or out; `challenge` is the access point's, 16 octets."""

    purpose: JoinPurpose
    grant_id: bytes
    station: Station
    bssid: MacAddress
    challenge: bytes


def write_join_request(request: JoinRequest, consumer: PrivateKey) -> bytes:
    fields: dict[Key, Value] = {
        _PURPOSE: int(request.purpose),
        _GRANT: request.grant_id,
        _STATION: station_octets(request.station),
        _BSSID: request.bssid.octets,
        _CHALLENGE: request.challenge,
    }
    return sign_envelope(fields, consumer, EXTERNAL).encoded


def read_join_request(data: bytes, consumer: PublicKey) -> JoinRequest:
    """A request that the consumer signed. Raises DecodeError, VerificationError."""
    envelope = read_envelope(data, MAX_JOIN_REQUEST_BYTES)
    envelope.verify(consumer, EXTERNAL)
    fields = FieldReader(envelope.payload, "join request")
    try:
        station = station_of(fields.octets(_STATION, "station", maximum=16))
    except ValueError as error:
        raise fields.error(f"station {error}") from None
    request = JoinRequest(
        purpose=JoinPurpose(fields.integer(_PURPOSE, "purpose", 1, 2)),
        grant_id=fields.octets(_GRANT, "grant_id", GRANT_ID_SIZE),
        station=station,
        bssid=MacAddress(fields.octets(_BSSID, "bssid", 6)),
        challenge=fields.octets(_CHALLENGE, "challenge", CHALLENGE_SIZE),
    )
    fields.finish()
    return request
