"""The clocks: the one place where the daemon reads the time."""

import time

from wire.units import Now


def read_clock() -> Now:
    """Nanoseconds since the machine started, and UTC milliseconds.

    The first goes on while the machine is suspended (CLOCK_BOOTTIME), as what was bought does; no step of the wall
    clock moves it.
    """
    return Now(mono_ns=time.clock_gettime_ns(time.CLOCK_BOOTTIME), utc_ms=time.time_ns() // 1_000_000)
