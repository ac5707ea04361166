"""What every test may ask for, and what none may leave behind.

A system test that finds its world incomplete skips and says what is missing; with CI=true in the environment the same
is an error, so that a green run there has run everything.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A busy machine makes no test fail: what is given stays as it is, also the profile that Hypothesis has for CI.
settings.register_profile(
    "airgrant", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("airgrant")

ROOT = Path(__file__).resolve().parent.parent
IN_SANDBOX = os.environ.get("AIRGRANT_SANDBOX") == "1"
RECURSION_LIMIT = sys.getrecursionlimit()
MUST_RUN_EVERYTHING = os.environ.get("CI", "").lower() in {"1", "true"}


def missing(what: str) -> None:
    """Skip this test because the machine lacks `what`; an error where everything must run (CI=true)."""
    if MUST_RUN_EVERYTHING:
        pytest.fail(f"CI=true, and this machine lacks {what}", pytrace=False)
    pytest.skip(f"this machine lacks {what}")


def pytest_collection_finish() -> None:
    """py_ecc raises the limit to 100,000 when it is imported: then deep JSON ends the interpreter."""
    sys.setrecursionlimit(RECURSION_LIMIT)


@pytest.fixture(autouse=True)
def _only_in_the_sandbox(request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("system") and not IN_SANDBOX:
        missing("the sandbox: run `make test`, or `lab/sandbox.sh .venv/bin/pytest`")


@pytest.fixture
def needs() -> Callable[..., None]:
    """`needs("swtpm", "nft")` skips aloud unless all these programs are installed."""

    def check(*programs: str) -> None:
        path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
        absent = [program for program in programs if shutil.which(program, path=path) is None]
        if absent:
            missing(f"{', '.join(absent)}: run lab/set-up.sh")

    return check


@pytest.fixture(scope="session")
def build_dir() -> Path:
    """The folder for what tests leave for people to look at: `build/tests`."""
    folder = ROOT / "build" / "tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def go_program() -> Callable[[str], Path]:
    """`go_program("nas-oracle")` is a program of the table in lab/go.sh, which builds it where there is a network."""

    def find(name: str) -> Path:
        built = subprocess.run(
            [ROOT / "lab" / "go.sh", "build", name], check=False, capture_output=True, text=True
        )
        if built.returncode:
            missing(f"the Go program {name}: {built.stderr.strip()}")
        return ROOT / "build" / "go" / "bin" / name

    return find


@pytest.fixture(scope="session")
def evm_contracts() -> None:
    """The Solidity contracts and an EVM node are there; lab/evm.sh gets them where there is a network."""
    built = subprocess.run([ROOT / "lab" / "evm.sh", "build"], check=False, capture_output=True, text=True)
    if built.returncode:
        missing(f"the EVM node or its contracts: {built.stderr.strip()}")


@pytest.fixture
def free_port() -> Callable[..., int]:
    """`free_port()` is a TCP port of this host that nobody listens on; `free_port(socket.SOCK_DGRAM)` a UDP one.

    The kernel gives a different one each time until it has been round, so the port stays free long enough to be bound.
    """

    def find(kind: socket.SocketKind = socket.SOCK_STREAM, host: str = "127.0.0.1") -> int:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family, kind) as probe:
            probe.bind((host, 0))
            return int(probe.getsockname()[1])

    return find


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`eventually(fact, "the broker answers")` waits until `fact()` is true, and fails at the deadline."""

    def wait(fact: Callable[[], object], what: str, deadline_s: float = 10.0) -> None:
        deadline = time.monotonic() + deadline_s
        while not fact():
            if time.monotonic() > deadline:
                pytest.fail(f"not within {deadline_s} s: {what}", pytrace=False)
            time.sleep(0.01)

    return wait


@pytest.fixture
def run_async() -> Callable[..., object]:
    """`run_async(coroutine)` runs it to its end, and fails if it leaves a task running behind."""

    def run(coroutine: object) -> object:
        return asyncio.run(_and_no_task_left(coroutine))

    return run


async def _and_no_task_left(coroutine: object) -> object:
    result = await coroutine  # type: ignore[misc]  # object: the caller knows what it gave
    left = asyncio.all_tasks() - {asyncio.current_task()}
    assert not left, f"tasks left running: {', '.join(sorted(repr(task.get_coro()) for task in left))}"
    return result


@pytest.fixture(autouse=True)
def _no_child_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """A process that a test started has ended when the test ends."""
    before = _children()
    yield
    left = _children() - before
    assert not left, f"child processes left running: {', '.join(map(_command_line, sorted(left)))}"


def _children() -> set[int]:
    """Processes whose parent is this one. /proc/PID/task/TID/children would be quicker, and may leave some out."""
    ours, found = str(os.getpid()), set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = stat.read_text().rpartition(")")[2].split()[1]
        except OSError:  # it just ended
            continue
        if parent == ours:
            found.add(int(stat.parent.name))
    return found


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return f"process {pid}"
