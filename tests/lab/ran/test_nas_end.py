"""The lab's end of NAS on a socket: frames for one UE while it waits for another, and an end that is gone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from apd.signalling_frames import LENGTH_SIZE, Frame, SendEap, SendOptions, Told, read_frame, write_frame
from lab.ran.nas_end import NasEnd
from nas_tunnel.lobby import Refused, write_lobby
from wire.errors import ShellError

REFUSED = Refused(b"", "other_slice", "come again")
SAID: tuple[Frame, ...] = (
    Told(b"1", write_lobby(REFUSED)),
    SendOptions(b"2", b"container"),
    SendEap(b"1", b"\x01\x01\x00\x05\x01"),
)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A box that answers the first frame with these, and hangs up at the second."""
    at = tmp_path / "nas.sock"
    with socket.socket(socket.AF_UNIX) as ear:
        ear.bind(str(at))
        ear.listen(1)

        def answer() -> None:
            link, _ = ear.accept()
            with link:
                size = int.from_bytes(link.recv(LENGTH_SIZE), "big")
                read_frame(link.recv(size))
                link.sendall(b"".join(map(write_frame, SAID)))
                link.recv(1)

        served = threading.Thread(target=answer)
        served.start()
        yield at
        served.join(10)


def test_each_ue_is_told_its_own(path: Path) -> None:
    with NasEnd(path, 5.0) as nas:
        assert nas.begin(b"1") == SAID[2]
        assert nas.told(b"1") == REFUSED
        with pytest.raises(ShellError, match=r"hung up|nothing came"):
            nas.options(b"1", b"container")


def test_without_a_box_there_is_nobody(tmp_path: Path) -> None:
    with pytest.raises(ShellError, match=r"none\.sock"), NasEnd(tmp_path / "none.sock"):
        pass
