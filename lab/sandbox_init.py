"""The two processes that hold a sandbox: the one outside that waits, and the first one inside.

`lab/sandbox.sh` enters fresh namespaces and becomes this script, which forks: its child is process 1 of the new
process namespace. Process 1 mounts what a private network needs, starts the command, reaps orphans and ends with the
command; then the kernel kills whatever is left inside. If the process outside dies in any way, the kernel kills
process 1.

The command gets its own process group, which is put in the foreground of the terminal: Ctrl-C reaches it once, from
the terminal. A signal sent to the process outside is passed to that group once. No other code imports this, and only
the standard library is used: a sandbox must stand before there is a virtual environment.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

NO_SANDBOX = 3
NOT_EXECUTABLE = 126
NOT_FOUND = 127
PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x0002_0000
MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 0x1000, 0x2000, 0x4000, 0x4_0000

FORWARDED = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
AWAITED = (*FORWARDED, signal.SIGCHLD)

# (what is run, whether the sandbox is useless without it)
PREPARATION: tuple[tuple[tuple[str, ...], bool], ...] = (
    (("mount", "-t", "proc", "-o", "nosuid,nodev,noexec", "proc", "/proc"), True),
    (("mount", "-t", "tmpfs", "-o", "mode=755,nosuid,nodev", "tmpfs", "/run"), True),
    (("mount", "-t", "sysfs", "-o", "nosuid,nodev,noexec", "sysfs", "/sys"), False),
    (("ip", "link", "set", "lo", "up"), True),
)
DIRECTORIES = ("/run/netns", "/run/lock")


def main(command: list[str]) -> int:
    """Run `command` as the reason for the sandbox to exist; returns its exit status as a shell gives it."""
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    reader, writer = os.pipe()
    first = os.fork()
    if first == 0:
        os.close(writer)
        _die_with_parent(reader)
        os._exit(_be_process_one(command))
    os.close(reader)
    os.write(writer, b"!")
    status = _wait_for(first, lambda number: os.kill(first, number))
    _take_terminal(os.getpgrp())
    return status


def _die_with_parent(reader: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and see that it has not died already."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.read(reader, 1) != b"!":
        os._exit(NO_SANDBOX)
    os.close(reader)


def _be_process_one(command: list[str]) -> int:
    try:
        _prepare()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"sandbox: cannot prepare the namespaces: {error}\n")
        return NO_SANDBOX
    child = os.fork()
    if child == 0:
        _become(command)
    with contextlib.suppress(OSError):  # both sides do it: whoever comes first
        os.setpgid(child, child)
    return _wait_for(child, lambda number: os.killpg(child, number))


def _prepare() -> None:
    _make_mounts_private()
    for arguments, needed in PREPARATION:
        subprocess.run(arguments, check=needed, stderr=None if needed else subprocess.DEVNULL)
    for directory in DIRECTORIES:
        Path(directory).mkdir(parents=True, exist_ok=True)


def _make_mounts_private() -> None:
    """See to it that nothing mounted from here on shows outside, and that / is a mount, which `ip netns` asks for.

    In a chroot it is not: then we go to the very root of the mount namespace, and move the chroot's tree over it.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    working, root, itself = Path.cwd(), os.open("/", os.O_PATH), os.open("/proc/self/ns/mnt", os.O_RDONLY)
    _checked("setns", libc.setns(itself, CLONE_NEWNS))  # entering a mount namespace puts us at its root
    _checked("mount --make-rprivate /", libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
    if not os.path.samestat(os.fstat(root), os.stat("/")):  # noqa: PTH116  # beside fstat
        jail = os.readlink(f"/proc/self/fd/{root}").encode()  # noqa: PTH115  # of a descriptor
        _checked("mount --rbind", libc.mount(jail, jail, None, MS_BIND | MS_REC, None))
        os.chdir(jail)
        _checked("mount --move . /", libc.mount(b".", b"/", None, MS_MOVE, None))
        os.chroot(".")
    os.chdir(working)
    os.close(itself)
    os.close(root)


def _checked(what: str, status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def _become(command: list[str]) -> NoReturn:
    os.setpgid(0, 0)
    _take_terminal(os.getpgrp())
    signal.signal(signal.SIGTSTP, signal.SIG_IGN)  # nobody outside could wake it again
    for number in (signal.SIGINT, signal.SIGQUIT):  # ignored in a shell's background, and so would be in here
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.environ["AIRGRANT_SANDBOX"] = "1"
    try:
        os.execvp(command[0], command)
    except FileNotFoundError:
        sys.stderr.write(f"sandbox: {command[0]}: command not found\n")
        os._exit(NOT_FOUND)
    except OSError as error:
        sys.stderr.write(f"sandbox: {command[0]}: {error.strerror}\n")
        os._exit(NOT_EXECUTABLE)


def _take_terminal(group: int) -> None:
    """Put a process group in the foreground, where there is a terminal and we are in its foreground."""
    if not os.isatty(0):
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTTOU,))
    with contextlib.suppress(OSError):  # not our terminal: then its signals do not come to us either
        os.tcsetpgrp(0, group)
    signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _wait_for(child: int, forward: Callable[[int], None]) -> int:
    """Pass signals on and reap until `child` has ended; returns its status, 128 + n if signal n ended it."""
    while True:
        number = signal.sigwait(AWAITED)
        if number != signal.SIGCHLD:
            with contextlib.suppress(ProcessLookupError):
                forward(number)
        elif (status := _reap(child)) is not None:
            return status


def _reap(child: int) -> int | None:
    """Collect every child that has ended; returns the status of `child` once it is among them."""
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG)) != (0, 0):
            pid, status = ended
            if pid == child:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
