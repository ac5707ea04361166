"""Both clocks, as the kernel has them."""

import time

from apd.shells.clock import read_clock


def test_it_is_the_time_since_the_machine_started_and_utc():
    before = (time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)
    now = read_clock()
    after = (time.clock_gettime_ns(time.CLOCK_BOOTTIME), time.time_ns() // 1_000_000)
    assert before[0] <= now.mono_ns <= after[0]
    assert before[1] <= now.utc_ms <= after[1]
