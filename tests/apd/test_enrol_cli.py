"""`apd setup --invitation`: what is on the disk when the door is asked; tests/system/test_enrolment.py has the rest."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from apd.enrol_cli import ENROLLING, enrol
from apd.setup import Answers
from apd.setup_cli import PROVIDER
from tests.apd.test_enrol import INVITATION
from wire.errors import ShellError
from wire.ids import MacAddress
from wire.invitation import Invitation


def test_keys_and_their_names_are_on_the_disk_before_the_door_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free_port
) -> None:
    """Else a power cut after the answer loses the key that the certificate is for."""
    folder, synced, real = tmp_path / "etc", list[tuple[str, frozenset[str]]](), os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(
            (str(path), frozenset(one.name for one in path.iterdir()) if path.is_dir() else frozenset())
        )
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    nobody = Invitation("127.0.0.1", free_port(), "roof", INVITATION.until_s, bytes(32), bytes(32))
    with pytest.raises(ShellError):
        enrol(
            nobody,
            folder / "apd.toml",
            Answers("eth1", 1_000_000, 1_000_000, ""),
            lambda _: MacAddress(bytes(6)),
            io.StringIO(),
        )
    assert str(tmp_path) in [path for path, _ in synced], "the folder is new"
    path, names = synced[-1]
    assert path == str(folder)
    assert names >= {ENROLLING, PROVIDER}
