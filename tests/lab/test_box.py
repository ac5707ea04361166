"""The site of one box alone, and how its process is measured. The site itself is used by tests/system/test_apd_*."""

import os
import sys
from pathlib import Path

import pytest

from lab.bench import box as bench
from lab.box import BOX_MAC, STATION_MAC, station_mac
from wire.errors import ShellError
from wire.ids import MacAddress


def test_station_1_is_the_one_with_a_cable_and_no_station_is_the_box():
    assert str(station_mac(1)) == STATION_MAC
    many = {station_mac(number) for number in range(1, 1_001)}
    assert len(many) == 1_000
    assert MacAddress.parse(BOX_MAC) not in many
    assert not any(mac.is_group for mac in many)


def test_processor_time_and_memory_are_those_of_the_kernel():
    before = bench._cpu_s(os.getpid())
    while bench._cpu_s(os.getpid()) == before:  # burn processor time until the kernel says so
        sum(range(10_000))
    times = os.times()
    assert abs(bench._cpu_s(os.getpid()) - times.user - times.system) < 0.1
    held = bytearray(os.urandom(1)) * 50_000_000
    assert bench._resident_bytes(os.getpid()) > len(held)
    assert len(held) < bench._private_bytes(os.getpid()) <= bench._resident_bytes(os.getpid())


def test_what_an_interpreter_takes_and_how_long_its_imports_do():
    here = Path(sys.executable)
    assert 5e6 < bench._resident_of(here, "") < bench._resident_of(here, bench.LIBRARIES) < 60e6
    took_s, ours_s = bench._import_times(here)
    assert 0 < ours_s < took_s < 20
    with pytest.raises(ShellError, match="ModuleNotFoundError"):
        bench._resident_of(here, "import nothing_of_that_name")
