"""What the daemon costs a box: memory, the time until it sells, the room that it takes, what it writes to flash.

Everything is real: kernel, broker with TLS, store, TPM (a software one where there is none), sessions that are metered,
reports every ten seconds. `make bench NAME=box` measures twenty sessions with the packages of two worlds, `box_figures`
a hundred, for `make bench NAME=shaper`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

from apd.version import VERSION
from lab.air_side import air_side
from lab.bench.box_flash import written_in
from lab.bench.reports import FEW_ROWS, FOLDER, GENESIS, kept_file, report
from lab.bench.result import Against, Figure
from lab.box import BoxSite, box_site, station_mac
from ledger.reports.trust import format_trust
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
ROOT = Path(__file__).resolve().parents[2]
DEBIAN = ROOT / "build" / "debian-root" / "usr" / "bin" / "python3"
"""Debian's Python with Debian's packages: one OpenSSL for all, where the wheel of `cryptography` brings its own."""
FEW = 20
UNIT = {"MALLOC_ARENA_MAX": "1"}
"""As in images/debian/airgrant-apd.service."""
GOALS_MB = {False: 30, True: 34}
"""Without and with a TPM."""
START_GOAL_S = 1.5
INSTALLED_GOAL_MB = 1.0
LIBRARY = "usr/lib/airgrant"
"""Of a package's root."""
FLASH_GOAL_MB = 20
CROWDS = (0, 3, 20)
LIBRARIES = """
import argparse, asyncio, ipaddress, json, logging, pathlib, secrets, sqlite3, ssl, tomllib
from apd.shells.lean_cryptography import import_cryptography
from apd.shells.lean_paho import import_paho
import_paho()
import_cryptography()
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives import hashes, serialization
ec.generate_private_key(ec.SECP256R1()).sign(b"", ec.ECDSA(hashes.SHA256()))
ssl.create_default_context()
"""
"""What a box has imported before a line of ours is."""


def run(progress: Callable[[str], None]) -> list[Figure]:
    """All figures of `make bench NAME=box`. Raises ShellError where it cannot run."""
    figures: list[Figure] = []
    for name, python in _pythons():
        for tpm in (False, True):
            progress(f"apd with {FEW} sessions on {name}, TPM {'on' if tpm else 'off'}")
            figures += _daemon(name, python, tpm=tpm)
        figures += _floor(name, python)
    progress("byte-code")
    figures += _installed()
    with tempfile.TemporaryDirectory(dir=ROOT / "build") as folder:  # on a disk, which /tmp need not be
        for sessions in CROWDS:
            progress(f"a day of records with {sessions} sessions")
            (place := Path(folder) / str(sessions)).mkdir()
            figures.append(_flash(place, sessions))
    return [*figures, *_rows(progress)]


def _pythons() -> Iterator[tuple[str, Path]]:
    yield "packages from wheels", Path(sys.executable)
    if DEBIAN.exists():
        yield "Debian's packages", DEBIAN


def _daemon(name: str, python: Path, *, tpm: bool) -> Iterator[Figure]:
    """The second start is the one that is timed: byte-code and pages are there, and sessions in the kernel."""
    settings = "report_interval_s = 10\nidle_timeout_s = 0"
    with tempfile.TemporaryDirectory() as folder, box_site(Path(folder), tpm=tpm, settings=settings) as site:
        _start(site, python)
        _join_all(site, FEW)
        site.process.stop()
        took_s = _start(site, python)
        site.process.wait_for(lambda: len(site.status()["sessions"]) == FEW, "the sessions again", 20)
        time.sleep(WINDOW_S)
        pid = site.process.process.pid
        rss, private = _resident_bytes(pid), _private_bytes(pid)
    what = f"{FEW} sessions, TPM {'on' if tpm else 'off'}, {name}"
    yield Figure(f"apd resident memory, {what}", rss / MB, "MB", GOALS_MB[tpm], "lower")
    yield Figure(f"of it shared with nobody, {what}", private / MB, "MB", None, "lower")
    yield Figure(f"start to serving offers, warm, {what}", took_s, "s", START_GOAL_S, "lower")


def _start(site: BoxSite, python: Path) -> float:
    """How long it took until the box sold."""
    words: list[str | Path] = [python, "-m", "apd", "run", site.config]
    began = time.monotonic()
    site.apd = site.household.start("apd", words, namespace=site.namespace, environment=UNIT)
    site.apd.wait_for_line('"ready"', 20)
    site.wait_until_it_sells()
    return time.monotonic() - began


