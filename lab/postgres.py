"""A PostgreSQL of the lab's own: one cluster in a folder of its own, on a socket in it, gone when it ends.

Debian's package, whichever version is there; its own cluster and service are not touched. The server refuses to be
root, so root runs it as the package's user, and the root of a sandbox, who has no second user, as a mapped one. Nothing
listens on the network; whoever may enter the folder may connect. The settings are the package's: every commit is
flushed to disk.

Tried with PostgreSQL 15 (Debian 12).
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from lab.processes import Child, Household
from wire.errors import ShellError

PROGRAMS = Path("/usr/lib/postgresql")
READY_DEADLINE_S = 60.0
OWNER = "postgres"
"""The user that Debian's package makes."""

_READY = "ready to accept connections"


def find_programs() -> Path | None:
    """The folder of the newest installed version's programs; None if there is none."""
    found = sorted(PROGRAMS.glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@dataclass(slots=True)
class Cluster:
    """A server that runs, or did. `address` is for connections."""

    household: Household
    programs: Path
    folder: Path
    child: Child

    @property
    def address(self) -> str:
        return f"postgresql:///postgres?host={self.folder}&user=airgrant"

    def run(self, statement: str, address: str = "") -> None:
        """By PostgreSQL's own client, in the database of `address` or our first. Raises ShellError."""
        words: list[str | Path] = [self.programs / "psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-q"]
        words += ["-c", statement, address or self.address]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ShellError("psql", done.stderr.strip())

    def kill(self) -> None:
        """Every process of the server at once, as a power cut does; they have ended when this returns."""
        family = [self.child.process.pid]
        for pid in family:  # grows while it is walked
            family += _children(pid)
        ends = [end for end in map(_open_end, family) if end is not None]
        for end in ends:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(end, signal.SIGKILL)
        for end in ends:
            select.select([end], [], [], READY_DEADLINE_S)
            os.close(end)
        self.child.process.wait()

    def start_again(self) -> None:
        """What was committed is recovered from its log."""
        (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
        self.child = _serve(self.household, self.programs, self.folder)

    def stop(self) -> None:
        """At once, whoever is connected; the data go too."""
        if self.child.running:
            self.child.process.send_signal(signal.SIGQUIT)
        self.child.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def start_cluster(household: Household) -> Cluster:
    """An empty database "postgres", ready. Raises ShellError."""
    programs = find_programs()
    if programs is None:
        raise ShellError("postgresql", "is not installed: run lab/set-up.sh")
    folder = Path(tempfile.mkdtemp(prefix="airgrant-postgres-", dir="/tmp"))
    if _is_real_root():
        shutil.chown(folder, OWNER, OWNER)
    words: list[str | Path] = [programs / "initdb", "--pgdata", folder / "data", "--username", "airgrant"]
    words += ["--auth", "trust", "--encoding", "UTF8", "--no-locale", "--no-sync"]
    made = subprocess.run([*_become(), *words], capture_output=True, text=True, check=False)
    if made.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ShellError("initdb", made.stderr.strip())
    return Cluster(household, programs, folder, _serve(household, programs, folder))


def _serve(household: Household, programs: Path, folder: Path) -> Child:
    words: list[str | Path] = [programs / "postgres", "-D", folder / "data", "-k", folder]
    words += ["-c", "listen_addresses="]
    child = household.start("postgresql", [*_become(), *words])
    child.wait_for_line(_READY, READY_DEADLINE_S)
    return child


def _become() -> list[str]:
    """Words before a command that make it somebody who is not root."""
    if os.geteuid() != 0:
        return []
    if _is_real_root():
        return ["setpriv", f"--reuid={OWNER}", f"--regid={OWNER}", "--clear-groups", "--"]
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def _is_real_root() -> bool:
    """Root that has other users: not that of a sandbox which an ordinary user made."""
    return os.geteuid() == 0 and int(Path("/proc/self/uid_map").read_text().split()[2]) > 1


def _open_end(pid: int) -> int | None:
    """A file that can be read once the process has ended; None if it has."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []
