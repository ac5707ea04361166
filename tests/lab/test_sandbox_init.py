"""A sandbox is private, passes status and signals through, and leaves nothing behind, whatever kills it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SANDBOX = ROOT / "lab" / "sandbox.sh"
DEADLINE_S = 20.0


@pytest.fixture(autouse=True)
def _sandbox_is_possible(request: pytest.FixtureRequest) -> None:
    probe = run("true")
    if probe.returncode == 3:
        pytest.skip(f"this machine lacks namespaces: {probe.stderr.strip()}")


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SANDBOX, *command], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )


@pytest.fixture
def started() -> Iterator[subprocess.Popen[str]]:
    """A sandbox with a child and a grandchild in it, which has said "up" and the grandchild's argument."""
    script = (
        f"import subprocess; p = subprocess.Popen(['sleep', '{mark()}']); print('up', flush=True); p.wait()"
    )
    with subprocess.Popen(
        [
            "env",
            "--default-signal=HUP",
            SANDBOX,
            sys.executable,
            "-c",
            script,
        ],  # however these tests were started
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield process
        process.kill()


def mark() -> str:
    """A number of seconds that only this test process sleeps for: found again in the list of all processes."""
    return f"{1000 + os.getpid()}.25"


def is_alive() -> bool:
    wanted = f"sleep\0{mark()}\0".encode()
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == wanted:
                return True
        except OSError:
            continue
    return False


@pytest.mark.parametrize("status", [0, 1, 77])
def test_exit_status_is_the_commands(status: int) -> None:
    assert run("sh", "-c", f"exit {status}").returncode == status


def test_death_by_signal_is_reported_as_a_shell_does() -> None:
    assert run("sh", "-c", "kill -KILL $$").returncode == 128 + signal.SIGKILL


def test_a_command_that_is_not_there() -> None:
    done = run("no-such-command")
    assert done.returncode == 127
    assert "no-such-command: command not found" in done.stderr


def test_no_command_is_a_usage_error() -> None:
    done = run()
    assert done.returncode == 2
    assert "usage" in done.stderr


def test_network_and_run_are_private() -> None:
    done = run(
        "sh", "-c", "ip -br link | cut -c1-6; ls -d /run/netns; ls /sys/class/net; echo $AIRGRANT_SANDBOX"
    )
    assert done.stdout.split() == ["lo", "/run/netns", "lo", "1"]
    assert "UP" in run("ip", "-br", "link").stdout


def test_the_working_directory_stays(tmp_path: Path) -> None:
    done = run("sh", "-c", f"cd {tmp_path} && {SANDBOX} pwd")
    assert done.stdout.strip() == str(tmp_path)


def test_named_namespaces_work_and_do_not_leak() -> None:
    name = f"leak{os.getpid()}"
    assert run("ip", "netns", "add", name).returncode == 0
    assert not Path("/run/netns", name).exists()


def test_it_works_in_a_chroot_too(tmp_path: Path) -> None:
    """A chroot is no mount of its own, which private mounts and `ip netns` ask for: it becomes one."""
    inside = f"{SANDBOX} sh -c 'pwd -P; ls /sys/class/net; ip netns add a; ip -n a -br link; ls /run/netns'"
    script = f"""
        mount -t tmpfs tmpfs {tmp_path} && mkdir {tmp_path}/jail && cd {tmp_path}/jail
        for entry in /*; do
            if [ -L $entry ]; then cp -P $entry .
            elif [ -d $entry ]; then mkdir .$entry && mount --rbind $entry .$entry
            fi
        done
        chroot . {inside}
    """
    done = run("sh", "-c", script)
    assert done.stderr == ""
    assert done.stdout.split() == ["/", "lo", "lo", "DOWN", "00:00:00:00:00:00", "<LOOPBACK>", "a"]


def test_orphans_are_reaped_and_ended_with_the_command(eventually: Callable[..., None]) -> None:
    done = run("sh", "-c", f"(sleep {mark()} >/dev/null 2>&1 &) ; exit 5")
    assert done.returncode == 5
    eventually(lambda: not is_alive(), "the grandchild has gone")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_reaches_the_whole_group(
    started: subprocess.Popen[str], number: signal.Signals, eventually: Callable[..., None]
) -> None:
    started.send_signal(number)
    assert started.wait(DEADLINE_S) in {
        1,
        128 + number,
    }  # 1: Python's own answer to a KeyboardInterrupt is 130 or 1
    eventually(lambda: not is_alive(), "the grandchild has gone")


def test_an_interrupt_that_was_ignored_outside_is_heard_inside() -> None:
    """As in the background of a shell without job control: programs that are interrupted in here would go on."""
    words = ["env", "--ignore-signal=INT", str(SANDBOX), "sh", "-c", "kill -INT $$; echo went on"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert (done.returncode, done.stdout) == (128 + signal.SIGINT, "")


def test_kill_9_leaves_nothing(started: subprocess.Popen[str], eventually: Callable[..., None]) -> None:
    eventually(is_alive, "the grandchild has become a sleep")
    started.kill()
    started.wait(DEADLINE_S)
    eventually(lambda: not is_alive(), "the grandchild has gone")


def test_ctrl_c_reaches_the_command_once() -> None:
    """On a terminal the command is in the foreground: it, and only it, gets the interrupt, exactly once."""
    script = (
        "import signal, sys, time\n"
        "count = 0\n"
        "def interrupted(*_):\n"
        "    global count\n"
        "    count += 1\n"
        "signal.signal(signal.SIGINT, interrupted)\n"
        "print('up', flush=True)\n"
        "signal.sigtimedwait([signal.SIGUSR1], 0.5)\n"
        "sys.exit(40 + count)\n"
    )
    pid, terminal = os.forkpty()
    if pid == 0:
        os.execv(SANDBOX, [str(SANDBOX), sys.executable, "-c", script])
    seen = b""
    while b"up" not in seen:
        seen += os.read(terminal, 100)
    os.write(terminal, b"\x03")
    _, status = os.waitpid(pid, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 41
