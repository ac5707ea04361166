"""A clean Debian that boots in a second: systemd as its first process, over the root that images/debian/root.sh makes.

For tests and figures of packages. What is written goes to a tmpfs above that root and is gone afterwards; its network
is a namespace of the lab. Commands run inside by nsenter. It needs real root and systemd-nspawn, in the lab's sandbox:
there is no bus, no registration with the host's systemd, and cgroups have no controllers. It shows installing, users,
units and their hardening; it shows no boot loader, no kernel of its own, and no devices.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.namespaces import Namespace
from lab.processes import Child, Household, wait_until
from wire.errors import ShellError

BASE = Path(__file__).resolve().parent.parent / "build" / "debian-root"
CGROUPS = "/sys/fs/cgroup"
BOOT_DEADLINE_S = 60.0
COMMAND_DEADLINE_S = 90.0
_WHOLE = "4294967295"
"""How many users a namespace has that is no user namespace."""


@dataclass(frozen=True, slots=True)
class DebianRoot:
    """One that runs. `folder` is its root, as seen from outside."""

    folder: Path
    first: int
    """The process id of its systemd."""
    child: Child

    def run(self, *words: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command inside, as its root; stdout and stderr together. Raises ShellError if it fails and `check`."""
        done = subprocess.run(
            ["nsenter", "--target", str(self.first), "--all", "--wd=/root", "env", "--ignore-environment",
             "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=COMMAND_DEADLINE_S,
        )  # fmt: skip
        if check and done.returncode:
            raise ShellError(str(words[0]), f"exit status {done.returncode}: {done.stdout[-2_000:]}")
        return done

    def put(self, file: Path, to: str) -> None:
        """A copy of a file of the host, at an absolute path inside."""
        target = self.folder / to.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)

    def journal(self, unit: str) -> str:
        """What a unit said."""
        return self.run("journalctl", "--no-pager", "--output=cat", f"--unit={unit}").stdout


def forbidden() -> str:
    """What of this machine allows none, whatever is installed; empty if it does."""
    users = Path("/proc/self/uid_map").read_text(encoding="ascii").split()
    if users != ["0", "0", _WHOLE]:
        return "booting a clean Debian takes real root, and this is a user namespace"
    mount = ["unshare", "--mount", "mount", "-t", "cgroup2", "cgroup2", CGROUPS]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        return "this kernel lets nobody mount cgroups here (a container?), and systemd needs them"
    return ""


def absent() -> str:
    """What has to be installed or built first; empty if all is there."""
    if shutil.which("systemd-nspawn") is None:
        return "systemd-nspawn: run lab/set-up.sh --images"
    if not (BASE / "etc" / "airgrant-root").is_file():
        return "a clean Debian root: run images/debian/root.sh build"
    return ""


@contextmanager
def debian_root(folder: Path, household: Household, namespace: Namespace) -> Iterator[DebianRoot]:
    """Boots one; its files are in `folder`, its network is the namespace's. Raises ShellError."""
    _mount("tmpfs", "tmpfs", folder, "mode=755")
    try:
        for name in ("above", "work", "root"):
            (folder / name).mkdir()
        root = folder / "root"
        _mount(
            "overlay",
            "overlay",
            root,
            f"lowerdir={BASE},upperdir={folder / 'above'},workdir={folder / 'work'}",
        )
        # Entering the namespace gives a /sys that shows its devices, without cgroups.
        script = f'mount -t cgroup2 -o nsdelegate cgroup2 {CGROUPS} && exec "$@"'
        words: list[str | Path] = [
            "sh", "-c", script, "sh", "systemd-nspawn", "--quiet", "--boot", "--directory", root, "--register=no",
            "--keep-unit", "--console=pipe", "--capability=CAP_NET_ADMIN,CAP_NET_RAW",
        ]  # fmt: skip
        child = household.start("debian", words, namespace=namespace)
        try:
            yield DebianRoot(root, _wait_for_systemd(child), child)
        finally:
            child.kill()
    finally:
        for mounted in (folder / "root", folder):
            subprocess.run(["umount", "--lazy", mounted], check=False, capture_output=True)


def _wait_for_systemd(child: Child) -> int:
    """The process id of the first process inside, once systemd has started everything."""
    found: list[int] = []

    def is_up() -> bool:
        child.check()
        found[:] = _children(child.process.pid)
        if not found:
            return False
        state = subprocess.run(
            ["nsenter", "--target", str(found[0]), "--all", "systemctl", "is-system-running"],
            check=False,
            capture_output=True,
            text=True,
        )
        return state.stdout.strip() in {"running", "degraded"}

    try:
        wait_until(is_up, "systemd is up", BOOT_DEADLINE_S)
    except TimeoutError as error:
        raise ShellError("debian", f"{error}; {child.tail()}") from error
    return found[0]


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _mount(kind: str, source: str, target: Path, options: str) -> None:
    done = subprocess.run(
        ["mount", "-t", kind, "-o", options, source, target], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise ShellError(f"mount {kind}", done.stderr.strip())
