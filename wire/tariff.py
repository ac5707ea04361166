"""The tariff of a metered session: what a minute and a megabyte cost, how often is paid, at which rates, and to where.

A part of the signed network (wire/network.py, label -1), so that a box says with one signature how a buyer joins, whose
server it meets, and that it may pay that operator as it goes. Not a message by itself. A device that only knows grants
passes over it. `terms_id` names tariff, operator and basic service set in every statement of a device's meter.

    [ per_minute_ubc, per_megabyte_ubc, interval_s,
      floor_down_bps, ceil_down_bps, floor_up_bps, ceil_up_bps, address, port ]

A minute is 60 s, a megabyte 1,000,000 IP bytes of both directions; both prices are added, and one may be 0. Address (4
or 16 octets) and UDP port are where the operator takes payments (wire/payment.py). Largest size 70 bytes.
Reference: Datanet 5.5.3 (".001c per minute"), 5.5.4 (".004c per MB").
"""

import hashlib
from ipaddress import IPv4Address, IPv6Address

from wire.cbor import Value, write_cbor
from wire.errors import DecodeError
from wire.fields import check_range
from wire.frozen import dataclass
from wire.ids import MacAddress
from wire.meter_statement import TERMS_ID_SIZE
from wire.qos import Qos
from wire.units import U32_MAX

PAYMENT_PORT = 18574
"""Beside the lobby's; a tariff says another if it is another."""
MAX_PRICE_UBC = U32_MAX
"""4,294 bandcoins for a minute or a megabyte: no amount of a session leaves 63 bits."""
MIN_INTERVAL_S, MAX_INTERVAL_S = 1, 3_600
"""Between payments. Below a second the radio is busier with paying than it has to be; above an hour nobody would call
it paying as you go."""
_ITEMS = 9
_DOMAIN = b"airgrant/metered-terms"


@dataclass(frozen=True, slots=True)
class Tariff:
    """`interval_s` seconds are paid ahead, again and again; `qos` is what is promised meanwhile, without a data cap."""

    per_minute_ubc: int
    per_megabyte_ubc: int
    interval_s: int
    qos: Qos
    address: IPv4Address | IPv6Address
    port: int = PAYMENT_PORT

    def __post_init__(self) -> None:
        check_range("tariff", "per_minute_ubc", self.per_minute_ubc, 0, MAX_PRICE_UBC)
        check_range("tariff", "per_megabyte_ubc", self.per_megabyte_ubc, 0, MAX_PRICE_UBC)
        check_range("tariff", "interval_s", self.interval_s, MIN_INTERVAL_S, MAX_INTERVAL_S)
        check_range("tariff", "port", self.port, 1, 65_535)
        if not self.per_minute_ubc and not self.per_megabyte_ubc:
            raise DecodeError("tariff: neither a minute nor a megabyte costs anything")
        if Qos(*_rates(self.qos)) != self.qos:
            raise DecodeError("tariff: its qos has rates in IP bytes and nothing else")


def write_tariff(tariff: Tariff) -> Value:
    return [
        tariff.per_minute_ubc, tariff.per_megabyte_ubc, tariff.interval_s, *_rates(tariff.qos),
        tariff.address.packed, tariff.port,
    ]  # fmt: skip


def tariff_of(value: Value) -> Tariff:
    """From the array. Raises DecodeError."""
    match value:
        case [*numbers, bytes(address), int(port)] if len(numbers) == _ITEMS - 2:
            pass
        case _:
            raise DecodeError(f"tariff: not an array of {_ITEMS} items that ends in address and port")
    whole = [
        number for number in (*numbers, port) if isinstance(number, int) and not isinstance(number, bool)
    ]
    if len(whole) != _ITEMS - 1:
        raise DecodeError("tariff: an item is not an integer")
    per_minute, per_megabyte, interval_s, *rates, port = whole
    down_floor, down_ceil, up_floor, up_ceil = rates
    qos = Qos(down_floor, down_ceil, up_floor, up_ceil)
    return Tariff(per_minute, per_megabyte, interval_s, qos, _address(address), port)


def terms_id(tariff: Tariff, instance: bytes, bssid: MacAddress) -> bytes:
    """8 octets that name what a device pays by: this tariff of this operator at this basic service set."""
    named = _DOMAIN + instance + bssid.octets + write_cbor(write_tariff(tariff))
    return hashlib.sha256(named).digest()[:TERMS_ID_SIZE]


def _rates(qos: Qos) -> tuple[int, int, int, int]:
    return qos.floor_down_bps, qos.ceil_down_bps, qos.floor_up_bps, qos.ceil_up_bps


def _address(octets: bytes) -> IPv4Address | IPv6Address:
    if len(octets) == 4:
        return IPv4Address(octets)
    if len(octets) != 16:
        raise DecodeError(f"tariff: an address has 4 or 16 bytes, not {len(octets)}")
    address = IPv6Address(octets)
    if address.ipv4_mapped is not None:
        raise DecodeError(f"tariff: {address} is an IPv4 address: write its 4 octets")
    return address
