"""What FreeRADIUS asks before it accepts: JSON text in, an `AuthoriseRequest` or DecodeError out.

The issuer's name comes from a certificate that FreeRADIUS verified against the trust directory; the subject is the
device's own choice and decides nothing. The address is that of the RADIUS client, whose secret was right.
Reference: RFC 3580 clause 3.20 (Called-Station-Id is BSSID:SSID) and 3.21.
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wire.account_certificate import parse_account
from wire.errors import DecodeError
from wire.fields import format_value
from wire.ids import MacAddress, PublicKey

BSSID_CHARACTERS = 17


@dataclass(frozen=True, slots=True)
class AuthoriseRequest:
    """A station that proved to hold the key of `account` asks, through `box`, to join at `bssid`.

    `box` is who the access point says it is, `address` from where its packet came.
    """

    account: PublicKey
    station: MacAddress
    bssid: MacAddress
    box: str
    address: str


def read_authorise_request(page: object) -> AuthoriseRequest:
    """From the JSON of POST /v1/authorise. Raises DecodeError."""
    if not isinstance(page, Mapping):
        raise DecodeError("authorise: the request is not an object")
    return AuthoriseRequest(
        account=parse_account(_text(page, "issuer")),
        station=parse_station(_text(page, "station")),
        bssid=parse_station(_text(page, "called_station")[:BSSID_CHARACTERS]),
        box=_text(page, "nas_identifier"),
        address=parse_address(_text(page, "address")),
    )


def parse_address(text: str) -> str:
    """The IP address that FreeRADIUS says a packet came from, as the settings have it. Raises DecodeError."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError as error:
        raise DecodeError(f"RADIUS: {error}") from None


def parse_station(text: str) -> MacAddress:
    """One station's or access point's address, no group's. Raises DecodeError."""
    try:
        address = MacAddress.parse(text)
    except ValueError as error:
        raise DecodeError(f"RADIUS: {error}") from None
    if address.is_group:
        raise DecodeError(f"RADIUS: {address} is a group's address")
    return address


def _text(page: Mapping[str, Any], name: str) -> str:
    value = page.get(name)
    if not isinstance(value, str) or not value:
        raise DecodeError(f"authorise: {name} is {format_value(value)}, not a text")
    return value
