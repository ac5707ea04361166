"""The `qos` of an offer or grant: what one allocation unit gets.

    [floor_down_bps, ceil_down_bps, floor_up_bps, ceil_up_bps, data_cap_bytes, latency_class, rate_layer]

Trailing items that have their default are left out, and must be. Down is towards the station.
Reference: Bandcoin 6.3 proposes the dictionary and a data cap; the rates are ours.
"""

from dataclasses import dataclass
from enum import IntEnum

from wire.cbor import Value
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.units import U63_MAX

MAX_RATE_BPS = 1_000_000_000_000
"""1 Tbit/s: beyond any radio, and far from overflow when multiplied by a number of units."""


class LatencyClass(IntEnum):
    """Which queue discipline the buyer asks for within its own rate."""

    BEST_EFFORT = 0
    INTERACTIVE = 1


class RateLayer(IntEnum):
    """At which layer a rate counts bytes."""

    IP = 0
    ETHERNET = 1


@dataclass(frozen=True, slots=True)
class Qos:
    """Rates in bit/s at `rate_layer`; a data cap of 0 means none, and counts both directions."""

    floor_down_bps: int
    ceil_down_bps: int
    floor_up_bps: int
    ceil_up_bps: int
    data_cap_bytes: int = 0
    latency_class: LatencyClass = LatencyClass.BEST_EFFORT
    rate_layer: RateLayer = RateLayer.IP

    def __post_init__(self) -> None:
        for direction, floor_bps, ceil_bps in (
            ("down", self.floor_down_bps, self.ceil_down_bps),
            ("up", self.floor_up_bps, self.ceil_up_bps),
        ):
            if not 0 <= floor_bps <= ceil_bps <= MAX_RATE_BPS or ceil_bps == 0:
                raise DecodeError(
                    f"qos: floor {floor_bps} and ceiling {ceil_bps} bit/s {direction} make no range"
                )
        if not 0 <= self.data_cap_bytes <= U63_MAX:
            raise DecodeError(f"qos: data cap {self.data_cap_bytes} is outside 0..{U63_MAX}")

    def times(self, units: int) -> "Qos":
        """What `units` allocation units get together. Raises DecodeError if that is beyond every limit."""
        return Qos(
            self.floor_down_bps * units,
            self.ceil_down_bps * units,
            self.floor_up_bps * units,
            self.ceil_up_bps * units,
            self.data_cap_bytes * units,
            self.latency_class,
            self.rate_layer,
        )


def write_qos(qos: Qos) -> Value:
    items: list[Value] = [qos.floor_down_bps, qos.ceil_down_bps, qos.floor_up_bps, qos.ceil_up_bps]
    items += [qos.data_cap_bytes, int(qos.latency_class), int(qos.rate_layer)]
    while len(items) > 4 and items[-1] == 0:
        items.pop()
    return items


def read_qos(fields: FieldReader, label: int) -> Qos:
    items = fields.integers(label, "qos", 4, 7)
    try:
        return qos_of(items)
    except DecodeError as error:
        raise fields.error(str(error)) from None


def qos_of(items: list[int]) -> Qos:
    """From the items of its array. Raises DecodeError."""
    if not 4 <= len(items) <= 7:
        raise DecodeError(f"qos: {len(items)} items, not 4 to 7")
    if len(items) > 4 and items[-1] == 0:
        raise DecodeError("qos ends in a default, which has to be left out")
    down_floor, down_ceil, up_floor, up_ceil, cap, latency, layer = items + [0] * (7 - len(items))
    try:
        return Qos(down_floor, down_ceil, up_floor, up_ceil, cap, LatencyClass(latency), RateLayer(layer))
    except ValueError as error:
        raise DecodeError(str(error)) from None
