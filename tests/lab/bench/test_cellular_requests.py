"""What a client measures against a gNB that answers slowly, and one that goes away."""

from __future__ import annotations

import asyncio

import pytest

from lab.bench.cellular import gnb_process
from lab.bench.cellular_requests import _measure, measure_requests
from lab.ran.gnb_process import new_cell
from lab.ran.gnb_simulator import GnbSettings, running_gnb
from wire.errors import ShellError


def test_a_slow_gnb_is_seen_as_slow() -> None:
    async def whole() -> tuple[float, ...]:
        settings = GnbSettings(reply_delay_s=0.05, du_report_period_ms=50)
        async with running_gnb(lambda: new_cell(1, 0, still=True), settings) as gnb:
            seen = await asyncio.wait_for(_measure("127.0.0.1", gnb.port, 4, 4), 20)
            return seen.round_trips_s

    assert min(asyncio.run(whole())) >= 0.05


def test_nobody_there_is_an_error() -> None:
    with gnb_process("--slots", "1", "--others", "0") as port:
        pass
    with pytest.raises(ShellError, match="gNB"):
        measure_requests("127.0.0.1", port, 1)
