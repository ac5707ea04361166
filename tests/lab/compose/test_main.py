"""The commands of our containers, as processes."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.compose.__main__ import main
from lab.compose.load import SINK_PORT, read_count
from lab.compose.subscribers import SUBSCRIBERS
from lab.ran.subscriber_store import SubscriberStore

ROOT = Path(__file__).parents[3]


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "lab.compose", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def test_the_sink_tells_what_came() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(20)
        with running("sink", "--tell", f"127.0.0.1:{ear.getsockname()[1]}"):
            counts = [read_count(ear.recv(1_000))]
            for _ in range(5):
                ear.sendto(bytes(100), ("127.0.0.1", SINK_PORT))
            while counts[-1] != 500:
                counts.append(read_count(ear.recv(1_000)))
    assert counts[0] == 0
    assert None not in counts


def test_subscribers_are_stored_said_and_waited_over(
    tmp_path: Path, go_program: Callable[[str], Path], eventually: Callable[[Callable[[], bool], str], None]
) -> None:
    go_program("ferretdb")
    done = tmp_path / "done"
    with SubscriberStore(tmp_path) as store:
        address = f"mongodb://{store.address.host}:{store.address.port}/open5gs"
        with running("subscribers", "--store", address, "--done", str(done)) as child:
            eventually(done.exists, "the subscribers are stored")
            assert child.poll() is None
            child.send_signal(signal.SIGTERM)
            assert child.wait(10) == 0
            assert child.stdout is not None
            assert child.stdout.read() == f"stored {', '.join(SUBSCRIBERS)}\n"


def test_without_a_store_it_says_so(free_port: Callable[[], int], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["subscribers", "--store", f"mongodb://127.0.0.1:{free_port()}/open5gs"]) == 1
    assert "lab.compose: mongodb 127.0.0.1" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["sink"],
        ["sink", "--tell", "9400"],
        ["source", "--listen", "10.0.0.1:0"],
        ["source", "--listen", "10.0.0.1:x"],
        ["subscribers", "--store", "mongodb://user:secret@host/open5gs"],
    ],
)
def test_what_cannot_be_meant_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "usage:" in capsys.readouterr().err
