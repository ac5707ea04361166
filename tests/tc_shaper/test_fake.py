"""What a test can order from the shaper's twin. That it acts as the real one: tests/system/test_shaper_contract.py."""

from dataclasses import replace

import pytest

from tc_shaper.fake import FakeKernel, FakeShaper
from tc_shaper.settings import ShaperSettings
from tc_shaper.tree import FIRST_SLOT, Direction, SessionShape
from wire.errors import ConfigError, ShellError
from wire.ids import MacAddress

SETTINGS = ShaperSettings(interface="wlan0", downlink_capacity_bps=50_000_000, uplink_capacity_bps=50_000_000)
STATION = MacAddress.parse("02:00:00:00:00:01")
SHAPE = SessionShape(FIRST_SLOT, STATION, 1_000_000, 1_000_000, 1_000_000, 1_000_000)


@pytest.fixture
def shaper():
    made = FakeShaper(SETTINGS)
    made.set_up()
    return made


def test_packets_carried_are_metered_and_drops_are_not_delivered(shaper):
    shaper.install(SHAPE)
    shaper.carry(Direction.UP, STATION, packets=10, packet_bytes=100, dropped_packets=3)
    (counters,) = shaper.read_counters()
    up = counters.up
    assert (up.offered_bytes, up.delivered_bytes, up.dropped_packets) == (1_000, 700, 3)
    assert counters.down.offered_bytes == 0


def test_packets_of_a_stranger_are_not_counted(shaper):
    shaper.carry(Direction.UP, STATION, packets=10)
    assert shaper.read_counters() == []


def test_a_fault_on_order_happens_once_and_changes_nothing(shaper):
    shaper.fail_next("install")
    with pytest.raises(ShellError, match="ENOBUFS"):
        shaper.install(SHAPE)
    assert shaper.sessions() == {}
    shaper.install(SHAPE)
    assert shaper.sessions() == {FIRST_SLOT: STATION}


def test_the_kernel_outlives_the_daemon(shaper):
    shaper.install(SHAPE)
    shaper.carry(Direction.DOWN, STATION, packets=2)
    again = FakeShaper(SETTINGS, shaper.kernel)
    again.set_up()
    assert again.read_counters() == shaper.read_counters()


def test_time_ends_what_nobody_removed_and_a_restart_sweeps_the_rest(shaper):
    shaper.install(replace(SHAPE, lifetime_s=10))
    shaper.pass_time(10 + SETTINGS.grace_s - 1)
    assert shaper.sessions() == {FIRST_SLOT: STATION}
    shaper.pass_time(1)
    assert shaper.sessions() == {}
    again = FakeShaper(SETTINGS, shaper.kernel)
    again.set_up()
    again.install(SHAPE)
    again.pass_time(10**9)
    assert again.sessions() == {FIRST_SLOT: STATION}


def test_offload_is_refused_at_set_up():
    with pytest.raises(ConfigError, match="wlan0: flow offload"):
        FakeShaper(SETTINGS, FakeKernel(offloaded="flow offload is on")).set_up()


def test_calls_are_kept_for_who_wants_to_know(shaper):
    shaper.install(SHAPE)
    shaper.remove(FIRST_SLOT, STATION)
    assert shaper.calls == ["set_up", "install", "remove"]
