"""A station as the kernel's 802.11 dumps it, as a value.

In: the attributes of one NL80211_CMD_NEW_STATION answer. Out: a measurement, or None for what is no station. What the
driver does not count is 0. Counters are of 64 bits where the kernel has them so.
Reference: Linux include/uapi/linux/nl80211.h (nl80211_sta_info, nl80211_rate_info).
"""

from collections.abc import Mapping

from apd.airtime import StationMeasurement
from tc_shaper.attributes import read_attributes
from wire.ids import MacAddress

_MAC, _STA_INFO = 6, 21
_RX_BYTES, _TX_BYTES, _SIGNAL, _TX_BITRATE, _RX_PACKETS, _TX_PACKETS = 2, 3, 7, 8, 9, 10
_TX_FAILED, _RX_BITRATE, _RX_BYTES64, _TX_BYTES64, _EXPECTED_THROUGHPUT = 12, 14, 23, 24, 27
_BITRATE16, _BITRATE32 = 1, 5
_RATE_UNIT_BPS = 100_000
_EXPECTED_UNIT_BPS = 1_000


def read_station(attributes: bytes) -> StationMeasurement | None:
    """`attributes` is the message behind its generic header. Never raises."""
    found = read_attributes(attributes)
    address, info = found.get(_MAC, b""), read_attributes(found.get(_STA_INFO, b""))
    if len(address) != 6 or _STA_INFO not in found:
        return None
    signal = int.from_bytes(info.get(_SIGNAL, b"")[:1], "little", signed=True)
    return StationMeasurement(
        MacAddress(address),
        tx_rate_bps=_rate_bps(info, _TX_BITRATE),
        rx_rate_bps=_rate_bps(info, _RX_BITRATE),
        expected_bps=_number(info, _EXPECTED_THROUGHPUT) * _EXPECTED_UNIT_BPS,
        signal_dbm=signal,
        tx_bytes=_number(info, _TX_BYTES64) or _number(info, _TX_BYTES),
        tx_frames=_number(info, _TX_PACKETS),
        rx_bytes=_number(info, _RX_BYTES64) or _number(info, _RX_BYTES),
        rx_frames=_number(info, _RX_PACKETS),
        tx_failed=_number(info, _TX_FAILED),
    )


def _rate_bps(info: Mapping[int, bytes], kind: int) -> int:
    rate = read_attributes(info.get(kind, b""))
    return (_number(rate, _BITRATE32) or _number(rate, _BITRATE16)) * _RATE_UNIT_BPS


def _number(attributes: Mapping[int, bytes], kind: int) -> int:
    """Of however many octets: the machine's own order, which is little on everything that has a radio and us."""
    return int.from_bytes(attributes.get(kind, b"")[:8], "little")
