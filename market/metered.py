"""What a metered session costs, what is due when, and the rule for two meters that disagree. Both sides compute by it.

Time is cut into intervals, numbered from 0, and each is paid while it runs. *An increment* is the most that one
interval can cost, and all that either side risks (or as many as an operator configures to bear).

    due for interval n = cost of n + 1 intervals + cost of (bytes until now + the most bytes of one interval)

    0    1/8   1/4        1/2        3/4         1     of an interval
    asks whether the operator is there    |      |
               pays, once it was seen to be served; the first interval at once
                          gives up: stops paying |
                                     missed: the operator stops serving

A device that pays after a quarter has had that quarter, and has seen service an eighth ago: what is still to come and
what it may have missed are at most one increment. The operator waits for three quarters; a Disconnect takes seconds.

*Which meter counts.* The device's count is the price, as only the device can sign; nobody is ever believed against his
own meter, he stops. The operator compares: a statement that is below what the access point had counted **before** it,
less 3 % and 20,000 bytes, disagrees (3 % is the Wireless Broadband Alliance's criterion for accounting; EAPOL, ARP and
DHCP are the 20,000), and so does use by that count that was not paid. A count of the device above the access point's is
its own affair. Clocks may differ by 0.1 %: crystals do by 0.01 %. Differences within the tolerances are the price.
Every division here rounds up, once, over the whole session. Pure; integers.
Reference: Datanet 5.5.3 and 5.5.4; docs/decisions/0034.
"""

from wire.tariff import Tariff
from wire.units import PPM

MINUTE_S = 60
MEGABYTE = 1_000_000
METER_TOLERANCE_PPM = 30_000
METER_SLACK_BYTES = 20_000
CLOCK_TOLERANCE_PPM = 1_000
PAY_AT, GIVE_UP_AT, MISSED_AT = 2, 4, 6
"""Eighths of an interval."""
GOODWILL_PPM = 10_000
"""Of what a channel has paid: so much of unpaid use is borne besides an increment, over all of its sessions."""


def time_cost_ubc(tariff: Tariff, intervals: int) -> int:
    """Of so many whole intervals."""
    return _up(tariff.per_minute_ubc * intervals * tariff.interval_s, MINUTE_S)


def bytes_cost_ubc(tariff: Tariff, ip_bytes: int) -> int:
    """Of so many IP bytes, both directions together."""
    return _up(tariff.per_megabyte_ubc * ip_bytes, MEGABYTE)


def cost_ubc(tariff: Tariff, intervals: int, ip_bytes: int) -> int:
    """Of what was had."""
    return time_cost_ubc(tariff, intervals) + bytes_cost_ubc(tariff, ip_bytes)


def part_cost_ubc(tariff: Tariff, elapsed_ms: int, ip_bytes: int) -> int:
    """Of so much time, which need not be whole intervals: what was had, for whoever looks back."""
    return _up(tariff.per_minute_ubc * elapsed_ms, MINUTE_S * 1_000) + bytes_cost_ubc(tariff, ip_bytes)


def most_bytes(tariff: Tariff) -> int:
    """What the ceilings let through in one interval, both directions."""
    return _up((tariff.qos.ceil_down_bps + tariff.qos.ceil_up_bps) * tariff.interval_s, 8)


def increment_ubc(tariff: Tariff) -> int:
    """The most that one interval can cost."""
    return cost_ubc(tariff, 1, most_bytes(tariff))


def due_ubc(tariff: Tariff, interval: int, ip_bytes: int) -> int:
    """What has to be paid in a session for interval number `interval`, when `ip_bytes` have been had until then.

    It is at most one increment above the cost of what was had: (a + b) rounded up is at most a and b rounded up.
    """
    return cost_ubc(tariff, interval + 1, ip_bytes + most_bytes(tariff))


def least_agreed_bytes(counted_bytes: int) -> int:
    """The least that a device may say when the access point had counted so many before."""
    return max(0, counted_bytes - _up(counted_bytes * METER_TOLERANCE_PPM, PPM) - METER_SLACK_BYTES)


def eighths_ms(tariff: Tariff, eighths: int) -> int:
    """So many eighths of an interval."""
    return tariff.interval_s * 125 * eighths


def deadline_ms(tariff: Tariff, interval: int) -> int:
    """Milliseconds after the session's beginning when the payment for this interval is missed."""
    begins_ms = interval * tariff.interval_s * 1_000
    return begins_ms + _up(begins_ms * CLOCK_TOLERANCE_PPM, PPM) + eighths_ms(tariff, MISSED_AT)


def goodwill_ubc(tariff: Tariff, missed_allowed: int, paid_ubc: int) -> int:
    """Unpaid use that an operator bears from one channel, over all of its sessions, before it lets nobody in by it."""
    return missed_allowed * increment_ubc(tariff) + paid_ubc * GOODWILL_PPM // PPM


def _up(dividend: int, divisor: int) -> int:
    return -(-dividend // divisor)
