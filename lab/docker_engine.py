"""A Docker engine of the lab's own, in a namespace of its sandbox: builds and runs images, and leaves nothing behind.

For tests of container images. The engine is Debian's, its images are kept in build/containers/engine from run to run,
its bridges and rules are in the namespace that it is given, its mounts in a mount namespace. It needs real root and
control groups. There is no network beyond the namespace.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace
from lab.processes import Child, Household
from wire.errors import ShellError

ROOT = Path(__file__).resolve().parent.parent
RECIPES = ROOT / "images" / "containers"
FETCHED = ROOT / "build" / "containers"
START_DEADLINE_S = 120.0
"""Somebody else's build in the same folder is waited for."""
COMMAND_DEADLINE_S = 240.0
STOP_GRACE_S = 30.0
_AGAIN = "engine: started again"
_WHOLE = "4294967295"
"""How many users a namespace has that is no user namespace."""


@dataclass(frozen=True, slots=True)
class DockerEngine:
    """One that runs."""

    namespace: Namespace
    child: Child

    def run(
        self,
        *words: str | Path,
        check: bool = True,
        folder: Path = ROOT,
        given: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """A command beside the engine, which `docker` finds. Raises ShellError if it fails and `check`."""
        path = f"/usr/sbin:/usr/bin:/sbin:/bin:{os.environ['PATH']}"
        host = {"DOCKER_HOST": "unix:///run/docker.sock", "DOCKER_BUILDKIT": "1", "PATH": path}
        done = subprocess.run(
            self.namespace.argv(list(map(str, words))),
            input=given,
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, **host, **(environment or {})},
            timeout=COMMAND_DEADLINE_S,
        )
        if check and done.returncode:
            raise ShellError(str(words[0]), f"exit status {done.returncode}: {done.stderr[-2_000:]}")
        return done

    def lose_power(self) -> None:
        """Kills the engine, its processes and every container, and starts it again. Raises ShellError."""
        known = self.child.said.count(_AGAIN)
        for process in _of_engine(self.child.process.pid):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.child.process.send_signal(signal.SIGUSR1)
        self.child.wait_for(lambda: self.child.said.count(_AGAIN) > known, _AGAIN, START_DEADLINE_S)


def _of_engine(child: int) -> list[int]:
    """The engine's processes: dockerd first, then its containerd, shims and containers.

    /proc is the sandbox's own, so nobody else's engine is in it.
    """
    if not os.environ.get("AIRGRANT_SANDBOX"):
        raise ShellError("docker engine", "only in the lab's sandbox are all processes of the engine its own")
    engine = int(Path("/run/docker.pid").read_text(encoding="ascii"))
    parents = _parents()
    if parents.get(engine) != child:
        raise ShellError("docker engine", f"process {engine} is not the engine that was started here")
    shims = [one for one in parents if b"/run/docker/containerd/" in _command_line(one)]
    found = [engine]
    ahead = [engine, *shims]
    while ahead:
        one = ahead.pop()
        children = [process for process, parent in parents.items() if parent == one]
        ahead += children
        found += children
    return list(dict.fromkeys([*found, *shims]))


def _parents() -> dict[int, int]:
    """Every process here, and its parent."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def _command_line(process: int) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{process}/cmdline").read_bytes()
    return b""


def forbidden() -> str:
    """What of this machine allows none, whatever is installed; empty if it does."""
    users = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    if users != ["0", "0", _WHOLE]:
        return "a Docker engine takes real root, and this is a user namespace"
    for kind in ("cgroup2", "cgroup -o none,name=systemd"):
        mount = ["unshare", "--mount", "mount", "-t", *kind.split(), "cgroup", "/sys/fs/cgroup"]
        if not subprocess.run(mount, check=False, capture_output=True).returncode:
            return ""
    return "this kernel lets nobody mount cgroups here (a container?), and containers need them"


def absent() -> str:
    """What has to be installed or fetched first; empty if all is there."""
    for program in ("dockerd", "docker-compose"):
        if shutil.which(program, path="/usr/sbin:/usr/bin") is None:
            return f"{program}: run lab/set-up.sh --images"
    for name in ("base.tar", "apt", "wheels"):
        if not (FETCHED / f"{name}.mark").is_file():
            return "what images are made of: run images/containers/fetch.sh"
    return ""


@contextmanager
def docker_engine(household: Household, namespace: Namespace) -> Iterator[DockerEngine]:
    """Starts one, without containers. Raises ShellError."""
    words: list[str | Path] = [RECIPES / "engine.sh", FETCHED / "engine", "sleep", "infinity"]
    child = household.start("engine", words, namespace=namespace)
    try:
        child.wait_for_line("engine: ready", START_DEADLINE_S)
        yield DockerEngine(namespace, child)
    finally:
        child.stop(STOP_GRACE_S)
