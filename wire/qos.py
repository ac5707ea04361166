"""The `qos` of an offer or grant: what one allocation unit gets.

    [floor_down_bps, ceil_down_bps, floor_up_bps, ceil_up_bps, data_cap_bytes, latency_class, rate_layer,
     included_bytes, step_bytes, price_ubc, most_ubc]

Trailing items that have their default are left out, and must be; the last four, the terms on which use beyond
`included_bytes` is paid afterwards (wire/usage_terms.py), are there together or not at all. Whoever does not know them
refuses eleven items: nobody buys on terms that he was not shown. Down is towards the station.
Reference: Bandcoin 6.3 proposes the dictionary, a data cap and post-payments; the rates are ours.
"""

from enum import IntEnum

from wire.cbor import Value
from wire.errors import DecodeError
from wire.fields import FieldReader
from wire.frozen import dataclass
from wire.units import U63_MAX
from wire.usage_terms import USAGE_ITEMS, UsageTerms, usage_terms_of, write_usage_terms

MAX_RATE_BPS = 1_000_000_000_000
"""1 Tbit/s: beyond any radio, and far from overflow when multiplied by a number of units."""
_MOST_ITEMS = 7
"""Without usage terms."""
MAX_QOS_ITEMS = _MOST_ITEMS + USAGE_ITEMS


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
    """Rates in bit/s at `rate_layer`; a data cap of 0 means none, and counts both directions. `usage`: what use beyond
    what is included costs; None if nothing does.
    """

    floor_down_bps: int
    ceil_down_bps: int
    floor_up_bps: int
    ceil_up_bps: int
    data_cap_bytes: int = 0
    latency_class: LatencyClass = LatencyClass.BEST_EFFORT
    rate_layer: RateLayer = RateLayer.IP
    usage: UsageTerms | None = None

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
        if self.usage is not None and 0 < self.data_cap_bytes <= self.usage.included_bytes:
            raise DecodeError(
                f"qos: {self.usage.included_bytes} bytes are included, and the data cap is {self.data_cap_bytes}: "
                "nothing could ever be charged"
            )

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
            None if self.usage is None else self.usage.times(units),
        )


def write_qos(qos: Qos) -> Value:
    items: list[Value] = [qos.floor_down_bps, qos.ceil_down_bps, qos.floor_up_bps, qos.ceil_up_bps]
    items += [qos.data_cap_bytes, int(qos.latency_class), int(qos.rate_layer)]
    if qos.usage is not None:
        items += write_usage_terms(qos.usage)
    while len(items) > 4 and items[-1] == 0:
        items.pop()
    return items


def read_qos(fields: FieldReader, label: int) -> Qos:
    items = fields.integers(label, "qos", 4, MAX_QOS_ITEMS)
    try:
        return qos_of(items)
    except DecodeError as error:
        raise fields.error(str(error)) from None


def qos_of(items: list[int]) -> Qos:
    """From the items of its array. Raises DecodeError."""
    if not 4 <= len(items) <= _MOST_ITEMS and len(items) != MAX_QOS_ITEMS:
        raise DecodeError(f"qos: {len(items)} items, not 4 to {_MOST_ITEMS} or {MAX_QOS_ITEMS}")
    if len(items) > 4 and items[-1] == 0:
        raise DecodeError("qos ends in a default, which has to be left out")
    down_floor, down_ceil, up_floor, up_ceil, cap, latency, layer = (items + [0] * _MOST_ITEMS)[:_MOST_ITEMS]
    usage = usage_terms_of(items[_MOST_ITEMS:]) if len(items) > _MOST_ITEMS else None
    try:
        kinds = LatencyClass(latency), RateLayer(layer)
        return Qos(down_floor, down_ceil, up_floor, up_ceil, cap, *kinds, usage)
    except ValueError as error:
        raise DecodeError(str(error)) from None
