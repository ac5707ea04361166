"""An offer in the words of the Wireless Broadband Alliance, for operators who roam by OpenRoaming.

    WBA-Custom-SLA (17)           availability in percent, sustained bit/s per user in 24 bits: the offer's floor down
    WBA-Linear-Volume-Rate (15)   an ISO 4217 currency and nano-units of it for 1,024 bytes: only of an offer with a
                                  data cap, whose whole volume has a price, and at the rate of exchange that is given

Both may stand in an Access-Request, which the access point sends (operatord/hostapd.py), the SLA nowhere else. An offer
says more than either: a ceiling, a time, a guarantee with a refund. Vendor 14122. Pure.
Reference: github.com/wireless-broadband-alliance/RADIUS-VSA.
"""

import re
from collections.abc import Iterable

from wire.units import U32_MAX

VENDOR = 14_122
LINEAR_VOLUME_RATE, CUSTOM_SLA = 15, 17
MAX_SLA_BPS = 2**24 - 1
"""16.7 Mbit/s; a higher floor is said as this."""
KILOBYTE = 1_024


def write_custom_sla(floor_down_bps: int, availability_percent: int) -> bytes:
    """The attribute's value: 1 octet of percent, 3 of bit/s. Raises ValueError."""
    if not 0 <= availability_percent <= 100:
        raise ValueError(f"{availability_percent} % is no share of the time")
    return bytes([availability_percent]) + min(floor_down_bps, MAX_SLA_BPS).to_bytes(3, "big")


def write_linear_volume_rate(data_cap_bytes: int, price_ubc: int, currency: str, nanos_per_ubc: int) -> bytes:
    """The attribute's value: 3 letters, index 0, 32 bits of nano-units for a kilobyte, rounded up; empty if the offer
    has no volume, or if it costs more than 32 bits say. Raises ValueError.
    """
    if not re.fullmatch("[A-Z]{3}", currency):
        raise ValueError(f"{currency!r} is not a currency such as EUR (ISO 4217)")
    if not data_cap_bytes:
        return b""
    nanos = -(-price_ubc * nanos_per_ubc * KILOBYTE // data_cap_bytes)
    return currency.encode() + b"\0" + nanos.to_bytes(4, "big") if nanos <= U32_MAX else b""


def write_vendor_attributes(values: Iterable[tuple[int, bytes]]) -> list[bytes]:
    """Values of Vendor-Specific (26), one attribute each; empty values are left out. RFC 2865 clause 5.26."""
    return [
        VENDOR.to_bytes(4, "big") + bytes([number, 2 + len(value)]) + value
        for number, value in values
        if value
    ]
