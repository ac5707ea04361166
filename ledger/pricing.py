"""What a purchase costs: the paper's discounts as integer arithmetic, with every rounding named.

The k-th unit of a purchase costs price x multiplier^k, k counted from 0. Two roundings, both down, both in
the buyer's favour, and both the same on every machine:

- *power floor*: multiplier^k is held as an integer in units of 10^-18, and each multiplication by the
  multiplier drops what is finer;
- *item floor*: each unit's price drops what is below one micro-bandcoin, before the units are added up.

A series of periods adds up the periods; the unit price of a period is first discounted by its distance from
now (one more item floor). Without a discount the answer takes one multiplication; with one, as many steps as
there are units, which is why those are limited.
Reference: Bandcoin 5.1.2 (volume_discount,
reservation_discount); the closed form N units = price (1 - v^N) / (1 - v) is the limit that our sum stays
below by less than one micro-bandcoin per unit.
"""

from wire.units import PPM

POWER_SCALE = 10**18
"""A multiplier's power of 1. Holds 50,000 powers of 0.999999 with an error below one part in 10^12."""
MAX_DISCOUNTED_UNITS = 50_000
"""Units of one purchase at a volume discount: the largest bulk, some ten milliseconds of arithmetic."""


def multiplier_power(multiplier_ppm: int, exponent: int) -> int:
    """multiplier^exponent in units of 10^-18; `exponent` multiplications unless there is no discount."""
    power = POWER_SCALE
    if multiplier_ppm == PPM:
        return power
    for _ in range(exponent):
        if not power:
            break
        power = power * multiplier_ppm // PPM
    return power


def price_units(unit_price_ubc: int, units: int, volume_multiplier_ppm: int) -> int:
    """Total of `units` units in ubc. At most MAX_DISCOUNTED_UNITS when there is a discount."""
    if volume_multiplier_ppm == PPM:
        return unit_price_ubc * units
    assert units <= MAX_DISCOUNTED_UNITS, f"{units} discounted units"
    total, power = 0, POWER_SCALE
    for _ in range(units):
        item = unit_price_ubc * power // POWER_SCALE
        if not item:
            break
        total += item
        power = power * volume_multiplier_ppm // PPM
    return total


def price_series(
    unit_prices_ubc: list[int],
    first_ahead: int,
    units: int,
    volume_multiplier_ppm: int,
    reservation_multiplier_ppm: int,
) -> int:
    """Total of `units` units in each of consecutive periods, the first of them `first_ahead` periods after
    the current one.
    """
    power, total = multiplier_power(reservation_multiplier_ppm, first_ahead), 0
    for unit_price_ubc in unit_prices_ubc:
        total += price_units(unit_price_ubc * power // POWER_SCALE, units, volume_multiplier_ppm)
        power = power * reservation_multiplier_ppm // PPM
    return total
