"""What the daemon costs a box while nothing happens: memory and processor with 100 sessions, in its own process.

Everything is real: kernel, broker, TPM (a software one where there is none), reports every ten seconds. Rows of
`make bench NAME=shaper`.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lab.air_side import air_side
from lab.bench.result import Figure
from lab.box import BoxSite, box_site, station_mac
from nas_tunnel.lobby import Joined
from wire.errors import ShellError
from wire.qos import Qos

SESSIONS = 100
WINDOW_S = 20.0
"""Two reports' worth: long against a tick of the processor's clock (10 ms), short enough to wait for."""
MB = 1_000_000
FLOOD = 20_000
"""Frames from as many stations: more than a channel carries in ten seconds."""
QOS = Qos(1_000_000, 10_000_000, 500_000, 5_000_000)


def box_figures(progress: Callable[[str], None]) -> list[Figure]:
    """Resident memory and idle processor time of `apd` with 100 sessions. Raises ShellError where it cannot run."""
    tpm = shutil.which("swtpm") is not None
    with tempfile.TemporaryDirectory() as folder:
        settings = "report_interval_s = 10\nidle_timeout_s = 0"
        with box_site(Path(folder), tpm=tpm, settings=settings) as site:
            progress(f"apd with {SESSIONS} sessions")
            site.start()
            site.wait_until_it_sells()
            _join_all(site)
            progress(f"apd left alone for {WINDOW_S:.0f} s")
            pid = site.process.process.pid
            cpu = _idle_cpu(pid)
            rss = _resident_bytes(pid)
    return [
        Figure(f"apd resident memory with {SESSIONS} sessions", rss / MB, "MB", 45, "lower"),
        Figure(f"apd idle processor time with {SESSIONS} sessions", 100 * cpu, "% of a core", 1, "lower"),
        *_air_figures(progress, tpm=tpm),
    ]


def _air_figures(progress: Callable[[str], None], *, tpm: bool) -> list[Figure]:
    """The same memory where it sells on the air, with a hostapd without a radio; and after a flood of frames."""
    settings = "report_interval_s = 10\nidle_timeout_s = 0"
    with (
        tempfile.TemporaryDirectory() as folder,
        box_site(Path(folder), tpm=tpm, settings=settings) as site,
        air_side(site, 'reference_throughput_bps = "1Gbit/s"') as air,
    ):
        progress(f"apd with {SESSIONS} sessions on the air")
        site.start()
        site.wait_until_it_sells()
        for number in range(1, SESSIONS + 1):
            air.vouch(site.grant(number, duration_s=3_600, qos=QOS), station_mac(number))
        _wait_for_air(site, "grants_known")
        for number in range(1, SESSIONS + 1):
            air.let_in(station_mac(number), str(site.consumer.public))
        _wait_for_air(site, "stations_served")
        pid = site.process.process.pid
        rss = _resident_bytes(pid)
        progress(f"apd under {FLOOD:,} hostile frames")
        began, before = time.monotonic(), _cpu_s(pid)
        for number in range(FLOOD):
            air.send_purchase(number.to_bytes(1_000, "big"), station_mac(number % 60_000))
        cpu = (_cpu_s(pid) - before) / (time.monotonic() - began)
        flooded = _resident_bytes(pid)
    what = f"{SESSIONS} sessions on the air"
    return [
        Figure(f"apd resident memory with {what}", rss / MB, "MB", 45, "lower"),
        Figure(
            f"apd resident memory with {what}, after {FLOOD:,} hostile frames",
            flooded / MB,
            "MB",
            47,
            "lower",
        ),
        Figure(
            "apd processor time while hostile frames flood the air", 100 * cpu, "% of a core", 25, "lower"
        ),
    ]


def _wait_for_air(site: BoxSite, name: str) -> None:
    site.process.wait_for(lambda: site.status()["air"][name] == SESSIONS, f"{SESSIONS} {name}", 60)


def _join_all(site: BoxSite) -> None:
    for number in range(1, SESSIONS + 1):
        answer = site.join(site.grant(number, duration_s=3_600, qos=QOS), station_mac(number))
        if not isinstance(answer, Joined):
            raise ShellError("apd", f"session {number}: {answer}")


def _idle_cpu(pid: int) -> float:
    """Processor seconds per second while nobody asks anything."""
    began, before = time.monotonic(), _cpu_s(pid)
    time.sleep(WINDOW_S)
    return (_cpu_s(pid) - before) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    """User and system time, of all threads (proc(5), stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_bytes(pid: int) -> int:
    """VmRSS (proc(5), status)."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1_024
    raise ShellError(f"process {pid}", "does not say its resident memory")
