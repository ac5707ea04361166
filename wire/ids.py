"""Identifiers: what is named by how many octets, and how it looks in text.

Reference: MAC addresses and BSSIDs as IEEE 802-2014 clause 8 writes them; public keys as SEC 1 clause 2.3.3
compresses them.
"""

import hashlib
import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

PUBLIC_KEY_SIZE = 33
KEY_ID_SIZE = 8
PROVIDER_ID_SIZE = 16
GRANT_ID_SIZE = 16
TRANSACTION_ID_SIZE = 32
LEDGER_ID_SIZE = 32


@lru_cache(maxsize=4_096)
def _digest(octets: bytes) -> bytes:
    """A key is asked for its short names again and again."""
    return hashlib.sha256(octets).digest()


@dataclass(frozen=True, slots=True, order=True)
class PublicKey:
    """A compressed P-256 point, 33 octets: an account's name. Whether it lies on the curve is checked when it
    verifies.
    """

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != PUBLIC_KEY_SIZE or self.octets[0] not in (2, 3):
            raise ValueError(f"not a compressed P-256 public key: {self.octets[:36].hex() or 'empty'}")

    def __str__(self) -> str:
        return self.octets.hex()

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """From 66 hexadecimal digits. Raises ValueError."""
        if not re.fullmatch(r"0[23][0-9a-fA-F]{64}", text):
            raise ValueError(
                f"{text!r} is not an account: want 66 hexadecimal digits that begin with 02 or 03"
            )
        return cls(bytes.fromhex(text))

    @property
    def key_id(self) -> bytes:
        """The 8 octets by which envelopes name this key (RFC 9052 clause 3.1, kid)."""
        return _digest(self.octets)[:KEY_ID_SIZE]

    @property
    def provider_id(self) -> bytes:
        """The 16 octets by which a grant names its provider: long enough that no second key can be found for them."""
        return _digest(self.octets)[:PROVIDER_ID_SIZE]


@dataclass(frozen=True, slots=True, order=True)
class MacAddress:
    """A station's or a basic service set's EUI-48."""

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) != 6:
            raise ValueError(f"a MAC address has 6 octets, not {len(self.octets)}")

    def __str__(self) -> str:
        return self.octets.hex(":")

    @classmethod
    def parse(cls, text: str) -> "MacAddress":
        if not re.fullmatch(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", text):
            raise ValueError(f"{text!r} is not a MAC address such as 02:00:00:00:00:01")
        return cls(bytes.fromhex(text.replace(":", "").replace("-", "")))

    @property
    def is_group(self) -> bool:
        """A group (multicast or broadcast) address cannot be a station's."""
        return bool(self.octets[0] & 1)


Station = MacAddress | IPv4Address | IPv6Address
"""Who a session serves: a station of an access point by its EUI-48, a UE of a cell by its PDU session's address."""
STATION_SIZES = (4, 6, 16)
_LIMITED_BROADCAST = IPv4Address(0xFFFF_FFFF)


def station_octets(station: Station) -> bytes:
    """6 octets of a MAC address, 4 or 16 of an IP address: the length says which."""
    return station.octets if isinstance(station, MacAddress) else station.packed


def station_of(octets: bytes) -> Station:
    """The other way. Raises ValueError for what no station and no UE can have: a group address, one that is nobody's,
    and an IPv4 address that is written as an IPv6 one, so that each station has one name.
    """
    if len(octets) == 6:
        mac = MacAddress(octets)
        if mac.is_group:
            raise ValueError(f"{mac} is a group address")
        return mac
    if len(octets) not in STATION_SIZES:
        raise ValueError(f"has {len(octets)} bytes, not 4, 6 or 16")
    address = IPv4Address(octets) if len(octets) == 4 else IPv6Address(octets)
    if address.is_multicast or address.is_unspecified or address.is_loopback or address == _LIMITED_BROADCAST:
        raise ValueError(f"{address} is not one UE's address")
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError(f"{address} is an IPv4 address: write its 4 octets")
    return address


def parse_station(text: str) -> Station:
    """From `02:00:00:00:00:01`, `10.45.0.2` or `2001:db8::2`. Raises ValueError."""
    if re.fullmatch(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}", text):
        return station_of(MacAddress.parse(text).octets)
    try:
        address = IPv6Address(text) if ":" in text else IPv4Address(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a MAC address nor an IP address") from None
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        raise ValueError(
            f"{text!r} is neither a MAC address nor an IP address: a zone is this machine's own word"
        )
    return station_of(address.packed)
