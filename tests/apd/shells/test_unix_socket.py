"""Whose path a socket takes, who may open it, and what is left."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from apd.shells.unix_socket import UnixSocket


def test_it_is_for_owner_and_group_whatever_the_umask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        made = UnixSocket(tmp_path / "deep" / "a.sock")
        assert os.umask(0) == 0, "the umask is as it was"
    finally:
        os.umask(before)
    with made.socket:
        assert stat.S_IMODE(made.path.stat().st_mode) == 0o660, "before anybody listens"
        made.remove()
    assert not made.path.exists()


def test_what_is_no_socket_stays(tmp_path: Path) -> None:
    path = tmp_path / "apd.toml"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="no socket"):
        UnixSocket(path)
    assert path.read_text() == "mine"


def test_one_that_is_served_stays(tmp_path: Path) -> None:
    first = UnixSocket(tmp_path / "a.sock")
    with first.socket:
        first.socket.listen(0)
        for _ in range(3):  # also when its queue is full
            with pytest.raises(FileExistsError, match="another program"):
                UnixSocket(first.path)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(5)
            first.socket.accept()[0].close()
            client.connect(str(first.path))


def test_one_of_a_run_that_was_killed_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.sock"
    UnixSocket(path).socket.close()
    with UnixSocket(path).socket as again:
        again.listen()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))


def test_anothers_socket_is_not_removed(tmp_path: Path) -> None:
    first = UnixSocket(tmp_path / "a.sock")
    with first.socket:
        first.path.unlink()
        with UnixSocket(first.path).socket:
            first.remove()
            assert first.path.exists()
            first.path.unlink()
            first.remove()
