"""The network: a provider's signed word on how a buyer joins, and whose key it will meet there.

Sent by a provider's box beside the offer, in the lobby and in the ANQP element that carries the offer. It closes the
chain from the ledger to the radio: the ledger signed the grant, the grant names the provider, the provider signed the
network, the network names the operator, and the operator's account key issued the certificate of the RADIUS server
(wire/account_certificate.py). `registration` is the ledger's word that it knows the operator (wire/registration.py);
empty, and left out, where the operator is the provider itself. With a `tariff` (wire/tariff.py) whoever has money in a
channel with that operator may join without a grant, and pay as it goes; it is an extension, label -1, which a device
that only knows grants passes over. Largest legal size 442 bytes.
Reference: IEEE 802.11-2020 clause 9.4.2.2 (an SSID is 0 to 32 octets of any kind; 0 would be the wildcard).
"""

from wire.cbor import Key, Value
from wire.cose import read_envelope, sign_envelope
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.ids import PUBLIC_KEY_SIZE, MacAddress, PublicKey
from wire.keys import PrivateKey
from wire.registration import MAX_REGISTRATION_BYTES
from wire.tariff import Tariff, tariff_of, write_tariff

EXTERNAL = b"airgrant/network"
MAX_NETWORK_BYTES = 442
MAX_SSID_BYTES = 32

_BSSID, _SSID, _OPERATOR, _EXPIRES, _REGISTRATION = range(1, 6)
_TARIFF = -1


@dataclass(frozen=True, slots=True)
class Network:
    """Buyers join `ssid` at `bssid` by EAP-TLS, where a server with a certificate of `operator` answers; until
    `expires_s` (UTC).
    """

    bssid: MacAddress
    ssid: bytes
    operator: PublicKey
    expires_s: int
    registration: bytes = b""
    tariff: Tariff | None = None

    def __post_init__(self) -> None:
        if not 1 <= len(self.ssid) <= MAX_SSID_BYTES:
            raise DecodeError(f"network: an ssid has 1 to {MAX_SSID_BYTES} bytes, not {len(self.ssid)}")
        if len(self.registration) > MAX_REGISTRATION_BYTES:
            size = len(self.registration)
            raise DecodeError(
                f"network: registration has {size} bytes, at most {MAX_REGISTRATION_BYTES} are accepted"
            )


def write_network(network: Network, provider: PrivateKey) -> bytes:
    fields: dict[Key, Value] = {
        _BSSID: network.bssid.octets,
        _SSID: network.ssid,
        _OPERATOR: network.operator.octets,
        _EXPIRES: network.expires_s,
    }
    if network.registration:
        fields[_REGISTRATION] = network.registration
    if network.tariff is not None:
        fields[_TARIFF] = write_tariff(network.tariff)
    return sign_envelope(fields, provider, EXTERNAL).encoded


def read_network(data: bytes, provider: PublicKey) -> Network:
    """A network that the provider signed. Raises DecodeError, VerificationError. Whether it has expired is for the
    caller, who has a clock.
    """
    envelope = read_envelope(data, MAX_NETWORK_BYTES)
    envelope.verify(provider, EXTERNAL)
    fields = FieldReader(envelope.payload, "network")
    try:
        operator = PublicKey(fields.octets(_OPERATOR, "operator", PUBLIC_KEY_SIZE))
    except ValueError as error:
        raise fields.error(str(error)) from None
    registration = b""
    if _REGISTRATION in fields:
        registration = fields.octets(_REGISTRATION, "registration", maximum=MAX_REGISTRATION_BYTES)
        if not registration:
            raise fields.error("registration is empty, and has to be left out")
    network = Network(
        bssid=MacAddress(fields.octets(_BSSID, "bssid", 6)),
        ssid=fields.octets(_SSID, "ssid", maximum=MAX_SSID_BYTES),
        operator=operator,
        expires_s=fields.integer(_EXPIRES, "expires_s"),
        registration=registration,
        tariff=tariff_of(fields.value(_TARIFF, "tariff")) if _TARIFF in fields else None,
    )
    fields.finish()
    return network