def _floor(name: str, python: Path) -> Iterator[Figure]:
    """What is not ours of both: Python alone, and with the libraries that a box imports."""
    yield Figure(
        f"resident memory of Python alone, {name}", _resident_of(python, "") / MB, "MB", None, "lower"
    )
    bare = _resident_of(python, LIBRARIES)
    yield Figure(f"with all libraries, and nothing of ours, {name}", bare / MB, "MB", None, "lower")
    took_s, ours_s = _import_times(python)
    yield Figure(f"imports of apd, {name}", took_s, "s", None, "lower")
    yield Figure(f"of them modules of ours, {name}", ours_s, "s", None, "lower")


def _resident_of(python: Path, code: str) -> int:
    tell = "\nprint(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmRSS')))"
    return int(_python(python, "-c", code + tell).stdout) * 1_024


def _import_times(python: Path) -> tuple[float, float]:
    """Of everything, and of our modules without what they import themselves (-X importtime)."""
    said = _python(python, "-X", "importtime", "-c", f"{LIBRARIES}\n{DAEMON}").stderr
    rows = [line.removeprefix("import time:").split("|") for line in said.splitlines() if "|" in line]
    own = [(int(row[0]), row[2].strip().partition(".")[0]) for row in rows if row[0].strip().isdecimal()]
    ours = sum(took for took, package in own if package in {"apd", "wire", "nas_tunnel", "tc_shaper"})
    return sum(took for took, _ in own) / 1e6, ours / 1e6


DAEMON = """
import apd.__main__, apd.config, apd.daemon, apd.shells.control, apd.shells.meter, apd.shells.mqtt, apd.shells.store
import apd.shells.lobby_socket, tc_shaper.kernel
"""


def _python(python: Path, *words: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [python, *words], cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, **UNIT}
    )
    if done.returncode:
        raise ShellError(str(python), done.stderr.strip()[-300:])
    return done


def _installed() -> Iterator[Figure]:
    """Our modules as the packages for OpenWrt have them: a zip, of which a file system that compresses keeps all."""
    for package, what, goal in (
        ("airgrant-apd", "the base package", INSTALLED_GOAL_MB),
        ("airgrant-apd-cell", "the part for cells, which a router does not get", None),
    ):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder) / "root"
            words = ["images.openwrt.stage", package, "ipk", VERSION, "1", str(root), sys.executable]
            _python(Path(sys.executable), "-m", *words)
            size = (made := root / LIBRARY / f"{package}.zip").stat().st_size
            with zipfile.ZipFile(made) as modules:
                loose = sum(entry.file_size for entry in modules.infolist())
        beside = Against("as loose files", loose / MB)
        yield Figure(f"installed size of {what}, byte-code only", size / MB, "MB", goal, "lower", beside)


def _flash(folder: Path, sessions: int) -> Figure:
    written = written_in(folder, sessions)
    what = f"{sessions} sessions all day" if sessions else "nobody there"
    return Figure(
        f"flash writes of a day at default settings, {what}",
        written.octets / MB,
        "MB",
        FLASH_GOAL_MB,
        "lower",
    )


def _rows(progress: Callable[[str], None]) -> Iterator[Figure]:
    """A tenth of what `make bench NAME=reports` verifies."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = kept_file(FOLDER, FEW_ROWS, FEW, 0, progress)
    (trust := FOLDER / "trust.json").write_text(format_trust([GENESIS.ledger_id]))
    progress(f"verifying {FEW_ROWS:,} rows")
    ran = report("verify", [file], trust)
    yield Figure(f"{FEW_ROWS:,} session rows verified; a million in `reports`", ran.took_s, "s", 30, "lower")
    yield Figure("memory at its most for them", ran.peak_mb, "MB", None, "lower")


# ---- A hundred sessions


def box_figures(progress: Callable[[str], None]) -> list[Figure]:
    """Resident memory and idle processor time of `apd` with 100 sessions. Raises ShellError where it cannot run."""
    tpm = shutil.which("swtpm") is not None
    with tempfile.TemporaryDirectory() as folder:
        settings = "report_interval_s = 10\nidle_timeout_s = 0"
        with box_site(Path(folder), tpm=tpm, settings=settings) as site:
            progress(f"apd with {SESSIONS} sessions")
            site.start()
            site.wait_until_it_sells()
            _join_all(site, SESSIONS)
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


def _join_all(site: BoxSite, sessions: int) -> None:
    for number in range(1, sessions + 1):
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


def _private_bytes(pid: int) -> int:
    """Private_Clean and Private_Dirty (proc(5), smaps_rollup)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    return sum(
        int(line.split()[1]) * 1_024
        for line in lines
        if line.startswith("Private_") and "Hugetlb" not in line
    )
