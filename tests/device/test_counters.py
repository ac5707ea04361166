"""The kernel's counters as IP bytes, and counters that began anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from device.counters import Counters, Meter
from wire.errors import ShellError


def write(folder: Path, kind: int, tx: tuple[int, int], rx: tuple[int, int]) -> None:
    statistics = folder / "wlan0" / "statistics"
    statistics.mkdir(parents=True, exist_ok=True)
    (folder / "wlan0" / "type").write_text(f"{kind}\n")
    for name, (octets, packets) in (("tx", tx), ("rx", rx)):
        (statistics / f"{name}_bytes").write_text(f"{octets}\n")
        (statistics / f"{name}_packets").write_text(f"{packets}\n")


def test_ethernet_headers_are_no_traffic(tmp_path: Path) -> None:
    write(tmp_path, 1, (1_000, 10), (5_000, 10))
    meter = Meter("wlan0", tmp_path)
    write(tmp_path, 1, (1_114, 11), (8_028, 12))
    assert meter.read() == Counters(100, 3_000)
    assert meter.read() == Counters(100, 3_000)


def test_a_tunnel_has_none(tmp_path: Path) -> None:
    write(tmp_path, 65_534, (0, 0), (0, 0))
    meter = Meter("wlan0", tmp_path)
    write(tmp_path, 65_534, (100, 1), (200, 2))
    assert meter.read() == Counters(100, 200)


def test_counters_that_go_back_began_anew(tmp_path: Path) -> None:
    write(tmp_path, 65_534, (500, 5), (500, 5))
    meter = Meter("wlan0", tmp_path)
    write(tmp_path, 65_534, (900, 9), (700, 7))
    meter.read()
    write(tmp_path, 65_534, (30, 1), (40, 1))
    assert meter.read() == Counters(430, 240)


def test_the_real_loopback_counts() -> None:
    assert Meter("lo").read().up_bytes >= 0


def test_an_interface_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match="interface wlan0"):
        Meter("wlan0", tmp_path)
