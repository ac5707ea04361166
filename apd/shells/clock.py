"""The clocks: the one place where the daemon reads the time."""

import time

from wire.units import Now


def read_clock() -> Now:
    """Monotonic nanoseconds and UTC milliseconds."""
    return Now(mono_ns=time.monotonic_ns(), utc_ms=time.time_ns() // 1_000_000)
